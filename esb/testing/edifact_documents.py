"""Makes documents of EDIFACT messages that their guides take, by seeded chance; as edi_documents does for X12."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

from esb.formats.edi.grammar import Child, Composite, Element, Guide, Item, Loop, Note, Use, fields_of
from esb.formats.edi.moments import FORMATS
from esb.testing.edi_documents import DEPTH, Maker

_LETTERS = {"a": "abcXYZ", "an": "ab Z09.-/é+:'?*"}
"""Separators are among them: they must be released when written."""
_DIGITS = 15
_TOKENS = {"CCYY": (1000, 9999), "YY": (0, 99), "MM": (1, 12), "DDD": (1, 365), "DD": (1, 28), "WW": (1, 53),
           "D": (1, 7), "hh": (0, 23), "mm": (0, 59), "ss": (0, 59)}  # fmt: skip
_RELEASES = {"D96A": "96A", "D01B": "01B"}
_CONTRL = {"D96A": ("D", "3"), "D01B": ("4", "1")}


def document(guide: Guide, seed: int) -> dict[str, Any]:
    """Return a document of the message in the guide's directory; the same seed gives the same document."""
    maker = MessageMaker(Random(seed))  # noqa: S311 - nothing secret
    if guide.set == "CONTRL":
        version, release = _CONTRL[guide.version]
    else:
        version, release = "D", _RELEASES[guide.version]
    number = f"ME{maker.chance.randint(1, 9999):04d}"
    transaction = {"number": number, "set": guide.set, "version": version, "release": release, "agency": "UN"}
    made = {"transaction": transaction, **maker.body(guide.body, 0)}
    for check in guide.checks:
        _settle(made, check.equals.split("."), check.count.split(".") if check.count else None)
    return made


class MessageMaker(Maker):
    """Makes objects for segments and groups whose composites may be merged into them."""

    def body(self, children: tuple[Child, ...], depth: int, opener: bool = False) -> dict[str, Any]:
        """Return the object of a group or message: what must be there, and some of the rest."""
        made: dict[str, Any] = {}
        for child in children[1:] if opener else children:
            likely = 0.9 if depth == 0 and child.most >= 999 else 0.3
            if not child.must and self.chance.random() > likely:
                continue
            if child.tag == "UNS":
                made[child.into] = {"section": "S"}
            elif child.key:
                made[child.into] = {code: self.one(child, depth) for code in self.keys(child)}
            elif child.most == 1:
                made[child.into] = self.one(child, depth)
            else:
                made[child.into] = [self.one(child, depth) for _ in range(self.chance.randint(1, 2))]
        return made

    def one(self, child: Child, depth: int) -> dict[str, Any]:
        """Return the object of one segment, or of one turn of a group."""
        if isinstance(child, Use):
            return self.fields(child.segment.items, child.segment.notes, child.key)
        segment = child.opener.segment
        made = self.fields(segment.items, segment.notes, child.key)
        inner = child.body if depth < DEPTH else tuple(use for use in child.body if use.must)
        return made | self.body(_unmistakable(child, inner), depth + 1, opener=True)

    def keys(self, child: Child) -> list[str]:
        """Return names or codes under which the segments of a keyed object stand."""
        segment = child.segment if isinstance(child, Use) else child.opener.segment
        of = next(item.of for item in fields_of(segment.items) if item.name == child.key)
        assert isinstance(of, Element)
        names = [*sorted(of.codes.values()), "Z1", "Z2"]
        return self.chance.sample(names, min(child.most, self.chance.randint(1, 2)))

    def fields(self, items: tuple[Item, ...], notes: tuple[Note, ...], omit: str = "") -> dict[str, Any]:
        """Return the mandatory fields and some others, at least one, such that all conditions between them hold."""
        while True:
            made: dict[str, Any] = {}
            there: set[int] = set()
            for position, item in enumerate(items, 1):
                keyed = any(field.name == omit for field in fields_of((item,)))
                if not (item.must or keyed or self.chance.random() < 0.4):
                    continue
                there.add(position)
                made |= self._field(item, omit)
            if all(_met(note, there) for note in notes) and there:
                for note in notes:
                    if note.kind == "F" and note.positions[1] in there:
                        value, code = (items[position - 1].name for position in note.positions)
                        made |= self._moment(value, code)
                return made

    def _moment(self, value: str, code: str) -> dict[str, Any]:
        """Return a date, time or period in one of the formats that are checked, or one that is not checked."""
        named = self.chance.choice([*FORMATS, "801"])
        text = FORMATS.get(named, "14").replace("-", "").replace("ZZZ", "UTC").replace("Zhhmm", "+0130")
        for token in ("CCYY", "DDD", "MM", "DD", "WW", "hh", "mm", "ss", "YY", "D"):
            while token in text:
                text = text.replace(token, f"{self.chance.randint(*_TOKENS[token]):0{len(token)}d}", 1)
        return {value: text, code: named}

    def _field(self, item: Item, omit: str) -> dict[str, Any]:
        if item.merged:
            assert isinstance(item.of, Composite)
            return self.fields(item.of.items, item.of.notes, omit)
        if item.name == omit:
            return {}
        if item.times > 1:
            return {item.name: [self.value(item) for _ in range(self.chance.randint(1, 2))]}
        return {item.name: self.value(item)}

    def simple(self, element: Element) -> Any:
        """Return a valid value of an element as documents hold it."""
        letters = _LETTERS.get(element.type)
        if element.type == "n":
            digits = min(element.most, _DIGITS)
            places = self.chance.randint(0, min(2, digits - element.least))
            return Decimal(self.chance.randint(10 ** (digits - 1), 10**digits - 1)).scaleb(-places)
        if element.closed or letters is None:
            return super().simple(element)
        size = self.chance.randint(element.least, min(element.most, element.least + 6))
        text = "".join(self.chance.choice(letters) for _ in range(size))
        return f"x{text[1:]}".rstrip().ljust(element.least, "y")


def _met(note: Note, there: set[int]) -> bool:
    first, *others = (position in there for position in note.positions)
    count = first + sum(others)
    either = {"P": count in (0, 1 + len(others)), "R": count > 0, "E": count <= 1}
    return either.get(note.kind, not first or (all(others) if note.kind == "C" else any(others)))


def _unmistakable(loop: Loop, body: tuple[Child, ...]) -> tuple[Child, ...]:
    """Return what a turn may hold: nothing that would take the next turn's opener for its own (INVRPT of D.96A)."""
    return tuple(child for child in body if not (isinstance(child, Loop) and loop.tag in _tags(child)))


def _tags(loop: Loop) -> set[str]:
    found: set[str] = set()
    for child in loop.body:
        found |= _tags(child) if isinstance(child, Loop) else {child.tag}
    return found


def _settle(made: dict[str, Any], path: list[str], counted: list[str] | None) -> None:
    """Make a control total true if it can be counted; give it another qualifier if it is a sum."""
    group, holder, name = path
    held = made.get(group, {})
    if holder not in held:
        return
    if counted is not None:
        held[holder][name] = Decimal(_count(made, counted))
    else:
        held["Z9"] = held.pop(holder)


def _count(held: Any, path: list[str]) -> int:
    found = [held]
    for step in path:
        found = [item for one in found for item in one.get(step, ())]
    return len(found)
