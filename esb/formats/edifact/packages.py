"""Objects within an interchange (UNO … UNP): bytes of any kind, cut by the length that UNO says, not by separators."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from esb.edge import Part
from esb.formats.edi.control import printable
from esb.formats.edi.faults import Fault
from esb.formats.edi.patterns import Marks
from esb.formats.edifact.envelope import Group, Interchange, Verdict, at
from esb.formats.edifact.refusals import WORDS
from esb.formats.edifact.service import FILLER, shield

_KEPT = 4096
_PATIENCE = 1 << 16
"""Characters behind the end that was said in which the true one is looked for."""
_TRAILER = 600


class Package(Struct):
    """One object: the elements of its UNO and UNP, its bytes (as characters), and what is wrong with it, if anything.

    `text` = all of it as it came.
    """

    uno: list[str]
    unp: list[str]
    data: str
    text: str
    size: int
    offset: int
    line: int
    fault: tuple[str, str] | None = None


class Packet:
    """An object on its way: feed it text until it is `done`. Over `limit` its bytes are counted, not kept."""

    def __init__(self, header: str, marks: Marks, limit: int, offset: int, line: int) -> None:
        self._header, self._marks, self._limit, self._place = header, marks, limit, (offset, line)
        self._uno = shield(header, marks).replace(FILLER, "").split(marks.element)[1:]
        said = (self._uno[3] if len(self._uno) > 3 else "").split(marks.component)[0]
        self._size = int(said) if said.isascii() and said.isdigit() and len(said) < 13 else -1
        mark, term = re.escape(marks.element), re.escape(marks.terminator)
        self._trailer = re.compile(rf"UNP{mark}([^{term}]{{1,{_TRAILER}}}){term}")
        self._pieces: list[str] = []
        self._have = self._dropped = 0
        self.done: Package | None = None
        self.back = ""
        """What was taken and does not belong to it."""

    def take(self, text: str, final: bool) -> None:
        """Take all of a text; look at `done` and `back` then."""
        self._pieces.append(text)
        self._have += len(text)
        if self._size > self._limit and self._have < self._size and not final:
            self._dropped = self._have
            self._pieces = []
            return
        if self._have < self._size + _TRAILER and not final and not self._ended(text):
            return
        held = "".join(self._pieces)
        end = max(self._size - self._dropped, 0)
        if self._size >= 0 and (match := self._trailer.match(held, end)):
            self._finish(held, end, match, None)
            return
        if self._have < self._size + _PATIENCE and not final:
            self._pieces = [held]
            return
        self._recover(held)

    def _ended(self, text: str) -> bool:
        return self._have >= self._size and self._marks.terminator in text[-max(self._have - self._size, 1) :]

    def _recover(self, held: str) -> None:
        """End it where a UNP stands, or behind its UNO if there is none."""
        match = self._trailer.search(held) if not self._dropped else None
        said = f"UNO says {self._size} bytes" if self._size >= 0 else "UNO says no length"
        if match is None:
            self._finish(held, 0, None, ("set.no-trailer", f"{said}, and no UNP stands behind them"))
        else:
            self._finish(held, match.start(), match, ("set.count", f"{said}, UNP stands behind {match.start()}"))

    def _finish(self, held: str, end: int, match: re.Match[str] | None, fault: tuple[str, str] | None) -> None:
        marks = self._marks
        unp = shield(match[1], marks).replace(FILLER, "").split(marks.element) if match else []
        close = match.end() if match else 0
        large = self._size > self._limit
        if large:
            fault = (
                "set.too-large",
                f"the object of {self._size} bytes is larger than {self._limit} bytes; raise limit:",
            )
        data = "" if large or match is None else held[:end]
        text = (self._header + marks.terminator + ("" if large else held[:close]))[: None if data else _KEPT]
        self.done = Package(self._uno, unp, data, text, end + self._dropped, *self._place, fault)
        self.back = held[close:]


def settled(
    package: Package, interchange: Interchange, group: Group | None, headers: Mapping[str, str]
) -> tuple[Verdict, Part]:
    """Return what becomes of an object: its bytes, or an exception if its length or its trailer is wrong."""
    marks = interchange.marks
    number = at(package.uno, 0, marks)
    faults = _faults(package, number, interchange, group)
    findings = tuple(fault.finding() for fault in faults)
    identifier = [at(package.uno, 1, marks, part) for part in (1, 2)]
    verdict = Verdict(number, identifier, "R" if faults else "A", faults, package=number or "0")
    error = WORDS.sentence(faults, 0, f"UNO {number[:20]}") if faults else ""
    body = None if faults else package.data.encode("latin-1")
    envelope = {**headers, "edi_set": "UNO", "edi_transaction": printable(number)}
    return verdict, Part(body, package.text.encode("latin-1"), error, findings, envelope)


def _faults(package: Package, number: str, interchange: Interchange, group: Group | None) -> list[Fault]:
    """Return what is wrong with an object: what was seen when it was cut, or else with what its UNP says."""
    place = package.offset, package.line
    context = interchange.number, group.number if group is not None else "", number
    if package.fault is not None:
        return [Fault(*package.fault, "error", *place, *context, tag="UNO")]
    said, closing = (at(package.unp, index, interchange.marks) for index in (0, 1))
    faults = []
    if said.strip() != str(package.size):
        text = f"UNP01 says {said[:20] or 'nothing'} bytes, there are {package.size}"
        faults.append(Fault("set.count", text, "error", *place, *context, tag="UNP", element=1))
    if closing.strip() != number.strip():
        text = f"UNP02 is {closing[:20]!r}, UNO01 is {number[:20]!r}"
        faults.append(Fault("set.number", text, "error", *place, *context, tag="UNP", element=2))
    return faults
