"""The structure compiled: from each place, one dictionary says where a tag leads. Built on demand, kept for good.

A place is a segment in its position; a state is a place that was reached. The deepest open loop is asked first, then
another turn of it, then what comes behind it in the loop around it: so every valid set has exactly one reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

from esb.formats.edi.binder import Bind, binder, following, opener_binder
from esb.formats.edi.checks import compiled
from esb.formats.edi.grammar import Child, Guide, Loop, Segment, Use
from esb.formats.edi.patterns import Marks, acceptor
from esb.formats.edi.watching import Watch, watch

PLAIN, REPEAT, OPEN, MISSING, KIND, END, TOO_MANY, CUT = range(8)
"""How a step is taken: as it is; counting repeats; opening a loop; after something mandatory; a tree; the trailer;
one repeat too many (only the walker finds that); where a streamed loop begins, begins again or is left.

What follows something mandatory that is missing is looked at again without it: `Place.how`.
"""


class Step(NamedTuple):
    """What a tag leads to: a place, how it is taken, what binds it, how often it may come, what was left out before."""

    place: Place
    how: int
    bind: Bind
    most: int
    missing: tuple[Place | Ring, ...] = ()


Way: TypeAlias = "tuple[Callable[[str], object], Bind, State, int, int, int, int, Step]"
"""A step on the hot path, which takes a plain tuple apart three times as fast: the check of the segment's text, what
binds it, the next state, how, how often, the counters of its loop and of the loop around it, and the step itself.
"""


def _never(text: str) -> object:
    return None


class Ring:
    """A loop in its position. `depth` = which scope its object is; `index` numbers the counters of all loops."""

    __slots__ = ("children", "depth", "entry", "index", "kinds", "loop", "must", "order", "parent", "streamed", "tag")

    def __init__(self, loop: Loop | None, parent: Ring | None, order: int, index: int) -> None:
        self.loop, self.parent, self.order, self.index = loop, parent, order, index
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.children: list[Place | Ring] = []
        self.entry = self
        self.kinds: dict[str, Ring] = {}
        self.tag = loop.tag if loop is not None else ""
        self.must = loop.must if loop is not None else True
        self.streamed: Ring | None = parent.streamed if parent is not None else None

    @property
    def name(self) -> str:
        """The loop's id, empty for the set itself."""
        return self.loop.name if self.loop is not None else ""


class Place:
    """A segment in its position. What is costly is made at its first use: most places of a guide are never reached."""

    def __init__(self, use: Use, ring: Ring, order: int, marks: Marks) -> None:
        self.use, self.ring, self.order, self._marks = use, ring, order, marks
        self.tag, self.must, self.most = use.tag, use.must, use.most
        self.state = State(self)
        self.watch: Watch | None = None

    @property
    def how(self) -> int:
        """How it is taken when nothing is missing before it."""
        if self.order == 0 and self.ring.loop is not None:
            return KIND if self.ring.kinds else OPEN
        return END if self.ring.loop is None and self.order == len(self.ring.children) - 1 else PLAIN

    @cached_property
    def accept(self) -> Callable[[str], object]:
        """The check of the segment's text; what is watched is never accepted at once."""
        return _never if self.watch is not None else acceptor(self.use.segment, self._marks)

    @cached_property
    def bind(self) -> Bind:
        """What puts its values into the document's scopes."""
        if self.order == 0 and self.ring.loop is not None:
            return opener_binder(self.ring.entry.loop or self.ring.loop, self.ring.depth, self._marks)
        return binder(self.use, self.ring.depth, self._marks)

    @cached_property
    def again(self) -> Bind:
        """The same for segments that follow the first."""
        return following(self.use, self.ring.depth, self._marks)


class State(dict[str, "Way | None"]):
    """Where tags lead from a place. A tag that leads nowhere is None and not kept: junk must not fill the memory."""

    __slots__ = ("place",)

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place

    def __missing__(self, tag: str) -> Way | None:
        step = follow(self.place, tag)
        if step is None:
            return None
        place, ring = step.place, step.place.ring
        parent = ring.parent.index if ring.parent is not None else 0
        way = self[tag] = (place.accept, step.bind, place.state, step.how, step.most, ring.index, parent, step)
        return way


