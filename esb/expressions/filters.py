"""Filters and tests of expressions: a small list for people who move documents. All are pure; none makes a float."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cmp_to_key
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import escape

import msgspec
from jinja2 import Undefined

from esb.errors import ExpressionError, TooLargeError
from esb.expressions import comparisons
from esb.expressions.budget import OUTPUT, charge, size_of
from esb.expressions.operators import (
    EXPONENT,
    document_of,
    fail_missing,
    joined,
    kind_of,
    member,
    need,
    replaced,
    text_of,
)

_ROUNDING = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "down": ROUND_FLOOR, "up": ROUND_CEILING}
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def decimal(value: Any) -> Decimal:
    """Read a number: `"12.50"` becomes 12.50; blanks around it are ignored, anything else is an error."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal | float):
        raise ExpressionError(f"{kind_of(value)} is not a number")
    try:
        number = Decimal(value.strip() if isinstance(value, str) else repr(value) if type(value) is float else value)
    except InvalidOperation:
        raise ExpressionError(f"{str(value)[:60]!r} is not a number") from None
    if not number.is_finite() or (isinstance(value, str) and "_" in value):
        raise ExpressionError(f"{str(value)[:60]!r} is not a number")
    return number


def integer(value: Any) -> int:
    """Read a whole number: `"007"` becomes 7, `3.0` becomes 3; `3.5` is an error, not 3."""
    number = decimal(value)
    if abs(number.adjusted()) > EXPONENT:
        raise TooLargeError("the number is too large")
    if number != number.to_integral_value():
        raise ExpressionError(f"{text_of(number)} is not a whole number; write | round first")
    return int(number)


def round_to(value: Any, places: int = 0, method: str = "half_up") -> Decimal:
    """Round to so many places: `half_up` (money), `half_even`, `down`, `up`."""
    if method not in _ROUNDING:
        raise ExpressionError(f"unknown way to round {method!r}; there are {', '.join(_ROUNDING)}")
    number = decimal(value)
    if abs(places) > EXPONENT or abs(number.adjusted()) > EXPONENT:
        raise TooLargeError("the number is too large to be rounded")
    return number.quantize(Decimal(1).scaleb(-places), rounding=_ROUNDING[method])


def absolute(value: Any) -> Any:
    """Drop the sign of a number."""
    return abs(value if type(value) is int else decimal(value))


def money(value: Any, places: int = 2, point: str = ".", thousands: str = "") -> str:
    """Write an amount: `1234.5 | money` is `1234.50`, `| money(2, ',', '.')` is `1.234,50`."""
    written = format(round_to(value, places), ",f")
    return written.replace(",", "\0").replace(".", point).replace("\0", thousands)


def pad(value: Any, width: int, char: str = "0", side: str = "left") -> str:
    """Fill up to `width` characters on the left (or right); longer text stays as it is."""
    text = text_of(value)
    if len(char) != 1 or side not in {"left", "right"}:
        raise ExpressionError("pad takes a width, one character, and 'left' or 'right'")
    if width > OUTPUT:
        raise TooLargeError(f"a text of {width} characters is too long")
    return text.rjust(width, char) if side == "left" else text.ljust(width, char)


def trim(value: Any, chars: str | None = None) -> str:
    """Cut blanks, or these characters, off both ends."""
    return text_of(value).strip(chars)


def truncate(value: Any, length: int) -> str:
    """Cut text to at most so many characters."""
    return text_of(value)[: max(length, 0)]


def split(value: Any, separator: str | None = None) -> list[str]:
    """Cut text into a list at a separator (default: at blanks)."""
    return text_of(value).split(separator)


def replace(value: Any, old: str, new: str) -> str:
    """Put `new` in place of each `old`."""
    return replaced(text_of(value), text_of(old), text_of(new))


def join(value: Any, separator: str = "", attribute: str | None = None) -> str:
    """Write the members of a list as one text with a separator."""
    return joined(map_to(value, attribute=attribute) if attribute else _list(value), separator)


