"""One message of EDIFACT on its way through the reader: walked, kept, closed, and what it becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from esb.edge import Part
from esb.formats.edi.control import printable
from esb.formats.edi.machine import Machine
from esb.formats.edi.ongoing import Ongoing
from esb.formats.edi.walker import Walk
from esb.formats.edifact.charsets import decoded
from esb.formats.edifact.envelope import Group, Interchange, Level, Verdict, at, plain
from esb.formats.edifact.envelope_checks import unh_faults, unt_faults
from esb.formats.edifact.options import Options
from esb.formats.edifact.refusals import WORDS
from esb.formats.edifact.run import Run

STOPS = frozenset({"UNA", "UNB", "UNG", "UNH", "UNT", "UNE", "UNZ", "UNO"})
"""Tags that end an open message, whatever its guide says."""


class Message:
    """An open message: what its header says of it, and what it becomes."""

    __slots__ = ("_group", "_interchange", "_ongoing", "_options", "identifier", "name", "number", "version", "walk")
    walk: Walk
    _ongoing: Ongoing

    def __init__(self, options: Options, interchange: Interchange, group: Group | None) -> None:
        self._options, self._interchange, self._group = options, interchange, group
        self.name = self.number = self.version = ""
        self.identifier: list[str] = []

    def open(self, values: list[str], run: Run, index: int, begin: int) -> None:
        """Take the UNH; `begin` = where it stands in the run's text."""
        options, marks = self._options, self._interchange.marks
        self.number = at(values, 1, marks)
        identifier = values[2] if len(values) > 2 else ""
        parts = identifier.split(marks.component)
        self.identifier = parts if identifier.isascii() else [plain(part) for part in parts]
        self.name = self.identifier[0]
        self.version = "".join(self.identifier[1:3]).replace(" ", "")
        machine, supported, known = self._machine()
        self.walk = Walk(
            machine, known, STOPS, _same, bind=options.bind, limits=options.limits,
        )  # fmt: skip
        self.walk.tolerate = options.tolerate
        self.walk.allowed = self._interchange.charset.allowed if self._interchange.charset is not None else None
        group = self._group.number if self._group is not None else ""
        self.walk.context = (self._interchange.number, group, self.number)
        self.walk.open(run.segments[index], run.locate, index)
        alone = None if supported else run.segments[index]
        self._ongoing = Ongoing(WORDS, options, self.walk, begin, alone, keep=True)
        self._check_header(values, supported)

    def _machine(self) -> tuple[Machine, bool, frozenset[str]]:
        """Return the compiled guide, or one that only counts; whether it is the guide; the tags of the directory."""
        interchange, options = self._interchange, self._options
        agency = self.identifier[3].strip() if len(self.identifier) > 3 else ""
        key = self.name, self.version, agency
        found = interchange.machines.get(key)
        if found is None:
            syntax, marks = interchange.syntax, interchange.marks
            guide = options.machine(self.name, self.version, syntax, marks) if agency in ("UN", "") else None
            machine = guide or options.machine("", self.version, syntax, marks)
            assert machine is not None
            found = machine, guide is not None, options.known(self.version)
            if len(interchange.machines) < 100:
                interchange.machines[key] = found
        return found

    def _check_header(self, values: list[str], supported: bool) -> None:
        walk, wrong = self.walk, unh_faults(self.number, self.identifier)
        if wrong:
            self._ongoing.note("UNH", wrong, _shown(values))
        if not supported and not any(element == 2 for _, element, _ in wrong):
            text = f"there is no guide for message {':'.join(self.identifier)[:40]!r}"
            walk.fault("set.unsupported", text, tag="UNH", element=2)
        level: Level = self._group if self._group is not None else self._interchange
        if not level.numbers.first_time(self.number):
            where = "group" if self._group is not None else "interchange"
            text = f"UNH01 {self.number[:20]!r} comes twice in the {where}"
            walk.fault("set.duplicate", text, tag="UNH", element=1, value=self.number[:100])

    def run(self, run: Run, index: int, known: tuple[int, int]) -> tuple[int, tuple[int, int]]:
        """Take segments from `index`; return the first that is not its own, and where a known one begins."""
        return self._ongoing.run(run, index, known)

    def lines(self, headers: Mapping[str, str]) -> Iterator[Part]:
        """Give the lines that were read since the last call, each with what stands before the first of them."""
        return self._ongoing.lines(self._envelope(headers))

    def pause(self, run: Run) -> None:
        """Keep the rest of a run; the message goes on in the next."""
        self._ongoing.pause(run)

    def close(self, proper: bool) -> Verdict:
        """End it; `proper` = with a UNT."""
        walk = self.walk
        # a UNT that says exactly what it should needs no closer look
        if proper and not (self.number.isalnum() and walk.trailer == ["UNT", str(walk.count), self.number]):
            wrong = unt_faults(walk.trailer, walk.count, self.number, self._interchange.marks)
            self._ongoing.note("UNT", wrong, _shown(walk.trailer))
        code = self._ongoing.close(proper)
        return Verdict(self.number, self.identifier, code, walk.faults)

    def part(self, verdict: Verdict, headers: Mapping[str, str]) -> Part | None:
        """Return what it becomes: a document, an exception with its bytes, or nothing if its lines were given."""
        return self._ongoing.part(verdict.code, self._envelope(headers), self._plain)

    def _envelope(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {
            **headers,
            "edi_set": printable(self.name),
            "edi_version": printable(self.version),
            "edi_transaction": printable(self.number),
        }

    def _plain(self, carried: list[str], raw: bytes) -> dict[str, Any]:
        """Return a message that has no guide as a document: its segments, element by element, and its text."""
        assert self._interchange.charset is not None
        marks = self._interchange.marks
        segments = [[_element(value, marks.component) for value in segment.split(marks.element)] for segment in carried]
        text = decoded(raw.decode("latin-1"), self._interchange.charset)
        return {"set": self.name, "version": self.version, "segments": segments, "raw": text}


def _element(value: str, component: str) -> str | list[str]:
    """Return an element of a carried segment: a text, or a list of components."""
    parts = [plain(part) for part in value.split(component)]
    return parts if len(parts) > 1 else parts[0]


def _shown(values: Sequence[str]) -> Callable[[int], str]:
    """Return what gives an element as characters; empty where there is none."""
    return lambda element: plain(values[element]) if element < len(values) else ""


def _same(text: str) -> str:
    # a run is decoded as a whole
    return text
