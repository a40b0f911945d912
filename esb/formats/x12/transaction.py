"""One transaction set of X12 on its way through the reader: walked, kept, closed, and what it becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from esb.edge import Finding, Part
from esb.formats.edi.checks import check
from esb.formats.edi.control import printable
from esb.formats.edi.faults import Fault, errors
from esb.formats.edi.kept import Kept
from esb.formats.edi.units import Cut
from esb.formats.edi.walker import Walk
from esb.formats.x12.envelope import Group, Interchange, Verdict
from esb.formats.x12.envelope_checks import Wrong, at, se_faults, st_faults
from esb.formats.x12.framing import Run
from esb.formats.x12.options import Options
from esb.formats.x12.refusals import KEPT, sentence

_NO_CUTS: tuple[Cut, ...] = ()

STOPS = frozenset({"ISA", "GS", "ST", "SE", "GE", "IEA"})
"""Tags that end an open transaction set, whatever its guide says."""


class Transaction:
    """An open transaction set: its walk, its bytes, and its segments if they are carried without a guide."""

    __slots__ = (
        "_carried", "_decode", "_from", "_group", "_head", "_interchange", "_kept", "_lines", "_options",
        "guide", "name", "number", "unit", "walk",
    )  # fmt: skip
    walk: Walk

    def __init__(self, options: Options, interchange: Interchange, group: Group, decode: Any) -> None:
        self._options, self._interchange, self._group, self._decode = options, interchange, group, decode
        self._kept = Kept(options.limit if options.bind else 0)
        self._carried: list[str] | None = None
        self._from = 0
        self._head = b""
        self._lines: list[tuple[Cut, bytes]] = []
        self.unit = 0
        self.name = self.number = self.guide = ""

    def open(self, values: list[str], run: Run, index: int, begin: int) -> None:
        """Take the ST; `begin` = where it stands in the run's text."""
        group, options, self._from = self._group, self._options, begin
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
        self.walk = Walk(
            machine, group.known, STOPS, self._decode, options.tolerate, bind=options.bind, limits=options.limits
        )
        self.walk.context = (self._interchange.number, group.number, self.number)
        self.walk.open(run.segments[index], run.locate, index)
        self._check_header(values, supported)
        if not supported:
            self._carried = [run.segments[index]] if options.carry and options.bind else None

    def _check_header(self, values: list[str], supported: bool) -> None:
        walk = self.walk
        # an ST that its definition takes, of a set that there is, says all it must
        wrong = st_faults(self.name, self.number) if walk.faults or not supported else ()
        self._note("ST", wrong, values)
        if not supported and not any(element == 1 for _, element, _ in wrong):
            version = self._group.version[:20] or "?"
            text = f"there is no guide for set {self.name[:10]!r} in version {version!r}"
            walk.fault("set.unsupported", text, tag="ST", element=1)
        if not self._group.numbers.first_time(self.number):
            text = f"ST02 {self.number!r} comes twice in the group"
            walk.fault("set.duplicate", text, tag="ST", element=2, value=self.number)

    def _note(self, tag: str, wrong: Sequence[Wrong], values: Sequence[str]) -> None:
        """Note faults of ST or SE by the set's own codes; notes on those elements would say it twice."""
        if not wrong:
            return
        elements = {element for _, element, _ in wrong}
        self.walk.faults = [fault for fault in self.walk.faults if fault.tag != tag or fault.element not in elements]
        for code, element, text in wrong:
            self.walk.fault(code, text, tag=tag, element=element, value=at(values, element)[:100])

    def run(self, run: Run, index: int, known: tuple[int, int]) -> tuple[int, tuple[int, int]]:
        """Take segments from `index`; return the first that is not its own, and where a known one begins."""
        following = self.walk.run(run.segments, index, run.locate)
        if self._carried is not None and not self._kept.overfull:
            self._carried += run.segments[index:following]
        for cut in self.walk.units.take() if self.walk.units is not None else _NO_CUTS:
            known = (cut.index, run.begin(cut.index, known))
            self._cut(cut, run.text[self._from : known[1]])
            self._from = known[1]
        if self._options.bind and (self.walk.over or following < len(run.segments)):
            known = (following, run.begin(following, known))
            self._kept.take(run.text[self._from : known[1]])
            self._from = known[1]
        return following, known

    def _cut(self, cut: Cut, text: str) -> None:
        """Keep a line of a streamed set apart from the next."""
        self._kept.take(text)
        raw = self._kept.raw()
        self._kept.clear()
        if cut.number:
            self._lines.append((cut, raw))
        else:
            self._head = raw[:KEPT]

    def lines(self, headers: Mapping[str, str]) -> Iterator[Part]:
        """Give the lines that were read since the last call, each with what stands before the first of them."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        units, envelope = self.walk.units, self._envelope(headers)
        for cut, raw in lines:
            of_line = {**envelope, "edi_line": str(cut.number)}
            findings = tuple(fault.finding() for fault in cut.faults)
            if cut.line is not None and units is not None:
                yield Part({**units.header, "line": cut.line}, raw, findings=findings, envelope=of_line)
                continue
            faults = cut.faults if errors(cut.faults) else self.walk.faults
            label = f"ST {self.number}, line {cut.number}"
            yield Part(None, raw, sentence(faults, 0, label), findings or _findings(faults), of_line)

    def pause(self, run: Run) -> None:
        """Keep the rest of a run; the set goes on in the next."""
        if self._options.bind:
            self._kept.take(run.text[self._from :])
        self._from = 0
        if self._kept.overfull and self._options.bind:
            self.walk.failed = True
            self.walk.forget()
            self._carried = None

    def close(self, proper: bool) -> Verdict:
        """End it; `proper` = with an SE."""
        walk = self.walk
        if proper and walk.trailer != ["SE", str(walk.count), self.number]:
            self._note("SE", se_faults(walk.trailer, walk.count, self.number), walk.trailer)
        if walk.faults and any(fault.code == "set.number-bad" for fault in walk.faults):
            walk.faults = [fault for fault in walk.faults if fault.tag != "SE" or fault.code == "set.count"]
        walk.close()
        if not proper:
            walk.fault("set.no-trailer", f"set {self.number[:20] or '?'} ends without SE", tag="SE")
        if self._kept.overfull and self._options.bind:
            walk.fault("set.too-large", f"the set is larger than {self._options.limit} bytes; raise limit:")
        document, units = walk.finish(), walk.units
        if units is not None and units.number and self._options.bind:
            # the lines have gone their way, but they are still counted
            document = {**document, units.into: range(units.number)}
        if not walk.failed and self._options.bind:
            check(walk, document)
        noted = bool(walk.faults) and any(fault.severity == "warning" for fault in walk.faults)
        if units is not None and units.bad:
            noted = True
            walk.failed = walk.failed or self._options.reject != "set"
        code = "R" if walk.failed else "E" if noted else "A"
        return Verdict(self.name, self.number, code, walk.faults, self.guide)

    def part(self, verdict: Verdict, headers: Mapping[str, str]) -> Part | None:
        """Return what it becomes: a document, an exception with its bytes, or nothing.

        Nothing: its lines were given, or it is good and nobody wants documents.
        """
        walk = self.walk
        if verdict.code == "A" and not self._options.bind:
            return None
        envelope, findings = self._envelope(headers), _findings(walk.faults)
        raw = self._head + self._kept.raw()
        if verdict.code != "R":
            if walk.units is not None and walk.units.number:
                return None
            return Part(walk.document, raw, findings=findings, envelope=envelope, unit=self.unit)
        if self._carried is not None and not self._kept.overfull:
            return Part(self._plain(raw), raw, findings=findings, envelope=envelope)
        return Part(None, raw, sentence(walk.faults, walk.untold, f"ST {self.number}"), findings, envelope)

    def _envelope(self, headers: Mapping[str, str]) -> dict[str, str]:
        envelope = dict(headers)
        envelope["edi_set"], envelope["edi_transaction"] = printable(self.name), printable(self.number)
        return envelope

    def _plain(self, raw: bytes) -> dict[str, Any]:
        """Return a set that has no guide as a document: its segments, element by element, and its text."""
        assert self._carried is not None
        mark = self._interchange.marks.element
        segments = [self._decode(segment).split(mark) for segment in self._carried]
        text = self._decode(raw.decode("latin-1"))
        return {"set": self.name, "version": self._group.version, "segments": segments, "raw": text}


def _findings(faults: Sequence[Fault]) -> tuple[Finding, ...]:
    return tuple(fault.finding() for fault in faults) if faults else ()
