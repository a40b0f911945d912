"""Instants: the frozen clock of a case, as a person writes it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError

from esb.errors import UsageError

DEFAULT: Final = datetime(2026, 1, 2, 9, 30, tzinfo=UTC)
"""The time of intake where a case names none: a case gives the same today and in ten years."""
_HELP: Final = "write date, time and zone: 2026-01-02T09:30:00Z or 2026-01-02T09:30:00+01:00"


def read_instant(given: Any) -> datetime:
    """Return a point in time from ISO 8601 text with a zone."""
    if isinstance(given, datetime) and given.tzinfo is not None:
        return given
    try:
        found = datetime.fromisoformat(given) if isinstance(given, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise PydanticCustomError("instant", "{value} is no point in time", {"value": repr(given), "help": _HELP})
    return found.astimezone(UTC)


def instant_of(flag: str) -> datetime:
    """Return the point in time that a flag names, the default if it is empty. Raises UsageError."""
    try:
        return read_instant(flag) if flag else DEFAULT
    except PydanticCustomError as error:
        raise UsageError(f"--at: {error.message()}; {_HELP}") from error


if TYPE_CHECKING:
    Instant: TypeAlias = datetime
else:
    Instant = Annotated[
        datetime,
        BeforeValidator(read_instant),
        WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-01-02T09:30:00Z"]}),
    ]
