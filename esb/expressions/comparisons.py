"""How JSONPath compares values (RFC 9535 §2.3.5.2): by kind first, numbers by value, text by code points."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from esb.expressions.regexes import matches, searches


class _Nothing:
    """The type of NOTHING."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING: Final = _Nothing()
"""What a path that selects nothing is worth in a comparison. Not None: null is a value."""

NUMBERS: Final = (int, Decimal)


def equal(left: Any, right: Any) -> bool:
    """Return whether two values are equal. A number never equals text, nor true 1; nothing equals only nothing."""
    kind = type(left)
    if kind is float:
        return equal(Decimal(repr(left)), right)
    if type(right) is float:
        return equal(left, Decimal(repr(right)))
    if kind in NUMBERS:
        return type(right) in NUMBERS and bool(left == right)
    if kind is list:
        return type(right) is list and len(left) == len(right) and all(map(equal, left, right))
    if kind is dict:
        if type(right) is not dict or left.keys() != right.keys():
            return False
        return all(equal(value, right[key]) for key, value in left.items())
    return kind is type(right) and bool(left == right)


def less(left: Any, right: Any) -> bool:
    """Return whether `left` is less; only two numbers or two texts have an order."""
    if type(left) is float:
        left = Decimal(repr(left))
    if type(right) is float:
        right = Decimal(repr(right))
    if type(left) in NUMBERS:
        return type(right) in NUMBERS and bool(left < right)
    return type(left) is str and type(right) is str and left < right


def at_most(left: Any, right: Any) -> bool:
    """Return whether `left` is less than `right` or equal to it (two nulls are equal though they have no order)."""
    return less(left, right) or equal(left, right)


def length(value: Any) -> Any:
    """Return the characters of a text, the elements of a list or the members of an object, else nothing."""
    return len(value) if type(value) in {str, list, dict} else NOTHING


def count(nodes: Sequence[Any]) -> int:
    """Return how many nodes were selected."""
    return len(nodes)


def single(nodes: Sequence[Any]) -> Any:
    """Return the value of the only node selected, else nothing."""
    return nodes[0] if len(nodes) == 1 else NOTHING


FUNCTIONS: Final = {"length": length, "count": count, "value": single, "match": matches, "search": searches}
