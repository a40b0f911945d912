"""Keeps a partner's rules while a set is walked: how often what comes, and which narrower definition holds where.

Only the places that a rule names are watched; all others keep the accept path, and a guide without rules pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from esb.formats.edi.grammar import MANY, Composite, Rule, Segment, Use
from esb.formats.edi.narrowing import amended
from esb.formats.edi.patterns import Marks, acceptor

if TYPE_CHECKING:
    from esb.formats.edi.machine import Place, Ring

Accept = Callable[[str], object]

Begin = tuple[int, int, int]
"""Segment, byte offset and line."""

NOWHERE: Begin = (0, 0, 0)


class Breach(NamedTuple):
    """A rule that is not kept: the code of the fault, what is wrong, and where."""

    code: str
    text: str
    rule: Rule
    place: Place
    since: Begin
    """Where the loop began in which something is missing; none = it is the segment that is read."""


class Counted(Struct):
    """A rule that counts, at its place; it counts within one turn of the ring `scope`."""

    rule: Rule
    place: Place
    scope: Ring
    loop: bool


class Watch:
    """What is watched at a place: where its qualifier stands, its rules, and the loop that it opens."""

    def __init__(self, place: Place, marks: Marks) -> None:
        self.place, self._marks = place, marks
        self.counted: list[Counted] = []
        self.amends: list[Rule] = []
        self.opens: Ring | None = None
        self.qualifier = _qualifier(place)
        self._variants: dict[tuple[int, ...], tuple[Segment, Accept]] = {}

    def code(self, values: Sequence[str]) -> str:
        """Return the qualifier of a segment."""
        position, component = self.qualifier
        value = values[position] if position < len(values) else ""
        parts = value.split(self._marks.component) if component else (value,)
        return parts[component - 1 if component else 0] if len(parts) >= component else ""

    def variant(self, holding: tuple[int, ...]) -> tuple[Segment, Accept]:
        """Return the definition with those of its amendments that hold, and what accepts it."""
        found = self._variants.get(holding)
        if found is None:
            segment = self.place.use.segment
            for index in holding:
                amend = self.amends[index].amend
                assert amend is not None
                segment = amended(segment, amend)
            found = self._variants[holding] = segment, acceptor(segment, self._marks)
        return found


class Turn(Struct):
    """A turn of a loop that is watched: its qualifier, what came in it, and the segment at which it began."""

    code: str
    counts: dict[int, int]
    begin: Begin


class Watched:
    """All that is watched in a machine: counted rules by the ring they count in, and the rings whose turns matter."""

    def __init__(self) -> None:
        self.counted: dict[int, list[Counted]] = {}
        self.rings: dict[int, Ring] = {}


class Watching:
    """The watch over one set."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._turns: dict[int, Turn] = {0: Turn("", {}, NOWHERE)}

    def seen(
        self, watch: Watch, values: Sequence[str], at: Callable[[], Begin]
    ) -> tuple[list[Breach], Segment, Accept]:
        """Take a segment (`at` tells where it is); return broken rules, and the definition that holds for it."""
        code = watch.code(values)
        breaches = [breach for counted in watch.counted for breach in self._count(counted, code)]
        if watch.opens is not None:
            breaches += self.begin(watch.opens, code, at())
        holding = [index for index, rule in enumerate(watch.amends) if self._holds(rule, watch.place.ring, code)]
        return (breaches, *watch.variant(tuple(holding)))

    def begin(self, ring: Ring, code: str, at: Begin) -> list[Breach]:
        """Begin a turn of a loop, and end the one before it."""
        if ring.index not in self._watched.rings:
            return []
        breaches = list(self._end(ring))
        self._turns[ring.index] = Turn(code, {}, at)
        return breaches

    def leave(self, ring: Ring) -> list[Breach]:
        """Leave a loop whose turns are cut: the last of them ends here."""
        return list(self._end(ring))

    def end(self) -> list[Breach]:
        """End the set."""
        return [breach for ring in self._watched.rings.values() if ring.parent is None for breach in self._end(ring)]

    def _count(self, counted: Counted, code: str) -> Iterator[Breach]:
        rule, turn = counted.rule, self._turns.get(counted.scope.index)
        if turn is None or not self._holds(rule, counted.place.ring, code):
            return
        count = turn.counts[id(counted)] = turn.counts.get(id(counted), 0) + 1
        if count <= rule.most:
            return
        what, place = _what(counted), counted.place
        if rule.most == 0:
            name = "impl.seg-needless" if rule.within else "impl.seg-not-used"
            yield Breach(name, f"{what} is not used", rule, place, NOWHERE)
        else:
            name = "loop.too-many" if counted.loop else "seg.too-many"
            yield Breach(name, f"{what} comes more than the {rule.most} times that are agreed", rule, place, NOWHERE)

    def _end(self, ring: Ring) -> Iterator[Breach]:
        """End the turn of a loop, and of those within it."""
        for inner in list(self._turns):
            if inner != ring.index and (held := self._watched.rings.get(inner)) is not None and _within(held, ring):
                yield from self._end_one(held)
        yield from self._end_one(ring)

    def _end_one(self, ring: Ring) -> Iterator[Breach]:
        turn = self._turns.get(ring.index)
        if turn is None:
            return
        for counted in self._watched.counted.get(ring.index, ()):
            rule, count = counted.rule, turn.counts.get(id(counted), 0)
            if count >= rule.least or not self._holds(rule, counted.place.ring, rule.code):
                continue
            few = "impl.loop-too-few" if counted.loop else "impl.seg-too-few"
            text = (
                f"{_what(counted)} comes {count} times, {rule.least} are needed"
                if count
                else f"{_what(counted)} is needed"
            )
            yield Breach(few if count else "impl.seg-needed", text, rule, counted.place, turn.begin)
        del self._turns[ring.index]

    def _holds(self, rule: Rule, ring: Ring, code: str) -> bool:
        """Return whether a rule speaks of a segment with this qualifier, in the loops that are open."""
        if rule.code and rule.code != code:
            return False
        for up, wanted in rule.within:
            around = _up(ring, up)
            turn = self._turns.get(around.index) if around is not None else None
            if turn is None or turn.code != wanted:
                return False
        return True


