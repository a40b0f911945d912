"""The reader of X12: groups are answered one by one, interchanges by a TA1."""

from __future__ import annotations

from collections.abc import Iterator

from esb.edge import Part
from esb.formats.edi.faults import errors, lost
from esb.formats.edi.levels import Tags
from esb.formats.edi.reader import EdiReader
from esb.formats.edi.run import Run
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
from esb.formats.x12.framing import Framer, Opened
from esb.formats.x12.options import Options
from esb.formats.x12.refusals import WORDS
from esb.formats.x12.transaction import Transaction

_TAGS = Tags(
    header="ISA",
    trailer="IEA",
    group="GS",
    group_end="GE",
    # blank lines, and the deferred delivery of networks
    silent=frozenset({"", "ISB", "ISE"}),
    instead={"ST": "a set", "SE": "a set", "GE": "a group"},
    otherwise="an envelope",
)


class X12Reader(EdiReader[Opened, Interchange, Group, Verdict]):
    """Push reader of X12."""

    words, tags = WORDS, _TAGS
    _options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options, Framer(options.segment_limit, options.unwrap))
        self._opens = "ST*"
        self._writer: Writer

    def _take(self, event: Opened) -> Iterator[Part]:
        isa, parties = event.elements, self._options.parties
        interchange = Interchange(isa, event.marks, event.newline, event.offset, event.line)
        yield from self._open(interchange)
        self._opens, self._writer = f"ST{event.marks.element}", Writer(interchange)
        for code, text in event.oddities:
            self._wrong([(code, 0, text)], "ISA", "warning")
        self._wrong(isa_unagreed(interchange, parties), "ISA", parties.delimiters.severity)
        interchange.refused = self._refusing(isa_strangers(isa, parties), "ISA")
        self._wrong(isa_faults(isa), "ISA")
        self._check_duplicate(tuple(element.strip() for element in isa[4:8]), 13)

    def _look(self, run: Run) -> None:
        if run.note is not None and self._set is not None:
            self._set.walk.note(*run.note, run.locate, 0, tag=run.segments[0][:3])

    def _alone(self, values: list[str], text: str) -> Part | None:
        """Return an inbound TA1 as a document: it is the partner's answer to an interchange of ours."""
        if values[0] != "TA1" or self._interchange is None:
            return None
        self._interchange.technical = True
        names = ("number", "date", "time", "code", "note")
        found = {name: value for name, value in zip(names, values[1:6], strict=False) if value}
        headers = {**self._headers, "edi_set": "TA1"}
        return Part({"interchange_acknowledgment": found}, text.encode("latin-1"), envelope=headers)

    def _check_trailer(self, values: list[str], place: tuple[int, int]) -> None:
        assert self._interchange is not None
        self._wrong(iea_faults(values, self._interchange), "IEA", place=place)

    def _answer(self, interchange: Interchange, doomed: str) -> None:
        if not interchange.groups and not interchange.technical:
            interchange.refused = interchange.refused or lost(interchange.faults)
        for group in interchange.answered:
            group.refused = group.refused or doomed
            self._acknowledge(interchange, group)
        when = self._options.ta1
        wanted = when == "always" or (when == "requested" and interchange.isa[13] == "1")
        wanted = wanted or (when == "on-error" and bool(errors(interchange.faults)))
        if wanted and (interchange.business or not (interchange.groups or interchange.technical)):
            # an interchange of nothing but acknowledgments is never answered
            self._say_to_sender(technical(interchange))

    # group

    def _open_group(self, interchange: Interchange, values: list[str], place: tuple[int, int]) -> Group:
        gs = [*values[1:9], *[""] * 8][:8]
        group = Group(gs, *place, interchange.groups)
        group.known = self._options.known(group.version)
        interchange.business = interchange.business or gs[0] != "FA"
        return group

    def _check_group(self, interchange: Interchange, group: Group) -> None:
        if not interchange.refused:
            group.refused = self._refusing(gs_strangers(group.gs, self._options.parties), "GS")
        self._wrong(gs_faults(group, interchange), "GS")

    def _check_group_end(self, values: list[str], place: tuple[int, int]) -> None:
        assert self._group is not None
        self._group.declared = values[1] if len(values) > 1 else ""
        self._wrong(ge_faults(values, self._group), "GE", place=place)

    def _answer_group(self, interchange: Interchange, group: Group) -> None:
        if group.gs[0].strip() == "FA":
            return
        if self._options.reject == "interchange":
            interchange.answered.append(group)
        else:
            self._acknowledge(interchange, group)

    def _acknowledge(self, interchange: Interchange, group: Group) -> None:
        # an interchange that is refused by its TA1 was not looked into: its groups have no answers of their own
        if not interchange.refused and self._options.acknowledge != "none":
            self._say_to_sender(acknowledgment(interchange, group, self._options.acknowledge))

    # transaction set

    def _begins(self, text: str) -> bool:
        return self._group is not None and text.startswith(self._opens)

    def _begin(self, run: Run, index: int, known: tuple[int, int]) -> tuple[int, int]:
        interchange, group = self._interchange, self._group
        assert interchange is not None and group is not None
        group.received += 1
        current = self._set = Transaction(self._options, interchange, group, self._decode)
        current.unit = self.interchanges
        if self._options.bind:
            known = (index, run.begin(index, known))
        current.open(run.segments[index].split(interchange.marks.element), run, index, known[1])
        return known

    def _say(self, verdict: Verdict) -> None:
        group, kind = self._group, self._options.acknowledge
        assert group is not None
        group.accepted += verdict.code != "R"
        group.noted += verdict.code == "E"
        if kind == "none":
            return
        said = set_segments(verdict, self._writer, kind, group.told < self._options.limits.answer)
        group.answer.write(said.encode("latin-1"))
        group.told += len(verdict.faults)
        if self._options.reject != "set" or group.refused:
            # of the sets that are refused together, those that are wrong themselves tell the reasons
            if verdict.code != "R":
                said = set_segments(Verdict(verdict.set, verdict.number, "R", [], verdict.guide), self._writer, kind)
            group.refusal.write(said.encode("latin-1"))

    def _decode(self, text: str) -> str:
        """Return Latin-1 characters as what they were: UTF-8 if they can be that, else the declared encoding."""
        raw = text.encode("latin-1")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode(self._options.encoding, "replace")
