"""The reader of X12: interchanges to transaction sets to documents, each with its own fate; answers at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from esb.edge import Part
from esb.formats.edi.checks import check
from esb.formats.edi.faults import Fault, errors
from esb.formats.edi.machine import Machine
from esb.formats.edi.patterns import Marks
from esb.formats.edi.walker import Walk
from esb.formats.parts import bad
from esb.formats.x12.acknowledge import Writer, acknowledgment, set_segments, technical
from esb.formats.x12.envelope import Group, Interchange, Verdict, isa_faults, printable, same_number
from esb.formats.x12.framing import Framer, Junk, Opened, Run

STOPS = frozenset({"ISA", "GS", "ST", "SE", "GE", "IEA"})
"""Tags that end an open transaction set, whatever its guide says."""

_ENVELOPE = {"grp", "ich"}


class Options(Struct, frozen=True):
    """How a reader reads. `machine` finds the compiled guide of a set: (set, version, separators) -> or None.

    `limit` bounds a transaction set, `segment_limit` a segment, both in bytes.
    """

    machine: Callable[[str, str, Marks], Machine | None]
    known: Callable[[str], frozenset[str]]
    acknowledge: str = "997"
    ta1: str = "on-error"
    tolerate: frozenset[str] = frozenset()
    encoding: str = "latin-1"
    limit: int = 64_000_000
    segment_limit: int = 1_000_000
    bind: bool = True
    watch: Callable[[Opened], None] | None = None
    """Told of every interchange that begins, before its sets are read."""


class X12Reader:
    """Push reader. Whatever is wrong becomes a bad part with its findings; nothing is raised."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._framer = Framer(options.segment_limit)
        self._interchange: Interchange | None = None
        self._group: Group | None = None
        self._set: _Set | None = None
        self._answers: list[Part] = []
        self._headers: dict[str, str] = {}
        self._writer: Writer
        self.interchanges = self.groups = self.sets = 0

    def feed(self, data: bytes) -> Sequence[Part]:
        return list(self._read(data, final=False))

    def end(self) -> Sequence[Part]:
        parts = list(self._read(b"", final=True))
        if self._interchange is not None:
            parts += self._close_interchange("ich.eof", "the interchange ends without IEA; it was cut")
        if not self.interchanges and not parts:
            parts.append(bad("x12", "empty", "there is nothing in it", b""))
        return parts + self._answers

    def _read(self, data: bytes, final: bool) -> Iterator[Part]:
        for event in self._framer.feed(data, final):
            if isinstance(event, Run):
                yield from self._run(event)
            elif isinstance(event, Opened):
                yield from self._open(event)
            else:
                yield _junk(event)

    def _run(self, run: Run) -> Iterator[Part]:
        segments, index, known = run.segments, 0, (0, 0)
        while index < len(segments):
            if self._interchange is None:
                rest = run.text[run.begin(index, known) :]
                yield self._bad(
                    "ich.structure", "segments stand behind IEA; they were skipped", rest, *run.locate(index)
                )
                return
            if self._set is None:
                yield from self._outside(segments[index], run, index)
                if self._set is not None:
                    known = (index, run.begin(index, known))
                    self._set.from_ = known[1]
                index += 1
                continue
            following = self._set.walk.run(segments, index, run.locate)
            if self._set.walk.over or following < len(segments):
                known = (following, run.begin(following, known))
                self._set.take(run.text[self._set.from_ : known[1]], self._options.limit)
                yield from self._close_set(self._set.walk.over)
            index = following
        if self._set is not None:
            self._set.take(run.text[self._set.from_ :], self._options.limit)
            self._set.from_ = 0

    def _outside(self, text: str, run: Run, index: int) -> Iterator[Part]:
        """Take a segment that is in no transaction set."""
        interchange = self._interchange
        assert interchange is not None
        values = text.split(interchange.marks.element)
        tag = values[0]
        if tag == "ST" and self._group is not None:
            self._open_set(values, text, run, index)
        elif tag == "GS":
            yield from self._open_group(values, *run.locate(index))
        elif tag == "GE" and self._group is not None:
            yield from self._close_group(values, text, run.locate(index))
        elif tag == "IEA":
            yield from self._trailer(values, text, run.locate(index))
        elif tag == "TA1":
            yield self._ta1(values, text)
        elif tag not in ("", "ISB", "ISE"):
            what = "a set" if tag in ("ST", "SE") else "a group" if tag == "GE" else "an envelope"
            reason = f"{tag[:20]!r} stands where {what} should begin; it was skipped"
            yield self._bad("ich.structure", reason, text, *run.locate(index))

    # interchange

    def _open(self, opened: Opened) -> Iterator[Part]:
        if self._interchange is not None:
            yield from self._close_interchange("ich.eof", "the interchange ends without IEA, another ISA follows")
        self.interchanges += 1
        if self._options.watch is not None:
            self._options.watch(opened)
        marks, place = opened.marks, (opened.offset, opened.line)
        self._interchange = Interchange(opened.elements, marks, opened.newline, *place)
        self._headers = self._interchange.headers()
        self._writer = Writer(self._interchange)
        for code, text in opened.oddities:
            self._fault(self._interchange.faults, code, text, "warning", place, "ISA")
        for code, element, text in isa_faults(opened.elements):
            self._fault(self._interchange.faults, code, text, "error", place, "ISA", element)

    def _trailer(self, values: list[str], text: str, place: tuple[int, int]) -> Iterator[Part]:
        interchange = self._interchange
        assert interchange is not None
        yield from self._orphan()
        said, number = _at(values, 1), _at(values, 2)
        if not same_number(said, str(interchange.groups)):
            fault = f"IEA01 says {said or 'nothing'} groups, found {interchange.groups}"
            self._fault(interchange.faults, "ich.count", fault, "error", place, "IEA", 1)
        if not same_number(number, interchange.number):
            fault = f"IEA02 is {number!r}, ISA13 is {interchange.number!r}"
            self._fault(interchange.faults, "ich.number", fault, "error", place, "IEA", 2)
        yield from self._close_interchange("", "", text)

    def _close_interchange(self, code: str, text: str, raw: str = "") -> Iterator[Part]:
        interchange = self._interchange
        assert interchange is not None
        if self._set is not None:
            yield from self._close_set(proper=False)
        yield from self._orphan()
        if code:
            place = interchange.offset, interchange.line
            self._fault(interchange.faults, code, text, "error", place, "IEA")
        found = errors(interchange.faults)
        wanted = self._options.ta1 == "always" or (self._options.ta1 == "requested" and interchange.isa[13] == "1")
        wanted = wanted or (self._options.ta1 == "on-error" and bool(found))
        if wanted and (interchange.business or not interchange.groups):
            # an interchange of nothing but acknowledgments is never answered
            self._answers.append(technical(interchange))
        self._interchange = None
        if found:
            label = f"interchange {interchange.number or '?'}"
            yield self._envelope_part(interchange.faults, label, raw)

    def _orphan(self) -> Iterator[Part]:
        """Close a group that has no trailer."""
        if self._group is not None:
            group = self._group
            text = f"group {group.number or '?'} ends without GE"
            self._fault(group.faults, "grp.no-trailer", text, "error", (group.offset, group.line), "GE")
            yield from self._end_group("")

    # group

    def _open_group(self, values: list[str], offset: int, line: int) -> Iterator[Part]:
        interchange = self._interchange
        assert interchange is not None
        yield from self._orphan()
        interchange.groups += 1
        self.groups += 1
        gs = [*values[1:9], *[""] * 8][:8]
        group = self._group = Group(gs, offset, line, interchange.groups)
        interchange.business = interchange.business or gs[0] != "FA"
        self._headers = {**interchange.headers(), **group.headers()}
        key = f"{gs[0]} {group.number.lstrip('0')}"
        if not (group.number.isascii() and group.number.isdigit() and len(group.number) <= 9):
            fault = f"GS06 is {group.number[:20]!r}, it should be a number of up to nine digits"
            self._fault(group.faults, "grp.number-bad", fault, "error", (offset, line), "GS", 6)
        elif key in interchange.group_numbers:
            fault = f"GS06 {group.number} comes twice in the interchange"
            self._fault(group.faults, "grp.duplicate", fault, "error", (offset, line), "GS", 6)
        interchange.group_numbers.add(key)
        group.known = self._options.known(group.version)
        if not group.known:
            fault = f"GS08 {group.version[:20]!r} is a version that we do not read"
            self._fault(group.faults, "grp.version", fault, "error", (offset, line), "GS", 8)

    def _close_group(self, values: list[str], text: str, place: tuple[int, int]) -> Iterator[Part]:
        group = self._group
        assert group is not None
        said, number = _at(values, 1), _at(values, 2)
        group.declared = said
        if not same_number(said, str(group.received)):
            fault = f"GE01 says {said or 'nothing'} sets, found {group.received}"
            self._fault(group.faults, "grp.count", fault, "error", place, "GE", 1)
        if not same_number(number, group.number):
            fault = f"GE02 is {number!r}, GS06 is {group.number!r}"
            self._fault(group.faults, "grp.number", fault, "error", place, "GE", 2)
        yield from self._end_group(text)

    def _end_group(self, raw: str) -> Iterator[Part]:
        group, interchange = self._group, self._interchange
        assert group is not None and interchange is not None
        if group.gs[0].strip() != "FA" and self._options.acknowledge != "none":
            self._answers.append(acknowledgment(interchange, group, self._options.acknowledge))
        self._group = None
        if errors(group.faults):
            yield self._envelope_part(group.faults, f"group {group.number or '?'}", raw)
        self._headers = interchange.headers()

    # transaction set

    def _open_set(self, values: list[str], text: str, run: Run, index: int) -> None:
        interchange, group = self._interchange, self._group
        assert interchange is not None and group is not None
        self.sets += 1
        group.received += 1
        options, name, number = self._options, _at(values, 1), _at(values, 2)
        if name not in group.machines and len(group.machines) < 100:
            group.machines[name] = options.machine(name, group.version, interchange.marks)
        machine = group.machines.get(name)
        supported = machine is not None
        if machine is None:
            machine = options.machine("", group.version, interchange.marks)
            assert machine is not None
        walk = Walk(machine, group.known, STOPS, self._decode, options.tolerate, bind=options.bind)
        walk.context = (interchange.number, group.number, number)
        self._set = _Set(walk, name, number, _at(values, 3))
        walk.open(text, run.locate, index)
        if not supported:
            version = group.version[:20] or "?"
            walk.fault(
                "set.unsupported",
                f"there is no guide for set {name[:10]!r} in version {version!r}",
                tag="ST",
                element=1,
            )
        if not group.numbers.first_time(number):
            walk.fault("set.duplicate", f"ST02 {number!r} comes twice in the group", tag="ST", element=2, value=number)

    def _close_set(self, proper: bool) -> Iterator[Part]:
        current, group, interchange = self._set, self._group, self._interchange
        assert current is not None and group is not None and interchange is not None
        self._set = None
        walk = current.walk
        if not proper:
            walk.close()
            walk.fault("set.no-trailer", f"set {current.number or '?'} ends without SE", tag="SE")
        else:
            self._check_trailer(walk, current)
        walk.close()
        if current.overfull:
            walk.fault("set.too-large", f"the set is larger than {self._options.limit} bytes; raise limit:")
        document = walk.finish()
        if not walk.failed and self._options.bind:
            check(walk, document)
        noted = bool(walk.faults) and any(fault.severity == "warning" for fault in walk.faults)
        code = "R" if walk.failed else "E" if noted else "A"
        group.accepted += code != "R"
        group.noted += code == "E"
        if self._options.acknowledge != "none":
            verdict = Verdict(current.name, current.number, code, walk.faults, current.guide)
            group.answer.write(set_segments(verdict, self._writer, self._options.acknowledge))
        yield self._part(current, document, code)

    def _check_trailer(self, walk: Walk, current: _Set) -> None:
        said, number = _at(walk.trailer, 1), _at(walk.trailer, 2)
        if not same_number(said, str(walk.count)):
            text = f"SE01 says {said or 'nothing'} segments, found {walk.count}"
            walk.fault("set.count", text, tag="SE", element=1, value=said)
        if number.strip() != current.number.strip():
            walk.fault(
                "set.number", f"SE02 is {number!r}, ST02 is {current.number!r}", tag="SE", element=2, value=number
            )

    def _part(self, current: _Set, document: Any, code: str) -> Part:
        number, name = printable(current.number), printable(current.name)
        headers = {**self._headers, "edi_set": name, "edi_transaction": number}
        raw = current.raw()
        findings = tuple(fault.finding() for fault in current.walk.faults) if current.walk.faults else ()
        if code != "R":
            return Part(document, raw, findings=findings, envelope=headers)
        return Part(None, raw, _sentence(current.walk.faults, current.walk.untold, f"ST {number}"), findings, headers)

    # the rest

    def _ta1(self, values: list[str], text: str) -> Part:
        """Give an inbound TA1 as a document: it is the partner's answer to an interchange of ours."""
        names = ("number", "date", "time", "code", "note")
        found = {name: value for name, value in zip(names, values[1:6], strict=False) if value}
        headers = {**self._headers, "edi_set": "TA1"}
        return Part({"interchange_acknowledgment": found}, text.encode("latin-1"), envelope=headers)

    def _decode(self, text: str) -> str:
        """Return Latin-1 characters as what they were: UTF-8 if they can be that, else the declared encoding."""
        raw = text.encode("latin-1")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode(self._options.encoding, "replace")

    def _fault(
        self,
        faults: list[Fault],
        code: str,
        text: str,
        severity: str,
        place: tuple[int, int],
        tag: str,
        element: int = 0,
    ) -> None:
        assert self._interchange is not None
        if code in self._options.tolerate:
            severity = "warning"
        number = self._interchange.number
        group = self._group.number if self._group is not None and code.startswith("grp") else ""
        faults.append(Fault(code, text, severity, *place, interchange=number, group=group, tag=tag, element=element))

    def _bad(self, code: str, text: str, raw: str, offset: int, line: int) -> Part:
        fault = Fault(code, text, "error", offset, line)
        return Part(
            None, raw.encode("latin-1"), _sentence([fault], 0, f"line {line}"), (fault.finding(),), self._headers
        )

    def _envelope_part(self, faults: list[Fault], label: str, raw: str) -> Part:
        """Return the bad part for a fault of the envelope: its documents have gone their way, people must know."""
        findings = tuple(fault.finding() for fault in faults)
        return Part(None, raw.encode("latin-1"), _sentence(faults, 0, label), findings, self._headers)


