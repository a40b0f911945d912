"""Named checks beyond syntax: counts and hash totals that a guide declares for its documents."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from esb.formats.edi.walker import Walk


def check(walk: Walk, document: Any) -> None:
    """Note a fault for each check of the guide that does not hold; a total that is absent is not checked."""
    for rule in walk.machine.guide.checks:
        said = [_number(value) for value in _select(document, rule.equals)]
        if not said or said[0] is None:
            continue
        if rule.count:
            found: Decimal | None = Decimal(len(_select(document, rule.count)))
            what = f"{rule.count} are counted as"
        else:
            numbers = [_number(value) for value in _select(document, rule.sum)]
            found = None if None in numbers else sum((number for number in numbers if number is not None), Decimal(0))
            what = f"{rule.sum} add up to"
        if found is not None and found != said[0]:
            text = f"{rule.id}: {what} {found}, {rule.equals} says {said[0]}"
            walk.fault("set.check", text, rule.severity, segment=0)


def _select(document: Any, path: str) -> list[Any]:
    """Return what a dotted path leads to; lists on the way are gone through."""
    found = [document]
    for name in path.split("."):
        found = [held[name] for held in found if isinstance(held, dict) and name in held]
        found = [item for held in found for item in (held if isinstance(held, list) else [held])]
    return found


def _number(value: Any) -> Decimal | None:
    try:
        return None if isinstance(value, bool | dict | list) else Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        return None
