"""One transaction set of X12 on its way through the reader: walked, kept, closed, and what it becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from esb.edge import Part
from esb.formats.edi.control import printable
from esb.formats.edi.grammar import Use
from esb.formats.edi.ongoing import Ongoing
from esb.formats.edi.walker import Walk
from esb.formats.x12.envelope import Group, Interchange, Verdict
from esb.formats.x12.envelope_checks import at, se_faults, st_faults
from esb.formats.x12.framing import Run
from esb.formats.x12.options import Options
from esb.formats.x12.refusals import WORDS

STOPS = frozenset({"ISA", "GS", "ST", "SE", "GE", "IEA"})
"""Tags that end an open transaction set, whatever its guide says."""


class Transaction:
    """An open transaction set: what its header says of it, and what it becomes."""

    __slots__ = (
        "_begins", "_decode", "_group", "_interchange", "_ongoing", "_options", "guide", "name", "number", "unit",
        "walk",
    )  # fmt: skip
    walk: Walk
    _ongoing: Ongoing

    def __init__(self, options: Options, interchange: Interchange, group: Group, decode: Any) -> None:
        self._options, self._interchange, self._group, self._decode = options, interchange, group, decode
        self.unit = 0
        self.name = self.number = self.guide = self._begins = ""

    def open(self, values: list[str], run: Run, index: int, begin: int) -> None:
        """Take the ST; `begin` = where it stands in the run's text."""
        group, options = self._group, self._options
        self.name, self.number, self.guide = at(values, 1), at(values, 2), at(values, 3)
        marks = self._interchange.marks
        if self.name not in group.machines and len(group.machines) < 100:
            known = options.machine(self.name, group.version, marks) if group.known else None
            group.machines[self.name] = known
        machine = group.machines.get(self.name)
        supported = machine is not None
        if machine is None:
            machine = options.machine("", group.version, marks)
            assert machine is not None
        self.walk = Walk(machine, group.known, STOPS, self._decode, bind=options.bind, limits=options.limits)
        self.walk.tolerate = options.tolerate
        self.walk.context = (self._interchange.number, group.number, self.number)
        self.walk.open(run.segments[index], run.locate, index)
        alone = None if supported else run.segments[index]
        self._ongoing = Ongoing(WORDS, options, self.walk, begin, alone, keep=options.bind)
        self._check_header(values, supported)

    def _check_header(self, values: list[str], supported: bool) -> None:
        walk = self.walk
        # an ST that its definition takes, of a set that there is, says all it must
        wrong = st_faults(self.name, self.number) if walk.faults or not supported else ()
        if wrong:
            self._ongoing.note("ST", wrong, lambda element: at(values, element))
        if not supported and not any(element == 1 for _, element, _ in wrong):
            version = self._group.version[:20] or "?"
            text = f"there is no guide for set {self.name[:10]!r} in version {version!r}"
            walk.fault("set.unsupported", text, tag="ST", element=1)
        if not self._group.numbers.first_time(self.number):
            text = f"ST02 {self.number!r} comes twice in the group"
            walk.fault("set.duplicate", text, tag="ST", element=2, value=self.number)

    def run(self, run: Run, index: int, known: tuple[int, int]) -> tuple[int, tuple[int, int]]:
        """Take segments from `index`; return the first that is not its own, and where a known one begins."""
        if not self._begins and self._options.acknowledge == "999":
            self._begins = run.segments[index]
        return self._ongoing.run(run, index, known)

    def lines(self, headers: Mapping[str, str]) -> Iterator[Part]:
        """Give the lines that were read since the last call, each with what stands before the first of them."""
        return self._ongoing.lines(self._envelope(headers))

    def pause(self, run: Run) -> None:
        """Keep the rest of a run; the set goes on in the next."""
        self._ongoing.pause(run)

    def close(self, proper: bool) -> Verdict:
        """End it; `proper` = with an SE."""
        walk = self.walk
        if proper and walk.trailer != ["SE", str(walk.count), self.number]:
            wrong = se_faults(walk.trailer, walk.count, self.number)
            self._ongoing.note("SE", wrong, lambda element: at(walk.trailer, element))
        if walk.faults and any(fault.code == "set.number-bad" for fault in walk.faults):
            walk.faults = [fault for fault in walk.faults if fault.tag != "SE" or fault.code == "set.count"]
        code = self._ongoing.close(proper)
        business = self._business() if code != "A" and self._begins else ("", "")
        return Verdict(self.name, self.number, code, walk.faults, self.guide, business)

    def _business(self) -> tuple[str, str]:
        """Return where the first segment says the number of the document, and the number."""
        machine, mark = self._group.machines.get(self.name), self._interchange.marks.element
        first = next(iter(machine.guide.body), None) if machine is not None else None
        if not isinstance(first, Use) or not self._begins.startswith(first.tag + mark):
            return "", ""
        places: dict[str, int] = {}
        position = 1
        for item in first.segment.items:
            if item.name == "shipment" or (item.name == "number" and item.must):
                places[item.name] = position
            position += 2 * item.pairs or 1
        place = places.get("number") or places.get("shipment", 0)
        values = self._begins.split(mark)
        return (f"{first.tag}{place:02d}", at(values, place).strip()) if place else ("", "")

    def part(self, verdict: Verdict, headers: Mapping[str, str]) -> Part | None:
        """Return what it becomes: a document, an exception with its bytes, or nothing.

        Nothing: its lines were given, or it is good and nobody wants documents.
        """
        if verdict.code == "A" and not self._options.bind:
            return None
        return self._ongoing.part(verdict.code, self._envelope(headers), self._plain, self.unit)

    def _envelope(self, headers: Mapping[str, str]) -> dict[str, str]:
        envelope = dict(headers)
        envelope["edi_set"], envelope["edi_transaction"] = printable(self.name), printable(self.number)
        return envelope

    def _plain(self, carried: list[str], raw: bytes) -> dict[str, Any]:
        """Return a set that has no guide as a document: its segments, element by element, and its text."""
        mark = self._interchange.marks.element
        segments = [self._decode(segment).split(mark) for segment in carried]
        text = self._decode(raw.decode("latin-1"))
        return {"set": self.name, "version": self._group.version, "segments": segments, "raw": text}