def tojson(value: Any) -> str:
    """Write a value as JSON, numbers exactly as they are."""
    return _ENCODER.encode(document_of(value)).decode()


def urlencode(value: Any) -> str:
    """Write text so that it can be part of an address; `/` is encoded too."""
    return quote(text_of(value), safe="")


def xml(value: Any) -> str:
    """Write text so that it can stand in XML or HTML, quotes included."""
    return escape(text_of(value), {'"': "&quot;", "'": "&#39;"})


def read_date(value: Any, read: str) -> date:
    """Read a date or time by a strptime pattern, or as ISO 8601 when `read` is `iso`."""
    if isinstance(value, date):
        return value
    text = text_of(value).strip()
    try:
        if read != "iso":
            return datetime.strptime(text, read)  # noqa: DTZ007  (what comes out has a zone if the pattern has %z)
        return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
    except ValueError:
        raise ExpressionError(f"{text[:60]!r} is not a date of the form {read}") from None


def write_date(value: date, write: str) -> str:
    """Write a date by a strftime pattern, or as ISO 8601 when `write` is `iso`; a day without a time stays a day."""
    if write != "iso":
        return value.strftime(write)
    midnight = isinstance(value, datetime) and value.time() == time() and value.tzinfo is None
    return value.date().isoformat() if isinstance(value, datetime) and midnight else value.isoformat()


def convert_date(value: Any, read: str = "iso", write: str = "iso") -> str:
    """Rewrite a date: `"20261121" | date('%Y%m%d', '%d.%m.%Y')`; `now | date(write='%Y%m%d')`."""
    return write_date(read_date(value, read), write)


def default(value: Any, instead: Any = "", boolean: bool = False) -> Any:
    """Give something instead of what is missing or null (with `true` also instead of '', 0 and false)."""
    if isinstance(value, Undefined) or value is None:
        return instead
    return instead if boolean and not value else value


def length(value: Any) -> int:
    """Count characters, members or keys."""
    if not isinstance(value, str | list | tuple | Mapping | range):
        raise ExpressionError(f"{kind_of(value)} has no length")
    return len(value)


def first(value: Any) -> Any:
    """Give the first member of a list or character of a text."""
    return need(value if isinstance(value, str) else _list(value), 0)


def last(value: Any) -> Any:
    """Give the last member of a list or character of a text."""
    return need(value if isinstance(value, str) else _list(value), -1)


def items(value: Any) -> list[list[Any]]:
    """List the pairs (key, value) of an object, also of one that has a key called items."""
    if not isinstance(value, Mapping):
        raise ExpressionError(f"{kind_of(value)} has no keys")
    return [[key, each] for key, each in value.items()]


def keys(value: Any) -> list[Any]:
    """List the keys of an object."""
    return [key for key, _ in items(value)]


def values(value: Any) -> list[Any]:
    """List the values of an object."""
    return [each for _, each in items(value)]


def _list(value: Any) -> list[Any]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise ExpressionError(f"{kind_of(value)} is not a list")
    return list(value)


def reverse(value: Any) -> Any:
    """Turn a list or a text around."""
    return value[::-1] if isinstance(value, str) else _list(value)[::-1]


def attribute_of(value: Any, path: str | int) -> Any:
    """Return what stands at a dotted path (`customer.code`, `0`) of a value, or a Missing."""
    for key in path.split(".") if isinstance(path, str) else [path]:
        value = member(value, int(key) if isinstance(key, str) and key.isdigit() and type(value) is list else key)
    return value


def _present(value: Any) -> Any:
    if isinstance(value, Undefined):
        fail_missing(value)
    return value


def map_to(value: Any, name: str | None = None, *args: Any, attribute: str | None = None, default: Any = None) -> Any:  # noqa: A002
    """Apply a filter by name to each member, or take an attribute of each: `| map(attribute='sku')`."""
    if attribute is not None:
        found = [attribute_of(each, attribute) for each in _list(value)]
        return [default if isinstance(each, Undefined) and default is not None else _present(each) for each in found]
    if name not in FILTERS:
        raise ExpressionError(f"map needs the name of a filter or attribute='…', not {name!r}")
    return [FILTERS[name](each, *args) for each in _list(value)]