def watch(root: Ring, places: Sequence[Place], marks: Marks) -> Watched | None:
    """Set what is watched at the places of a machine; None = its guide has no rules."""
    watched = Watched()
    for place in places:
        loop = place.ring.loop
        opens = place.order == 0 and loop is not None and place.ring.entry is place.ring
        _install(place, place.use.rules, False, marks, watched)
        if opens and loop is not None:
            _install(place, loop.rules, True, marks, watched)
    if not any(place.watch for place in places):
        return None
    watched.rings.setdefault(root.index, root)
    for place in places:
        if place.order == 0 and place.ring.entry is place.ring and place.ring.index in watched.rings:
            place.watch = place.watch or Watch(place, marks)
            place.watch.opens = place.ring if place.ring is not root else None
    return watched


def _install(place: Place, rules: Sequence[Rule], loop: bool, marks: Marks, watched: Watched) -> None:
    if not rules:
        return
    found = place.watch = place.watch or Watch(place, marks)
    scope = place.ring.parent if loop else place.ring
    assert scope is not None
    for rule in rules:
        for up, _ in rule.within:
            around = _up(place.ring, up)
            assert around is not None
            watched.rings[around.index] = around
        if rule.amend is not None:
            found.amends.append(rule)
        elif rule.least or rule.most < MANY:
            counted = Counted(rule, place, scope, loop)
            found.counted.append(counted)
            watched.counted.setdefault(scope.index, []).append(counted)
            watched.rings[scope.index] = scope


def _qualifier(place: Place) -> tuple[int, int]:
    """Return where the qualifier of a segment stands: (element, component), component 0 = the element itself."""
    loop = place.ring.loop if place.order == 0 else None
    key = place.use.key
    if loop is not None:
        key = loop.tree.level if loop.tree is not None else loop.key or key
    return qualifier_of(place.use, key)


def qualifier_of(use: Use, key: str) -> tuple[int, int]:
    """Return where an element stands in a segment; an empty name means the first."""
    position = 1
    for item in use.segment.items:
        inner = item.of.items if isinstance(item.of, Composite) and (item.merged or not key) else ()
        for component, part in enumerate(inner, 1):
            if part.name == key or not key:
                return position, component
        if not key or item.name == key:
            return position, 0
        position += 2 * item.pairs or 1
    return 1, 0


def _up(ring: Ring, count: int) -> Ring | None:
    around: Ring | None = ring
    for _ in range(count):
        around = around.parent if around is not None else None
    return around


def _within(ring: Ring, outer: Ring) -> bool:
    around = ring.parent
    while around is not None and around is not outer:
        around = around.parent
    return around is outer


def _what(counted: Counted) -> str:
    rule, place = counted.rule, counted.place
    name = f"loop {place.ring.name}" if counted.loop else place.tag
    return f"{name} {rule.code}" if rule.code else name
