"""Casts: text becomes a number, date or truth value because a mapping says so; never by guessing."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from esb.errors import DefinitionError, ExpressionError
from esb.expressions.operators import kind_of, text_of
from esb.expressions.scalar_filters import decimal, integer, read_date, write_date

CastName: TypeAlias = Literal["integer", "decimal", "text", "date", "boolean"]
Cast: TypeAlias = Callable[[Any], Any]

NUMBER_FORMATS = ("1234.56", "1,234.56", "1.234,56", "1 234,56", "1'234.56", "1234,56")
_IMPLIED = re.compile(r"N([0-9])")
_TRUE = frozenset({"true", "yes", "y", "1"})
_FALSE = frozenset({"false", "no", "n", "0"})


def compile_cast(name: CastName, from_format: str = "", to_format: str = "") -> Cast:
    """Return a function value -> value, or raise.

    Raises:
        DefinitionError: `from_format` or `to_format` does not belong to this cast.
    """
    if name == "text":
        if from_format:
            raise DefinitionError("as: text has no from_format")
        return text_of
    if name == "date":
        return _date(from_format or "iso", to_format or "iso")
    if to_format:
        raise DefinitionError(f"as: {name} has no to_format; it belongs to as: date")
    if name == "boolean":
        return _boolean(from_format)
    return _number(name, from_format)


def _fault(value: Any, what: str) -> ExpressionError:
    return ExpressionError(f"{_shown(value)} is not {what}")


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else f"{value[:57]}…")
    return text_of(value) if isinstance(value, int | Decimal) else kind_of(value)


def _number(name: str, from_format: str) -> Cast:
    read, what = (integer, "an integer") if name == "integer" else (decimal, "a decimal")
    plain = _plain_number(from_format)

    def cast(value: Any) -> Any:
        try:
            return read(plain(value) if isinstance(value, str) else value)
        except ExpressionError:
            raise _fault(value, what) from None

    return cast


def _plain_number(from_format: str) -> Callable[[str], Any]:
    """Return what turns a written number into the form that Decimal reads."""
    implied = _IMPLIED.fullmatch(from_format)
    if implied:
        places = int(implied.group(1))
        return lambda text: decimal(text).scaleb(-places) if text.strip().lstrip("+-").isdigit() else _refuse(text)
    if not from_format or from_format == "1234.56":
        return lambda text: text
    if from_format not in NUMBER_FORMATS:
        known = ", ".join(NUMBER_FORMATS)
        raise DefinitionError(f"from_format {from_format!r} is not a form of numbers; there are {known}, and N0 to N9")
    point = from_format[-3]
    group = from_format[1] if len(from_format) == 8 else ""
    shape = re.compile(rf"[+-]?(?:\d{{1,3}}(?:{re.escape(group)}\d{{3}})*|\d+)(?:{re.escape(point)}\d+)?", re.ASCII)

    def plain(text: str) -> str:
        text = text.strip()
        if not shape.fullmatch(text):
            _refuse(text)
        return text.replace(group, "").replace(point, ".") if group else text.replace(point, ".")

    return plain


def _refuse(text: str) -> Any:
    raise ExpressionError(text)


def _date(from_format: str, to_format: str) -> Cast:
    what = "a date" if from_format == "iso" else f"a date of the form {from_format}"

    def cast(value: Any) -> str:
        try:
            return write_date(read_date(value, from_format), to_format)
        except ExpressionError:
            raise _fault(value, what) from None

    return cast


def _boolean(from_format: str) -> Cast:
    true, false = _TRUE, _FALSE
    if from_format:
        parts = from_format.split("/")
        if len(parts) != 2 or parts[0] == parts[1]:
            raise DefinitionError(f"from_format {from_format!r}: write the two texts, as in Y/N")
        true, false = frozenset({parts[0].lower()}), frozenset({parts[1].lower()})
    what = f"one of {from_format}" if from_format else "true or false"

    def cast(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        text = str(value).strip().lower() if isinstance(value, str | int) else ""
        if text in true:
            return True
        if text in false:
            return False
        raise _fault(value, what)

    return cast
