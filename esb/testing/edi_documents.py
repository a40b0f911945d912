"""Makes documents that a guide takes, by seeded chance: what is written must be read back as it was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from esb.formats.edi.checks import counted
from esb.formats.edi.grammar import Child, Composite, Element, Guide, Item, Loop, Note, Use
from esb.testing.edifact_kit import UNA, UNB, grouped, interchange, order

DEPTH = 3
"""Loops within loops that are filled."""

_BINARY = frozenset({"BIN", "BDS"})
"""Segments that are not made: their length counts what they hold, which chance does not know."""


def document(guide: Guide, seed: int) -> dict[str, Any]:
    """Return a document of the set; the same seed gives the same document."""
    maker = Maker(Random(seed))  # noqa: S311 - nothing secret
    number = f"{maker.chance.randint(1, 9999):04d}"
    made = {"transaction": {"set": guide.set, "number": number}, **maker.body(guide.body, 0)}
    count(guide, made)
    return made


def count(guide: Guide, made: dict[str, Any]) -> None:
    """Put the true counts into the totals of a document that has them; sums are left to chance."""
    for check in guide.checks:
        into, _, name = check.equals.partition(".")
        if check.count and name in made.get(into, ()):
            made[into][name] = counted(made, check)


def disturbed(values: Sequence[str], texts: Sequence[str], chance: Random) -> list[str]:
    """Return the elements of a segment with up to two of them changed or put in between, of these texts."""
    made = list(values)
    for _ in range(chance.randint(0, 2)):
        at = chance.randint(0, len(made))
        if chance.random() < 0.5 and at < len(made):
            made[at] = chance.choice(texts)
        else:
            made[at:at] = [chance.choice(texts)]
    return made


class Maker:
    """Makes objects for segments and loops."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance

    def body(self, children: tuple[Child, ...], depth: int, opener: bool = False) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for child in self.chosen(children[1:] if opener else children):
            if isinstance(child, Loop) and child.tree is not None:
                made |= self.levels(child, depth)
            elif isinstance(child, Use) and child.into == ".":
                made |= self.fields(child.segment.items, child.segment.notes)
            elif child.key:
                made[child.into] = {code: self.one(child, depth) for code in self.keys(child)}
            elif child.most == 1:
                made[child.into] = self.one(child, depth)
            else:
                made[child.into] = [self.one(child, depth) for _ in range(self.chance.randint(1, min(2, child.most)))]
        return made

    def chosen(self, children: tuple[Child, ...]) -> list[Child]:
        """Return the mandatory children and some others; what LS and LE bound comes with both of them or not at all."""
        tags = [child.tag for child in children]
        inside = range(tags.index("LS"), tags.index("LE") + 1) if "LS" in tags and "LE" in tags else range(0)
        bounded = self.chance.random() < 0.3
        return [child for number, child in enumerate(children)
                if child.must or (bounded if number in inside else self.chance.random() < 0.3)
                if child.tag not in _BINARY]  # fmt: skip

    def one(self, child: Child, depth: int) -> dict[str, Any]:
        """Return the object of one segment, or of one turn of a loop."""
        if isinstance(child, Use):
            return self.fields(child.segment.items, child.segment.notes, child.key)
        segment = child.opener.segment
        made = self.fields(segment.items, segment.notes, child.key)
        if child.opener.into != ".":
            made = {child.opener.into: made}
        inner = child.body if depth < DEPTH else tuple(use for use in child.body if use.must)
        return made | self.body(inner, depth + 1, opener=True)

    def keys(self, child: Child) -> list[str]:
        segment = child.segment if isinstance(child, Use) else child.opener.segment
        of = next(item.of for item in segment.items if item.name == child.key)
        assert isinstance(of, Element)
        names = sorted(of.codes.values()) or ["AAA", "ZZZ"]
        return self.chance.sample(names, min(len(names), child.most, self.chance.randint(1, 2)))

    def levels(self, loop: Loop, depth: int) -> dict[str, Any]:
        assert loop.tree is not None
        code = self.chance.choice(sorted(loop.tree.names))
        kind = loop.tree.kinds.get(code) or loop.tree.kinds["*"]
        nodes = [self.body(kind.body, DEPTH, opener=True) for _ in range(self.chance.randint(1, 2))]
        if depth < DEPTH:
            nodes = [node | self.levels(loop, depth + 1) if self.chance.random() < 0.6 else node for node in nodes]
        return {loop.tree.names[code]: nodes}

    def fields(self, items: tuple[Item, ...], notes: tuple[Note, ...], omit: str = "") -> dict[str, Any]:
        """Return the mandatory fields and some others, one at least, such that all conditions between them hold."""
        places = [(position, item) for position, item in enumerate(_spread(items), 1) if item is not None]
        while True:
            chosen = [(position, item) for position, item in places
                      if item.must or item.name == omit or self.chance.random() < 0.4]  # fmt: skip
            if chosen and all(_holds(note, {position for position, _ in chosen}) for note in notes):
                return {item.name: self.value(item) for _, item in chosen if item.name != omit}

    def value(self, item: Item) -> Any:
        if item.pairs:
            assert isinstance(item.of, Element) and item.value is not None
            names = sorted(item.of.codes.values()) or ["XX" if item.of.least > 1 else "X"]
            chosen = self.chance.sample(names, min(len(names), item.pairs, self.chance.randint(1, 3)))
            return {name: self.simple(item.value) for name in chosen}
        if isinstance(item.of, Composite):
            return self.fields(item.of.items, item.of.notes)
        return self.simple(item.of)

    def simple(self, element: Element) -> Any:
        """Return a valid value of an element as documents hold it."""
        chance, least, most, kind = self.chance, element.least, element.most, element.type
        if element.closed:
            return chance.choice(sorted(element.codes))
        if kind == "DT":
            return (date(1990, 1, 1) + timedelta(chance.randint(0, 36500))).isoformat()
        if kind == "TM":
            seconds = f":{chance.randint(0, 59):02d}" if most > 4 and chance.random() < 0.5 else ""
            return f"{chance.randint(0, 23):02d}:{chance.randint(0, 59):02d}{seconds}"
        if kind == "N0":
            return chance.randint(10 ** (least - 1), 10**most - 1)
        if kind[0] == "N" and kind[1:].isdigit():
            return Decimal(chance.randint(1, 10**most - 1)).scaleb(-int(kind[1:]))
        if kind in ("R", "n"):
            places = chance.randint(0, min(2, most - 1))
            low = 10 ** (max(least, places + 1) - 1)
            return Decimal(chance.randint(low, 10**most - 1)).scaleb(-places)
        letters = "ABXYZ019" if kind == "ID" else "abcXYZ" if kind == "a" else "ab Z09.-/é"
        text = "".join(chance.choice(letters) for _ in range(chance.randint(least, min(most, least + 6))))
        return text if kind == "ID" else f"x{text[1:]}".rstrip().ljust(least, "y")


