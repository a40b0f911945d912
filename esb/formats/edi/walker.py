"""Walks the segments of one transaction set: checks, counts, names faults, and binds the document on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from esb.formats.edi.binder import NODES, Scopes
from esb.formats.edi.control import Numbers
from esb.formats.edi.diagnosis import flaws
from esb.formats.edi.faults import Fault, errors
from esb.formats.edi.grammar import Segment
from esb.formats.edi.machine import (
    CUT,
    END,
    KIND,
    MISSING,
    OPEN,
    PLAIN,
    REPEAT,
    TOO_MANY,
    Machine,
    Place,
    Ring,
    State,
    Step,
)  # fmt: skip
from esb.formats.edi.units import Units
from esb.formats.edi.watching import Begin, Breach, Watching


class Limits(Struct, frozen=True):
    """What bounds the reading of one set: `faults` that are told of it (a partner's inbox is finite; the rest are
    counted), `depth` of a tree of levels, and `answer`: faults that the acknowledgment of its group tells.
    """

    faults: int = 100
    depth: int = 64
    answer: int = 10_000


MOST_LEVELS = 100_000
"""Levels of a tree whose depth is known at once; where more came, depths are counted from there."""

_NO_VALUES: list[str] = []
"""Stands for the values of a segment that was not split."""

_NONE: dict[str, Any] = {}
"""Stands for a scope that was never opened."""

Locate = Callable[[int], tuple[int, int]]
"""Index of a segment in the run -> (byte offset, line)."""


def _nowhere(index: int) -> tuple[int, int]:
    return 0, 0


class Walk:
    """One transaction set under way. Feed it runs of segments until `over`; then look at `faults` and `document`."""

    __slots__ = (
        "_begin", "_bind", "_counts", "_decode", "_depths", "_index", "_known", "_levels", "_locate", "_owners",
        "_repeats", "_scopes", "_state", "_stops", "_turns", "_watching", "allowed", "context", "count", "document",
        "failed", "faults", "limits", "machine", "over", "tolerate", "trailer", "units", "untold",
    )  # fmt: skip

    def __init__(
        self,
        machine: Machine,
        known: frozenset[str],
        stops: frozenset[str],
        decode: Callable[[str], str],
        bind: bool = True,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        self.machine = machine
        self.limits = limits
        self.faults: list[Fault] = []
        self.untold = 0
        self.failed = self.over = False
        self.count = 0
        self.trailer: list[str] = []
        self.document: dict[str, Any] = {}
        self._known, self._stops, self._decode = known, stops, decode
        self._state: State = machine.start
        self._scopes: Scopes = [self.document] + [_NONE] * (machine.loops + 1)
        self._turns = [0] * (machine.loops + 1)
        self._owners = [-1] * (machine.loops + 1)
        self._counts = [0] * (machine.loops + 1)
        self._repeats = 1
        self._levels: Numbers | None = Numbers() if machine.has_tree else None
        self._depths: dict[str, int] = {}
        self._bind = bind
        self._watching = Watching(machine.watched) if machine.watched is not None else None
        ring = machine.streamed
        self.units = Units(ring.loop.into, ring.depth, bind) if ring is not None and ring.loop is not None else None
        """The turns of the main loop, if the machine streams."""
        self._locate: Locate = _nowhere
        self._index = 0
        self._begin: tuple[Locate, int] = (self._locate, 0)
        self.context = ("", "", "")
        """Control numbers of interchange, group and set."""
        self.tolerate: frozenset[str] = frozenset()
        """Codes of faults that are only warnings."""
        self.allowed: re.Pattern[str] | None = None
        """What the character set of the interchange takes; None = nothing is said of it."""

    def open(self, text: str, locate: Locate, index: int) -> None:
        """Take the header segment."""
        self._locate, self._index = locate, index
        self._begin = (locate, index)
        self.count = 1
        header = self.machine.header
        values = text.split(self.machine.marks.element)
        if header.accept(text) is None:
            values = self._refused(values, header, text)
        if self._bind:
            header.bind(values, self._scopes, text)

    def run(self, segments: Sequence[str], start: int, locate: Locate) -> int:
        """Take segments from `start`; return the index of the first that is not ours: the set is `over`, or was cut."""
        state, scopes, binding, repeats = self._state, self._scopes, self._bind, self._repeats
        turns, owners, counts, element = self._turns, self._owners, self._counts, self.machine.marks.element
        self._locate, ahead, index = locate, self.count - start + 1, start
        for index in range(start, len(segments)):
            text = segments[index]
            values = text.split(element) if binding else _NO_VALUES  # the accept path takes the text as it is
            tag = values[0] if binding else text.partition(element)[0]
            way = state[tag]
            if way is None:
                if tag in self._stops:
                    break
                self._index, self.count = index, index + ahead
                ahead -= not self._lost(tag, state.place)
                binding = self._bind
                continue
            accept, bind, state, how, most, ring, parent, step = way
            if accept(text) is None:
                self._index, self.count = index, index + ahead
                values = self._refused(values or text.split(element), state.place, text)
                binding = self._bind
            if how == PLAIN:
                repeats = 1
            elif how == REPEAT:
                repeats += 1
                if repeats > most:
                    self._index, self.count = index, index + ahead
                    self._special(step, TOO_MANY, values)
                    binding = self._bind
            else:
                if how == OPEN:
                    turns[ring] += 1
                    counts[ring] = counts[ring] + 1 if owners[ring] == turns[parent] else 1
                    owners[ring] = turns[parent]
                    if counts[ring] > most:
                        how = TOO_MANY
                if how != OPEN:
                    repeats, self._index, self.count = 1, index, index + ahead
                    place = self._special(step, how, values or text.split(element))
                    if self.over:
                        return index + 1
                    state, bind, binding = place.state, place.bind, self._bind
            if binding:
                bind(values or text.split(element), scopes, text)
        else:
            index += 1
        self._state, self._repeats, self.count = state, repeats, index + ahead - 1
        return index

    def close(self) -> None:
        """End the walk: what is noted from now on concerns the whole set, and stands where it begins."""
        locate, at = self._begin
        self._locate = lambda index: locate(at)

    def finish(self) -> dict[str, Any]:
        """Return the document, once all is over."""
        if self._levels is not None:
            self.document.pop(NODES, None)
        if self._watching is not None:
            # what is missing in a loop is known at its end, and stands where the loop begins
            self.faults.sort(key=lambda fault: fault.segment)
        return self.document

    def fault(self, code: str, text: str, severity: str = "error", line: int = 0, **detail: Any) -> None:
        """Note a fault at the current segment; a tolerated one is a warning. `line` = whose it is in a streamed set."""
        if code in self.tolerate:
            severity = "warning"
        if severity == "error":
            # values that are not what they should be cannot be bound, and a refused set has no document
            self._bind = False
            if line and self.units is not None:
                self.units.hurt(line)
            else:
                self.failed = True
        if len(self.faults) >= self.limits.faults:
            self.untold += 1
            if severity != "error" or errors(self.faults[-1:]):
                return
            self.faults.pop()  # an error is told behind any number of warnings
        offset, at = detail.pop("place", None) or self._locate(self._index)
        detail = {"segment": self.count, **detail}
        fault = Fault(code, text, severity, offset, at, *self.context, **detail)
        self.faults.append(fault)
        if line and self.units is not None:
            self.units.note(line, fault)

    def note(self, code: str, text: str, locate: Locate, index: int, **detail: Any) -> None:
        """Note a fault of the segment that comes next, before it is taken."""
        self._locate, self._index = locate, index
        self.fault(code, text, line=self._line(self._state.place.ring), segment=self.count + 1, **detail)

    def _line(self, ring: Ring, place: Place | None = None) -> int:
        """Return which line a fault in a loop concerns, if the set is streamed; 0 = the set. `place`: the new one."""
        if self.units is None or ring.streamed is None:
            return 0
        return self.units.number + (place is not None and place is ring.streamed.children[0])

    def forget(self) -> None:
        """Give the document up."""
        self._bind = False
        self.document.clear()

    def _special(self, step: Step, how: int, values: list[str]) -> Place:
        """Take a step that is more than the next segment; return the place it leads to."""
        place = step.place
        if how in (MISSING, CUT):
            for gone in step.missing:
                name = gone.name if isinstance(gone, Ring) else gone.ring.name
                line = self._line(gone.ring if isinstance(gone, Place) else gone)
                text = f"{gone.tag} is missing before {place.tag}"
                known = gone.use if isinstance(gone, Place) else gone.loop
                rule = self._rule(known.line if known is not None else 0)
                self.fault("seg.missing", text, line=line, tag=gone.tag, loop=name, schema=rule)
            if how == CUT and self._watching is not None and place.ring.streamed is None and self.machine.streamed:
                self._breached(self._watching.leave(self.machine.streamed))
            if how == CUT and self.units is not None:
                bound = self.units.cut(self._index, place.ring.streamed is not None, self._scopes)
                self._bind = bound and not self.failed
            how = place.how
            if how == OPEN:
                how = self._turn(place, step.most)
        if how == TOO_MANY:
            most, loop = step.most, place.how == OPEN
            what, code = (f"loop {place.ring.name}", "loop.too-many") if loop else (place.tag, "seg.too-many")
            text = f"{what} comes more than the {most} times that are allowed"
            rule = self._rule(place.ring.loop.line if loop and place.ring.loop else place.use.line)
            self.fault(code, text, line=self._line(place.ring), tag=place.tag, loop=place.ring.name, schema=rule)
        elif how == END:
            self.over, self.trailer = True, values
            if self._watching is not None:
                self._breached(self._watching.end(), ended=True)
        elif how == KIND:
            return self._level(place, values)
        return place

    def _turn(self, place: Place, most: int) -> int:
        """Count a turn of a loop; return how the step is taken: OPEN, or TOO_MANY."""
        ring, parent = place.ring.index, place.ring.parent.index if place.ring.parent is not None else 0
        turns, counts = self._turns, self._counts
        turns[ring] += 1
        if self._owners[ring] != turns[parent]:
            self._owners[ring], counts[ring] = turns[parent], 1
        elif counts[ring] < most:
            counts[ring] += 1
        else:
            return TOO_MANY
        return OPEN

    def _level(self, place: Place, values: list[str]) -> Place:
        """Choose what may follow a level of a tree, by its code; check that its parent came before."""
        ring = place.ring
        assert ring.loop is not None and ring.loop.tree is not None
        tree, names = ring.loop.tree, [item.name for item in place.use.segment.items]
        found = dict(zip(names, values[1:], strict=False))
        number, parent, level = found.get(tree.id, ""), found.get(tree.parent, ""), found.get(tree.level, "")
        levels = self._levels
        assert levels is not None
        if parent and not levels.seen(parent):
            at = names.index(tree.parent) + 1
            text = f"{place.tag}{at:02d} names parent {parent[:20]!r}, which did not come before"
            self.fault("el.code", text, tag=place.tag, loop=ring.name, element=at, value=parent)
        if not levels.first_time(number):
            at = names.index(tree.id) + 1
            text = f"{place.tag}{at:02d} is {number[:20]!r} again; every level has a number of its own"
            self.fault("el.code", text, tag=place.tag, loop=ring.name, element=at, value=number)
        self._check_depth(number, parent, place)
        branch = ring.kinds.get(level) or ring.kinds.get("*")
        if branch is None:
            at = names.index(tree.level) + 1
            text = f"{place.tag}{at:02d} is {level[:20]!r}; levels are {', '.join(ring.kinds)}"
            self.fault("el.code", text, tag=place.tag, loop=ring.name, element=at, value=level)
            branch = next(iter(ring.kinds.values()))
        self._turns[branch.index] += 1
        if self._watching is not None:
            self._breached(self._watching.begin(branch, level, self._here()))
        opener = branch.children[0]
        assert isinstance(opener, Place)
        return opener

    def _check_depth(self, number: str, parent: str, place: Place) -> None:
        if len(self._depths) > MOST_LEVELS:
            self._depths.clear()
        depth = self._depths[number] = self._depths.get(parent, 0) + 1
        if depth == self.limits.depth + 1:
            text = f"levels are nested deeper than {self.limits.depth}; raise depth:"
            self.fault("loop.too-deep", text, tag=place.tag, loop=place.ring.name)

    def _rule(self, line: int) -> str:
        """Return where in the guide a rule is written; service segments are in no file."""
        return f"{self.machine.guide.file}:{line}" if line else ""

    def _here(self) -> Begin:
        return (self.count, *self._locate(self._index))

    def _breached(self, breaches: Sequence[Breach], ended: bool = False) -> None:
        """Note broken rules of a partner; they stand where the loop begins that they are about."""
        for code, text, rule, place, since in breaches:
            segment, *where = since if since[0] else self._here()
            line = self._line(place.ring, None if since[0] else place) if since[0] or not ended else 0
            detail = {"tag": place.tag, "loop": place.ring.name, "segment": segment, "schema": rule.schema}
            self.fault(code, f"{text} ({rule.at}, {rule.schema})", rule.severity, line, place=where, **detail)

    def _definition(self, place: Place, values: list[str], text: str) -> Segment | None:
        """Return the definition that a watched segment is held against; None = it is as it should be."""
        if place.watch is None or self._watching is None:
            return place.use.segment
        breaches, segment, accept = self._watching.seen(place.watch, values, self._here)
        self._breached(breaches)
        return None if accept(text) else segment

    def _refused(self, values: list[str], place: Place, text: str) -> list[str]:
        """Diagnose a segment that the accept path refused; return its values as characters."""
        values = [value if value.isascii() else self._decode(value) for value in values]
        line, loop = self._line(place.ring, place), place.ring.name
        segment = self._definition(place, values, text)
        if segment is None:
            return values
        rule = self._rule(place.use.line)
        strange = self._strange(values, place)
        for flaw in flaws(segment, values[1:], self.machine.marks):
            if flaw.element in strange and flaw.code in ("el.chars", "el.code"):
                continue
            self.fault(
                flaw.code,
                flaw.text,
                flaw.severity,
                line,
                schema=flaw.schema or rule,
                tag=place.tag,
                loop=loop,
                element=flaw.element,
                component=flaw.component,
                id=flaw.id,
                value=flaw.value[:100],
                repetition=flaw.repetition,
            )
        return values

    def _strange(self, values: list[str], place: Place) -> set[int]:
        """Name the elements that hold characters which are not in the interchange's set; return their positions."""
        strange: set[int] = set()
        if self.allowed is not None:
            strange = {at for at, value in enumerate(values) if at and self.allowed.fullmatch(value) is None}
        for at in sorted(strange):
            text = f"{place.tag}{at:02d} holds characters that the declared character set does not have"
            self.fault("charset", text, tag=place.tag, loop=place.ring.name, element=at, value=values[at][:100])
        return strange

    def _lost(self, tag: str, place: Place) -> bool:
        """Name the fault of a segment that cannot come here; return whether it counts as one."""
        if not tag:
            if self.machine.marks.terminator not in "\r\n":
                self.fault("seg.empty", "there is an empty segment", "warning", self._line(place.ring))
            return False
        if not self.machine.guide.set:
            return True  # a set without a guide: its segments are only counted
        shown = tag[:20]
        if tag in self.machine.tags:
            here = any(child.tag == tag for child in place.ring.children)
            code = "seg.order" if here else "seg.unexpected"
            text = f"{shown} is out of order behind {place.tag}" if here else f"{shown} cannot come behind {place.tag}"
        elif tag in self._known:
            code, text = "seg.not-in-set", f"{shown} does not belong to {self.machine.guide.set}"
        else:
            code, text = "seg.unknown", f"{shown!r} is no segment of version {self.machine.guide.version}"
        self.fault(code, text, line=self._line(place.ring), tag=shown, loop=place.ring.name)
        return True
