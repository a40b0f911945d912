"""Values of fields as flat files write them, and as the grammar takes them: plain decimals, ISO dates."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, time
from decimal import Decimal, InvalidOperation

from msgspec import Struct

from esb.errors import FormatError
from esb.formats.csv_rows import Numbers
from esb.formats.digits import punched, shifted, unpunched

Convert = Callable[[str], str]
"""Text of the file -> text of the grammar (raises ValueError), or back (raises FormatError)."""

_PARTS = {"YYYY": r"(?P<year>\d{4})", "YY": r"(?P<short>\d\d)", "MM": r"(?P<month>\d\d)", "DD": r"(?P<day>\d\d)"}
_TIMES = {"HH": r"(?P<hour>\d\d)", "MM": r"(?P<minute>\d\d)", "SS": r"(?P<second>\d\d)"}
_WHOLE = {"date": (["DD", "MM", "YYYY"], ["DD", "MM", "YY"]), "time": (["HH", "MM"], ["HH", "MM", "SS"])}
_ISO_TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d))?", re.ASCII)
_NOTHING = " 0./-:"
"""Only these characters: a date that is not filled."""


class Moment:
    """A date or time in its pattern: `DD.MM.YYYY`, `YYMMDD`, `HHMMSS`; two digits of a year are 20YY."""

    def __init__(self, kind: str, pattern: str = "") -> None:
        self._date, self.pattern = kind == "date", pattern or ("YYYYMMDD" if kind == "date" else "HHMM")
        parts = _PARTS if self._date else _TIMES
        pieces = re.split(f"({'|'.join(parts)})", self.pattern)
        named = sorted(piece for piece in pieces if piece in parts)
        strange = any(char.isalnum() for piece in pieces if piece not in parts for char in piece)
        if strange or named not in _WHOLE[kind]:
            wanted = "YYYY or YY, MM and DD" if self._date else "HH, MM and perhaps SS"
            raise ValueError(f"format {self.pattern!r} is none; write {wanted}, each once")
        self._pieces = pieces
        self._shape = re.compile("".join(parts.get(piece, re.escape(piece)) for piece in pieces), re.ASCII)

    def read(self, text: str) -> str:
        """Return the date or time as documents have it; empty if it is blank, or a date of zeros."""
        text = text.strip()
        if not text.strip(_NOTHING if self._date else " "):
            return ""
        match = self._shape.fullmatch(text)
        if match is None:
            raise ValueError(f"holds {text[:40]!r}, which is not written as {self.pattern}")
        found = {name: int(digits) for name, digits in match.groupdict().items()}
        try:
            if self._date:
                return date(found.get("year", 2000 + found.get("short", 0)), found["month"], found["day"]).isoformat()
            made = time(found["hour"], found["minute"], found.get("second", 0))
        except ValueError:
            raise ValueError(f"holds {text!r}, which is no {'day of the calendar' if self._date else 'time'}") from None
        return made.isoformat("seconds" if "second" in found else "minutes")

    def write(self, text: str) -> str:
        """Return the text of the file. Raises FormatError for what is no date or time."""
        try:
            if self._date:
                day = date.fromisoformat(text)
                values = {"YYYY": f"{day.year:04d}", "YY": f"{day.year % 100:02d}", "MM": f"{day.month:02d}"}
                values["DD"] = f"{day.day:02d}"
                right = len(text) == 10 and ("YYYY" in self._pieces or 2000 <= day.year < 2100)
            else:
                match = _ISO_TIME.fullmatch(text)
                right = match is not None and (match[3] is None or "SS" in self._pieces)
                hours, minutes, seconds = match.groups("00") if match is not None else ("", "", "")
                values = {"HH": hours, "MM": minutes, "SS": seconds}
        except ValueError:
            right = False
        if not right:
            wanted = "a date such as 2026-11-21" if self._date else "a time such as 09:30"
            raise FormatError(f"{text[:40]!r} is not {wanted} that {self.pattern} can say")
        return "".join(values.get(piece, piece) for piece in self._pieces)


class Number(Struct, frozen=True):
    """A number of delimited text: its marks, decimals that are not written, and where its sign stands."""

    numbers: Numbers
    decimals: int
    sign: str
    length: int = 0

    def read(self, text: str) -> str:
        """Return the plain number; empty if it is blank."""
        text = text.strip()
        if not text:
            return ""
        if self.length and len(text) > self.length:
            raise ValueError(f"has {len(text)} characters, at most {self.length} are allowed")
        if self.sign == "overpunch":
            text = unpunched(text)
        if text[-1] in "+-":
            text = text[-1] + text[:-1]
        number = self.numbers.one(text)
        if self.decimals and self.numbers.whole(text):
            number = shifted(number, -self.decimals)
        return f"{number:f}"

    def write(self, text: str) -> str:
        """Return the text of the file."""
        number = plain(text)
        if self.decimals:
            number = shifted(number, self.decimals)
            if number != number.to_integral_value():
                raise FormatError(f"{text} has more than {self.decimals} decimals")
            number = number.to_integral_value()
        digits, negative = self.numbers.write(number.copy_abs()), number < 0
        if self.sign == "overpunch":
            made = punched(digits, negative)
        elif self.sign == "trailing":
            made = digits + "-" * negative
        else:
            made = "-" * negative + digits
        if self.length and len(made) > self.length:
            raise FormatError(f"{text} needs {len(made)} characters, it has {self.length}")
        return made


def plain(text: str) -> Decimal:
    """Return the number of a text. Raises FormatError."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise FormatError(f"{text[:40]!r} is no number") from None
