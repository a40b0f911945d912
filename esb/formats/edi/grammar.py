"""The grammar as values: elements, composites, segments, and the structure of a transaction set. Data, no behaviour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from esb.message import NOTHING

MANY = 1 << 30
"""What `many` means as a maximum."""


class Element(Struct, frozen=True):
    """A simple data element. `type` as the standard writes it: AN ID N0..N9 R DT TM B (X12), an a n (EDIFACT).

    `codes` maps the codes that we know to the names that documents use; a `closed` list is all there is.
    """

    id: str
    title: str
    type: str
    least: int
    most: int
    codes: Mapping[str, str] = NOTHING
    closed: bool = False


class Narrow(Struct, frozen=True):
    """What a partner's overlay asks of an element beyond the standard; `schema` = file and line where it is written.

    `need`: it must be there. `unused`: it must not. `codes`: no others. `pattern`: it matches this expression.
    `least`: so many repetitions. `pairs`: these qualifiers must be among the pairs. `only_here`: it holds under a
    qualifier only.
    """

    schema: str
    severity: str = "error"
    need: bool = False
    unused: bool = False
    codes: frozenset[str] | None = None
    pattern: str = ""
    least: int = 0
    pairs: tuple[str, ...] = ()
    only_here: bool = False


class Amend(Struct, frozen=True):
    """A change of a segment's definition: what happens to the element at `names`, or which note is dropped."""

    names: tuple[str, ...]
    narrow: Narrow
    length: tuple[int, int] | None = None
    drop: str = ""


class Rule(Struct, frozen=True):
    """What a partner's overlay asks of a segment or loop in its place; `at` = the path that names it.

    It holds for those with the qualifier `code` (empty: all), within loops of certain qualifiers: `within` = (loops up,
    code), 0 = the loop that the segment is in. `least` and `most` count in the loop around it; `amend` changes the
    segment itself.
    """

    at: str
    schema: str
    severity: str = "error"
    code: str = ""
    within: tuple[tuple[int, str], ...] = ()
    least: int = 0
    most: int = MANY
    amend: Amend | None = None


class Item(Struct, frozen=True):
    """An element, composite or run of pairs in its position. `name` is the key in documents.

    A name that begins with `.` merges a composite: its components are fields of the segment itself.

    `times` > 1: it may repeat within the position (repetition separator). `pairs` > 0: (qualifier, value) that many
    times, each in two positions; `of` is the qualifier's element and `value` the other one.
    """

    name: str
    of: Element | Composite
    must: bool = False
    times: int = 1
    pairs: int = 0
    value: Element | None = None
    narrows: tuple[Narrow, ...] = ()

    @property
    def merged(self) -> bool:
        """Whether its components stand in the segment's own object: a composite whose name begins with a point."""
        return self.name[:1] == "."


class Composite(Struct, frozen=True):
    """Components in order, and the conditions between them."""

    id: str
    title: str
    items: tuple[Item, ...]
    notes: tuple[Note, ...] = ()


def fields_of(items: Sequence[Item]) -> Iterator[Item]:
    """Give what documents name: the items, and for merged composites their components."""
    for item in items:
        if item.merged:
            assert isinstance(item.of, Composite)
            yield from item.of.items
        else:
            yield item


class Note(Struct, frozen=True):
    """A condition between positions (from 1): P all or none, R at least one, E at most one, C and L if the first.

    C: if the first is there, all others must be; L: at least one of the others. F (between components): the second
    names the format of the first, by the codes of EDIFACT's element 2379.
    """

    kind: str
    positions: tuple[int, ...]

    def __str__(self) -> str:
        return self.kind + "".join(f"{position:02d}" for position in self.positions)


class Segment(Struct, frozen=True):
    """A segment's definition. `line` = where it stands in its file."""

    tag: str
    title: str
    items: tuple[Item, ...]
    notes: tuple[Note, ...] = ()


class Use(Struct, frozen=True):
    """A segment in its place. `into`: `.` = its fields go into the enclosing object; else a key of it.

    `key` names the element whose code becomes the key of an object of objects.
    """

    segment: Segment
    must: bool
    most: int
    into: str
    key: str = ""
    line: int = 0
    rules: tuple[Rule, ...] = ()

    @property
    def tag(self) -> str:
        """The segment's tag."""
        return self.segment.tag


class Tree(Struct, frozen=True):
    """How levels hang together: the opener's elements that number it, name its parent, its level and its children.

    `kinds` maps a level's code to what may follow the opener there (`*`: any other code), `names` to its key in
    documents.
    """

    id: str
    parent: str
    level: str
    child: str
    kinds: Mapping[str, Loop]
    names: Mapping[str, str]


class Loop(Struct, frozen=True):
    """Segments that repeat together; the first of `body` opens it. `name` is the loop's id in acknowledgments.

    `stream`: this is the loop that `each: line` cuts a huge set by.
    """

    name: str
    body: tuple[Use | Loop, ...]
    must: bool
    most: int
    into: str
    key: str = ""
    line: int = 0
    tree: Tree | None = None
    stream: bool = False
    rules: tuple[Rule, ...] = ()

    @property
    def opener(self) -> Use:
        """The segment that opens it."""
        first = self.body[0]
        assert isinstance(first, Use)
        return first

    @property
    def tag(self) -> str:
        """The opener's tag."""
        return self.opener.tag


Child: TypeAlias = Use | Loop


class Check(Struct, frozen=True):
    """A named check beyond syntax, by paths: the number of `count` items, or the sum of all values, equals `equals`.

    `count` may name several, with commas: any of these numbers is right, the first is written. `sum` adds paths that
    stand between plus signs. `gtin` and `sscc`: the numbers there have the check digits of GS1.
    """

    id: str
    equals: str = ""
    count: str = ""
    sum: str = ""
    gtin: str = ""
    sscc: str = ""
    severity: str = "error"


class Guide(Struct, frozen=True):
    """A transaction set or message in one version: what may come, in which order, and what documents call it."""

    set: str
    title: str
    version: str
    group: str
    body: tuple[Child, ...]
    known: frozenset[str]
    checks: tuple[Check, ...] = ()
    file: str = ""
