"""Reads an acknowledgment beside what it answers: `element 3 of segment 8` becomes the value that was sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, TypeAlias

from msgspec import Struct

from esb.formats.edi.patterns import Marks
from esb.management.edi_files.answer_words import words
from esb.management.edi_files.carets import span
from esb.management.edi_files.cuts import Skipped
from esb.management.edi_files.dialects import Dialect
from esb.management.edi_files.segments import Segment, segments

MOST_REMARKS = 100_000


class Remark(Struct, kw_only=True):
    """One thing that an acknowledgment says. `level` as `Meaning.level`; `code` is theirs, `good` = nothing is wrong.

    `kind` and `group` name the functional group that it answers, `set` and `transaction` the set; `tag`, `position`,
    `element`, `component`, `repetition` the place in it, 0 = not said; `value` = what they quote.
    """

    level: str
    code: str
    text: str
    good: bool = False
    interchange: str = ""
    kind: str = ""
    group: str = ""
    set: str = ""
    transaction: str = ""
    tag: str = ""
    position: int = 0
    element: int = 0
    component: int = 0
    repetition: int = 0
    value: str = ""


class Resolved(Struct):
    """A remark beside the segment that was sent, as Latin-1 characters; `lost` says why there is none."""

    remark: Remark
    text: str = ""
    marks: Marks | None = None
    codec: str = ""
    line: int = 0
    sent: str = ""
    lost: str = ""


def remarks(found: Iterable[Segment | Skipped]) -> Iterator[Remark]:
    """Give what the acknowledgments in a file say, in order; other segments say nothing."""
    reading = _Reading()
    for segment in found:
        if not isinstance(segment, Skipped):
            yield from reading.take(segment)


_SERVICE = {
    "UCI": ("interchange", 4),
    "UCF": ("group", 4),
    "UCM": ("set", 3),
    "UCS": ("segment", 0),
    "UCD": ("element", 0),
}
"""Segments of a CONTRL: what they speak of, and at which element they say what became of it."""


class _Reading:
    """Keeps which group, set and segment an acknowledgment is at."""

    def __init__(self) -> None:
        self._kind = self._group = self._set = self._transaction = self._tag = ""
        self._interchange = ""
        self._position = 0

    def take(self, segment: Segment) -> Iterator[Remark]:
        """Give what one segment says."""
        tag = segment.tag
        if tag == "TA1":
            yield from _technical(segment)
        elif tag in _SERVICE:
            yield from self._service(segment)
        elif tag == "AK1":
            self._kind, self._group = segment.element(1), segment.element(2)
            self._set = self._transaction = ""
        elif tag == "AK2":
            self._set, self._transaction = segment.element(1), segment.element(2)
        elif tag in ("AK3", "IK3"):
            self._tag, self._position = segment.element(1), _number(segment.element(2))
            if (code := segment.element(4)) not in ("", "8"):
                yield self._remark("segment", code)
        elif tag in ("AK4", "IK4"):
            where = segment.element(1).split(segment.marks.component)
            element, component, repetition = (_number(part) for part in [*where, "", "", ""][:3])
            yield self._remark("element", segment.element(3), segment.element(4), element, component, repetition)
        elif tag in ("AK5", "IK5"):
            yield from self._verdict(segment, "set", segment.elements()[2:])
            self._tag, self._position = "", 0
        elif tag == "AK9":
            self._set = self._transaction = ""
            yield from self._verdict(segment, "group", segment.elements()[5:])

    def _service(self, segment: Segment) -> Iterator[Remark]:
        """Give what a segment of a CONTRL says: of the interchange, a group, a message, a segment, or an element."""
        tag = segment.tag
        if tag == "UCI":
            self._interchange = segment.element(1)
            self._group = self._set = self._transaction = ""
        elif tag == "UCF":
            self._group, self._set, self._transaction = segment.element(1), "", ""
        elif tag == "UCM":
            self._transaction, self._set = segment.element(1), segment.parts(2)[0]
        elif tag == "UCS":
            self._position = _number(segment.element(1))
            if code := segment.element(2):
                yield self._remark("segment", code, text=words("service", code))
            return
        elif tag == "UCD":
            place = [_number(part) for part in [*segment.parts(2), "", ""][:3]]
            code = segment.element(1)
            at = max(place[0] - 1, 0)  # they count the tag as 1
            yield self._remark("element", code, "", at, place[1], place[2], text=words("service", code))
            return
        self._position = 0
        level, action = _SERVICE[tag]
        verdict, code = segment.element(action), segment.element(action + 1)
        # 8 says that it came, 4 that it or what is in it is refused
        yield self._remark(level, verdict, text=words("action", verdict), good=verdict in ("1", "7", "8"))
        if code:
            yield self._remark(level, code, text=words("service", code))

    def _verdict(self, segment: Segment, level: str, codes: Iterable[str]) -> Iterator[Remark]:
        self._tag, self._position = "", 0
        verdict = segment.element(1)
        text = words("verdict", verdict)
        if level == "group":
            text += f": {segment.element(4) or '?'} of {segment.element(3) or '?'} sets"
        yield self._remark(level, verdict, text=text, good=verdict == "A")
        for code in codes:
            if code.strip():
                yield self._remark(level, code.strip())

    def _remark(
        self, level: str, code: str, value: str = "", *place: int, text: str = "", good: bool = False
    ) -> Remark:
        element, component, repetition = (*place, 0, 0, 0)[:3]
        inside = level in ("segment", "element")
        return Remark(
            level=level,
            code=code,
            text=text or words(level, code),
            good=good,
            interchange=self._interchange,
            kind=self._kind,
            group=self._group,
            set=self._set,
            transaction=self._transaction,
            tag=self._tag if inside else "",
            position=self._position if inside else 0,
            element=element,
            component=component,
            repetition=repetition,
            value=value,
        )


def _technical(segment: Segment) -> Iterator[Remark]:
    verdict, note = segment.element(4), segment.element(5)
    number = segment.element(1)
    text = words("verdict", verdict)
    yield Remark(level="interchange", code=verdict, text=text, good=verdict == "A", interchange=number)
    if note not in ("", "000"):
        yield Remark(level="interchange", code=note, text=words("interchange", note), interchange=number)


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


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
    for remark in remarks(segments(answer, theirs)):
        if len(said) >= MOST_REMARKS:
            break
        said.append(remark)
    wanted = Wanted(said)
    wanted.read(original, ours)
    return [wanted.resolve(remark) for remark in said]


def _plain(number: str) -> str:
    """Return a control number without leading zeros: they are equal as numbers."""
    return number.strip().lstrip("0")
