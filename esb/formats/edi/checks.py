"""Named checks beyond syntax that a guide declares for its documents: counts, totals, check digits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeAlias

from esb.formats.edi.grammar import Check
from esb.formats.edi.paths import Lost, added, alternatives, path

if TYPE_CHECKING:
    from esb.formats.edi.walker import Walk

Checker: TypeAlias = Callable[[dict[str, Any]], Sequence[str]]
"""Document -> what is wrong with it, in words."""

KINDS = ("count", "sum", "gtin", "sscc")
"""What a check may be; one of them says what is looked at."""
MOST = 10
"""Wrong numbers of one check that are told; the rest are counted."""


def read_check(given: Any) -> Check:
    """Return a check of a guide. Raises ValueError saying what is wrong with it."""
    if not isinstance(given, dict):
        raise ValueError("a check is a mapping: {id: line-count, count: lines, equals: totals.lines}")
    unknown = [name for name in given if name not in ("id", "equals", "severity", *KINDS)]
    if unknown:
        raise ValueError(f"a check has no {unknown[0]!r}; it has id, severity, equals and one of {', '.join(KINDS)}")
    kinds = [kind for kind in KINDS if kind in given]
    if len(kinds) != 1 or "id" not in given:
        raise ValueError(f"a check needs its id and one of {', '.join(KINDS)}")
    if ("equals" in given) != (kinds[0] in ("count", "sum")):
        raise ValueError("count: and sum: need equals:, the path of the total; gtin: and sscc: have none")
    severity = str(given.get("severity", "error" if "equals" in given else "warning"))
    if severity not in ("error", "warning"):
        raise ValueError(f"severity {severity!r} is neither error nor warning")
    check = Check(**{**{name: str(value) for name, value in given.items()}, "severity": severity})
    for source in (check.equals, *check.count.split(","), *check.sum.split("+"), check.gtin, check.sscc):
        if source:
            path(source)
    return check


def check(walk: Walk, document: dict[str, Any]) -> None:
    """Note a fault for each check of the guide that does not hold; a total that is absent is not checked."""
    for rule, wrong in walk.machine.checks:
        try:
            for text in wrong(document):
                walk.fault("set.check", f"{rule.id}: {text}", rule.severity, segment=0)
        except Lost:
            continue


def counted(document: Mapping[str, Any], rule: Check) -> int:
    """Return the number that a check counts: the first of what it accepts."""
    return alternatives(rule.count)[0].count(document)


def compiled(rule: Check) -> Checker:
    """Return what says in words what is wrong with a document by a check; its paths are looked up once."""
    if rule.gtin:
        return lambda document: _numbers(rule.gtin, document, _gtin_fault)
    if rule.sscc:
        return lambda document: _numbers(rule.sscc, document, _sscc_fault)
    total = path(rule.equals).find
    compare = _counting(rule) if rule.count else _adding(rule)

    def wrong(document: dict[str, Any]) -> Sequence[str]:
        totals = total(document)
        said = number(totals[0]) if totals else None
        return () if said is None else compare(document, said)

    return wrong


def _counting(rule: Check) -> Callable[[dict[str, Any], Decimal | int], Sequence[str]]:
    first, *others = alternatives(rule.count)
    what = rule.count.partition(",")[0]

    def compare(document: dict[str, Any], said: Decimal | int) -> Sequence[str]:
        count = first.count(document)
        if said == count or any(said == other.count(document) for other in others):
            return ()
        return (f"{what} are counted as {count}, {rule.equals} says {said}",)

    return compare


def _adding(rule: Check) -> Callable[[dict[str, Any], Decimal | int], Sequence[str]]:
    summands = added(rule.sum)

    def compare(document: dict[str, Any], said: Decimal | int) -> Sequence[str]:
        values = [value for one in summands for value in one.find(document)]
        numbers = [found for value in values if (found := number(value)) is not None]
        if not numbers or len(numbers) < len(values) or (total := sum(numbers, Decimal(0))) == said:
            return ()
        return (f"{rule.sum} add up to {total}, {rule.equals} says {said}",)

    return compare


def _numbers(source: str, document: dict[str, Any], fault: Callable[[str], str]) -> list[str]:
    found = [(value, wrong) for value in path(source).find(document)
             if isinstance(value, str) and (wrong := fault(value))]  # fmt: skip
    texts = [f"{value[:30]!r} {wrong}" for value, wrong in found[:MOST]]
    if len(found) > MOST:
        texts.append(f"and {len(found) - MOST} more")
    return texts


def _gtin_fault(value: str) -> str:
    """Return what is wrong with a GTIN (GS1: 8, 12, 13 or 14 digits, the last of them a check digit)."""
    if not (value.isascii() and value.isdigit()) or len(value) not in (8, 12, 13, 14):
        return "is no GTIN: it has 8, 12, 13 or 14 digits"
    right = check_digit(value[:-1])
    return "" if right == value[-1] else f"has a wrong check digit; {right} is right"


def _sscc_fault(value: str) -> str:
    """Return what is wrong with an SSCC (GS1: 18 digits, often with the prefix 00 of its bar code)."""
    digits = value[2:] if len(value) == 20 and value.startswith("00") else value
    if not (digits.isascii() and digits.isdigit()) or len(digits) != 18:
        return "is no SSCC: it has 18 digits"
    right = check_digit(digits[:-1])
    return "" if right == digits[-1] else f"has a wrong check digit; {right} is right"


def check_digit(digits: str) -> str:
    """Return the GS1 check digit behind digits: weights 3 and 1 from the right, up to the next ten."""
    numbers = [int(digit) for digit in reversed(digits)]
    return str(-(3 * sum(numbers[::2]) + sum(numbers[1::2])) % 10)


def number(value: Any) -> Decimal | int | None:
    """Return a value as a number, or None if it is none."""
    if isinstance(value, int):
        return value
    try:
        return None if value is None or isinstance(value, dict | list) else Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        return None
