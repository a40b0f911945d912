"""Walks the segments of one transaction set: checks, counts, names faults, and binds the document on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from esb.formats.edi.binder import NODES, Scopes
from esb.formats.edi.diagnosis import flaws
from esb.formats.edi.faults import Fault
from esb.formats.edi.machine import END, KIND, MISSING, OPEN, REPEAT, Machine, Place, Ring, State, Step

MOST_FAULTS = 100
"""Faults of one set that are told: a partner's inbox is finite; the rest are counted."""

Locate = Callable[[int], tuple[int, int]]
"""Index of a segment in the run -> (byte offset, line)."""


class Walk:
    """One transaction set under way. Feed it runs of segments until `over`; then look at `faults` and `document`."""

    def __init__(
        self,
        machine: Machine,
        known: frozenset[str],
        stops: frozenset[str],
        decode: Callable[[str], str],
        tolerate: frozenset[str] = frozenset(),
        bind: bool = True,
    ) -> None:
        self.machine = machine
        self.faults: list[Fault] = []
        self.untold = 0
        self.failed = self.over = False
        self.count = 0
        self.trailer: list[str] = []
        self.document: dict[str, Any] = {}
        self._known, self._stops, self._decode, self._tolerate = known, stops, decode, tolerate
        self._state: State = machine.start
        self._place: Place = machine.header
        self._scopes: Scopes = [self.document] + [{} for _ in range(machine.loops + 1)]
        self._counts = [0] * (machine.loops + 1)
        self._repeats = 1
        self._bind = bind or machine.has_tree
        self._locate: Locate = lambda index: (0, 0)
        self._index = 0
        self.context = ("", "", "")
        """Control numbers of interchange, group and set."""

    def open(self, values: list[str], text: str, locate: Locate, index: int) -> None:
        """Take the header segment."""
        self._locate, self._index = locate, index
        self.count = 1
        header = self.machine.header
        if header.accept(text) is None:
            values = self._refused(text, values, header)
        if self._bind:
            header.bind(values, self._scopes)

    def run(self, segments: Sequence[str], start: int, locate: Locate) -> int:
        """Take segments from `start`; return the index of the first one that is not ours.

        The set is `over` when its trailer came; else the caller sees a segment that belongs to the envelope.
        """
        self._locate = locate
        element, state, scopes, place = self.machine.marks.element, self._state, self._scopes, self._place
        ahead = self.count - start + 1
        index = start
        for index in range(start, len(segments)):
            text = segments[index]
            values = text.split(element)
            step = state[values[0]]
            if step is None:
                if values[0] in self._stops:
                    break
                self._index, self.count = index, index + ahead
                if not self._lost(values[0], place):
                    ahead -= 1
                continue
            accept, place, following, how, _, _ = step
            if accept(text) is None:
                self._index, self.count = index, index + ahead
                values = self._refused(text, values, place)
            if how:
                self._index, self.count = index, index + ahead
                place, following = self._special(step, values)
                if self.over:
                    return index + 1
                bind = place.again if how == REPEAT else place.bind
            else:
                self._repeats = 1
                bind = place.bind
            if self._bind:
                bind(values, scopes)
            state = following
        else:
            index += 1
        self._state, self._place, self.count = state, place, index + ahead - 1
        return index

    def finish(self) -> dict[str, Any]:
        """Return the document, once all is over."""
        self.document.pop(NODES, None)
        return self.document

    def fault(self, code: str, text: str, severity: str = "error", **detail: Any) -> None:
        """Note a fault at the current segment; a tolerated one is a warning."""
        if code in self._tolerate:
            severity = "warning"
        if severity == "error":
            # values that are not what they should be cannot be bound, and a refused set has no document
            self.failed, self._bind = True, False
        if len(self.faults) >= MOST_FAULTS:
            self.untold += 1
            return
        offset, line = self._locate(self._index)
        detail = {"segment": self.count, **detail}
        self.faults.append(Fault(code, text, severity, offset, line, *self.context, **detail))

    def forget(self) -> None:
        """Give the document up."""
        self._bind = False
        self.document.clear()

    def _special(self, step: Step, values: list[str]) -> tuple[Place, State]:
        """Take a step that is more than the next segment; return where it leads."""
        place, how = step.place, step.how
        if how == MISSING:
            for gone in step.missing:
                name = gone.name if isinstance(gone, Ring) else gone.ring.name
                self.fault("seg.missing", f"{gone.tag} is missing before {place.tag}", tag=gone.tag, loop=name)
            how = step.then
        if how == REPEAT:
            self._repeats += 1
            if self._repeats > place.most:
                text = f"{place.tag} comes {self._repeats} times, at most {place.most} are allowed"
                self.fault("seg.too-many", text, tag=place.tag, loop=place.ring.name)
        elif how == END:
            self.over, self.trailer = True, values
        elif how in (OPEN, KIND):
            return self._enter(place, how, values)
        else:
            self._repeats = 1
        return place, place.state

    def _enter(self, place: Place, how: int, values: list[str]) -> tuple[Place, State]:
        ring, counts = place.ring, self._counts
        assert ring.loop is not None
        counts[ring.index] += 1
        for inner in ring.inner:
            counts[inner] = 0
        if counts[ring.index] > ring.loop.most:
            text = f"loop {ring.name} comes {counts[ring.index]} times, at most {ring.loop.most} are allowed"
            self.fault("loop.too-many", text, tag=place.tag, loop=ring.name)
        self._repeats = 1
        if how == KIND:
            return self._level(place, values)
        return place, place.state

    def _level(self, place: Place, values: list[str]) -> tuple[Place, State]:
        """Choose what may follow a level of a tree, by its code; check that its parent came before."""
        ring = place.ring
        assert ring.loop is not None and ring.loop.tree is not None
        tree, names = ring.loop.tree, [item.name for item in place.use.segment.items]
        found = dict(zip(names, values[1:], strict=False))
        number, parent, level = found.get(tree.id, ""), found.get(tree.parent, ""), found.get(tree.level, "")
        nodes = self.document.setdefault(NODES, {})
        if self._bind and parent and parent not in nodes:
            at = names.index(tree.parent) + 1
            text = f"{place.tag}{at:02d} names parent {parent[:20]!r}, which did not come before"
            self.fault("el.code", text, tag=place.tag, loop=ring.name, element=at, value=parent)
        if number in nodes:
            at = names.index(tree.id) + 1
            text = f"{place.tag}{at:02d} is {number[:20]!r} again; every level has a number of its own"
            self.fault("el.code", text, tag=place.tag, loop=ring.name, element=at, value=number)
        branch = ring.kinds.get(level) or ring.kinds.get("*")
        if branch is None:
            at = names.index(tree.level) + 1
            text = f"{place.tag}{at:02d} is {level[:20]!r}; levels are {', '.join(ring.kinds)}"
            self.fault("el.code", text, tag=place.tag, loop=ring.name, element=at, value=level)
            branch = next(iter(ring.kinds.values()))
        opener = branch.children[0]
        assert isinstance(opener, Place)
        return opener, opener.state

    def _refused(self, text: str, values: list[str], place: Place) -> list[str]:
        """Diagnose a segment that the accept path refused; return its values as characters."""
        if not text.isascii():
            values = [value if value.isascii() else self._decode(value) for value in values]
        segment, loop = place.use.segment, place.ring.name
        for flaw in flaws(segment, values[1:], self.machine.marks):
            self.fault(
                flaw.code,
                flaw.text,
                tag=place.tag,
                loop=loop,
                element=flaw.element,
                component=flaw.component,
                id=flaw.id,
                value=flaw.value[:100],
            )
        return values

    def _lost(self, tag: str, place: Place) -> bool:
        """Name the fault of a segment that cannot come here; return whether it counts as one."""
        if not tag:
            self.fault("seg.empty", "there is an empty segment", "warning")
            return False
        shown = tag[:20]
        if tag in self.machine.tags:
            here = any(child.tag == tag for child in place.ring.children)
            code = "seg.order" if here else "seg.unexpected"
            text = f"{shown} is out of order behind {place.tag}" if here else f"{shown} cannot come behind {place.tag}"
        elif tag in self._known:
            code, text = "seg.not-in-set", f"{shown} does not belong to {self.machine.guide.set}"
        else:
            code, text = "seg.unknown", f"{shown!r} is no segment of version {self.machine.guide.version}"
        self.fault(code, text, tag=shown, loop=place.ring.name)
        return True
