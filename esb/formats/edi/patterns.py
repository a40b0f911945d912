"""The accept path: one compiled expression for each segment takes exactly the valid ones, at the speed of C.

It takes ASCII only and no 29 February: what it refuses is not wrong yet, the diagnosis says whether it is. Conditions
between elements are asked where the later element stands (a conditional group looks back, a look-ahead forward), so
that a segment that is cut short costs nothing for what it does not have. What may be left out is written as an
alternative to nothing, `(?:x|)`: to the engine `(?:x)?` is a loop, and costs a third more over a whole segment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from esb.formats.edi.grammar import Composite, Element, Item, Narrow, Note, Segment
from esb.formats.edi.moments import DAY, FORMATS, USUAL, pattern


class Marks(Struct, frozen=True):
    """The separators of an interchange; `repetition` and `release` are empty where there are none.

    `decimal` = the marks that a number (EDIFACT's n) may have, the one that is written first; `wide` = characters
    beyond ASCII are decoded already, and no reason to look twice; `reserved` = separators are never data, also where
    a grammar has nothing to separate.
    """

    element: str
    component: str
    repetition: str
    terminator: str
    release: str = ""
    decimal: str = "."
    wide: bool = False
    reserved: bool = False


RELEASED = 0xE000
"""A released separator stands as the private character of this number and its own, until all splits are done."""

RELEASED_CHARACTERS = {RELEASED + code: chr(code) for code in range(256)}
"""What those private characters mean, for `str.translate`."""


_MANY_CODES = 100


def acceptor(segment: Segment, marks: Marks) -> Callable[[str], object]:
    """Return what says of a segment's text (tag included) whether it is surely valid."""
    inner_pairs = any(item.pairs and item.narrows for item in segment.items[:-1])
    if inner_pairs or any(narrow.pattern or narrow.least for narrow in _narrows(segment.items)):
        return _never  # what an overlay asks there is for the diagnosis alone
    source = _Sequence(segment.items, segment.notes, marks.element, marks, "e").source(segment.tag)
    return re.compile(source, re.ASCII).fullmatch


def _never(text: str) -> object:
    return None


def _narrows(items: Sequence[Item]) -> Iterator[Narrow]:
    for item in items:
        yield from item.narrows
        if isinstance(item.of, Composite):
            yield from _narrows(item.of.items)


class _Sequence:
    """The expression for positions in order: those behind the last mandatory one may be left out."""

    def __init__(self, items: Sequence[Item], notes: Sequence[Note], separator: str, marks: Marks, name: str) -> None:
        self._marks, self._separator, self._name = marks, separator, name
        self._mark = re.escape(separator)
        self._more = self._mark if len(separator) == 1 else f"(?:{self._mark})"
        inner = separator == marks.component
        outside = separator + (marks.element + marks.repetition if inner else "")
        self._char = f"[^{re.escape(outside)}]"
        within = marks.element if inner else marks.component if marks.reserved else ""
        self._banned = separator + within + (marks.repetition if inner or marks.reserved else "")
        self._items, self._notes = _spread(items, notes)
        self._first = 1 if inner else 0

    def source(self, tag: str) -> str:
        """Return the expression; without a tag (components) the first position has no separator before it."""
        slots = [self._slot(position, item) for position, item in enumerate(self._items, 1)]
        last = max((index for index, item in enumerate(self._items) if item.must), default=-1)
        out = [re.escape(tag) if tag else self._required()]
        for index, slot in enumerate(slots[: last + 1]):
            lead = self._mark if tag or index else ""
            out.append(f"{lead}{slot}" if self._items[index].must else f"{lead}{_maybe(slot)}")
        tail = ""
        for index in range(len(slots) - 1, last, -1):
            lead = self._mark if tag or index else ""
            tail = f"(?:{lead}{_maybe(slots[index])}{tail}|)"
        return "".join([*out, tail, f"{self._more}*{self._there()}" if tag else ""])

    def _slot(self, position: int, item: Item) -> str:
        if any(narrow.unused for narrow in item.narrows):
            return f"(?!){'' if item.pairs else self._conditions(position)[1]}"
        if item.pairs:
            assert isinstance(item.of, Element) and item.value is not None
            one, two = _coded(item, self._banned, self._marks), _simple(item.value, self._banned, self._marks)
            pair = f"(?:{one}{self._mark}{two}|{self._mark})"
            return f"{self._needed(item)}{pair}(?:{self._mark}{pair}){{0,{item.pairs - 1}}}"
        marks = self._marks
        if isinstance(item.of, Composite):
            inside = _Sequence(item.of.items, item.of.notes, marks.component, marks, f"{self._name}{position}c")
            ends = re.escape(self._separator + marks.repetition)
            source = f"(?:(?![{ends}]|$){inside.source('')})"
        else:
            banned = self._banned + (marks.repetition if item.times > 1 else "")
            source = self._formatted(position, item, _coded(item, banned, marks))
        if item.times > 1 and marks.repetition:
            source = f"{source}(?:{re.escape(marks.repetition)}{source}){{0,{item.times - 1}}}"
        before, behind = self._conditions(position)
        return f"{before}{source}{behind}"

    def _formatted(self, position: int, item: Item, source: str) -> str:
        """Return the expression for a value, by the formats that a later position may name for it."""
        note = next((note for note in self._notes if note.kind == "F" and note.positions[0] == position), None)
        if note is None:
            return source
        ends = f"(?!{self._char})"
        between = f"{self._mark}{self._char}*+" * (note.positions[1] - position - 1) + self._mark
        signs = "".join(sign for sign in "+-" if sign not in self._banned)
        named = [*map(re.escape, FORMATS)]
        if self._marks.release:
            signs += "".join(chr(RELEASED + ord(sign)) for sign in "+-")
            # whoever releases digits hides which format is named
            hidden = f"[{chr(RELEASED + ord('0'))}-{chr(RELEASED + ord('9'))}]"
            named.append(rf"\d*{hidden}(?:\d|{hidden})*")
        ways = [f"{pattern(code, signs)}(?={between}{re.escape(code)}{ends})" for code in FORMATS]
        # behind the usual ones comes what is not checked, so that a value without a format does not try them all
        ways.insert(USUAL, f"{source}(?!{between}(?:{'|'.join(named)}){ends})")
        narrowed = f"(?={source}{ends})" if item.narrows else ""
        return f"{narrowed}(?:{'|'.join(ways)})"

    def _needed(self, item: Item) -> str:
        """Return the look-aheads of qualifiers that an overlay wants among the pairs."""
        one, mark = f"{self._char}*", self._mark
        codes = [code for narrow in item.narrows for code in narrow.pairs]
        return "".join(f"(?=(?:{one}{mark}{one}{mark})*{re.escape(code)}{mark}{self._char})" for code in codes)

    def _conditions(self, position: int) -> tuple[str, str]:
        """Return what must hold before and behind a position that is filled; name it if a later one looks back."""
        before = behind = ""
        for note in self._notes:
            if position not in note.positions:
                continue
            others = [other for other in note.positions if other != position]
            if note.kind == "P" or (note.kind == "C" and position == note.positions[0]):
                before += "".join(self._back(other) for other in others if other < position)
                behind += "".join(self._ahead(position, other) for other in others if other > position)
            elif note.kind == "L" and position == note.positions[0]:
                earlier = [self._back(other) for other in others if other < position]
                later = [self._ahead(position, other) for other in others if other > position]
                behind += f"(?:{'|'.join(earlier + later)})"
            elif note.kind == "E":
                before += "".join(f"(?({self._group(other)})(?!))" for other in others if other < position)
        return before, behind + (f"(?P<{self._group(position)}>)" if self._looked_back_at(position) else "")

    def _looked_back_at(self, position: int) -> bool:
        # within a composite that repeats, an earlier repeat would answer: there R notes look ahead
        kinds = "PCLE" if self._first == 0 and self._separator == self._marks.component else "PCLER"
        return any(position in note.positions and note.kind in kinds for note in self._notes)

    def _group(self, position: int) -> str:
        return f"{self._name}{position}"

    def _back(self, position: int) -> str:
        return f"(?({self._group(position)})|(?!))"

    def _ahead(self, position: int, other: int) -> str:
        between = f"{self._mark}{self._char}*+" * (other - position - 1)
        return f"(?={between}{self._mark}{self._char})"

    def _there(self) -> str:
        """Return what R notes ask at the end of a segment: at least one of their positions was filled."""
        out = ""
        for note in self._notes:
            if note.kind == "R":
                asked = "(?!)"
                for position in reversed(note.positions):
                    asked = f"(?({self._group(position)})|{asked})"
                out += asked
        return out

    def _required(self) -> str:
        """Return the look-aheads of R notes within a composite: at least one of their positions is filled."""
        out = ""
        for note in self._notes:
            if note.kind == "R":
                there = [f"{self._char}*+{self._mark}" * (at - self._first) + self._char for at in note.positions]
                out += f"(?={'|'.join(there)})"
        return out


_ONE_OR_MORE = re.compile(r"(\[[^\]]*(?:\\\][^\]]*)*\])\{1,(\d+)\}\+")
"""The expression of a plain text: one class of characters, at least one of them."""


def _maybe(slot: str) -> str:
    """Return the expression for a slot that may be empty; where it can, it costs no group."""
    plain = _ONE_OR_MORE.fullmatch(slot)
    return f"{plain[1]}{{0,{plain[2]}}}+" if plain else f"(?:{slot}|)"


def _spread(items: Sequence[Item], notes: Sequence[Note]) -> tuple[Sequence[Item], Sequence[Note]]:
    """Return pairs that are followed by something as positions of their own, each two with a condition."""
    if not any(item.pairs for item in items[:-1]):
        return items, notes
    spread: list[Item] = []
    more: list[Note] = []
    for item in items[:-1]:
        if not item.pairs:
            spread.append(item)
            continue
        assert item.value is not None
        for _ in range(item.pairs):
            more.append(Note("P", (len(spread) + 1, len(spread) + 2)))
            spread += (Item(item.name, item.of), Item(item.name, item.value))
    return (*spread, items[-1]), (*notes, *more)


def _coded(item: Item, banned: str, marks: Marks) -> str:
    """Return the expression for one value, narrowed to the codes that an overlay leaves."""
    assert isinstance(item.of, Element)
    source = _simple(item.of, banned, marks)
    lists = [narrow.codes for narrow in item.narrows if narrow.codes is not None]
    if not lists:
        return source
    codes = sorted(frozenset.intersection(*lists))
    ahead = f"(?=(?:{'|'.join(map(re.escape, codes))})(?:[{re.escape(banned)}]|$))" if codes else "(?!)"
    return ahead + source


def _simple(element: Element, banned: str, marks: Marks) -> str:
    """Return the expression for one value."""
    if element.closed and len(element.codes) <= _MANY_CODES:
        return "(?:" + "|".join(sorted(map(re.escape, element.codes), key=len, reverse=True)) + ")"
    least, most, kind = element.least, element.most, element.type
    if kind[0] == "N" and kind[1:].isdigit():
        return rf"-?\d{{{least},{most}}}+"
    if kind in ("R", "n"):
        # the point is no digit: with one, `most` digits are one character longer
        point = re.escape(marks.decimal) if kind == "n" else "."
        lead = rf"(?=[{point}]?\d)" if kind == "R" else r"(?=\d)"
        some = rf"[\d{point}]"
        fits = rf"(?!{some}{{{most + 2}}})" if least == 1 else rf"(?={some}{{{least},{most + 1}}}+(?!{some}))"
        short = "" if least == 1 else rf"(?=\d{{{least}}}|{some}{{{least + 1}}})"
        whole = rf"{lead}{fits}{short}\d{{0,{most}}}+(?:[{point}]\d++|)"
        if least > 1 or most < 6:
            return f"-?{whole}"
        # nearly every number has so few digits that nothing needs to be counted
        return rf"-?(?:\d{{1,{most - 4}}}+(?:[{point}]\d{{1,4}}+|)|{whole})"
    if kind == "DT":
        return rf"\d\d{DAY}" if most == 6 else rf"(?:\d\d)?\d\d{DAY}" if least == 6 else rf"\d{{4}}{DAY}"
    if kind == "TM":
        return r"(?:[01]\d|2[0-3])[0-5]\d" + {4: "", 6: r"[0-5]\d"}.get(most, r"(?:[0-5]\d(?:\d{1,2})?)?")
    if kind == "B":
        return "(?:[0-9a-f]{2})+"
    digits = r"\d" if kind == "a" else ""
    return rf"[^{re.escape(banned)}{digits}\x00-\x1f{_foreign(marks)}]{{{least},{most}}}+"


def _foreign(marks: Marks) -> str:
    """Return the ranges that the accept path does not take: what must be decoded first, and what could not be."""
    if marks.wide:
        return r"\x7f-\x9f\ufffd-\uffff"
    return rf"\x7f-\u{RELEASED - 1:04x}\u{RELEASED + 256:04x}-\uffff" if marks.release else r"\x7f-\uffff"
