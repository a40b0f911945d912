"""One message of EDIFACT on its way through the reader: walked, kept, closed, and what it becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from esb.edge import Finding, Part
from esb.formats.edi.checks import check
from esb.formats.edi.control import printable
from esb.formats.edi.faults import Fault, errors
from esb.formats.edi.kept import Kept
from esb.formats.edi.machine import Machine
from esb.formats.edi.units import Cut
from esb.formats.edi.walker import Walk
from esb.formats.edifact.charsets import decoded
from esb.formats.edifact.envelope import Group, Interchange, Level, Verdict, at, plain
from esb.formats.edifact.envelope_checks import Wrong, unh_faults, unt_faults
from esb.formats.edifact.options import Options
from esb.formats.edifact.refusals import KEPT, sentence
from esb.formats.edifact.run import Run

STOPS = frozenset({"UNA", "UNB", "UNG", "UNH", "UNT", "UNE", "UNZ", "UNO"})
"""Tags that end an open message, whatever its guide says."""


class Message:
    """An open message: its walk, its bytes, and its segments if they are carried without a guide."""

    def __init__(self, options: Options, interchange: Interchange, group: Group | None) -> None:
        self._options, self._interchange, self._group = options, interchange, group
        self._kept = Kept(options.limit if options.bind else 0)
        self._carried: list[str] | None = None
        self._from = 0
        self._head = b""
        self._lines: list[tuple[Cut, bytes]] = []
        self.walk: Walk
        self.number = self.version = ""
        self.identifier: list[str] = []

    @property
    def name(self) -> str:
        """The message type."""
        return self.identifier[0] if self.identifier else ""

    def open(self, values: list[str], run: Run, index: int, begin: int) -> None:
        """Take the UNH; `begin` = where it stands in the run's text."""
        options, marks, self._from = self._options, self._interchange.marks, begin
        self.number = at(values, 1, marks)
        identifier = values[2] if len(values) > 2 else ""
        self.identifier = [plain(part) for part in identifier.split(marks.component)]
        self.version = "".join(self.identifier[1:3]).replace(" ", "")
        machine, supported, known = self._machine()
        self.walk = Walk(
            machine, known, STOPS, _same, options.tolerate, bind=options.bind, limits=options.limits,
        )  # fmt: skip
        self.walk.allowed = self._interchange.charset.allowed if self._interchange.charset is not None else None
        group = self._group.number if self._group is not None else ""
        self.walk.context = (self._interchange.number, group, self.number)
        self.walk.open(run.segments[index], run.locate, index)
        self._check_header(values, supported)
        if not supported:
            self._carried = [run.segments[index]] if options.carry and options.bind else None

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
        self._note("UNH", wrong, values)
        if not supported and not any(element == 2 for _, element, _ in wrong):
            text = f"there is no guide for message {':'.join(self.identifier)[:40]!r}"
            walk.fault("set.unsupported", text, tag="UNH", element=2)
        level: Level = self._group if self._group is not None else self._interchange
        if not level.numbers.first_time(self.number):
            where = "group" if self._group is not None else "interchange"
            text = f"UNH01 {self.number[:20]!r} comes twice in the {where}"
            walk.fault("set.duplicate", text, tag="UNH", element=1, value=self.number[:100])

    def _note(self, tag: str, wrong: Sequence[Wrong], values: Sequence[str]) -> None:
        """Note faults of UNH or UNT by the message's own codes; notes on those elements would say it twice."""
        elements, walk = {element for _, element, _ in wrong}, self.walk
        if elements:
            walk.faults = [fault for fault in walk.faults if fault.tag != tag or fault.element not in elements]
        for code, element, text in wrong:
            value = plain(values[element])[:100] if element < len(values) else ""
            walk.fault(code, text, tag=tag, element=element, value=value)

    def run(self, run: Run, index: int, known: tuple[int, int]) -> tuple[int, tuple[int, int]]:
        """Take segments from `index`; return the first that is not its own, and where a known one begins."""
        following = self.walk.run(run.segments, index, run.locate)
        if self._carried is not None and not self._kept.overfull:
            self._carried += run.segments[index:following]
        for cut in self.walk.units.take() if self.walk.units is not None else ():
            known = (cut.index, run.begin(cut.index, known))
            self._cut(cut, run.text[self._from : known[1]])
            self._from = known[1]
        if self.walk.over or following < len(run.segments):
            known = (following, run.begin(following, known))
            self._kept.take(run.text[self._from : known[1]])
            self._from = known[1]
        return following, known

    def _cut(self, cut: Cut, text: str) -> None:
        """Keep a line of a streamed message apart from the next."""
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
            findings = _findings(cut.faults)
            if cut.line is not None and units is not None:
                yield Part({**units.header, "line": cut.line}, raw, findings=findings, envelope=of_line)
                continue
            faults = cut.faults if errors(cut.faults) else self.walk.faults
            label = f"UNH {self.number}, line {cut.number}"
            yield Part(None, raw, sentence(faults, 0, label), findings or _findings(faults), of_line)

    def pause(self, run: Run) -> None:
        """Keep the rest of a run; the message goes on in the next."""
        self._kept.take(run.text[self._from :])
        self._from = 0
        if self._kept.overfull and self._options.bind:
            self.walk.failed = True
            self.walk.forget()
            self._carried = None

    def close(self, proper: bool) -> Verdict:
        """End it; `proper` = with a UNT."""
        walk = self.walk
        if proper:
            wrong = unt_faults(walk.trailer, walk.count, self.number, self._interchange.marks)
            self._note("UNT", wrong, walk.trailer)
        walk.close()
        if not proper:
            walk.fault("set.no-trailer", f"message {self.number[:20] or '?'} ends without UNT", tag="UNT")
        if self._kept.overfull and self._options.bind:
            walk.fault("set.too-large", f"the message is larger than {self._options.limit} bytes; raise limit:")
        document, units = walk.finish(), walk.units
        if units is not None and units.number and self._options.bind:
            # the lines have gone their way, but they are still counted
            document = {**document, units.into: range(units.number)}
        if not walk.failed and self._options.bind:
            check(walk, document)
        noted = any(fault.severity == "warning" for fault in walk.faults)
        if units is not None and units.bad:
            noted = True
            walk.failed = walk.failed or self._options.reject != "message"
        code = "R" if walk.failed else "E" if noted else "A"
        return Verdict(self.number, self.identifier, code, walk.faults)

    def part(self, verdict: Verdict, headers: Mapping[str, str]) -> Part | None:
        """Return what it becomes: a document, an exception with its bytes, or nothing if its lines were given."""
        walk, raw = self.walk, self._head + self._kept.raw()
        envelope, findings = self._envelope(headers), _findings(walk.faults)
        if verdict.code != "R":
            if walk.units is not None and walk.units.number:
                return None
            return Part(walk.document, raw, findings=findings, envelope=envelope)
        if self._carried is not None and not self._kept.overfull:
            return Part(self._plain(raw), raw, findings=findings, envelope=envelope)
        return Part(None, raw, sentence(walk.faults, walk.untold, f"UNH {self.number}"), findings, envelope)

    def _envelope(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {
            **headers,
            "edi_set": printable(self.name),
            "edi_version": printable(self.version),
            "edi_transaction": printable(self.number),
        }

    def _plain(self, raw: bytes) -> dict[str, Any]:
        """Return a message that has no guide as a document: its segments, element by element, and its text."""
        assert self._carried is not None and self._interchange.charset is not None
        marks = self._interchange.marks
        segments = [
            [_element(value, marks.component) for value in segment.split(marks.element)] for segment in self._carried
        ]
        text = decoded(raw.decode("latin-1"), self._interchange.charset)
        return {"set": self.name, "version": self.version, "segments": segments, "raw": text}


def _findings(faults: Sequence[Fault]) -> tuple[Finding, ...]:
    return tuple(fault.finding() for fault in faults) if faults else ()


def _element(value: str, component: str) -> str | list[str]:
    """Return an element of a carried segment: a text, or a list of components."""
    parts = [plain(part) for part in value.split(component)]
    return parts if len(parts) > 1 else parts[0]


def _same(text: str) -> str:
    # a run is decoded as a whole
    return text
