"""Comparing: where two documents differ, path by path; numbers by value, shown as they were written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import unified_diff
from typing import Any, Final

from esb.envelope import encode_document
from esb.errors import EsbError
from esb.expressions import render_path

ABSENT: Final = object()
"""Stands for what is not there: `None` is a value."""
MOST_SHOWN: Final = 40
_WIDEST: Final = 300


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where what came is not what was expected; either side may be `ABSENT`."""

    path: str
    expected: Any
    got: Any

    def lines(self) -> list[str]:
        """Return the expected side as `-`, what came as `+`."""
        sides = (("-", self.expected), ("+", self.got))
        return [f"{sign} {self.path}: {shown(value)}" for sign, value in sides if value is not ABSENT]


def differences(expected: Any, got: Any, subset: bool = False) -> list[Difference]:
    """Return where `got` is not `expected`; with `subset`, objects may have more keys than were expected.

    Lists are compared item by item; a number never equals a text, and `12.10` equals `12.1`.
    """
    return list(_differences(expected, got, subset, ()))


def _differences(expected: Any, got: Any, subset: bool, at: tuple[str | int, ...]) -> Iterator[Difference]:
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        for key, value in expected.items():
            yield from _member(value, got.get(key, ABSENT), subset, (*at, str(key)))
        if not subset:
            yield from (
                Difference(render_path((*at, str(key))), ABSENT, got[key]) for key in got if key not in expected
            )
    elif isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        for number in range(max(len(expected), len(got))):
            one = expected[number] if number < len(expected) else ABSENT
            other = got[number] if number < len(got) else ABSENT
            yield from _member(one, other, subset, (*at, number))
    elif not same(expected, got):
        yield Difference(render_path(at), expected, got)


def _member(expected: Any, got: Any, subset: bool, at: tuple[str | int, ...]) -> Iterator[Difference]:
    if expected is ABSENT or got is ABSENT:
        yield Difference(render_path(at), expected, got)
    else:
        yield from _differences(expected, got, subset, at)


def same(one: Any, other: Any) -> bool:
    """Return whether two scalars are the same: numbers by value, truth values and texts only like their own."""
    numbers = (int, Decimal)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, numbers) and isinstance(other, numbers):
        return one == other
    return type(one) is type(other) and bool(one == other)


def text_differences(expected: str, got: str) -> list[str]:
    """Return the lines that differ, `-` expected and `+` what came, with one line around them."""
    found = unified_diff(_visible(expected), _visible(got), lineterm="", n=1)
    lines = [line[:_WIDEST] for line in found if not line.startswith(("---", "+++", "@@"))]
    return lines or ["  the texts differ only in their line ends"]


def difference_lines(found: list[Difference]) -> list[str]:
    """Return differences as lines for people, at most `MOST_SHOWN` of them."""
    lines = [line for difference in found[:MOST_SHOWN] for line in difference.lines()]
    return [*lines, f"  … {len(found) - MOST_SHOWN} more"] if len(found) > MOST_SHOWN else lines


def shown(value: Any) -> str:
    """Return a value on one line: JSON with decimals as they are, cut where it gets long."""
    if isinstance(value, bytes):
        text = value.decode(errors="replace")
    else:
        try:
            text = encode_document(value).decode()
        except (EsbError, TypeError, ValueError, RecursionError):
            text = repr(value)
    text = printable(text)
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}… ({len(text)} characters)"


def printable(text: str) -> str:
    """Return text that cannot steer a terminal; tabs stay, and line ends become the terminal's."""
    lines = text.replace("\r\n", "\n")
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in lines)


def _visible(text: str) -> list[str]:
    """Return the lines of a text; segments of EDI without line ends get one each."""
    if text.count("\n") < 2 and text[:3] in {"ISA", "UNA", "UNB"}:
        terminator = text[105:106] if text.startswith("ISA") else "'"
        text = text.replace(terminator, terminator + "\n") if terminator.strip() else text
    return printable(text).split("\n")
