"""The structure compiled: from each place, one dictionary says where a tag leads. Built on demand, kept for good.

A place is a segment in its position; a state is a place that was reached. The deepest open loop is asked first, then
another turn of it, then what comes behind it in the loop around it: so every valid set has exactly one reading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from esb.formats.edi.binder import Bind, binder, opener_binder
from esb.formats.edi.grammar import Child, Guide, Loop, Segment, Use
from esb.formats.edi.patterns import Marks, acceptor

PLAIN, REPEAT, OPEN, MISSING, KIND, END = range(6)
"""How a step is taken: as it is; counting repeats; opening a loop; after something mandatory; a tree; the trailer."""


class Step(NamedTuple):
    """What a tag leads to: the check of its text, its place, the next state, how, and what was left out."""

    accept: Callable[[str], object]
    place: Place
    state: State
    how: int
    missing: tuple[Place | Ring, ...] = ()
    then: int = PLAIN


class Ring:
    """A loop in its position. `depth` = which scope its object is; `index` numbers the counters of all loops."""

    __slots__ = ("children", "depth", "entry", "index", "inner", "kinds", "loop", "must", "order", "parent", "tag")

    def __init__(self, loop: Loop | None, parent: Ring | None, order: int, index: int) -> None:
        self.loop, self.parent, self.order, self.index = loop, parent, order, index
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.children: list[Place | Ring] = []
        self.inner: tuple[int, ...] = ()
        self.entry = self
        self.kinds: dict[str, Ring] = {}
        self.tag = loop.tag if loop is not None else ""
        self.must = loop.must if loop is not None else True

    @property
    def name(self) -> str:
        """The loop's id, empty for the set itself."""
        return self.loop.name if self.loop is not None else ""


class Place:
    """A segment in its position. `bind` puts its values into the document's scopes."""

    __slots__ = ("_accept", "_marks", "again", "bind", "most", "must", "order", "ring", "state", "tag", "use")

    def __init__(self, use: Use, ring: Ring, order: int, marks: Marks, binds: tuple[Bind, Bind]) -> None:
        self.use, self.ring, self.order = use, ring, order
        self.bind, self.again = binds
        self.tag, self.must, self.most = use.tag, use.must, use.most
        self.state = State(self)
        self._marks = marks
        self._accept: Callable[[str], object] | None = None

    @property
    def accept(self) -> Callable[[str], object]:
        """The check of the segment's text, compiled at its first use."""
        if self._accept is None:
            self._accept = acceptor(self.use.segment, self._marks)
        return self._accept


class State(dict[str, Step | None]):
    """Where tags lead from a place. A tag that leads nowhere is None and not kept: junk must not fill the memory."""

    __slots__ = ("_place",)

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    def __missing__(self, tag: str) -> Step | None:
        step = follow(self._place, tag)
        if step is not None:
            self[tag] = step
        return step


class Machine:
    """A guide, compiled for one set of separators. `start` is the state behind the header segment."""

    def __init__(self, guide: Guide, marks: Marks, header: Segment, trailer: Segment) -> None:
        self.guide, self.marks = guide, marks
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

    def _fill(self, ring: Ring, body: Sequence[Child]) -> None:
        for order, child in enumerate(body):
            if isinstance(child, Use):
                ring.children.append(Place(child, ring, order, self.marks, self._binds(child, ring, order)))
                continue
            inner = self._ring(child, ring, order)
            ring.children.append(inner)
            before = self.loops
            self._fill(inner, child.body)
            self.has_tree = self.has_tree or child.tree is not None
            for code, kind in (child.tree.kinds if child.tree is not None else {}).items():
                branch = self._ring(kind, ring, order)
                branch.entry, inner.kinds[code] = inner, branch
                self._fill(branch, kind.body)
            inner.inner = tuple(range(before + 1, self.loops + 1))

    def _ring(self, loop: Loop, parent: Ring, order: int) -> Ring:
        self.loops += 1
        return Ring(loop, parent, order, self.loops)

    def _binds(self, use: Use, ring: Ring, order: int) -> tuple[Bind, Bind]:
        if order == 0 and ring.loop is not None:
            loop = ring.entry.loop or ring.loop
            bind = opener_binder(loop, ring.depth, self.marks)
            return bind, bind
        return binder(use, ring.depth, self.marks)


def follow(place: Place, tag: str) -> Step | None:
    """Return where a tag leads from a place, or None if it cannot come here."""
    if place.tag == tag and place.most > 1 and not _opens(place):
        return Step(place.accept, place, place.state, REPEAT)
    missing: list[Place | Ring] = []
    ring: Ring | None = place.ring
    after = place.order + 1
    while ring is not None:
        for child in ring.children[after:]:
            if child.tag == tag:
                return _step(child, missing)
            if child.must:
                missing.append(child)
        if ring.tag == tag:
            return _step(ring.entry, missing)
        after, ring = ring.order + 1, ring.parent
    if place.tag == tag and not _opens(place):
        return Step(place.accept, place, place.state, REPEAT)
    return None


def _opens(place: Place) -> bool:
    return place.order == 0 and place.ring.loop is not None


def _step(target: Place | Ring, missing: list[Place | Ring]) -> Step:
    how = PLAIN
    if isinstance(target, Ring):
        opener = target.children[0]
        assert isinstance(opener, Place)
        how = KIND if target.kinds else OPEN
        target = opener
    elif target.ring.loop is None and target.order == len(target.ring.children) - 1:
        how = END
    if missing:
        return Step(target.accept, target, target.state, MISSING, tuple(missing), how)
    return Step(target.accept, target, target.state, how)


def _tags(ring: Ring) -> frozenset[str]:
    """Return every tag of the set, to tell what is out of order from what is unknown."""
    found: set[str] = set()
    for child in (*ring.children, *ring.kinds.values()):
        found |= _tags(child) if isinstance(child, Ring) else {child.tag}
    return frozenset(found)
