"""A file as its segments, one after another, each with where it stands: for those who look, cut or compare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

from esb.formats.edi.patterns import Marks
from esb.formats.x12.framing import Junk, Opened, Run
from esb.management.edi_files.dialects import Dialect

PIECE = 1 << 18


class Segment(Struct):
    """A segment: `text` without terminator, `raw` as it came with all around it (bytes as Latin-1 characters).

    `set` and the control numbers are those it stands under; `position` counts from 1 (ST or UNH), 0 outside of a set.
    """

    tag: str
    text: str
    raw: str
    marks: Marks
    offset: int
    line: int
    newline: str = ""
    interchange: str = ""
    group: str = ""
    kind: str = ""
    set: str = ""
    transaction: str = ""
    position: int = 0
    ordinal: int = 0

    def elements(self) -> list[str]:
        """Return its elements as they stand, the tag first."""
        return self.text.split(self.marks.element)

    def element(self, index: int) -> str:
        """Return one element, empty if it is not there."""
        found = self.elements()
        return found[index].strip() if index < len(found) else ""


def events(file: BinaryIO, dialect: Dialect) -> Iterator[Opened | Run | Junk]:
    """Give what a file is cut into, from where it stands to its end."""
    cutter = dialect.cutter()
    while piece := file.read(PIECE):
        yield from cutter.feed(piece)
    yield from cutter.feed(b"", True)


def header(opened: Opened, dialect: Dialect) -> str:
    """Return the segment that opened an interchange, as it came but for line ends."""
    return opened.marks.element.join([dialect.names.interchange, *opened.elements])


def segments(file: BinaryIO, dialect: Dialect) -> Iterator[Segment | Junk]:
    """Give every segment from where the file stands, and what is none."""
    under = _Under(dialect)
    marks: Marks | None = None
    newline = ""
    for event in events(file, dialect):
        if isinstance(event, Opened):
            marks, newline = event.marks, event.newline
            text = header(event, dialect)
            found = Segment(
                dialect.names.interchange, text, text + marks.terminator, marks, event.offset, event.line, newline
            )
            yield under.place(found)
        elif isinstance(event, Junk):
            yield event
        elif marks is not None:
            yield from (under.place(found) for found in _cut(event, marks, newline))


def _cut(run: Run, marks: Marks, newline: str) -> Iterator[Segment]:
    at = 0
    for index, text in enumerate(run.segments):
        reach = at + len(run.raw[index]) + run.width
        offset, line = run.locate(index)
        yield Segment(text.partition(marks.element)[0], text, run.text[at:reach], marks, offset, line, newline)
        at = reach


class _Under:
    """Keeps what segments stand under, as the envelopes open and close."""

    def __init__(self, dialect: Dialect) -> None:
        self._names = dialect.names
        self._interchange = self._group = self._kind = self._set = self._transaction = ""
        self._position = self._ordinal = 0

    def place(self, segment: Segment) -> Segment:
        """Say where a segment stands."""
        names, tag = self._names, segment.tag
        if tag == names.interchange:
            self._ordinal += 1
            self._interchange = segment.element(names.number[tag])
            self._group = self._kind = ""
            self._leave()
        elif tag == names.group:
            self._group, self._kind = segment.element(names.number[tag]), segment.element(1)
            self._leave()
        elif tag == names.set:
            self._set, self._transaction = segment.element(names.set_name), segment.element(names.number[tag])
            self._position = 0
        elif tag in (names.group_end, names.interchange_end):
            self._leave()
        if self._transaction and tag:
            self._position += 1
        segment.interchange, segment.group, segment.kind = self._interchange, self._group, self._kind
        segment.set, segment.transaction, segment.position = self._set, self._transaction, self._position
        segment.ordinal = self._ordinal
        if tag == names.set_end:
            self._leave()
        return segment

    def _leave(self) -> None:
        self._set = self._transaction = ""
        self._position = 0