def _test(name: str | None) -> Callable[..., bool]:
    if name is None:
        return bool
    if name not in TESTS:
        raise ExpressionError(f"there is no test {name!r}")
    return TESTS[name]


def select(value: Any, test: str | None = None, *args: Any) -> list[Any]:
    """Keep the members that pass a test (default: that are true)."""
    passes = _test(test)
    return [each for each in _list(value) if passes(each, *args)]


def reject(value: Any, test: str | None = None, *args: Any) -> list[Any]:
    """Drop the members that pass a test."""
    passes = _test(test)
    return [each for each in _list(value) if not passes(each, *args)]


def selectattr(value: Any, attribute: str, test: str | None = None, *args: Any) -> list[Any]:
    """Keep the members whose attribute passes a test: `| selectattr('qty', '>', 0)`."""
    passes = _test(test)
    return [each for each in _list(value) if passes(attribute_of(each, attribute), *args)]


def rejectattr(value: Any, attribute: str, test: str | None = None, *args: Any) -> list[Any]:
    """Drop the members whose attribute passes a test."""
    passes = _test(test)
    return [each for each in _list(value) if not passes(attribute_of(each, attribute), *args)]


def total(value: Any, attribute: str | None = None, start: Any = 0) -> Any:
    """Add up a list of numbers, or an attribute of each member."""
    numbers = map_to(value, attribute=attribute) if attribute else _list(value)
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int | Decimal):
            raise ExpressionError(f"cannot add {kind_of(number)}; read it with | map('decimal') first")
    return sum(numbers, start)


def _compare(left: Any, right: Any) -> int:
    if comparisons.equal(left, right):
        return 0
    if comparisons.less(left, right) or comparisons.less(right, left):
        return -1 if comparisons.less(left, right) else 1
    raise ExpressionError(f"{kind_of(left)} and {kind_of(right)} have no order")


_ORDER = cmp_to_key(_compare)


def _keyed(value: Any, attribute: str | None) -> list[tuple[Any, Any]]:
    return [(_present(attribute_of(each, attribute)) if attribute else each, each) for each in _list(value)]


def sort(value: Any, reverse: bool = False, attribute: str | None = None) -> list[Any]:
    """Sort numbers or texts, or members by an attribute; equal ones keep their order."""
    return [each for _, each in sorted(_keyed(value, attribute), key=lambda pair: _ORDER(pair[0]), reverse=reverse)]


def smallest(value: Any, attribute: str | None = None) -> Any:
    """Give the smallest member, or the member with the smallest attribute."""
    return first(sort(value, attribute=attribute))


def largest(value: Any, attribute: str | None = None) -> Any:
    """Give the largest member, or the member with the largest attribute."""
    return last(sort(value, attribute=attribute))


def unique(value: Any, attribute: str | None = None) -> list[Any]:
    """Drop members that came before; texts that differ in case are different."""
    seen: set[bytes] = set()
    kept = []
    for key, each in _keyed(value, attribute):
        mark = _ENCODER.encode(_normal(key))
        if mark not in seen:
            seen.add(mark)
            kept.append(each)
    return kept


def _normal(key: Any) -> Any:
    """Write equal numbers in one way: 1, 1.0 and 1.00 are one value."""
    return Decimal(key).normalize() if type(key) is int or type(key) is Decimal else key


def groupby(value: Any, attribute: str) -> list[list[Any]]:
    """Group members by an attribute: pairs (value, members) in the order in which the values first came."""
    groups: dict[bytes, list[Any]] = {}
    for key, each in _keyed(value, attribute):
        groups.setdefault(_ENCODER.encode(_normal(key)), [key, []])[1].append(each)
    return list(groups.values())


