"""The reader of EDI: interchanges to sets to documents, each with its own fate; answers at the end.

What a set is (a transaction set of X12, a message of EDIFACT), what its envelope says and how it is answered is the
dialect's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Generic

from msgspec.structs import replace

from esb.edge import Finding, Met, Part
from esb.formats.edi.control import Numbers
from esb.formats.edi.faults import Fault, Wrong, errors
from esb.formats.edi.framing import Framing, Junk, Own
from esb.formats.edi.holding import Holding
from esb.formats.edi.levels import Group, Interchange, Level, Tags, Underway, Verdict
from esb.formats.edi.options import Options
from esb.formats.edi.parties import noted
from esb.formats.edi.refusals import Stray, Words
from esb.formats.edi.run import Run
from esb.formats.parts import bad

_PAIRS = 10_000
"""Pairs of parties whose numbers are remembered within a delivery."""


class EdiReader(ABC, Generic[Own, Interchange, Group, Verdict]):
    """Push reader. Whatever is wrong becomes a bad part with its findings; nothing is raised."""

    words: Words
    tags: Tags

    def __init__(self, options: Options, framer: Framing[Any, Own]) -> None:
        self._options, self._framer = options, framer
        self._interchange: Interchange | None = None
        self._group: Group | None = None
        self._set: Underway[Verdict] | None = None
        self._stray: Stray | None = None
        self._held: Holding | None = None
        self._place = (0, 0)
        self._seen: dict[Hashable, Numbers] = {}
        self._answers: list[Part] = []
        self._headers: dict[str, str] = {}
        self._met: Sequence[Met] = ()
        self._notes: tuple[Finding, ...] = ()
        self._muted = False
        self.interchanges = self.groups = self.sets = 0
        self.untold = 0
        """Faults over the limit of their sets: no part tells them."""

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
            parts.append(bad(self.words.dialect, "empty", "there is nothing in it", b""))
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
            text = f"the interchange ends without {self.tags.trailer}; it was cut"
            yield from self._close_interchange("ich.eof", text)
        yield from self._end_stray()

    def _read(self, data: bytes, final: bool) -> Iterator[Part]:
        for event in self._framer.feed(data, final):
            if isinstance(event, Run):
                yield from self._run(event)
                continue
            yield from self._end_stray()
            if isinstance(event, Junk):
                self._muted = False
                yield self.words.junk(event)
            else:
                yield from self._take(event)

    def _run(self, run: Run) -> Iterator[Part]:
        segments, index, known = run.segments, 0, (0, 0)
        self._look(run)
        while index < len(segments):
            current = self._set
            if current is None:
                if self._begins(segments[index]):
                    if self._stray is not None:
                        yield from self._end_stray()
                    self.sets += 1
                    known = self._begin(run, index, known)
                    if self._held is not None or self._refused:
                        # only then is the place of a set without faults told, and looking for it costs time
                        self._place = run.locate(index)
                else:
                    yield from self._outside(segments[index], run, index)
                index += 1
                continue
            index, known = current.run(run, index, known)
            if current.walk.units is not None:
                for line in current.lines(self._headers):
                    yield from self._give(line)
            if current.walk.over or index < len(segments):
                yield from self._close_set(current.walk.over)
        if self._set is not None:
            self._set.pause(run)

    def _outside(self, text: str, run: Run, index: int) -> Iterator[Part]:
        """Take a segment that is in no set."""
        tags = self.tags
        if self._interchange is None:
            self._strayed(run, index, f"segments stand behind {tags.trailer}")
            return
        values = text.split(self._interchange.marks.element)
        tag = values[0]
        if tag in tags.silent:
            return
        if tag == tags.group:
            yield from self._end_stray()
            yield from self._enter_group(values, run.locate(index))
        elif tag == tags.group_end and self._group is not None:
            yield from self._end_stray()
            self._check_group_end(values, run.locate(index))
            yield from self._end_group(text)
        elif tag == tags.trailer:
            yield from self._end_stray()
            yield from self._orphan()
            self._check_trailer(values, run.locate(index))
            yield from self._close_interchange("", "", text)
        elif (part := self._alone(values, text)) is not None:
            yield from self._end_stray()
            refused = self._interchange.refused
            yield self.words.with_others(part, refused, run.locate(index)) if refused else part
        else:
            wanted = tags.instead.get(tag, tags.otherwise)
            self._strayed(run, index, f"{tag[:20]!r} stands where {wanted} should begin")

    def _strayed(self, run: Run, index: int, text: str) -> None:
        if self._stray is None:
            self._stray = Stray(self.words, text, *run.locate(index))
        self._stray.add(run.whole(index))

    def _end_stray(self) -> Iterator[Part]:
        if self._stray is not None:
            yield self._stray.part(self._headers)
            self._stray = None

    # interchange

    def _open(self, interchange: Interchange) -> Iterator[Part]:
        """Begin an interchange; its dialect says then what is wrong with it."""
        if self._interchange is not None:
            text = f"the interchange ends without {self.tags.trailer}, another {self.tags.header} follows"
            yield from self._close_interchange("ich.eof", text)
        self.interchanges += 1
        self._muted = self._came == "again"
        self._interchange, self._headers, self._notes = interchange, interchange.headers(), ()
        if self._options.reject == "interchange":
            self._held = Holding(self._options.limit, self.words.with_others)

    @property
    def _came(self) -> Met:
        return self._met[self.interchanges - 1] if self.interchanges <= len(self._met) else "new"

    def _check_duplicate(self, pair: Hashable, element: int) -> None:
        """Note an interchange whose number came before from this `pair` of parties; `element` holds the number."""
        interchange = self._interchange
        assert interchange is not None
        numbers = self._seen.setdefault(pair, Numbers()) if len(self._seen) < _PAIRS else Numbers()
        if self._came == "other":
            how = "with another content"
        elif interchange.number and not numbers.first_time(interchange.number):
            how = "in the same delivery"
        else:
            return
        text = f"interchange {interchange.number[:20]} of this sender came before {how}"
        refused = self._refusing([("ich.duplicate", element, text)], self.tags.header)
        interchange.refused = interchange.refused or refused

    def _close_interchange(self, code: str, text: str, raw: str = "") -> Iterator[Part]:
        interchange, held = self._interchange, self._held
        assert interchange is not None
        if self._set is not None:
            yield from self._close_set(proper=False)
        yield from self._orphan()
        if code:
            self._wrong([(code, 0, text)], self.tags.trailer)
        found = errors(interchange.faults)
        if self._options.reject == "interchange" and found:
            interchange.refused = interchange.refused or found[0].text
        held, self._held = self._held, None
        if held is not None:
            yield from held.doom(interchange.refused) if interchange.refused else held.release()
        self._answer(interchange, held.doomed if held is not None else "")
        self._interchange = None
        if found:
            label = f"interchange {interchange.number[:20] or '?'}"
            yield self.words.of_envelope(interchange.faults, label, raw, self._headers)

    def _say_to_sender(self, answer: Part) -> None:
        if not self._muted:
            self._answers.append(replace(answer, unit=self.interchanges))

    # group

    def _enter_group(self, values: list[str], place: tuple[int, int]) -> Iterator[Part]:
        interchange = self._interchange
        assert interchange is not None
        yield from self._orphan()
        interchange.groups += 1
        self.groups += 1
        group = self._open_group(interchange, values, place)
        self._group, self._headers = group, {**interchange.headers(), **group.headers()}
        if self._options.reject == "group":
            self._held = Holding(self._options.limit, self.words.with_others)
        self._check_group(interchange, group)

    def _orphan(self) -> Iterator[Part]:
        """Close a group that has no trailer."""
        if self._group is not None:
            end = self.tags.group_end
            text = f"group {self._group.number[:20] or '?'} ends without {end}"
            self._wrong([("grp.no-trailer", 0, text)], end)
            yield from self._end_group("")

    def _end_group(self, raw: str) -> Iterator[Part]:
        group, interchange = self._group, self._interchange
        assert group is not None and interchange is not None
        found = errors(group.faults)
        if self._held is not None and found:
            yield from self._held.doom(f"its group is refused: {found[0].text}")
        if self._options.reject == "group" and self._held is not None:
            group.refused = group.refused or self._held.doomed
            yield from self._held.release()
            self._held = None
        self._answer_group(interchange, group)
        self._group = None
        if found:
            label = f"group {group.number[:20] or '?'}"
            yield self.words.of_envelope(group.faults, label, raw, self._headers)
        self._headers = interchange.headers()

    # set

    def _close_set(self, proper: bool) -> Sequence[Part]:
        current = self._set
        assert current is not None
        self._set = None
        verdict = current.close(proper)
        self.untold += 0 if self._muted else current.walk.untold
        return self._settle(verdict, current.part(verdict, self._headers))

    def _settle(self, verdict: Verdict, part: Part | None) -> Sequence[Part]:
        """Return what is given for a set that ended, and say in the answer what became of it."""
        self._say(verdict)
        given = self._give(part) if part is not None else ()
        if verdict.code == "R" and self._held is not None:
            what = f"{self.words.kind} {verdict.number[:20]} of it is wrong"
            return [*given, *self._held.doom(f"its {self._options.reject} is refused: {what}")]
        return given

    def _give(self, part: Part) -> Sequence[Part]:
        """Return what became of a set; it may be held back, or refused with its group or interchange."""
        if refused := self._refused:
            return (self.words.with_others(part, refused, self._place),)
        return (part,) if self._held is None else self._held.add(part, self._place)

    @property
    def _refused(self) -> str:
        """Why nothing of the open interchange or group is taken; empty while it is."""
        assert self._interchange is not None
        return self._interchange.refused or (self._group.refused if self._group is not None else "")

    # faults of the envelope

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
            of_group = group if code.startswith("grp") else None
            level: Level = of_group if of_group is not None else interchange
            told = "warning" if code in self._options.tolerate else severity
            number = of_group.number if of_group is not None else ""
            where = place or (level.offset, level.line)
            detail = {"interchange": interchange.number, "group": number, "tag": tag, "element": element}
            level.faults.append(Fault(code, text, told, *where, **detail))  # type: ignore[arg-type]
            if told == "warning" and not self._muted:
                self._notes += (level.faults[-1].finding(),)

    # what a dialect adds

    @abstractmethod
    def _take(self, event: Own) -> Iterator[Part]:
        """Take what its framer gives beside runs: the header of an interchange, which it opens and checks."""

    @abstractmethod
    def _look(self, run: Run) -> None:
        """Look at a run before its segments are read."""

    @abstractmethod
    def _begins(self, text: str) -> bool:
        """Return whether a segment begins a set here."""

    @abstractmethod
    def _begin(self, run: Run, index: int, known: tuple[int, int]) -> tuple[int, int]:
        """Begin a set with its header; return where a known segment begins in the run's text."""

    @abstractmethod
    def _alone(self, values: list[str], text: str) -> Part | None:
        """Return the document of a segment that stands for itself between sets, or None if it does not."""

    @abstractmethod
    def _open_group(self, interchange: Interchange, values: list[str], place: tuple[int, int]) -> Group:
        """Return the group that a segment begins."""

    @abstractmethod
    def _check_group(self, interchange: Interchange, group: Group) -> None:
        """Note what is wrong with the header of a group."""

    @abstractmethod
    def _check_group_end(self, values: list[str], place: tuple[int, int]) -> None:
        """Note what is wrong with the trailer of the open group."""

    @abstractmethod
    def _check_trailer(self, values: list[str], place: tuple[int, int]) -> None:
        """Note what is wrong with the trailer of the open interchange."""

    @abstractmethod
    def _say(self, verdict: Verdict) -> None:
        """Write what the answer says of a set."""

    @abstractmethod
    def _answer_group(self, interchange: Interchange, group: Group) -> None:
        """Answer a group that ended, or keep what is told of it."""

    @abstractmethod
    def _answer(self, interchange: Interchange, doomed: str) -> None:
        """Answer an interchange that ended; `doomed` = why all that was held back for it is refused."""
