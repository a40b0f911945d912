"""The accept path: one compiled expression for each segment takes exactly the valid ones, at the speed of C.

It takes ASCII only and no 29 February: what it refuses is not wrong yet, the diagnosis says whether it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from msgspec import Struct

from esb.formats.edi.grammar import Composite, Element, Item, Note, Segment


class Marks(Struct, frozen=True):
    """The separators of an interchange; `repetition` is empty where the version has none."""

    element: str
    component: str
    repetition: str
    terminator: str


_DAY = r"(?:(?:0[13578]|1[02])(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)(?:0[1-9]|[12]\d|30)|02(?:0[1-9]|1\d|2[0-8]))"
_MANY_CODES = 100


def acceptor(segment: Segment, marks: Marks) -> Callable[[str], object]:
    """Return what says of a segment's text (tag included) whether it is surely valid."""
    source = _sequence(segment.items, segment.notes, marks.element, marks, re.escape(segment.tag))
    return re.compile(source, re.ASCII).fullmatch


def _sequence(items: Sequence[Item], notes: Sequence[Note], separator: str, marks: Marks, head: str) -> str:
    """Return the expression for positions in order: those behind the last mandatory one may be left out.

    `head` is the tag; without one (components) the first position has no separator before it.
    """
    mark = re.escape(separator)
    inner = marks.component if separator == marks.element else ""
    items, notes = _spread(items, notes)
    slots = _slots(items, separator, inner, marks)
    last = max((index for index, (must, _) in enumerate(slots) if must), default=-1)
    around = mark if head else re.escape(separator + marks.element + marks.repetition)
    out = [_conditions(notes, mark, f"[^{around}]", bool(head)), head]
    for index, (must, source) in enumerate(slots[: last + 1]):
        lead = mark if head or index else ""
        out.append(f"{lead}{source}" if must else f"{lead}(?:{source})?")
    tail = ""
    for index in range(len(slots) - 1, last, -1):
        lead = mark if head or index else ""
        tail = f"(?:{lead}(?:{slots[index][1]})?{tail})?"
    out.append(tail)
    return "".join(out)


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


def _slots(items: Sequence[Item], separator: str, inner: str, marks: Marks) -> list[tuple[bool, str]]:
    """Return (must it be there, expression) for each position; a run of pairs is one slot of 2n positions."""
    banned = "".join({separator, inner, marks.repetition if len(marks.repetition) == 1 else ""} - {""})
    slots: list[tuple[bool, str]] = []
    for item in items:
        if item.pairs:
            assert isinstance(item.of, Element) and item.value is not None
            one, two = _simple(item.of, separator), _simple(item.value, separator)
            mark = re.escape(separator)
            pair = f"(?:{one}{mark}{two}|{mark})"
            slots.append((item.must, f"{pair}(?:{mark}{pair}){{0,{item.pairs - 1}}}(?:{mark})?"))
        elif isinstance(item.of, Composite):
            ends = re.escape(separator + marks.repetition)
            source = _sequence(item.of.items, item.of.notes, marks.component, marks, "")
            slots.append((item.must, _repeated(f"(?:(?![{ends}]|$){source})", item.times, marks)))
        else:
            only = banned if item.times > 1 or separator == marks.component else separator
            slots.append((item.must, _repeated(_simple(item.of, only), item.times, marks)))
    return slots


def _repeated(source: str, times: int, marks: Marks) -> str:
    if times == 1 or not marks.repetition:
        return source
    return f"{source}(?:{re.escape(marks.repetition)}{source}){{0,{times - 1}}}"


def _conditions(notes: Sequence[Note], mark: str, char: str, tagged: bool) -> str:
    """Return look-aheads that refuse what the notes forbid; `char` is a character of a value."""
    skip = 0 if tagged else 1

    def there(position: int) -> str:
        return f"(?=(?:{char}*{mark}){{{position - skip}}}{char})"

    def absent(position: int) -> str:
        return f"(?!(?:{char}*{mark}){{{position - skip}}}{char})"

    out: list[str] = []
    for note in notes:
        first, *others = note.positions
        every = "".join(there(position) for position in others)
        some = "|".join(there(position) for position in others)
        none = "".join(absent(position) for position in others)
        if note.kind == "P":
            out.append(f"(?:{there(first)}{every}|{absent(first)}{none})")
        elif note.kind == "R":
            out.append(f"(?:{there(first)}|{some})")
        elif note.kind == "C":
            out.append(f"(?:{absent(first)}|{every})")
        elif note.kind == "L":
            out.append(f"(?:{absent(first)}|{some})")
        else:
            for index, one in enumerate(note.positions):
                rest = "".join(absent(other) for other in note.positions[:index] + note.positions[index + 1 :])
                out.append(f"(?:{absent(one)}|{rest})")
    return "".join(out)


def _simple(element: Element, banned: str) -> str:
    """Return the expression for one value."""
    if element.closed and len(element.codes) <= _MANY_CODES:
        return "(?:" + "|".join(sorted(map(re.escape, element.codes), key=len, reverse=True)) + ")"
    least, most, kind = element.least, element.most, element.type
    if kind[0] == "N" and kind[1:].isdigit():
        return rf"-?\d{{{least},{most}}}"
    if kind in ("R", "n"):
        return rf"-?(?:\d{{{least},{most}}}|(?=[\d.]{{{least + 1},{most + 1}}}(?![\d.]))\d*\.\d+)"
    if kind == "DT":
        return rf"\d\d{_DAY}" if most == 6 else rf"(?:\d\d)?\d\d{_DAY}" if least == 6 else rf"\d{{4}}{_DAY}"
    if kind == "TM":
        return r"(?:[01]\d|2[0-3])[0-5]\d" + {4: "", 6: r"[0-5]\d"}.get(most, r"(?:[0-5]\d(?:\d{1,2})?)?")
    escaped = re.escape(banned)
    if kind == "a":
        return rf"[^{escaped}\d\x00-\x1f\x7f-\uffff]{{{least},{most}}}"
    return rf"[^{escaped}\x00-\x1f\x7f-\uffff]{{{least},{most}}}"
