"""A file as the tree that its guides see in it: interchanges, groups, sets, loops, and named elements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from msgspec import Struct

from esb.formats.edi.grammar import Composite, Element, Item
from esb.formats.edi.machine import Machine, Place, Ring, follow
from esb.formats.edi.patterns import RELEASED_CHARACTERS
from esb.management.edi_files.carets import readable
from esb.management.edi_files.cuts import Skipped
from esb.management.edi_files.dialects import Dialect
from esb.management.edi_files.segments import Segment, segments


class Named(Struct):
    """An element with its name: `meaning` is what its code stands for, `parts` are its components."""

    name: str
    value: str
    meaning: str = ""
    parts: tuple[Named, ...] = ()


class Branch(Struct):
    """A segment in its place: how deep it stands, the loop that it opens, and what it holds. No `title` = unknown."""

    depth: int
    tag: str
    text: str
    line: int
    position: int = 0
    title: str = ""
    loop: str = ""
    elements: tuple[Named, ...] = ()


def branches(file: BinaryIO, dialect: Dialect) -> Iterator[Branch | Skipped]:
    """Give every segment in its place in the tree, in the order of the file."""
    climbing = _Climbing(dialect)
    for segment in segments(file, dialect):
        if isinstance(segment, Skipped):
            yield segment
        elif segment.tag:
            yield climbing.take(segment)


class _Climbing:
    """Follows the guide of the open set from place to place."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect, self._names = dialect, dialect.names
        self._head: Segment | None = None
        self._group: Segment | None = None
        self._machine: Machine | None = None
        self._place: Place | None = None
        self._levels: dict[str, int] = {}
        self._level = 0

    def take(self, segment: Segment) -> Branch:
        """Return one segment in its place."""
        names, tag = self._names, segment.tag
        if tag == names.group:
            self._group = segment
        elif tag == names.interchange:
            self._head, self._group = segment, None
        if tag == names.set:
            return self._open(segment)
        if not segment.set:
            return self._envelope(segment)
        return self._inside(segment)

    def _envelope(self, segment: Segment) -> Branch:
        names = self._names
        outer = segment.tag in (names.interchange, names.interchange_end)
        depth = 0 if outer else 1
        labels = self._dialect.labels.get(segment.tag, ())
        found = [
            Named(label, readable(value.strip(), segment.codec))
            for label, value in zip(labels, segment.elements()[1:], strict=False)
            if label and value.strip()
        ]
        return Branch(depth, segment.tag, segment.shown, segment.line, elements=tuple(found))

    def _open(self, segment: Segment) -> Branch:
        self._machine = self._dialect.machine(segment, self._group, self._head)
        self._place = self._machine.header if self._machine is not None else None
        self._levels, self._level = {}, 0
        title = self._machine.guide.title if self._machine is not None else ""
        found = _named(self._place, segment)
        return Branch(2, segment.tag, segment.shown, segment.line, segment.position, title, elements=found)

    def _inside(self, segment: Segment) -> Branch:
        if segment.tag == self._names.set_end:
            return Branch(2, segment.tag, segment.shown, segment.line, segment.position, "trailer")
        place = self._follow(segment)
        if place is None:
            depth = 3 + self._level + (self._place.ring.depth if self._place is not None else 0)
            return Branch(depth, segment.tag, segment.shown, segment.line, segment.position)
        self._place = place
        if not _in_levels(place.ring):
            self._level = 0
        opens = place.order == 0 and place.ring.loop is not None
        loop = place.ring.name if opens else ""
        depth = 3 + self._level + place.ring.depth - (1 if opens else 0)
        title = place.use.segment.title
        return Branch(
            depth, segment.tag, segment.shown, segment.line, segment.position, title, loop, _named(place, segment)
        )

    def _follow(self, segment: Segment) -> Place | None:
        """Return the place that a segment takes, or None if it cannot come here."""
        step = follow(self._place, segment.tag) if self._place is not None else None
        if step is None:
            return None
        place = step.place
        ring = place.ring
        if not ring.kinds or ring.loop is None or ring.loop.tree is None:
            return place
        tree, names = ring.loop.tree, [item.name for item in place.use.segment.items]
        found = dict(zip(names, segment.elements()[1:], strict=False))
        self._level = self._levels.get(found.get(tree.parent, ""), -1) + 1
        self._levels[found.get(tree.id, "")] = self._level
        branch = ring.kinds.get(found.get(tree.level, "")) or ring.kinds.get("*") or next(iter(ring.kinds.values()))
        opener = branch.children[0]
        assert isinstance(opener, Place)
        return opener


def _in_levels(ring: Ring | None) -> bool:
    """Return whether a loop stands in a tree of levels; what follows the tree stands beside it."""
    while ring is not None and not ring.entry.kinds:
        ring = ring.parent
    return ring is not None


def _named(place: Place | None, segment: Segment) -> tuple[Named, ...]:
    """Return the elements that are there, with their names; those that the guide does not know go by number."""
    values = segment.cooked.split(segment.marks.element)[1:]
    items = list(_positions(place.use.segment.items)) if place is not None else []
    found: list[Named] = []
    for position, value in enumerate(values):
        if value:
            item = items[position] if position < len(items) else None
            repeats = (
                value.split(segment.marks.repetition)
                if item and item.times > 1 and segment.marks.repetition
                else [value]
            )
            for one in repeats:
                named = _element(item, f"{position + 1:02d}", one, segment)
                # a name with a dot before it: documents have its components in its place
                found += named.parts if named.name.startswith(".") else (named,)
    return tuple(found)


def _positions(items: Any) -> Iterator[Item]:
    """Give one item for each position; pairs stand in two."""
    for item in items:
        if not item.pairs:
            yield item
            continue
        for _ in range(item.pairs):
            yield Item(f"{item.name}.qualifier", item.of)
            yield Item(f"{item.name}.value", item.value or item.of)


def _element(item: Item | None, number: str, value: str, segment: Segment) -> Named:
    shown = readable(value.translate(RELEASED_CHARACTERS), segment.codec)
    if item is None:
        return Named(number, shown)
    if isinstance(item.of, Composite):
        parts = zip(item.of.items, value.split(segment.marks.component), strict=False)
        return Named(item.name, shown, parts=tuple(_element(part, "", each, segment) for part, each in parts if each))
    assert isinstance(item.of, Element)
    return Named(item.name, shown, item.of.codes.get(value, ""))
