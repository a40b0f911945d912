"""Values of simple elements: what may stand there, what documents say for it, and back."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from esb.errors import FormatError
from esb.formats.edi.grammar import Element

_WHOLE = re.compile(r"-?\d+", re.ASCII)
_REAL = re.compile(r"-?(?:\d+\.?\d*|\.\d+)", re.ASCII)
_TIME = re.compile(r"(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d\d{0,2})?", re.ASCII)
_OTHER_MARK = re.compile(r"-?\d+[.,]\d+", re.ASCII)
_BARE_MARK = re.compile(r"-?(?:\d+[.,]|(?P<first>[.,])\d+)", re.ASCII)
_ISO_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_ISO_TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,2}))?)?", re.ASCII)


def fault_of(element: Element, value: str, decimal: str = ".") -> tuple[str, str] | None:
    """Return the code of what is wrong with a value that is there, and the fault in words; None = nothing.

    `decimal` = the decimal marks that EDIFACT's numbers may have.
    """
    kind = element.type
    if any(char < " " or "\x7f" <= char <= "\x9f" for char in value):
        return "el.chars", "holds a control character"
    if kind in ("DT", "TM"):
        return _moment(element, value)
    if kind == "n":
        if (fault := _number(value, decimal)) is not None:
            return fault
    elif kind != "AN" and (fault := _shape(kind, value)) is not None:
        return fault
    size = sum(char.isdigit() for char in value) if kind not in ("AN", "ID", "an", "a", "B") else len(value)
    if kind == "B":
        size //= 2  # binary data stands in documents as hexadecimal digits
    if size < element.least:
        return "el.short", f"has {size} characters, at least {element.least} are needed"
    if size > element.most:
        return "el.long", f"has {size} characters, at most {element.most} are allowed"
    if element.closed and value not in element.codes:
        return "el.code", "is not in the code list"
    return None


def _shape(kind: str, value: str) -> tuple[str, str] | None:
    if kind[0] == "N" and kind[1:].isdigit() and _WHOLE.fullmatch(value) is None:
        return "el.chars", "is not a whole number (digits, perhaps with a minus)"
    if kind == "R" and _REAL.fullmatch(value) is None:
        return "el.chars", "is not a decimal number (digits, at most one point, perhaps a minus)"
    if kind == "a" and any(char.isdigit() for char in value):
        return "el.chars", "holds a digit, letters are needed"
    return None


def _number(value: str, decimal: str) -> tuple[str, str] | None:
    """Return what is wrong with a number of EDIFACT: digits on both sides of its mark, and the interchange's mark."""
    if _WHOLE.fullmatch(value):
        return None
    if _OTHER_MARK.fullmatch(value):
        if any(mark in value for mark in decimal):
            return None
        return "num.decimal", f"has the wrong decimal mark, it is {decimal[0]!r} here"
    if match := _BARE_MARK.fullmatch(value):
        if match["first"]:
            return "num.digit", "has no digit before its decimal mark"
        return "num.decimal", "has no digit behind its decimal mark"
    return "el.chars", "is not a number (digits, at most one decimal mark, perhaps a minus)"


def _moment(element: Element, value: str) -> tuple[str, str] | None:
    if element.type == "TM":
        right = _TIME.fullmatch(value) is not None and element.least <= len(value) <= element.most
        return None if right else ("el.time", "is not a time (HHMM, perhaps with seconds)")
    if not (
        value.isascii() and value.isdigit() and len(value) in (6, 8) and element.least <= len(value) <= element.most
    ):
        wanted = "YYMMDD" if element.most == 6 else "CCYYMMDD"
        return "el.date", f"is not a date ({wanted})"
    year = int(value[:-4]) + (2000 if len(value) == 6 else 0)
    try:
        date(year, int(value[-4:-2]), int(value[-2:]))
    except ValueError:
        return "el.date", "is not a day of the calendar"
    return None


def reader(element: Element) -> Callable[[str], Any] | None:
    """Return what makes a document's value of a valid text; None = the text itself."""
    kind = element.type
    if kind == "N0":
        return int
    if kind[0] == "N" and kind[1:].isdigit():
        places = -int(kind[1:])
        return lambda text: Decimal(text).scaleb(places)
    if kind == "R":
        return Decimal
    if kind == "n":
        return lambda text: Decimal(text.replace(",", "."))
    if kind == "DT" and element.least == 8:
        return lambda text: f"{text[:4]}-{text[4:6]}-{text[6:]}"
    if kind == "TM":
        return _read_time
    return None


def _read_time(text: str) -> str:
    seconds = f":{text[4:6]}" if len(text) > 4 else ""
    return f"{text[:2]}:{text[2:4]}{seconds}" + (f".{text[6:]}" if len(text) > 6 else "")


def write(element: Element, value: Any) -> str:
    """Return the text of a document's value; whether the grammar takes it is checked afterwards.

    Raises:
        FormatError: A value of another kind (an object, a text that is no number or date).
    """
    kind = element.type
    if kind == "B":
        raise FormatError(f"{element.title} (element {element.id}) is binary data, which is read but not written")
    if kind in ("R", "n") or (kind[0] == "N" and kind[1:].isdigit()):
        return _write_number(element, value)
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise FormatError(f"{element.title} (element {element.id}) needs text, not a {type(value).__name__}")
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    if kind == "DT" and (match := _ISO_DATE.fullmatch(text)):
        day = "".join(match.groups())
        return day[2:] if element.most == 6 else day
    if kind == "TM" and (moment := _ISO_TIME.fullmatch(text)):
        return "".join(part or "" for part in moment.groups())[: element.most]
    return text


def _write_number(element: Element, value: Any) -> str:
    try:
        number = None if isinstance(value, bool) else Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        number = None
    if number is None or not number.is_finite() or abs(number.adjusted()) > 30:
        raise FormatError(f"{element.title} (element {element.id}) needs a number, not {str(value)[:40]!r}")
    if element.type in ("R", "n"):
        return f"{number:f}"
    places = int(element.type[1:])
    whole = number.scaleb(places)
    if whole != whole.to_integral_value():
        raise FormatError(f"{element.title} (element {element.id}) takes {places} decimals, {value} has more")
    digits = f"{abs(whole):.0f}".rjust(element.least, "0")
    return f"-{digits}" if whole < 0 else digits
