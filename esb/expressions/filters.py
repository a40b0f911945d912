"""All filters and tests of expressions: a small list for people who move documents. All are pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cmp_to_key
from typing import Any, Final

import msgspec
from jinja2 import Undefined

from esb.errors import ExpressionError, TooLargeError
from esb.expressions import comparisons
from esb.expressions.budget import TEXT, charge, size_of
from esb.expressions.operators import (
    document_of,
    fail_missing,
    joined,
    kind_of,
    member,
    need,
    text_of,
)
from esb.expressions.scalar_filters import (
    absolute,
    convert_date,
    decimal,
    integer,
    money,
    pad,
    replace,
    round_to,
    split,
    text_filter,
    trim,
    truncate,
    urlencode,
    xml,
)

_ENCODER = msgspec.json.Encoder(decimal_format="number")


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


def join(value: Any, separator: str = "", attribute: str | None = None) -> str:
    """Write the members of a list as one text with a separator."""
    return joined(map_to(value, attribute=attribute) if attribute else _list(value), separator)


def tojson(value: Any) -> str:
    """Write a value as JSON, numbers exactly as they are."""
    _check_written(value)
    return _ENCODER.encode(document_of(value)).decode()


def _check_written(value: Any) -> None:
    """Refuse what is too long when it is written; parts that stand in it often count as often."""
    size, waiting = 0, [value]
    while waiting:
        found = waiting.pop()
        size += len(found) if type(found) is str else 2
        if size > TEXT:
            raise TooLargeError(f"a text of more than {TEXT} characters is too long")
        if type(found) is list:
            waiting.extend(found)
        elif type(found) is dict:
            waiting.extend(found)
            waiting.extend(found.values())


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


def map_to(value: Any, name: str | None = None, *args: Any, attribute: str | None = None, default: Any = None) -> Any:
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
    "capitalize": text_filter(str.capitalize, "Write the first letter large, the others small."),
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
    "lower": text_filter(str.lower, "Write text in small letters."),
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
    "title": text_filter(str.title, "Write each word with a large first letter."),
    "tojson": tojson,
    "trim": trim,
    "truncate": truncate,
    "unique": unique,
    "upper": text_filter(str.upper, "Write text in large letters."),
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
