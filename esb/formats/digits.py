"""Digits as old systems write them: points that are not written, and signs punched over the last digit."""

from __future__ import annotations

from decimal import Decimal

PLUS = "{ABCDEFGHI"
"""The digits 0 to 9 with a plus punched over them (zone C of EBCDIC, as it comes out in ASCII)."""
MINUS = "}JKLMNOPQR"
"""The same with a minus (zone D)."""


def unpunched(text: str) -> str:
    """Return the digits with their sign before them; text without a punched last digit is returned as it is."""
    last = text[-1:]
    if last and last in PLUS:
        return f"{text[:-1]}{PLUS.index(last)}"
    if last and last in MINUS:
        return f"-{text[:-1]}{MINUS.index(last)}"
    return text


def punched(digits: str, negative: bool) -> str:
    """Return digits with the sign punched over the last one."""
    return digits[:-1] + (MINUS if negative else PLUS)[int(digits[-1])]


def shifted(number: Decimal, places: int) -> Decimal:
    """Return the number times ten to the power of `places`, exactly, however many digits it has."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    return Decimal((sign, digits, exponent + places))
