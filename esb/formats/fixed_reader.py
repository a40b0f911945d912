"""The reader of fixed width records: one document a record, a group that a record opens, or the whole file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from esb.edge import Finding, Part
from esb.formats.characters import Characters
from esb.formats.fixed_layout import RecordType
from esb.formats.fixed_lines import FixedLines
from esb.formats.parts import bad, too_large


class FixedReader:
    """Push reader. A line of no known kind is a bad part, or spoils the group that it stands in."""

    def __init__(self, lines: FixedLines, kinds: Sequence[RecordType], each: str | None, limit: int) -> None:
        self._kinds, self._each = kinds, each
        self._lines = lines
        self._number = 0
        self._whole = _Group(lines.characters, limit, each)

    def feed(self, data: bytes) -> Sequence[Part]:
        return list(self._read(self._lines.feed(data)))

    def end(self) -> Sequence[Part]:
        parts = list(self._read(self._lines.end()))
        if self._each != "record":
            parts += self._whole.end()
        return parts

    def _read(self, lines: list[str]) -> Iterator[Part]:
        for line in lines:
            self._number += 1
            content = self._lines.content(line)
            if not content:
                continue
            name, values, fault = self._one(content, line)
            if self._each == "record":
                raw = self._lines.characters.raw(line)
                text = f"line {self._number}: {fault}"
                yield bad("fixed_width", "record", text, raw, self._number) if fault else Part(values)
            else:
                yield from self._whole.add(name, values, fault, line, self._number)

    def _one(self, content: str, line: str) -> tuple[str, dict[str, Any], str]:
        if fault := self._lines.fault(line):
            return "", {}, fault
        for kind in self._kinds:
            if kind.matches(content):
                try:
                    values = kind.read(content)
                except ValueError as error:
                    return kind.name, {}, str(error)
                return kind.name, {"record": kind.name, **values} if len(self._kinds) > 1 else values, ""
        return "", {}, f"it begins with {content[:12]!r}, which is no known record; add it to records:"


class _Group:
    """Collects records into one document: all of them (`opener` absent), or from one opening record to the next."""

    def __init__(self, characters: Characters, limit: int, opener: str | None) -> None:
        self._characters, self._limit, self._opener = characters, limit, opener
        self._line = 0
        self._begin()

    def add(self, name: str, values: dict[str, Any], fault: str, line: str, number: int) -> Iterator[Part]:
        """Take a record; give the group before it when this one opens another."""
        if self._opener is not None and name == self._opener and self._line:
            yield from self.end()
        if not self._line:
            self._line = number
            if self._opener not in (None, name) and not fault:
                fault = f"it stands before any {self._opener!r} record"
        self._size += len(line)
        if self._size <= self._limit:
            self._texts.append(line)
            self._rows.append(values)
        if fault:
            self._findings.append(Finding("fixed_width.record", f"line {number}: {fault}", line=number))
            del self._findings[20:]

    def end(self) -> Iterator[Part]:
        """Give what was collected."""
        if not self._line and self._opener is not None:
            return
        raw = self._characters.raw("".join(self._texts))
        if self._size > self._limit:
            yield too_large("fixed_width", raw, self._limit, self._line)
        elif self._findings:
            yield Part(None, raw, error=f"fixed_width: {self._findings[0].text}", findings=tuple(self._findings))
        elif self._opener is None:
            yield Part(self._rows)
        else:
            yield Part({self._opener: self._rows[0], "rows": self._rows[1:]})
        self._begin()

    def _begin(self) -> None:
        self._line = self._size = 0
        self._texts: list[str] = []
        self._rows: list[dict[str, Any]] = []
        self._findings: list[Finding] = []
