"""Reads an acknowledgment beside what it answers: `element 3 of segment 8` becomes the value that was sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from msgspec import Struct

from esb.formats.edi.patterns import Marks
from esb.formats.x12.framing import Junk
from esb.management.edi_files.answer_words import words
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
    line: int = 0
    sent: str = ""
    lost: str = ""


def remarks(found: Iterable[Segment | Junk]) -> Iterator[Remark]:
    """Give what the acknowledgments in a file say, in order; other segments say nothing."""
    reading = _Reading()
    for segment in found:
        if not isinstance(segment, Junk):
            yield from reading.take(segment)


class _Reading:
    """Keeps which group, set and segment an acknowledgment is at."""

    def __init__(self) -> None:
        self._kind = self._group = self._set = self._transaction = self._tag = ""
        self._position = 0

    def take(self, segment: Segment) -> Iterator[Remark]:
        """Give what one segment says."""
        tag = segment.tag
        if tag == "TA1":
            yield from _technical(segment)
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
        self._groups: dict[tuple[str, str], Segment] = {}
        self._sets: dict[tuple[str, str, str], dict[int, Segment | None]] = {}
        for remark in found:
            if remark.transaction:
                places = self._sets.setdefault(_set_key(remark.kind, remark.group, remark.transaction), {1: None})
                places.setdefault(remark.position or 1, None)

    def read(self, file: BinaryIO, dialect: Dialect) -> None:
        """Read the original, and keep what was asked for."""
        names = dialect.names
        for segment in segments(file, dialect):
            if isinstance(segment, Junk):
                continue
            if segment.tag == names.interchange:
                self._interchanges.setdefault(_plain(segment.interchange), segment)
            elif segment.tag == names.group:
                self._groups.setdefault((segment.kind, _plain(segment.group)), segment)
            elif segment.transaction:
                places = self._sets.get(_set_key(segment.kind, segment.group, segment.transaction))
                if places is not None and segment.position in places and places[segment.position] is None:
                    places[segment.position] = segment

    def resolve(self, remark: Remark) -> Resolved:
        """Return a remark beside what was sent."""
        if remark.level == "interchange":
            found = self._interchanges.get(_plain(remark.interchange))
            return _beside(remark, found, f"interchange {remark.interchange}")
        label = f"group {remark.kind} {remark.group}"
        group = self._groups.get((remark.kind, _plain(remark.group)))
        if group is None or not remark.transaction:
            return _beside(remark, group, label)
        places = self._sets.get(_set_key(remark.kind, remark.group, remark.transaction), {})
        if places.get(1) is None:
            return _beside(remark, None, f"set {remark.set} {remark.transaction}")
        position = remark.position or 1
        return _beside(remark, places.get(position), f"segment {position}")


def _beside(remark: Remark, found: Segment | None, label: str) -> Resolved:
    if found is None:
        return Resolved(remark, lost=f"{label} is not in the original")
    lost = ""
    if remark.tag and remark.tag != found.tag and remark.level == "element":
        lost = f"they speak of {remark.tag}, but segment {remark.position} is {found.tag}"
    sent = found.element(remark.element) if remark.element else ""
    repeats = sent.split(found.marks.repetition) if found.marks.repetition and remark.repetition else [sent]
    sent = repeats[remark.repetition - 1] if 0 < remark.repetition <= len(repeats) else sent
    if remark.component:
        parts = sent.split(found.marks.component)
        sent = parts[remark.component - 1] if remark.component <= len(parts) else ""
    return Resolved(remark, found.text, found.marks, found.line, sent, lost)


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


def _set_key(kind: str, group: str, transaction: str) -> tuple[str, str, str]:
    return kind, _plain(group), transaction.strip()


def _plain(number: str) -> str:
    """Return a control number without leading zeros: they are equal as numbers."""
    return number.strip().lstrip("0") or "0"
