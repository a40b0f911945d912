"""What expressions do with values: members, arithmetic without floats, text. Shared by both ways of running them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from jinja2 import StrictUndefined, Undefined

from esb.errors import ExpressionError, TooLargeError
from esb.expressions.budget import OUTPUT, RANGE, charge
from esb.message import BusinessKey, Message

BITS = 4096
"""Largest whole number that arithmetic makes, about 1,200 digits."""
EXPONENT = 100
"""Largest power of ten (either way) of a number that becomes text or a whole number."""

_DATE = frozenset({"year", "month", "day"})
MEMBERS: Final[Mapping[type, frozenset[str]]] = {
    Message: frozenset(
        {"id", "effect_key", "generation", "format", "endpoint", "correlation_id", "causation_id", "keys"}
        | {"partner", "route", "received", "headers"}
    ),
    BusinessKey: frozenset({"kind", "value", "scope"}),
    date: _DATE,
    datetime: _DATE | {"hour", "minute", "second", "microsecond"},
}
"""Attributes that count as data; of every other object there are only keys and indexes."""

METHODS: Final[Mapping[type, frozenset[str]]] = {
    str: frozenset(
        {"capitalize", "casefold", "count", "endswith", "find", "isalnum", "isalpha", "isdigit", "join", "lower"}
        | {"lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rpartition", "rsplit", "rstrip"}
        | {"split", "splitlines", "startswith", "strip", "swapcase", "title", "upper"}
    ),
    dict: frozenset({"get", "items", "keys", "values"}),
    list: frozenset({"count", "index"}),
    date: frozenset({"isoformat", "strftime", "weekday", "isoweekday"}),
    datetime: frozenset({"date", "isoformat", "strftime", "weekday", "isoweekday"}),
}
"""Methods that may be called: none of them changes anything."""

ALL_METHODS: Final[frozenset[str]] = frozenset().union(*METHODS.values())


def kind_of(value: Any) -> str:
    """Return what kind of value this is, in the words of an error text."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | Decimal | float):
        return "a number"
    known: dict[type, str] = {str: "text", list: "a list", dict: "an object", type(None): "null", bytes: "bytes"}
    return known.get(type(value), "a date" if isinstance(value, date) else f"a {type(value).__name__}")


class MissingError(ExpressionError):
    """A path or expression reads what this document does not have; an optional value may be left out."""


