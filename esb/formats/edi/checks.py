"""Named checks beyond syntax: counts and hash totals that a guide declares for its documents."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from esb.formats.edi.grammar import Check
from esb.formats.edi.walker import Walk


def check(walk: Walk, document: dict[str, Any]) -> None:
    """Note a fault for each check of the guide that does not hold; a total that is absent is not checked."""
    for rule in walk.machine.guide.checks:
        totals = _all(document, rule.equals.split("."))
        said = _number(totals[0]) if totals else None
        if said is None:
            continue
        found = _found(document, rule)
        if found is not None and found != said:
            what = f"{rule.count} are counted as" if rule.count else f"{rule.sum} add up to"
            text = f"{rule.id}: {what} {found}, {rule.equals} says {said}"
            walk.fault("set.check", text, rule.severity, segment=0)


def _found(document: dict[str, Any], rule: Check) -> Decimal | int | None:
    if rule.count:
        held = document.get(rule.count, ())
        return len(held if "." not in rule.count else _all(document, rule.count.split(".")))
    numbers = [_number(value) for value in _all(document, rule.sum.split("."))]
    return None if None in numbers else sum((number for number in numbers if number is not None), Decimal(0))


def _all(document: Any, path: Sequence[str]) -> list[Any]:
    """Return what a path leads to; lists on the way are gone through."""
    found = [document]
    for name in path:
        found = [held[name] for held in found if isinstance(held, dict) and name in held]
        found = [item for held in found for item in (held if isinstance(held, list) else [held])]
    return found


def _number(value: Any) -> Decimal | int | None:
    if isinstance(value, int):
        return value
    try:
        return None if value is None or isinstance(value, dict | list) else Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        return None