def batch(value: Any, size: int) -> list[list[Any]]:
    """Cut a list into lists of at most `size` members."""
    if size < 1:
        raise ExpressionError("batch takes a size of at least 1")
    members = _list(value)
    return [members[at : at + size] for at in range(0, len(members), size)]


def _text_filter(change: Callable[[str], str], words: str) -> Callable[[Any], str]:
    def apply(value: Any) -> str:
        return change(text_of(value))

    apply.__doc__ = words
    return apply


def strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the filter that refuses what is missing and counts its work against the budget."""

    def apply(value: Any, *args: Any, **named: Any) -> Any:
        for each in (value, *args):
            if isinstance(each, Undefined):
                fail_missing(each)
        result = function(value, *args, **named)
        charge(size_of(value), len(result) if type(result) is str else 0)
        return result

    apply.__doc__, apply.__wrapped__ = function.__doc__, function  # type: ignore[attr-defined]
    return apply


_PLAIN: Mapping[str, Callable[..., Any]] = {
    "abs": absolute,
    "batch": batch,
    "capitalize": _text_filter(str.capitalize, "Write the first letter large, the others small."),
    "count": length,
    "date": convert_date,
    "decimal": decimal,
    "first": first,
    "groupby": groupby,
    "integer": integer,
    "items": items,
    "join": join,
    "keys": keys,
    "last": last,
    "length": length,
    "list": _list,
    "lower": _text_filter(str.lower, "Write text in small letters."),
    "map": map_to,
    "max": largest,
    "min": smallest,
    "money": money,
    "pad": pad,
    "reject": reject,
    "rejectattr": rejectattr,
    "replace": replace,
    "reverse": reverse,
    "round": round_to,
    "select": select,
    "selectattr": selectattr,
    "sort": sort,
    "split": split,
    "sum": total,
    "text": text_of,
    "title": _text_filter(str.title, "Write each word with a large first letter."),
    "tojson": tojson,
    "trim": trim,
    "truncate": truncate,
    "unique": unique,
    "upper": _text_filter(str.upper, "Write text in large letters."),
    "urlencode": urlencode,
    "values": values,
    "xml": xml,
}

FILTERS: Final[dict[str, Callable[..., Any]]] = {
    **{name: strict(function) for name, function in _PLAIN.items()},
    "default": default,
}
"""Every filter by name."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _contains(value: Any, within: Any) -> bool:
    return value in within


TESTS: Final[dict[str, Callable[..., bool]]] = {
    "defined": lambda value: not isinstance(value, Undefined),
    "undefined": lambda value: isinstance(value, Undefined),
    "none": strict(lambda value: value is None),
    "null": strict(lambda value: value is None),
    "string": strict(lambda value: isinstance(value, str)),
    "number": strict(_is_number),
    "integer": strict(lambda value: _is_number(value) and value == value // 1),
    "boolean": strict(lambda value: isinstance(value, bool)),
    "true": strict(lambda value: value is True),
    "false": strict(lambda value: value is False),
    "mapping": strict(lambda value: isinstance(value, Mapping)),
    "sequence": strict(lambda value: isinstance(value, Sequence) and not isinstance(value, str | bytes)),
    "odd": strict(lambda value: integer(value) % 2 == 1),
    "even": strict(lambda value: integer(value) % 2 == 0),
    "divisibleby": strict(lambda value, by: integer(value) % integer(by) == 0),
    "in": strict(_contains),
    "startingwith": strict(lambda value, text: text_of(value).startswith(text)),
    "endingwith": strict(lambda value, text: text_of(value).endswith(text)),
    "==": strict(comparisons.equal),
    "!=": strict(lambda left, right: not comparisons.equal(left, right)),
    "<": strict(comparisons.less),
    "<=": strict(comparisons.at_most),
    ">": strict(lambda left, right: comparisons.less(right, left)),
    ">=": strict(lambda left, right: comparisons.at_most(right, left)),
}
"""Every test by name (`is defined`), also those that `select` and its kin take."""
for _name, _sign in {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}.items():
    TESTS[_name] = TESTS[_sign]