class Missing(StrictUndefined):
    """What a missing member is worth: an error as soon as it is used, but `default` and `is defined` may look at it."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return str(self._undefined_hint)
        name, owner = self._undefined_name, self._undefined_obj
        if isinstance(owner, Mapping):
            known = ", ".join(str(key)[:40] for key in list(owner)[:8])
            return f"there is no {name!r}" + (f" (there are: {known})" if known else " (the object is empty)")
        if isinstance(owner, list | tuple) and isinstance(name, int):
            return f"there is no element {name}: the list has {len(owner)}"
        return f"{kind_of(owner)} has no {name!r}"

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> Any:
        return self


def fail_missing(value: Undefined) -> None:
    """Raise the error that says what is missing."""
    value._fail_with_undefined_error()


def member(owner: Any, key: Any) -> Any:
    """Return the member of an object or list, or a Missing. Keys win over methods: `body.items` is the key."""
    kind = type(owner)
    if kind is dict:
        try:
            return owner[key]
        except (KeyError, TypeError):
            return Missing(obj=owner, name=key)
    if isinstance(owner, Undefined):
        return owner
    if isinstance(owner, Mapping):
        return owner[key] if isinstance(key, str) and key in owner else Missing(obj=owner, name=key)
    if kind in {list, tuple, str} and type(key) is int:
        return owner[key] if -len(owner) <= key < len(owner) else Missing(obj=owner, name=key)  # type: ignore[arg-type]
    if isinstance(key, str) and key in MEMBERS.get(kind, ()):
        return getattr(owner, key)
    return Missing(obj=owner, name=key)


def need(owner: Any, key: Any) -> Any:
    """Return the member of an object or list.

    Raises:
        UndefinedError: There is none; says what there is.
    """
    if type(owner) is dict:
        try:
            return owner[key]
        except (KeyError, TypeError):
            pass
    found = member(owner, key)
    if isinstance(found, Undefined):
        fail_missing(found)
    return found


def cut(owner: Any, part: slice) -> Any:
    """Return a slice of a list or text."""
    if type(owner) not in {list, tuple, str}:
        raise ExpressionError(f"{kind_of(owner)} has no slices")
    return owner[part]


def method(owner: Any, name: str) -> Callable[..., Any]:
    """Return a method that may be called, made safe where it could make too much."""
    if isinstance(owner, Undefined):
        fail_missing(owner)
    if name not in METHODS.get(type(owner), ()):
        raise ExpressionError(f"{kind_of(owner)} has no function {name}()")
    if type(owner) is str and name == "replace":
        return lambda old, new, count=-1: replaced(owner, old, new, count)
    if type(owner) is str and name == "join":
        return lambda parts: joined(parts, owner)
    found: Callable[..., Any] = getattr(owner, name)
    return found


def replaced(text: str, old: str, new: str, count: int = -1) -> str:
    """Return the text with `new` for each `old`, if that is not too long."""
    _check_length(len(text) + text.count(old) * max(len(new) - len(old), 0))
    return text.replace(old, new, count)


def joined(parts: Iterable[Any], separator: str = "") -> str:
    """Return the parts as one text, if that is not too long."""
    texts = [text_of(part) for part in parts]
    _check_length(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _check_length(length: int) -> None:
    if length > OUTPUT:
        raise TooLargeError(f"a text of {length} characters is too long (at most {OUTPUT})")
    charge(1, length)


def _number(value: Any) -> Any:
    return Decimal(repr(value)) if type(value) is float else value


def _check_bits(bits: int) -> None:
    if bits > BITS:
        raise TooLargeError(f"the number is too large (at most {BITS} bits)")


def add(left: Any, right: Any) -> Any:
    """Return the sum of numbers, or two texts or lists one after the other."""
    if type(left) is str and type(right) is str:
        _check_length(len(left) + len(right))
    elif type(left) is list and type(right) is list and len(left) + len(right) > RANGE:
        raise TooLargeError(f"a list of more than {RANGE} members is too long")
    result = _number(left) + _number(right)
    charge(len(result) if type(result) is list else 1)
    return result


def subtract(left: Any, right: Any) -> Any:
    """Return the difference of numbers (or of dates, in days: see the `days` filter)."""
    return _number(left) - _number(right)


def multiply(left: Any, right: Any) -> Any:
    """Return the product of numbers, or a text repeated if that is not too long."""
    left, right = _number(left), _number(right)
    if type(left) is int and type(right) is int:
        _check_bits(left.bit_length() + right.bit_length())
    for sequence, times in ((left, right), (right, left)):
        if isinstance(sequence, list | tuple):  # a small value that is huge once it is written
            raise ExpressionError("a list cannot be multiplied")
        if isinstance(sequence, str) and isinstance(times, int):
            _check_length(len(sequence) * max(times, 0))
    return left * right


def divide(left: Any, right: Any) -> Any:
    """Return the quotient, never a float: 28 significant digits."""
    return _exact(left) / _exact(right)


def _exact(value: Any) -> Any:
    return Decimal(value) if type(value) is int else _number(value)


def floor_divide(left: Any, right: Any) -> Any:
    """Return the whole part of the quotient."""
    return _number(left) // _number(right)


def modulo(left: Any, right: Any) -> Any:
    """Return the remainder. Text has none: printf patterns are not for messages."""
    if isinstance(left, str):
        raise ExpressionError("text has no remainder; to put values into text write ~ or {{ … }}")
    return _number(left) % _number(right)


def power(left: Any, right: Any) -> Any:
    """Return the power, bounded; with a negative exponent a decimal."""
    left, right = _number(left), _number(right)
    if type(left) is int and type(right) is int:
        _check_bits(left.bit_length() * abs(right))
        if right < 0:
            return Decimal(left) ** right
    return left**right


def text_of(value: Any) -> str:
    """Return a value as it stands in text: numbers in full, `true`, `false`, dates as ISO 8601.

    Raises:
        ExpressionError: Null, lists and objects have no text; says what to write.
    """
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is Decimal:
        if not value.is_finite() or abs(value.adjusted()) > EXPONENT:
            raise TooLargeError("the number is too large or too small to be text")
        return format(value, "f")
    return _other_text(value)


def _other_text(value: Any) -> str:
    if isinstance(value, Undefined):
        fail_missing(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return text_of(Decimal(repr(value)))
    if value is None:
        raise ExpressionError("null cannot stand in text; write | default('')")
    if callable(value):
        raise ExpressionError("a function cannot stand in text; call it: name()")
    raise ExpressionError(f"{kind_of(value)} cannot stand in text; write | tojson or | join(', ')")


def concatenated(parts: Iterable[Any]) -> str:
    """Return values as one text: the operator `~`."""
    return joined(parts)


_DOCUMENT = frozenset({str, int, bool, type(None), Decimal, dict, list})


def document_of(value: Any) -> Any:
    """Return a result as a document: what is no part of one (dates, ranges, views) becomes one or is refused."""
    kind = type(value)
    if kind in _DOCUMENT:
        return value
    if kind is bytes:
        return value
    if isinstance(value, Undefined):
        fail_missing(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {key: document_of(each) for key, each in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, Message | BusinessKey):
        return [document_of(each) for each in value]
    raise ExpressionError(f"{kind_of(value)} is no value for a document")


def deep_document_of(value: Any) -> Any:
    """Return a result as a document, also what lies in its lists and objects."""
    if type(value) is list:
        return [deep_document_of(each) for each in value]
    if type(value) is dict:
        return {key: deep_document_of(each) for key, each in value.items()}
    if isinstance(value, Mapping | Iterable) and not isinstance(value, str | bytes):
        return deep_document_of(document_of(value))
    return document_of(value)


def bounded_range(*bounds: int) -> range:
    """Return numbers as Python's range does, but not too many."""
    found = range(*bounds)
    if len(found) > RANGE:
        raise TooLargeError(f"a range of {len(found)} numbers is too long (at most {RANGE})")
    return found
