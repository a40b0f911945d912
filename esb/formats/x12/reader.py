"""The reader of X12: interchanges to transaction sets to documents, each with its own fate; answers at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from esb.edge import Finding, Met, Part
from esb.formats.edi.control import Numbers
from esb.formats.edi.faults import Fault, Wrong, errors
from esb.formats.edi.holding import Holding
from esb.formats.edi.parties import noted
from esb.formats.edi.refusals import Stray
from esb.formats.parts import bad
from esb.formats.x12.acknowledge import Writer, acknowledgment, set_segments, technical
from esb.formats.x12.envelope import Group, Interchange, Verdict
from esb.formats.x12.envelope_checks import (
    ge_faults,
    gs_faults,
    gs_strangers,
    iea_faults,
    isa_faults,
    isa_strangers,
    isa_unagreed,
)
from esb.formats.x12.framing import Framer, Opened, Run
from esb.formats.x12.options import Options
from esb.formats.x12.refusals import WORDS
from esb.formats.x12.transaction import Transaction

_ENVELOPE = frozenset({"GS", "IEA", "TA1"})
_SILENT = frozenset({"", "ISB", "ISE"})
"""Tags between envelopes that say nothing to us: blank lines, and the deferred delivery of networks."""


class X12Reader:
    """Push reader. Whatever is wrong becomes a bad part with its findings; nothing is raised."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._framer = Framer(options.segment_limit, options.unwrap)
        self._interchange: Interchange | None = None
        self._group: Group | None = None
        self._set: Transaction | None = None
        self._stray: Stray | None = None
        self._held: Holding | None = None
        self._seen: dict[str, Numbers] = {}
        self._answers: list[Part] = []
        self._headers: dict[str, str] = {}
        self._opens = "ST*"
        self._writer: Writer
        self._met: Sequence[Met] = ()
        self._notes: tuple[Finding, ...] = ()
        self._muted = False
        self.interchanges = self.groups = self.sets = 0

    def met(self, met: Sequence[Met]) -> None:
        """Say before the first byte of each interchange in turn whether it is `new` or came before.

        One that came `again` gives nothing, an`other` one under its number is refused as a duplicate.
        """
        self._met = met

    def feed(self, data: bytes) -> Sequence[Part]:
        return self._stamped(self._read(data, final=False))

    def end(self) -> Sequence[Part]:
        parts = self._stamped(self._rest())
        if not self.interchanges and not parts:
            parts.append(bad("x12", "empty", "there is nothing in it", b""))
        return parts + self._answers

    def _stamped(self, parts: Iterator[Part]) -> list[Part]:
        """Return parts, each with the number of the interchange that was open when it was cut out."""
        found: list[Part] = []
        for part in parts:
            if not self._muted:
                if self._notes:
                    part, self._notes = noted(part, self._notes), ()
                found.append(part if part.unit == self.interchanges else replace(part, unit=self.interchanges))
        return found

    def _rest(self) -> Iterator[Part]:
        yield from self._read(b"", final=True)
        if self._interchange is not None:
            yield from self._close_interchange("ich.eof", "the interchange ends without IEA; it was cut")
        yield from self._end_stray()

    def _read(self, data: bytes, final: bool) -> Iterator[Part]:
        for event in self._framer.feed(data, final):
            if isinstance(event, Run):
                yield from self._run(event)
                continue
            yield from self._end_stray()
            if isinstance(event, Opened):
                yield from self._open(event)
            else:
                self._muted = False
                yield WORDS.junk(event)

    def _run(self, run: Run) -> Iterator[Part]:
        segments, index, known = run.segments, 0, (0, 0)
        if run.note is not None and self._set is not None:
            self._set.walk.note(*run.note, run.locate, 0, tag=segments[0][:3])
        while index < len(segments):
            if self._set is None:
                if self._group is not None and segments[index].startswith(self._opens):
                    if self._stray is not None:
                        yield from self._end_stray()
                    known = self._open_set(run, index, known)
                else:
                    yield from self._outside(segments[index], run, index)
                index += 1
                continue
            index, known = self._set.run(run, index, known)
            if self._set.walk.units is not None:
                for line in self._set.lines(self._headers):
                    yield from self._give(line)
            if self._set.walk.over or index < len(segments):
                yield from self._close_set(self._set.walk.over)
        if self._set is not None:
            self._set.pause(run)

    def _outside(self, text: str, run: Run, index: int) -> Iterator[Part]:
        """Take a segment that is in no transaction set."""
        interchange = self._interchange
        if interchange is None:
            self._strayed(run, index, "segments stand behind IEA")
            return
        values = text.split(interchange.marks.element)
        tag = values[0]
        if tag in _SILENT:
            return
        if tag in _ENVELOPE or (tag == "GE" and self._group is not None):
            yield from self._end_stray()
        if tag == "GS":
            yield from self._open_group(values, *run.locate(index))
        elif tag == "GE" and self._group is not None:
            yield from self._close_group(values, text, run.locate(index))
        elif tag == "IEA":
            yield from self._trailer(values, text, run.locate(index))
        elif tag == "TA1":
            interchange.technical = True
            answer = self._ta1(values, text)
            yield WORDS.with_others(answer, interchange.refused) if interchange.refused else answer
        else:
            what = "a set" if tag in ("ST", "SE") else "a group" if tag == "GE" else "an envelope"
            self._strayed(run, index, f"{tag[:20]!r} stands where {what} should begin")

    def _strayed(self, run: Run, index: int, text: str) -> None:
        if self._stray is None:
            self._stray = Stray(WORDS, text, *run.locate(index))
        self._stray.add(run.whole(index))

    def _end_stray(self) -> Iterator[Part]:
        if self._stray is not None:
            yield self._stray.part(self._headers)
            self._stray = None

    # interchange

    def _open(self, opened: Opened) -> Iterator[Part]:
        if self._interchange is not None:
            yield from self._close_interchange("ich.eof", "the interchange ends without IEA, another ISA follows")
        self.interchanges += 1
        met = self._met[self.interchanges - 1] if self.interchanges <= len(self._met) else "new"
        self._muted = met == "again"
        marks, place = opened.marks, (opened.offset, opened.line)
        interchange = self._interchange = Interchange(opened.elements, marks, opened.newline, *place)
        self._headers = interchange.headers()
        self._opens = f"ST{marks.element}"
        self._writer = Writer(interchange)
        if self._options.reject == "interchange":
            self._held = Holding(self._options.limit, WORDS.with_others)
        self._notes = ()
        for code, text in opened.oddities:
            self._wrong([(code, 0, text)], "ISA", "warning")
        parties = self._options.parties
        self._wrong(isa_unagreed(interchange, parties), "ISA", parties.delimiters.severity)
        interchange.refused = self._refusing(isa_strangers(opened.elements, parties), "ISA")
        self._wrong(isa_faults(opened.elements), "ISA")
        if met == "other":
            text = f"interchange {interchange.number} of this sender came before with another content"
            self._wrong([("ich.duplicate", 13, text)], "ISA")
            interchange.refused = interchange.refused or text
            return
        pair = "\0".join(element.strip() for element in opened.elements[4:8])
        if len(self._seen) < 10_000 and not self._seen.setdefault(pair, Numbers()).first_time(interchange.number):
            text = f"interchange {interchange.number} of this sender came before in the same delivery"
            self._wrong([("ich.duplicate", 13, text)], "ISA")
            if errors(interchange.faults)[-1:] and interchange.faults[-1].severity == "error":
                interchange.refused = interchange.refused or text

    def _trailer(self, values: list[str], text: str, place: tuple[int, int]) -> Iterator[Part]:
        interchange = self._interchange
        assert interchange is not None
        yield from self._orphan()
        self._wrong(iea_faults(values, interchange), "IEA", place=place)
        yield from self._close_interchange("", "", text)

    def _close_interchange(self, code: str, text: str, raw: str = "") -> Iterator[Part]:
        interchange, options = self._interchange, self._options
        assert interchange is not None
        if self._set is not None:
            yield from self._close_set(proper=False)
        yield from self._orphan()
        if code:
            self._wrong([(code, 0, text)], "IEA")
        found = errors(interchange.faults)
        if options.reject == "interchange" and found:
            interchange.refused = interchange.refused or found[0].text
        yield from self._settle_interchange(interchange)
        wanted = options.ta1 == "always" or (options.ta1 == "requested" and interchange.isa[13] == "1")
        wanted = wanted or (options.ta1 == "on-error" and bool(found))
        if wanted and (interchange.business or not (interchange.groups or interchange.technical)):
            # an interchange of nothing but acknowledgments is never answered
            self._say_to_sender(technical(interchange))
        self._interchange = None
        if found:
            yield WORDS.of_envelope(interchange.faults, f"interchange {interchange.number or '?'}", raw, self._headers)

    def _settle_interchange(self, interchange: Interchange) -> Iterator[Part]:
        """Give or refuse what was held for the interchange, and answer its groups."""
        held, self._held = self._held, None
        if held is not None:
            yield from held.doom(interchange.refused) if interchange.refused else held.release()
        for group in interchange.answered:
            group.refused = group.refused or (held.doomed if held is not None else "")
            self._answer(interchange, group)

    def _answer(self, interchange: Interchange, group: Group) -> None:
        # an interchange that is refused by its TA1 was not looked into: its groups have no answers of their own
        if not interchange.refused and self._options.acknowledge != "none":
            self._say_to_sender(acknowledgment(interchange, group, self._options.acknowledge))

    def _say_to_sender(self, answer: Part) -> None:
        if not self._muted:
            self._answers.append(replace(answer, unit=self.interchanges))

    def _orphan(self) -> Iterator[Part]:
        """Close a group that has no trailer."""
        if self._group is not None:
            self._wrong([("grp.no-trailer", 0, f"group {self._group.number or '?'} ends without GE")], "GE")
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
        if self._options.reject == "group":
            self._held = Holding(self._options.limit, WORDS.with_others)
        group.known = self._options.known(group.version)
        if not interchange.refused:
            group.refused = self._refusing(gs_strangers(gs, self._options.parties), "GS")
        self._wrong(gs_faults(group, interchange), "GS")

    def _close_group(self, values: list[str], text: str, place: tuple[int, int]) -> Iterator[Part]:
        group = self._group
        assert group is not None
        group.declared = values[1] if len(values) > 1 else ""
        self._wrong(ge_faults(values, group), "GE", place=place)
        yield from self._end_group(text)

    def _end_group(self, raw: str) -> Iterator[Part]:
        group, interchange, options = self._group, self._interchange, self._options
        assert group is not None and interchange is not None
        found = errors(group.faults)
        if self._held is not None and found:
            yield from self._held.doom(f"its group is refused: {found[0].text}")
        if options.reject == "group" and self._held is not None:
            group.refused = group.refused or self._held.doomed
            yield from self._held.release()
            self._held = None
        if group.gs[0].strip() != "FA":
            if options.reject == "interchange":
                interchange.answered.append(group)
            else:
                self._answer(interchange, group)
        self._group = None
        if found:
            yield WORDS.of_envelope(group.faults, f"group {group.number or '?'}", raw, self._headers)
        self._headers = interchange.headers()

    # transaction set

    def _open_set(self, run: Run, index: int, known: tuple[int, int]) -> tuple[int, int]:
        """Begin a set with its ST; return where that begins in the run's text."""
        interchange, group = self._interchange, self._group
        assert interchange is not None and group is not None
        self.sets += 1
        group.received += 1
        current = self._set = Transaction(self._options, interchange, group, self._decode)
        current.unit = self.interchanges
        if self._options.bind:
            known = (index, run.begin(index, known))
        current.open(run.segments[index].split(interchange.marks.element), run, index, known[1])
        return known

    def _close_set(self, proper: bool) -> Iterator[Part]:
        current, group = self._set, self._group
        assert current is not None and group is not None and self._interchange is not None
        self._set = None
        verdict = current.close(proper)
        group.accepted += verdict.code != "R"
        group.noted += verdict.code == "E"
        self._say(group, verdict)
        part = current.part(verdict, self._headers)
        if part is not None and self._held is None and not (self._interchange.refused or group.refused):
            yield part
        elif part is not None:
            yield from self._give(part)
        if verdict.code == "R" and self._held is not None:
            reason = f"its {self._options.reject} is refused: set {current.number[:20]} of it is wrong"
            yield from self._held.doom(reason)

    def _give(self, part: Part) -> Iterator[Part]:
        """Give what became of a set, or hold it back, or refuse it with its group or interchange."""
        assert self._interchange is not None and self._group is not None
        if refused := self._interchange.refused or self._group.refused:
            yield WORDS.with_others(part, refused)
        elif self._held is None:
            yield part
        else:
            yield from self._held.add(part)

    def _say(self, group: Group, verdict: Verdict) -> None:
        """Write what the acknowledgment says of a set."""
        kind = self._options.acknowledge
        if kind == "none":
            return
        said = set_segments(verdict, self._writer, kind, group.told < self._options.limits.answer)
        group.answer.write(said.encode("latin-1"))
        group.told += len(verdict.faults)
        if self._options.reject != "set" or group.refused:
            refused = Verdict(verdict.set, verdict.number, "R", [], verdict.guide)
            group.refusal.write(set_segments(refused, self._writer, kind).encode("latin-1"))

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

    def _refusing(self, found: Sequence[Wrong], tag: str) -> str:
        """Note faults that leave nothing to be taken; return the first that is not tolerated."""
        self._wrong(found, tag)
        return next((text for code, _, text in found if code not in self._options.tolerate), "")

    def _wrong(
        self, found: Sequence[Wrong], tag: str, severity: str = "error", place: tuple[int, int] | None = None
    ) -> None:
        """Note faults of the envelope where it begins, or at a place; warnings are told with the next document."""
        interchange, group = self._interchange, self._group
        assert interchange is not None
        for code, element, text in found:
            of_group = code.startswith("grp") and group is not None
            level = group if of_group and group is not None else interchange
            told = "warning" if code in self._options.tolerate else severity
            number = group.number if of_group and group is not None else ""
            detail = {"interchange": interchange.number, "group": number, "tag": tag, "element": element}
            at = place or (level.offset, level.line)
            level.faults.append(Fault(code, text, told, *at, **detail))  # type: ignore[arg-type]
            if told == "warning" and not self._muted:
                self._notes += (level.faults[-1].finding(),)
