"""Cuts a file into files: one for each interchange, group or set, each with an envelope of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal, TextIO

from msgspec import Struct

from esb.errors import UsageError
from esb.management.edi_files.carets import readable, span
from esb.management.edi_files.cuts import Skipped
from esb.management.edi_files.dialects import Dialect, Names
from esb.management.edi_files.segments import Segment, segments

By = Literal["interchange", "group", "set"]

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 40


class Cut(Struct):
    """A file that was written: its segments are those that came, the envelope around them not counted."""

    path: Path
    by: str
    interchange: str
    group: str = ""
    set: str = ""
    transaction: str = ""
    segments: int = 0
    size: int = 0


def _unsaid(left: Skipped) -> None:
    """Say nothing of what is left out."""


def split(
    file: BinaryIO, dialect: Dialect, by: By, folder: Path, stem: str, left: Callable[[Skipped], None] = _unsaid
) -> Iterator[Cut]:
    """Write the parts of a file into a folder, as they come; a part keeps its bytes as they are.

    An object of EDIFACT (UNO) is a part like a set. `left` is told what stands in no part, and objects that are not
    whole.

    Raises:
        UsageError: A file of that name is there already.
    """
    cutting = _Cutting(dialect, by, folder, stem, left)
    for segment in segments(file, dialect):
        yield from cutting.take(segment)
    yield from cutting.close()


class _Ways(Struct):
    """The tags that end a part before them, open one, and are the last of one."""

    ends: tuple[str | None, ...]
    opens: tuple[str | None, ...]
    closes: tuple[str | None, ...]


def _ways(names: Names, by: By) -> _Ways:
    if by == "interchange":
        return _Ways((), (names.interchange,), (names.interchange_end,))
    if by == "group":
        return _Ways((names.interchange_end,), (names.group,), (names.group_end,))
    opens = names.set, names.package
    return _Ways((*opens, names.group_end, names.interchange_end), opens, (names.set_end, names.package))


class _Cutting:
    def __init__(self, dialect: Dialect, by: By, folder: Path, stem: str, left: Callable[[Skipped], None]) -> None:
        self._names, self._by, self._folder, self._stem = dialect.names, by, folder, _safe(stem)
        self._left, self._ways = left, _ways(dialect.names, by)
        self._head: Segment | None = None
        self._group: Segment | None = None
        self._out: TextIO | None = None
        self._cut: Cut | None = None
        self._last: Segment | None = None
        self._taken: dict[str, int] = {}

    def take(self, segment: Segment | Skipped) -> Iterator[Cut]:
        """Take a segment into the open part, or begin or end one by it."""
        if isinstance(segment, Skipped):
            yield from self.close()
            self._left(segment)
            return
        names, tag = self._names, segment.tag
        if tag == names.package and f"UNP{segment.marks.element}" not in segment.raw:
            self._leave(segment, "the object is larger than the limit of its format, or has no UNP")
            return
        if tag == names.interchange:
            yield from self.close()
            self._head, self._group = segment, None
        elif tag == names.group:
            if self._by != "interchange":
                yield from self.close()
            self._group = segment
        yield from self._cut_at(segment)
        if tag == names.group_end:
            self._group = None

    def _cut_at(self, segment: Segment) -> Iterator[Cut]:
        """End the open part where a segment does not belong to it, and begin one where it opens one."""
        names, tag, ways = self._names, segment.tag, self._ways
        if tag in ways.ends:
            yield from self.close()
        if tag in ways.opens:
            self._open(segment)
        if self._out is not None:
            self._write(segment)
        elif tag and tag not in (names.interchange, names.group, names.group_end, names.interchange_end):
            self._leave(segment, f"{readable(tag)[:20]} is in no {self._by}")
        if tag in ways.closes:
            yield from self.close()

    def _leave(self, segment: Segment, reason: str) -> None:
        self._left(Skipped(segment.text, len(segment.raw), segment.offset, segment.line, reason))

    def close(self) -> Iterator[Cut]:
        """End the open part with the trailers that it needs."""
        if self._out is None or self._cut is None:
            return
        names, head = self._names, self._head
        if self._by != "interchange" and head is not None:
            self._out.write(head.newline)
            if self._by == "set" and self._group is not None:
                self._envelope(names.group_end, "1", _number(self._group, names.number[names.group]))
            self._envelope(names.interchange_end, "1", _number(head, names.number[names.interchange]))
        self._out.close()
        self._cut.size = self._cut.path.stat().st_size
        yield self._cut
        self._out = self._cut = None

    def _open(self, segment: Segment) -> None:
        numbers = [segment.interchange]
        if self._by != "interchange":
            numbers.append(segment.group)
        if self._by == "set":
            numbers += _set(segment, self._names)
        path = self._folder / f"{self._free('-'.join([self._stem, *map(_safe, filter(None, numbers))]))}.edi"
        try:
            self._out = path.open("x", encoding="latin-1", newline="")
        except FileExistsError:
            raise UsageError(f"{path} is there already; nothing is overwritten, choose an empty folder") from None
        self._cut = Cut(path, self._by, segment.interchange)
        if self._by != "interchange":
            self._cut.group = segment.group
            assert self._head is not None
            self._out.write(self._head.raw + self._head.newline)
        if self._by == "set":
            self._cut.set, self._cut.transaction = _set(segment, self._names)
            if self._group is not None:
                self._out.write(self._group.raw.lstrip(" \t\r\n") + segment.newline)

    def _write(self, segment: Segment) -> None:
        assert self._out is not None and self._cut is not None
        first = not self._cut.segments and self._by != "interchange"
        raw = segment.raw.lstrip(" \t\r\n\x00\x1a") if first else segment.raw
        self._out.write(raw)
        if not raw.rstrip("\r\n").endswith(segment.marks.terminator) and segment.marks.terminator not in "\r\n":
            self._out.write(segment.marks.terminator)
        self._cut.segments += 1

    def _envelope(self, *values: str) -> None:
        assert self._out is not None and self._head is not None
        marks = self._head.marks
        self._out.write(marks.element.join(values) + marks.terminator + self._head.newline)

    def _free(self, name: str) -> str:
        """Return a name that this run has not used: control numbers may come twice."""
        count, free = self._taken.get(name, 0) + 1, name
        while count > 1 and (free := f"{name}-{count}") in self._taken:
            count += 1
        self._taken[name] = count
        self._taken.setdefault(free, 1)
        return free


def _set(segment: Segment, names: Names) -> tuple[str, str]:
    """Return what a set or an object is called, and its number."""
    if segment.tag == names.package:
        return segment.tag, segment.element(names.number[segment.tag])
    return segment.set, segment.transaction


def _number(segment: Segment, index: int) -> str:
    """Return a control number as it was written, with what releases its separators."""
    begin, end = span(segment.text, segment.marks, index)
    return segment.text[begin:end]


def _safe(text: str) -> str:
    """Return a text as part of a file name: no path, no blanks, nothing hidden, not too long."""
    return _UNSAFE.sub("_", text).strip("._-")[:_LONGEST] or "x"
