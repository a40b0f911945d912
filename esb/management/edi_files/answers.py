"""Reads an acknowledgment beside what it answers: `element 3 of segment 8` becomes the value that was sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, TypeAlias

from msgspec import Struct

from esb.formats.edi.patterns import Marks
from esb.management.edi_files.carets import span
from esb.management.edi_files.cuts import Skipped
from esb.management.edi_files.dialects import Dialect
from esb.management.edi_files.remarks import Remark, remarks
from esb.management.edi_files.segments import Segment, segments

MOST_REMARKS = 100_000


class Resolved(Struct):
    """A remark beside the segment that was sent, as Latin-1 characters; `lost` says why there is none."""

    remark: Remark
    text: str = ""
    marks: Marks | None = None
    codec: str = ""
    line: int = 0
    sent: str = ""
    lost: str = ""


class Wanted:
    """Segments of the original that are wanted, kept while it is read once."""

    def __init__(self, found: Iterable[Remark]) -> None:
        self._interchanges: dict[str, Segment] = {}
        self._groups: dict[_Key, Segment] = {}
        self._sets: dict[tuple[_Key, str], dict[int, Segment | None]] = {}
        for remark in found:
            if remark.transaction:
                places = self._sets.setdefault((_group_of(remark), remark.transaction), {1: None})
                places.setdefault(remark.position or 1, None)

    def read(self, file: BinaryIO, dialect: Dialect) -> None:
        """Read the original, and keep what was asked for."""
        names = dialect.names
        for segment in segments(file, dialect):
            if isinstance(segment, Skipped):
                continue
            # X12 numbers groups of a partner, EDIFACT messages of an interchange: a 997 does not name the interchange
            key = ("" if names.kinds else _plain(segment.interchange), segment.kind, _plain(segment.group))
            if segment.tag == names.interchange:
                self._interchanges.setdefault(_plain(segment.interchange), segment)
            elif segment.tag == names.group:
                self._groups.setdefault(key, segment)
            elif segment.set:
                places = self._sets.get((key, segment.transaction))
                if places is not None and segment.position in places and places[segment.position] is None:
                    places[segment.position] = segment

    def resolve(self, remark: Remark) -> Resolved:
        """Return a remark beside what was sent."""
        if remark.level == "interchange":
            found = self._interchanges.get(_plain(remark.interchange))
            return _beside(remark, found, f"interchange {remark.interchange}")
        if not remark.transaction:
            return _beside(remark, self._groups.get(_group_of(remark)), f"group {remark.kind} {remark.group}")
        places = self._sets.get((_group_of(remark), remark.transaction), {})
        if places.get(1) is None:
            return _beside(remark, None, f"set {remark.set} {remark.transaction}")
        position = remark.position or 1
        return _beside(remark, places.get(position), f"segment {position}")


_Key: TypeAlias = tuple[str, str, str]
"""Interchange, type of group, group: empty where it is not said."""


def _group_of(remark: Remark) -> _Key:
    return _plain(remark.interchange), remark.kind, _plain(remark.group)


def _beside(remark: Remark, found: Segment | None, label: str) -> Resolved:
    if found is None:
        return Resolved(remark, lost=f"{label} is not in the original")
    lost = ""
    if remark.tag and remark.tag != found.tag and remark.level == "element":
        lost = f"they speak of {remark.tag}, but segment {remark.position} is {found.tag}"
    return Resolved(remark, found.text, found.marks, found.codec, found.line, _sent(remark, found), lost)


def _sent(remark: Remark, found: Segment) -> str:
    """Return the value that stood where a remark points, as it was written."""
    if not remark.element:
        return ""
    begin, end = span(found.text, found.marks, remark.element)
    value = found.text[begin:end]
    if found.marks.repetition and remark.repetition:
        repeats = value.split(found.marks.repetition)
        value = repeats[remark.repetition - 1] if remark.repetition <= len(repeats) else value
    if remark.component:
        begin, end = span(f"x{found.marks.element}{value}", found.marks, 1, remark.component)
        value = f"x{found.marks.element}{value}"[begin:end]
    return value


def explain(answer: BinaryIO, theirs: Dialect, original: BinaryIO, ours: Dialect) -> list[Resolved]:
    """Return what an acknowledgment says, each remark beside the segment of the original that it means.

    At most MOST_REMARKS are read; both files stand at their beginning.
    """
    said: list[Remark] = []
    found = (segment for segment in segments(answer, theirs) if not isinstance(segment, Skipped))
    for remark in remarks(found):
        if len(said) >= MOST_REMARKS:
            break
        said.append(remark)
    wanted = Wanted(said)
    wanted.read(original, ours)
    return [wanted.resolve(remark) for remark in said]


def _plain(number: str) -> str:
    """Return a control number without leading zeros: they are equal as numbers."""
    return number.strip().lstrip("0")
