"""Filters for numbers, text and dates. None makes a float; what cannot be read is an error, never a guess."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from esb.errors import ExpressionError, TooLargeError
from esb.expressions.budget import OUTPUT
from esb.expressions.operators import EXPONENT, kind_of, replaced, text_of

_ROUNDING = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "down": ROUND_FLOOR, "up": ROUND_CEILING}


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
            return datetime.strptime(text, read)
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


def text_filter(change: Callable[[str], str], words: str) -> Callable[[Any], str]:
    """Return the filter that changes text in this way; `words` describe it."""

    def apply(value: Any) -> str:
        return change(text_of(value))

    apply.__doc__ = words
    return apply
