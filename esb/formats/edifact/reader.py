"""The reader of EDIFACT: interchanges to messages to documents, each with its own fate; CONTRLs at the end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from esb.edge import Finding, Met, Part
from esb.formats.edi.control import Numbers, printable
from esb.formats.edi.faults import Fault, Wrong, errors
from esb.formats.edi.holding import Holding
from esb.formats.edi.parties import noted
from esb.formats.edi.refusals import Stray
from esb.formats.edifact.acknowledge import Writer, contrl, group_segment, message_segments
from esb.formats.edifact.envelope import Group, Interchange, Level, Verdict, at, elements_of
from esb.formats.edifact.envelope_checks import (
    unb_faults,
    unb_strangers,
    unb_unagreed,
    une_faults,
    ung_faults,
    unz_faults,
)
from esb.formats.edifact.framing import Framer, Opened
from esb.formats.edifact.message import Message
from esb.formats.edifact.options import Options
from esb.formats.edifact.packages import Package
from esb.formats.edifact.refusals import WORDS
from esb.formats.edifact.run import Run
from esb.formats.parts import bad

_LOWER = re.compile(r"[^A-Z0-9 .,\-()/='+:?!\"%&*;<>\r\n]")
"""What the character set UNOA does not have; nearly everybody sends it all the same."""


class EdifactReader:
    """Push reader. Whatever is wrong becomes a bad part with its findings; nothing is raised."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._framer = Framer(options.segment_limit, options.limit, options.encoding, options.unwrap)
        self._interchange: Interchange | None = None
        self._group: Group | None = None
        self._message: Message | None = None
        self._stray: Stray | None = None
        self._held: Holding | None = None
        self._seen: dict[tuple[str, str], Numbers] = {}
        self._answers: list[Part] = []
        self._headers: dict[str, str] = {}
        self._writer: Writer
        self._lower: tuple[int, int] | None = None
        self._met: Sequence[Met] = ()
        self._notes: tuple[Finding, ...] = ()
        self._muted = False
        self.interchanges = self.groups = self.messages = 0

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
            parts.append(bad("edifact", "empty", "there is nothing in it", b""))
        return parts + self._answers

    def _stamped(self, parts: Iterator[Part]) -> list[Part]:
        """Return parts, each with the number of the interchange that was open when it was cut out."""
        found: list[Part] = []
        for part in parts:
            if not self._muted:
                told, self._notes = noted(part, self._notes), ()
                found.append(replace(told, unit=self.interchanges))
        return found

    def _rest(self) -> Iterator[Part]:
        yield from self._read(b"", final=True)
        if self._interchange is not None:
            yield from self._close_interchange("ich.eof", "the interchange ends without UNZ; it was cut")
        yield from self._end_stray()

    def _read(self, data: bytes, final: bool) -> Iterator[Part]:
        for event in self._framer.feed(data, final):
            if isinstance(event, Run):
                yield from self._run(event)
                continue
            yield from self._end_stray()
            if isinstance(event, Opened):
                yield from self._open(event)
            elif isinstance(event, Package):
                yield from self._package(event)
            else:
                self._muted = False
                yield WORDS.junk(event)

    def _run(self, run: Run) -> Iterator[Part]:
        segments, index, known = run.segments, 0, (0, 0)
        self._look_for_lower(run)
        while index < len(segments):
            if self._message is None:
                yield from self._outside(segments[index], run, index)
                if self._message is not None:
                    known = (index, run.begin(index, known))
                    self._open_message(self._message, run, index, known[1])
                index += 1
                continue
            index, known = self._message.run(run, index, known)
            if self._message.walk.units is not None:
                for line in self._message.lines(self._headers):
                    yield from self._give(line)
            if self._message.walk.over or index < len(segments):
                yield from self._close_message(self._message.walk.over)
        if self._message is not None:
            self._message.pause(run)

    def _look_for_lower(self, run: Run) -> None:
        """Note the first character of an interchange in UNOA that UNOA does not have; it is read as it is."""
        interchange = self._interchange
        if interchange is None or interchange.at(1) != "UNOA" or self._lower is not None or self._options.encoding:
            return
        if found := _LOWER.search(run.text):
            self._lower = run.offset + found.start(), run.line + run.text.count("\n", 0, found.start())
            text = f"{found[0]!r} is no character of UNOA; it and others like it are read as they are"
            self._wrong([("charset", 0, text)], "UNB", "warning", self._lower)

    def _outside(self, text: str, run: Run, index: int) -> Iterator[Part]:
        """Take a segment that is in no message."""
        interchange = self._interchange
        if interchange is None:
            self._strayed(run, index, "segments stand behind UNZ")
            return
        values = text.split(interchange.marks.element)
        tag = values[0]
        if not tag:
            return
        if tag in ("UNH", "UNG", "UNZ") or (tag == "UNE" and self._group is not None):
            yield from self._end_stray()
        if tag == "UNH":
            self._message = Message(self._options, interchange, self._group)
        elif tag == "UNG":
            yield from self._open_group(values, *run.locate(index))
        elif tag == "UNE" and self._group is not None:
            yield from self._close_group(values, text, run.locate(index))
        elif tag == "UNZ":
            yield from self._trailer(values, text, run.locate(index))
        else:
            what = "a message" if tag == "UNT" else "a group" if tag == "UNE" else "a message or an envelope"
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
            yield from self._close_interchange("ich.eof", "the interchange ends without UNZ, another UNB follows")
        self.interchanges += 1
        met = self._met[self.interchanges - 1] if self.interchanges <= len(self._met) else "new"
        self._muted = met == "again"
        head = opened.head
        elements = elements_of(head.elements, head.charset)
        interchange = self._interchange = Interchange(elements, head.marks, opened.offset, opened.line)
        interchange.una, interchange.newline, interchange.charset = head.una, opened.newline, head.charset
        self._lower, self._notes = None, ()
        self._headers = interchange.headers()
        self._writer = Writer(interchange)
        if self._options.reject == "interchange":
            self._held = Holding(self._options.limit, WORDS.with_others)
        for code, text in head.oddities:
            self._wrong([(code, 1, text)], "UNB", "error" if code == "ich.standard" else "warning")
        parties = self._options.parties
        self._wrong(unb_unagreed(interchange, parties), "UNB", parties.delimiters.severity)
        strangers = unb_strangers(interchange, parties)
        self._wrong(strangers, "UNB")
        interchange.refused = next((text for code, _, text in strangers if code not in self._options.tolerate), "")
        self._wrong(unb_faults(interchange), "UNB")
        self._check_duplicate(interchange, met)

    def _check_duplicate(self, interchange: Interchange, met: Met) -> None:
        text = ""
        numbers = self._seen.setdefault(interchange.pair, Numbers()) if len(self._seen) < 10_000 else Numbers()
        number = interchange.number[:20]
        if met == "other":
            text = f"interchange {number} of this sender came before with another content"
        elif interchange.number and not numbers.first_time(interchange.number):
            text = f"interchange {number} of this sender came before in the same delivery"
        if text:
            self._wrong([("ich.duplicate", 5, text)], "UNB")
            if interchange.faults[-1].severity == "error":
                interchange.refused = interchange.refused or text

    def _trailer(self, values: list[str], text: str, place: tuple[int, int]) -> Iterator[Part]:
        interchange = self._interchange
        assert interchange is not None
        yield from self._orphan()
        self._wrong(unz_faults(values, interchange), "UNZ", place=place)
        if not interchange.received and not interchange.groups:
            self._wrong([("ich.content", 0, "there is no message in the interchange")], "UNB")
        yield from self._close_interchange("", "", text)

    def _close_interchange(self, code: str, text: str, raw: str = "") -> Iterator[Part]:
        interchange, options = self._interchange, self._options
        assert interchange is not None
        if self._message is not None:
            yield from self._close_message(proper=False)
        yield from self._orphan()
        if code:
            self._wrong([(code, 0, text)], "UNZ")
        found = errors(interchange.faults)
        if options.reject == "interchange" and found:
            interchange.refused = interchange.refused or found[0].text
        held, self._held = self._held, None
        if held is not None:
            yield from held.doom(interchange.refused) if interchange.refused else held.release()
            interchange.refused = interchange.refused or held.doomed
        self._answer(interchange)
        self._interchange = None
        if found:
            label = f"interchange {interchange.number[:20] or '?'}"
            yield WORDS.of_envelope(interchange.faults, label, raw, self._headers)

    def _answer(self, interchange: Interchange) -> None:
        kind = self._options.acknowledge
        asked = kind == "contrl" or (kind == "requested" and interchange.at(9).strip() not in ("", "0"))
        # an interchange of nothing but CONTRLs is never answered
        if asked and not self._muted and (interchange.business or not interchange.received):
            self._answers.append(replace(contrl(interchange), unit=self.interchanges))

    def _orphan(self) -> Iterator[Part]:
        """Close a group that has no trailer."""
        if self._group is not None:
            self._wrong([("grp.no-trailer", 0, f"group {self._group.number[:20] or '?'} ends without UNE")], "UNE")
            yield from self._end_group("")

    # group

    def _open_group(self, values: list[str], offset: int, line: int) -> Iterator[Part]:
        interchange = self._interchange
        assert interchange is not None
        yield from self._orphan()
        if interchange.received and not interchange.groups:
            text = "groups and messages without a group stand in one interchange"
            self._wrong([("ich.mixed", 0, text)], "UNG", place=(offset, line))
        interchange.groups += 1
        self.groups += 1
        group = self._group = Group(values[1:], interchange.marks, offset, line)
        self._headers = {**interchange.headers(), **group.headers()}
        if self._options.reject == "group":
            self._held = Holding(self._options.limit, WORDS.with_others)
        self._wrong(ung_faults(group, interchange), "UNG")

    def _close_group(self, values: list[str], text: str, place: tuple[int, int]) -> Iterator[Part]:
        assert self._group is not None
        self._wrong(une_faults(values, self._group), "UNE", place=place)
        yield from self._end_group(text)

    def _end_group(self, raw: str) -> Iterator[Part]:
        group, interchange, options = self._group, self._interchange, self._options
        assert group is not None and interchange is not None
        found = errors(group.faults)
        if self._held is not None and found:
            yield from self._held.doom(f"its group is refused: {found[0].text}")
        if options.reject == "group" and self._held is not None:
            group.refused = self._held.doomed
            yield from self._held.release()
            self._held = None
        self._group = None
        if options.acknowledge != "none" and (group.business or not group.received):
            told, refused = group.answer.take(), group.refusal.take()
            entries = (refused, group.refusal.count) if group.refused else (told, group.answer.count)
            head = self._writer.encoded(group_segment(group, self._writer))
            interchange.answer.add(head + entries[0], entries[1] + 1)
            group.refused = group.refused or "refused with the interchange"
            head = self._writer.encoded(group_segment(group, self._writer))
            interchange.refusal.add(head + refused, group.refusal.count + 1)
        if found:
            yield WORDS.of_envelope(group.faults, f"group {group.number[:20] or '?'}", raw, self._headers)
        self._headers = interchange.headers()

    # message

    def _open_message(self, current: Message, run: Run, index: int, begin: int) -> None:
        interchange, group = self._interchange, self._group
        assert interchange is not None
        self.messages += 1
        interchange.received += 1
        if group is not None:
            group.received += 1
        elif interchange.groups:
            text = "messages without a group stand behind groups"
            self._wrong([("ich.mixed", 0, text)], "UNH", place=run.locate(index))
        current.open(run.segments[index].split(interchange.marks.element), run, index, begin)

    def _close_message(self, proper: bool) -> Iterator[Part]:
        current = self._message
        assert current is not None
        self._message = None
        verdict = current.close(proper)
        yield from self._settle(verdict, current.part(verdict, self._headers))

    def _settle(self, verdict: Verdict, part: Part | None) -> Iterator[Part]:
        """Give what became of a message, and say in the CONTRL what that was."""
        interchange = self._interchange
        assert interchange is not None
        self._say(self._group if self._group is not None else interchange, verdict)
        if part is not None:
            yield from self._give(part)
        if verdict.code == "R" and self._held is not None:
            reason = f"its {self._options.reject} is refused: message {verdict.number[:20]} of it is wrong"
            yield from self._held.doom(reason)

    def _give(self, part: Part) -> Iterator[Part]:
        """Give a part, or hold it back, or refuse it with its interchange."""
        assert self._interchange is not None
        if self._interchange.refused:
            yield WORDS.with_others(part, self._interchange.refused)
        elif self._held is None:
            yield part
        else:
            yield from self._held.add(part)

    def _say(self, level: Level, verdict: Verdict) -> None:
        """Write what the CONTRL says of a message; nothing is said of a CONTRL."""
        if verdict.set == "CONTRL" and not verdict.package:
            return
        assert self._interchange is not None
        level.business = self._interchange.business = True
        if self._options.acknowledge == "none":
            return
        told = message_segments(verdict, self._writer, level.told < self._options.limits.answer)
        count, data = self._writer.count(told), self._writer.encoded(told)
        level.answer.add(data, count)
        level.told += len(verdict.faults)
        # of what is refused as a whole only the reasons are told: its messages are refused with it
        if verdict.code == "R":
            level.refusal.add(data, count)

    def _package(self, package: Package) -> Iterator[Part]:
        """Give an object as bytes; one whose length is wrong is an exception."""
        if self._message is not None:
            yield from self._close_message(proper=False)
        interchange = self._interchange
        assert interchange is not None
        interchange.received += 1
        self.messages += 1
        number = at(package.uno, 0, interchange.marks)
        faults = []
        context = (interchange.number, self._group.number if self._group is not None else "", number)
        place = package.offset, package.line
        if package.fault is not None:
            faults.append(Fault(*package.fault, "error", *place, *context, tag="UNO"))
        else:
            said, closing = (at(package.unp, index, interchange.marks) for index in (0, 1))
            if said.strip() != str(package.size):
                text = f"UNP01 says {said[:20] or 'nothing'} bytes, there are {package.size}"
                faults.append(Fault("set.count", text, "error", *place, *context, tag="UNP", element=1))
            if closing.strip() != number.strip():
                text = f"UNP02 is {closing[:20]!r}, UNO01 is {number[:20]!r}"
                faults.append(Fault("set.number", text, "error", *place, *context, tag="UNP", element=2))
        headers = {**self._headers, "edi_set": "UNO", "edi_transaction": printable(number)}
        raw = package.text.encode("latin-1")
        findings = tuple(fault.finding() for fault in faults)
        identifier = [at(package.uno, 1, interchange.marks, part) for part in (1, 2)]
        verdict = Verdict(number, identifier, "R" if faults else "A", faults, package=number or "0")
        error = WORDS.sentence(faults, 0, f"UNO {number[:20]}") if faults else ""
        body = None if faults else package.data.encode("latin-1")
        yield from self._settle(verdict, Part(body, raw, error, findings, headers))

    def _wrong(
        self, found: Sequence[Wrong], tag: str, severity: str = "error", place: tuple[int, int] | None = None
    ) -> None:
        """Note faults of the envelope where it begins, or at a place; warnings are told with the next document."""
        interchange, group = self._interchange, self._group
        assert interchange is not None
        for code, element, text in found:
            of_group = code.startswith("grp") and group is not None
            level: Level = group if of_group and group is not None else interchange
            told = "warning" if code in self._options.tolerate else severity
            number = group.number if of_group and group is not None else ""
            where = place or (level.offset, level.line)
            detail = {"interchange": interchange.number, "group": number, "tag": tag, "element": element}
            level.faults.append(Fault(code, text, told, *where, **detail))  # type: ignore[arg-type]
            if told == "warning" and not self._muted:
                self._notes += (level.faults[-1].finding(),)