def _holds(note: Note, there: set[int]) -> bool:
    first, *others = (position in there for position in note.positions)
    if note.kind == "P":
        return first == all(others) == any(others)
    if note.kind == "R":
        return first or any(others)
    if note.kind == "E":
        return first + sum(others) <= 1
    return not first or (all(others) if note.kind == "C" else any(others))


def _spread(items: tuple[Item, ...]) -> list[Item | None]:
    """Return an entry for each position, so that conditions find theirs; the rest of a run of pairs is None."""
    spread: list[Item | None] = []
    for item in items:
        spread += [item] + [None] * (2 * item.pairs - 1 if item.pairs else 0)
    return spread


def edifact_samples() -> list[bytes]:
    """Return valid interchanges of EDIFACT of every kind that the reader knows, for whoever breaks them."""
    plain = interchange(order("1"), order("2"))
    later = plain.replace("UNOC:3", "UNOW:4").replace("261121:", "20261121:").replace("? '", "?*'")
    return [
        plain.encode(),
        plain.replace("'", "'\r\n").replace("ACME", "Größe ?'?+?:??").encode("latin-1"),
        grouped(order("1"), order("2")).encode(),
        later.encode(),
        later.replace("UNZ+2", "UNO+1+1:2+1+5'a'b'cUNP+5+1'UNZ+3").encode(),
        interchange(order("1"), unb=UNB.replace("UNOC", "UNOE")).replace("ACME", "Завод").encode("iso8859-5"),
        (plain + plain.replace("REF0001", "REF0002")).encode(),
        (UNA + UNB + "'UNH+1+CONTRL:D:3:UN'UCI+X+A+B+4'UCM+1+ORDERS:D:96A:UN+4+29+UNT'UCS+3'UCD+12+2:1'UNT+6+1'"
         "UNZ+1+REF0001'").encode(),
    ]  # fmt: skip
