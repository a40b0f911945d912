"""The reader of EDIFACT: interchanges with or without groups, messages and objects; one CONTRL for an interchange."""

from __future__ import annotations

import re
from collections.abc import Iterator

from esb.edge import Part
from esb.formats.edi.faults import lost
from esb.formats.edi.levels import Tags
from esb.formats.edi.reader import EdiReader
from esb.formats.edi.run import Run
from esb.formats.edifact.acknowledge import Writer, contrl, group_segment, message_segments
from esb.formats.edifact.envelope import Group, Interchange, Level, Verdict, elements_of
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
from esb.formats.edifact.packages import Package, settled
from esb.formats.edifact.refusals import WORDS

_TAGS = Tags(
    header="UNB",
    trailer="UNZ",
    group="UNG",
    group_end="UNE",
    silent=frozenset({""}),
    instead={"UNT": "a message", "UNE": "a group"},
    otherwise="a message or an envelope",
)
_LOWER = re.compile(r"[^A-Z0-9 .,\-()/='+:?!\"%&*;<>\r\n]")
"""What the character set UNOA does not have; nearly everybody sends it all the same."""


class EdifactReader(EdiReader[Opened | Package, Interchange, Group, Verdict]):
    """Push reader of EDIFACT."""

    words, tags = WORDS, _TAGS
    _options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options, Framer(options.segment_limit, options.limit, options.encoding, options.unwrap))
        self._opens = "UNH+"
        self._writer: Writer
        self._lower: tuple[int, int] | None = None

    @property
    def messages(self) -> int:
        """How many messages and objects there were."""
        return self.sets

    def _take(self, event: Opened | Package) -> Iterator[Part]:
        if isinstance(event, Package):
            yield from self._package(event)
            return
        head, parties = event.head, self._options.parties
        interchange = Interchange(elements_of(head.elements, head.charset), head.marks, event.offset, event.line)
        interchange.una, interchange.newline, interchange.charset = head.una, event.newline, head.charset
        yield from self._open(interchange)
        self._opens, self._writer, self._lower = f"UNH{head.marks.element}", Writer(interchange), None
        for code, text in head.oddities:
            self._wrong([(code, 1, text)], "UNB", "error" if code == "ich.standard" else "warning")
        self._wrong(unb_unagreed(interchange, parties), "UNB", parties.delimiters.severity)
        interchange.refused = self._refusing(unb_strangers(interchange, parties), "UNB")
        self._wrong(unb_faults(interchange), "UNB")
        self._check_duplicate(interchange.pair, 5)

    def _look(self, run: Run) -> None:
        """Note the first character of an interchange in UNOA that UNOA does not have; it is read as it is."""
        interchange = self._interchange
        if interchange is None or interchange.at(1) != "UNOA" or self._lower is not None or self._options.encoding:
            return
        if found := _LOWER.search(run.text):
            self._lower = run.offset + found.start(), run.line + run.text.count("\n", 0, found.start())
            text = f"{found[0]!r} is no character of UNOA; it and others like it are read as they are"
            self._wrong([("charset", 0, text)], "UNB", "warning", self._lower)

    def _alone(self, values: list[str], text: str) -> Part | None:
        return None

    def _check_trailer(self, values: list[str], place: tuple[int, int]) -> None:
        interchange = self._interchange
        assert interchange is not None
        self._wrong(unz_faults(values, interchange), "UNZ", place=place)
        if not interchange.received and not interchange.groups:
            self._wrong([("ich.content", 0, "there is no message in the interchange")], "UNB")

    def _answer(self, interchange: Interchange, doomed: str) -> None:
        interchange.refused = interchange.refused or doomed
        if not interchange.received:
            # all that it should hold was lost on its way: whoever reads "acknowledged" does not send it again
            interchange.refused = interchange.refused or lost(interchange.faults)
        kind = self._options.acknowledge
        asked = kind == "contrl" or (kind == "requested" and interchange.at(9).strip() not in ("", "0"))
        # an interchange of nothing but CONTRLs is never answered
        if asked and (interchange.business or not interchange.received):
            self._say_to_sender(contrl(interchange))

    # group

    def _open_group(self, interchange: Interchange, values: list[str], place: tuple[int, int]) -> Group:
        if interchange.received and interchange.groups == 1:
            text = "groups and messages without a group stand in one interchange"
            self._wrong([("ich.mixed", 0, text)], "UNG", place=place)
        return Group(values[1:], interchange.marks, *place)

    def _check_group(self, interchange: Interchange, group: Group) -> None:
        self._wrong(ung_faults(group, interchange), "UNG")

    def _check_group_end(self, values: list[str], place: tuple[int, int]) -> None:
        assert self._group is not None
        self._wrong(une_faults(values, self._group), "UNE", place=place)

    def _answer_group(self, interchange: Interchange, group: Group) -> None:
        """Keep what the CONTRL says of a group: as it is, and if all of the interchange is refused."""
        if self._options.acknowledge == "none" or not (group.business or not group.received):
            return
        if not group.received:
            group.refused = group.refused or lost(group.faults)
        told, refused = group.answer.take(), group.refusal.take()
        entries = (refused, group.refusal.count) if group.refused else (told, group.answer.count)
        head = self._writer.encoded(group_segment(group, self._writer))
        interchange.answer.add(head + entries[0], entries[1] + 1)
        group.refused = group.refused or "refused with the interchange"
        head = self._writer.encoded(group_segment(group, self._writer))
        interchange.refusal.add(head + refused, group.refusal.count + 1)

    # message

    def _begins(self, text: str) -> bool:
        return self._interchange is not None and (text.startswith(self._opens) or text == "UNH")

    def _begin(self, run: Run, index: int, known: tuple[int, int]) -> tuple[int, int]:
        interchange, group = self._interchange, self._group
        assert interchange is not None
        known = (index, run.begin(index, known))
        current = self._set = Message(self._options, interchange, group)
        interchange.received += 1
        if group is not None:
            group.received += 1
        elif interchange.groups:
            text = "messages without a group stand behind groups"
            self._wrong([("ich.mixed", 0, text)], "UNH", place=run.locate(index))
        current.open(run.segments[index].split(interchange.marks.element), run, index, known[1])
        return known

    def _say(self, verdict: Verdict) -> None:
        """Write what the CONTRL says of a message; nothing is said of a CONTRL."""
        interchange, group = self._interchange, self._group
        assert interchange is not None
        if verdict.set == "CONTRL" and not verdict.package:
            return
        level: Level = group if group is not None else interchange
        level.business = interchange.business = True
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
        if self._set is not None:
            yield from self._close_set(proper=False)
        assert self._interchange is not None
        self._interchange.received += 1
        self.sets += 1
        self._place = package.offset, package.line
        yield from self._settle(*settled(package, self._interchange, self._group, self._headers))
