"""Fields by position: one record's characters to values and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any, Literal

from msgspec import Struct

from esb.errors import FormatError
from esb.formats.digits import punched, shifted, unpunched

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)", re.ASCII)


class Field(Struct, frozen=True):
    """One field: characters `start` to `stop` (from 0); `decimals` = digits behind a point that is not written."""

    name: str
    start: int
    stop: int
    type: Literal["text", "number"]
    decimals: int
    pad: str
    align: Literal["left", "right"]
    sign: Literal["leading", "trailing", "overpunch"] = "leading"

    def read(self, line: str) -> Any:
        """Return the value. Raises ValueError for a number that is none."""
        text = line[self.start : self.stop]
        if self.type == "text":
            return text.rstrip(self.pad) if self.align == "left" else text.lstrip(self.pad)
        text = text.strip(" ")
        if not text:
            return None
        if self.sign == "overpunch":
            text = unpunched(text)
        if text[-1] in "+-":
            text = text[-1] + text[:-1]
        if _NUMBER.fullmatch(text) is None:
            raise ValueError(f"field {self.name!r} holds {text[:40]!r}, which is no number")
        number = Decimal(text)
        return number if not self.decimals or "." in text else shifted(number, -self.decimals)

    def write(self, value: Any) -> str:
        """Return the value in exactly its width. Raises FormatError if it does not fit."""
        width = self.stop - self.start
        text = self._digits(value, width) if self.type == "number" else self._text(value)
        if len(text) > width:
            raise FormatError(f"fixed_width: {text[:40]!r} does not fit into the {width} characters of {self.name!r}")
        return text.ljust(width, self.pad) if self.align == "left" else text.rjust(width, self.pad)

    def _text(self, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, Decimal):
            return f"{value:f}"
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise FormatError(f"fixed_width: {self.name!r} needs text, not a {type(value).__name__}")
        if "\n" in str(value) or "\r" in str(value):
            raise FormatError(f"fixed_width: the text for {self.name!r} holds a line end; remove it")
        return str(value)

    def _digits(self, value: Any, width: int) -> str:
        if value is None:
            return " " * width
        try:
            number = Decimal(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else None
        except InvalidOperation:
            number = None
        if number is None or not number.is_finite():
            raise FormatError(f"fixed_width: {self.name!r} needs a number, not {str(value)[:40]!r}")
        if self.decimals:
            number = shifted(number, self.decimals)
            if number != number.to_integral_value():
                raise FormatError(f"fixed_width: {value} has more than the {self.decimals} decimals of {self.name!r}")
            number = number.to_integral_value()
        return self._signed(f"{number:f}".lstrip("-"), number < 0, width)

    def _signed(self, digits: str, negative: bool, width: int) -> str:
        filled = self.pad == "0" and self.align == "right"
        if self.sign == "overpunch":
            return punched(digits.rjust(width if filled else 0, "0"), negative)
        if self.sign == "trailing":
            digits = digits.rjust(width - 1 if filled else 0, "0")
            return f"{digits}-" if negative else digits + " " * (len(digits) < width)
        return ("-" if negative else "") + digits.rjust(width - negative if filled else 0, "0")


class RecordType(Struct, frozen=True):
    """One kind of record: its fields, and the text at `at` (from 0) that tells it from the others."""

    name: str
    prefix: str
    at: int
    fields: tuple[Field, ...]
    width: int

    def matches(self, line: str) -> bool:
        """Return whether a line is of this kind."""
        return line.startswith(self.prefix, self.at)

    def read(self, line: str) -> dict[str, Any]:
        """Return the values by field name. Raises ValueError if the line is too long or a value is bad."""
        if len(line) > self.width and line[self.width :].strip():
            raise ValueError(f"it has {len(line)} characters, the layout of {self.name!r} has {self.width}")
        return {field.name: field.read(line) for field in self.fields}

    def write(self, values: Mapping[str, Any]) -> str:
        """Return the line, exactly `width` characters. Raises FormatError."""
        known = {field.name for field in self.fields}
        if extra := [name for name in values if name not in known and name != "record"]:
            raise FormatError(f"fixed_width: record {self.name!r} has no field {extra[0]!r}; it has {sorted(known)}")
        line = " " * self.width
        for field in self.fields:
            line = line[: field.start] + field.write(values.get(field.name)) + line[field.stop :]
        return line[: self.at] + self.prefix + line[self.at + len(self.prefix) :]


def overlapping(fields: Sequence[Field]) -> tuple[Field, Field] | None:
    """Return two fields that share a character, if there are any."""
    ordered = sorted(fields, key=lambda field: field.start)
    for first, second in pairwise(ordered):
        if second.start < first.stop:
            return first, second
    return None
