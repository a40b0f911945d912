"""A file as its segments, one after another, each with where it stands: for those who look, cut or compare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

from esb.formats.edi.patterns import RELEASED_CHARACTERS, Marks
from esb.management.edi_files.carets import readable
from esb.management.edi_files.cuts import Event, Opening, Piece, Skipped
from esb.management.edi_files.dialects import Dialect

PIECE = 1 << 18


class Segment(Struct):
    """A segment: `text` without terminator, `raw` as it came with all around it (bytes as Latin-1 characters).

    `set` and the control numbers are those it stands under; `position` counts from 1 (ST or UNH), 0 outside of a set.
    `cooked` is ready to be split; `codec` = how its bytes are read, if somebody said so.
    """

    tag: str
    text: str
    raw: str
    cooked: str
    marks: Marks
    codec: str
    offset: int
    line: int
    newline: str = ""
    interchange: str = ""
    group: str = ""
    kind: str = ""
    set: str = ""
    transaction: str = ""
    position: int = 0

    def elements(self) -> list[str]:
        """Return its elements, the tag first, with released separators as themselves."""
        found = self.cooked.split(self.marks.element)
        return found if self.cooked.isascii() else [value.translate(RELEASED_CHARACTERS) for value in found]

    def element(self, index: int) -> str:
        """Return one element without blanks around it, empty if it is not there."""
        found = self.elements()
        return found[index].strip() if index < len(found) else ""

    def parts(self, index: int) -> list[str]:
        """Return the components of an element, of its first occurrence if it has several."""
        found = self.cooked.split(self.marks.element)
        value = found[index] if index < len(found) else ""
        if self.marks.repetition:
            value = value.partition(self.marks.repetition)[0]
        return [part.translate(RELEASED_CHARACTERS).strip() for part in value.split(self.marks.component)]

    @property
    def shown(self) -> str:
        """The segment as people read it."""
        return readable(self.text, self.codec)


def events(file: BinaryIO, dialect: Dialect) -> Iterator[Event]:
    """Give what a file is cut into, from where it stands to its end."""
    cutter = dialect.cutter()
    while piece := file.read(PIECE):
        yield from cutter.feed(piece)
    yield from cutter.feed(b"", True)


def segments(file: BinaryIO, dialect: Dialect) -> Iterator[Segment | Skipped]:
    """Give every segment from where the file stands, and what is none."""
    under = _Under(dialect)
    for event in events(file, dialect):
        if isinstance(event, Opening):
            yield under.open(event)
        elif isinstance(event, Skipped):
            yield event
        else:
            for piece in event.pieces():
                yield under.place(piece)


class _Under:
    """Keeps what segments stand under, as the envelopes open and close."""

    def __init__(self, dialect: Dialect) -> None:
        self._names = dialect.names
        self._head: Opening | None = None
        self._interchange = self._group = self._kind = self._set = self._transaction = ""
        self._position = 0

    def open(self, found: Opening) -> Segment:
        """Return the header of an interchange."""
        self._head, self._interchange = found, found.number
        self._group = self._kind = ""
        self._leave()
        return self._segment(self._names.interchange, found)

    def place(self, piece: Piece) -> Segment:
        """Return a segment that says where it stands."""
        assert self._head is not None
        names, tag = self._names, piece.cooked.partition(self._head.marks.element)[0]
        segment = self._segment(tag, piece)
        if tag == names.group:
            self._group = segment.element(names.number[tag])
            self._kind = segment.element(1) if names.kinds else ""
            self._leave()
        elif tag == names.set:
            self._set, self._transaction = segment.parts(names.set_name)[0], segment.element(names.number[tag])
            self._position = 0
        elif tag in (names.group_end, names.interchange_end):
            self._leave()
        if self._set and tag:
            self._position += 1
        segment.group, segment.kind = self._group, self._kind
        segment.set, segment.transaction, segment.position = self._set, self._transaction, self._position
        if tag == names.set_end:
            self._leave()
        elif tag == names.group_end:
            self._group = self._kind = ""
        return segment

    def _segment(self, tag: str, found: Opening | Piece) -> Segment:
        head = self._head
        assert head is not None
        return Segment(
            tag=tag,
            text=found.text,
            raw=found.raw,
            cooked=found.cooked,
            marks=head.marks,
            codec=head.codec,
            offset=found.offset,
            line=found.line,
            newline=head.newline,
            interchange=self._interchange,
        )

    def _leave(self) -> None:
        self._set = self._transaction = ""
        self._position = 0
