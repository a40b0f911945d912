"""Rows become documents: columns by the header, declared numbers, one document a row, a group or the whole file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct

from esb.edge import Finding, Part
from esb.formats.characters import Characters
from esb.formats.parts import bad, more_faults, too_large

FINDINGS = 20
"""Faults of one document that are told; the rest are counted."""


class Row(Struct):
    """A row: its values by column, or what is wrong with it. `text` is the record as it came."""

    values: dict[str, Any]
    text: str
    line: int
    code: str = ""
    fault: str = ""


class Numbers:
    """Reads the columns that are declared as numbers: `1.234,50` with its marks becomes Decimal 1234.50."""

    def __init__(self, columns: Sequence[str], decimal: str, thousands: str) -> None:
        self.columns, self._decimal, self._thousands = tuple(columns), decimal, thousands
        whole = rf"\d+|\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+" if thousands else r"\d+"
        self._shape = re.compile(rf"[+-]?(?:(?:{whole})(?:{re.escape(decimal)}\d*)?|{re.escape(decimal)}\d+)", re.ASCII)

    def read(self, values: dict[str, Any]) -> str:
        """Turn the declared columns into Decimal (empty: None), in place; return what is no number, or nothing."""
        for name in self.columns:
            text = values[name].strip()
            try:
                values[name] = self.one(text) if text else None
            except ValueError as error:
                return f"column {name!r} {error}"
        return ""

    def one(self, text: str) -> Decimal:
        """Return a number. Raises ValueError if the text is none."""
        if len(text) > 100 or self._shape.fullmatch(text) is None:
            raise ValueError(f"holds {text[:40]!r}, which is no number with decimal mark {self._decimal!r}")
        plain = text.replace(self._thousands, "") if self._thousands else text
        return Decimal(plain.replace(self._decimal, "."))

    def whole(self, text: str) -> bool:
        """Return whether a number has no decimal mark."""
        return self._decimal not in text

    def write(self, number: Decimal | int) -> str:
        """Return the digits of a number, without exponent and thousands marks."""
        return f"{number:f}".replace(".", self._decimal) if isinstance(number, Decimal) else str(number)


class Whole:
    """Collects rows into one document: all of them, or those that follow each other with the same key."""

    def __init__(self, characters: Characters, limit: int, keys: Sequence[str] = ()) -> None:
        self._characters, self._limit, self._keys = characters, limit, tuple(keys)
        self._key: tuple[Any, ...] | None = None
        self._begin()

    def add(self, row: Row) -> Iterator[Part]:
        """Take a row; give the group before it when this one begins another."""
        key = tuple(row.values.get(name) for name in self._keys)
        if self._count and key != self._key and (row.values or not row.fault):
            yield from self.end()
        if not self._count:
            self._line, self._key = row.line, key
        self._count += 1
        self._size += len(row.text)
        if self._size <= self._limit:
            self._texts.append(row.text)
            self._rows.append(row.values)
        if row.fault:
            self._faults += 1
            if self._faults <= FINDINGS:
                text = f"line {row.line}: {row.fault}"
                self._findings.append(Finding(f"csv.{row.code}", text, line=row.line))

    def end(self) -> Iterator[Part]:
        """Give what was collected."""
        if not self._count and self._keys:
            return
        raw = self._characters.raw("".join(self._texts))
        if self._size > self._limit:
            yield too_large("csv", raw, self._limit, self._line)
        elif self._faults:
            error = f"csv: {self._findings[0].text}{more_faults(self._faults - 1)}"
            yield Part(None, raw, error=error, findings=tuple(self._findings))
        else:
            rows: Any = self._rows
            yield Part({**dict(zip(self._keys, self._key or (), strict=True)), "rows": rows} if self._keys else rows)
        self._begin()

    def _begin(self) -> None:
        self._count = self._size = self._faults = 0
        self._line = 1
        self._texts: list[str] = []
        self._rows: list[dict[str, Any]] = []
        self._findings: list[Finding] = []


class Single:
    """One document a row."""

    def __init__(self, characters: Characters) -> None:
        self._characters = characters

    def add(self, row: Row) -> Iterator[Part]:
        """Give the row."""
        if row.fault:
            yield bad("csv", row.code, f"line {row.line}: {row.fault}", self._characters.raw(row.text), row.line)
        else:
            yield Part(row.values)

    def end(self) -> Iterator[Part]:
        """Give nothing: rows do not wait."""
        return iter(())