class Machine:
    """A guide, compiled for one set of separators. `start` is the state behind the header segment.

    With `stream`, the walker cuts at each turn of the guide's main loop, whose ring is `streamed`.
    """

    def __init__(self, guide: Guide, marks: Marks, header: Segment, trailer: Segment, stream: bool = False) -> None:
        self.guide, self.marks = guide, marks
        self.checks = tuple((rule, compiled(rule)) for rule in guide.checks)
        self.streamed: Ring | None = None
        self._main = main_loop(guide) if stream else None
        self.loops = 0
        self.has_tree = False
        root = Ring(None, None, 0, 0)
        head = Use(header, True, 1, "transaction")
        tail = Use(trailer, True, 1, "")
        self._fill(root, (head, *guide.body, tail))
        first, last = root.children[0], root.children[-1]
        assert isinstance(first, Place) and isinstance(last, Place)
        self.header, self.trailer = first, last
        self.start = self.header.state
        self.tags = _tags(root)
        self.watched = watch(root, list(_places(root)), marks)

    def _fill(self, ring: Ring, body: Sequence[Child]) -> None:
        for order, child in enumerate(body):
            if isinstance(child, Use):
                ring.children.append(Place(child, ring, order, self.marks))
                continue
            inner = self._ring(child, ring, order)
            ring.children.append(inner)
            self._fill(inner, child.body)
            self.has_tree = self.has_tree or child.tree is not None
            for code, kind in (child.tree.kinds if child.tree is not None else {}).items():
                branch = self._ring(kind, ring, order)
                branch.entry, inner.kinds[code] = inner, branch
                self._fill(branch, kind.body)

    def _ring(self, loop: Loop, parent: Ring, order: int) -> Ring:
        self.loops += 1
        ring = Ring(loop, parent, order, self.loops)
        if loop is self._main:
            ring.streamed = self.streamed = ring
        return ring


def main_loop(guide: Guide) -> Loop | None:
    """Return the loop that `each: line` cuts: the one marked `stream: true`, else the one that comes most often.

    None: the set has none, or its levels are a tree.
    """
    loops = [child for child in guide.body if isinstance(child, Loop) and not child.key and child.tree is None]
    marked = [loop for loop in loops if loop.stream]
    likely = marked or [loop for loop in loops if loop.most >= 1000]
    return max(likely, key=lambda loop: (loop.must, loop.most), default=None)


def follow(place: Place, tag: str) -> Step | None:
    """Return where a tag leads from a place, or None if it cannot come here."""
    step = _followed(place, tag)
    if step is None or step.how == REPEAT:
        return step
    source, target = place.ring.streamed, step.place.ring.streamed
    opens = target is not None and step.place is target.children[0]
    return step._replace(how=CUT) if opens or (source is not None and target is None) else step


def _followed(place: Place, tag: str) -> Step | None:
    again = place.tag == tag and not _opens(place)
    if again and place.most > 1:
        return _taken(place, REPEAT)
    missing: list[Place | Ring] = []
    ring: Ring | None = place.ring
    after = place.order + 1
    while ring is not None:
        for child in ring.children[after:]:
            if child.tag == tag:
                return _step(child, missing)
            if child.must:
                missing.append(child)
        if ring.tag == tag and ring.loop is not None:
            return _step(ring.entry, missing)
        after, ring = ring.order + 1, ring.parent
    return _taken(place, REPEAT) if again else None


def _opens(place: Place) -> bool:
    """Return whether a place begins a loop, or the set: what comes again then is another turn, or another set."""
    return place.order == 0


def _step(target: Place | Ring, missing: list[Place | Ring]) -> Step:
    how = PLAIN
    if isinstance(target, Ring):
        opener = target.children[0]
        assert isinstance(opener, Place)
        how = KIND if target.kinds else OPEN
        target = opener
    elif target.ring.loop is None and target.order == len(target.ring.children) - 1:
        how = END
    return _taken(target, how, tuple(missing))


def _taken(place: Place, how: int, missing: tuple[Place | Ring, ...] = ()) -> Step:
    ring = place.ring
    most = ring.loop.most if ring.loop is not None and how in (OPEN, KIND) else place.most
    bind = place.again if how == REPEAT else place.bind
    return Step(place, MISSING if missing else how, bind, most, missing)


def _places(ring: Ring) -> Iterator[Place]:
    for child in (*ring.children, *ring.kinds.values()):
        if isinstance(child, Ring):
            yield from _places(child)
        else:
            yield child


def _tags(ring: Ring) -> frozenset[str]:
    """Return every tag of the set, to tell what is out of order from what is unknown."""
    found: set[str] = set()
    for child in (*ring.children, *ring.kinds.values()):
        found |= _tags(child) if isinstance(child, Ring) else {child.tag}
    return frozenset(found)
