"""What a 997, 999, TA1 or CONTRL says, remark by remark: the one reader of acknowledgments, whatever holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from msgspec import Struct

from esb.management.edi_files.answer_words import words


class Line(Protocol):
    """A segment of an acknowledgment, from a file or a document. Elements count from 1; what is not there is empty."""

    @property
    def tag(self) -> str: ...

    def element(self, index: int) -> str:
        """Return one element."""
        ...

    def parts(self, index: int) -> Sequence[str]:
        """Return the components of an element, at least one."""
        ...


class Remark(Struct, kw_only=True):
    """One thing that an acknowledgment says. `level` as `Meaning.level`; `code` is theirs, `good` = nothing is wrong.

    `verdict`: it says what became of the whole, as do the `sets` of a group (`1 of 2 sets`); else it is a fault.
    `kind` and `group` name the functional group that it answers, `set` and `transaction` the set; `tag`, `position`,
    `element`, `component`, `repetition` the place in it, 0 = not said; `value` = what they quote.
    """

    level: str
    code: str
    text: str
    good: bool = False
    verdict: bool = False
    sets: str = ""
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


def remarks(found: Iterable[Line]) -> Iterator[Remark]:
    """Give what acknowledgments say, in order; other segments say nothing."""
    reading = _Reading()
    for line in found:
        yield from reading.take(line)


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

    def take(self, line: Line) -> Iterator[Remark]:
        """Give what one segment says."""
        tag = line.tag
        if tag == "TA1":
            yield from _technical(line)
        elif tag in _SERVICE:
            yield from self._service(line)
        elif tag == "AK1":
            self._kind, self._group = line.element(1), line.element(2)
            self._set = self._transaction = ""
        elif tag == "AK2":
            self._set, self._transaction = line.element(1), line.element(2)
        elif tag in ("AK3", "IK3"):
            self._tag, self._position = line.element(1), number(line.element(2))
            if (code := line.element(4)) not in ("", "8"):
                yield self._remark("segment", code)
        elif tag in ("AK4", "IK4"):
            yield self._remark("element", line.element(3), value=line.element(4), **_place(line.parts(1)))
        elif tag in ("AK5", "IK5"):
            yield from self._verdict(line, "set", 2)
            self._tag, self._position = "", 0
        elif tag == "AK9":
            self._set = self._transaction = ""
            yield from self._verdict(line, "group", 5)

    def _service(self, line: Line) -> Iterator[Remark]:
        """Give what a segment of a CONTRL says: of the interchange, a group, a message, a segment, or an element."""
        tag = line.tag
        if tag == "UCI":
            self._interchange = line.element(1)
            self._group = self._set = self._transaction = ""
        elif tag == "UCF":
            self._group, self._set, self._transaction = line.element(1), "", ""
        elif tag == "UCM":
            self._transaction, self._set = line.element(1), line.parts(2)[0]
        elif tag == "UCS":
            self._position = number(line.element(1))
            if code := line.element(2):
                yield self._remark("segment", code, words("service", code))
            return
        elif tag == "UCD":
            place, code = _place(line.parts(2)), line.element(1)
            place["element"] = max(place["element"] - 1, 0)  # they count the tag as 1
            yield self._remark("element", code, words("service", code), **place)
            return
        self._position = 0
        level, action = _SERVICE[tag]
        verdict, code = line.element(action), line.element(action + 1)
        # 8 says that it came, 4 that it or what is in it is refused
        good = verdict in ("1", "7", "8")
        yield self._remark(level, verdict, words("action", verdict), good=good, verdict=True)
        if code:
            yield self._remark(level, code, words("service", code))

    def _verdict(self, line: Line, level: str, codes: int) -> Iterator[Remark]:
        """Give the verdict that a trailer says, and its codes: five elements, from `codes` on."""
        self._tag, self._position = "", 0
        verdict = line.element(1)
        sets = f"{line.element(4) or '?'} of {line.element(3) or '?'} sets" if level == "group" else ""
        text = words("verdict", verdict) + (f": {sets}" if sets else "")
        yield self._remark(level, verdict, text, good=verdict == "A", verdict=True, sets=sets)
        for index in range(codes, codes + 5):
            if code := line.element(index):
                yield self._remark(level, code)

    def _remark(self, level: str, code: str, text: str = "", /, **said: Any) -> Remark:
        """Return a remark at the place where the reading is; `said` = the other fields of it."""
        if level in ("segment", "element"):
            said |= {"tag": self._tag, "position": self._position}
        return Remark(
            level=level,
            code=code,
            text=text or words(level, code),
            interchange=self._interchange,
            kind=self._kind,
            group=self._group,
            set=self._set,
            transaction=self._transaction,
            **said,
        )


def _place(parts: Sequence[str]) -> dict[str, int]:
    return dict(zip(("element", "component", "repetition"), (number(part) for part in [*parts, "", ""]), strict=False))


def _technical(line: Line) -> Iterator[Remark]:
    verdict, note, about = line.element(4), line.element(5), line.element(1)
    text = words("verdict", verdict)
    yield Remark(level="interchange", code=verdict, text=text, good=verdict == "A", verdict=True, interchange=about)
    if note not in ("", "000"):
        yield Remark(level="interchange", code=note, text=words("interchange", note), interchange=about)


def number(text: str) -> int:
    """Return a number of theirs, 0 if it is none."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 15 else 0
