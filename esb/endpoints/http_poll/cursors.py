"""Cursors: how far an API was read, by a field of its items: a time or a rising number. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

AHEAD = 300.0
"""Seconds that an item may be ahead of our clock and still move the cursor."""


def text_of(value: Any) -> str:
    """Return the text of a cursor; nothing for what cannot be one."""
    return str(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else ""


def later(one: str, other: str) -> str:
    """Return the cursor that is further on; an empty one is the beginning."""
    if not one or not other:
        return one or other
    return other if _order(one, other) < 0 else one


def is_ahead(cursor: str, now: float) -> bool:
    """Return whether a cursor is a time to come: it would skip all that happens until then."""
    at = _time(cursor)
    return at is not None and at.timestamp() > now + AHEAD


def back(cursor: str, seconds: float) -> str:
    """Return a cursor that lies `seconds` earlier, written alike; numbers count seconds since 1970."""
    if not seconds or not cursor:
        return cursor
    number = _number(cursor)
    if number is not None:
        earlier = number - Decimal(str(seconds))
        return str(int(earlier) if number == int(number) else earlier)
    at = _time(cursor)
    if at is None:
        return cursor
    if len(cursor) == len("2026-01-31"):
        return (at - timedelta(seconds=seconds)).date().isoformat()
    shifted = datetime.fromisoformat(cursor) - timedelta(seconds=seconds)
    text = shifted.isoformat(timespec="milliseconds" if "." in cursor else "seconds")
    return text.replace("+00:00", "Z") if cursor.endswith("Z") else text


def _order(one: str, other: str) -> int:
    for read in (_number, _time):
        mine: Any = read(one)
        theirs: Any = read(other)
        if mine is not None and theirs is not None:
            return int(mine > theirs) - int(mine < theirs)
    return (one > other) - (one < other)


def _number(text: str) -> Decimal | None:
    try:
        found = Decimal(text) if text.isascii() and text[-1:].isdigit() else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None


def _time(text: str) -> datetime | None:
    if _number(text) is not None:  # 20260131 is a number, too; numbers win
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