class _Set:
    """An open transaction set: its walk, and its bytes as they came."""

    def __init__(self, walk: Walk, name: str, number: str, guide: str) -> None:
        self.walk, self.name, self.number, self.guide = walk, name, number, guide
        self.from_ = 0
        self.overfull = False
        self._pieces: list[str] = []
        self._size = 0

    def take(self, text: str, limit: int) -> None:
        """Keep its bytes, up to a limit; above it the document is given up too."""
        self._size += len(text)
        if self._size > limit:
            self.overfull = self.walk.failed = True
            self._pieces = [piece[:4096] for piece in self._pieces[:1]]
            self.walk.forget()
        else:
            self._pieces.append(text)

    def raw(self) -> bytes:
        """Return its bytes, from ST to SE."""
        text = self._pieces[0] if len(self._pieces) == 1 else "".join(self._pieces)
        return text.encode("latin-1").lstrip(b" \t\r\n\x00\x1a")


def _junk(junk: Junk) -> Part:
    begins = junk.text[:30]
    text = (
        f"line {junk.line}: this is not X12: {junk.reason}; it begins with {begins!r} ({junk.size} bytes were skipped)"
    )
    return bad("x12", "unreadable", text, junk.text.encode("latin-1"), junk.line, junk.offset)


def _sentence(faults: Sequence[Fault], untold: int, label: str) -> str:
    """Return the first error and how many more there are, for people."""
    found = errors(list(faults))
    first = found[0]
    place = f"{label}, segment {first.segment}" if first.segment else label
    more = len(found) - 1 + untold
    others = f" (and {more} more faults)" if more else ""
    return f"x12: {first.text} ({place}){others}; ask the partner to resend"


def _at(values: Sequence[str], index: int) -> str:
    return values[index] if index < len(values) else ""
