"""The slow path: walks the elements of a segment that the accept path refused, and names every fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from esb.formats.edi import moments
from esb.formats.edi.grammar import Composite, Element, Item, Note, Segment
from esb.formats.edi.narrowed import Flaw, absent, narrowed, pairs_asked
from esb.formats.edi.patterns import RELEASED_CHARACTERS, Marks
from esb.formats.edi.values import fault_of


def flaws(segment: Segment, values: Sequence[str], marks: Marks) -> Iterator[Flaw]:
    """Give the faults of a segment; `values` are its elements without the tag. None = it is valid after all."""
    places = _places(segment.items)
    for position, value in enumerate(values[len(places) :], len(places) + 1):
        if value:
            text = f"{segment.tag}{position:02d} is one element too many, {segment.tag} has {len(places)}"
            yield Flaw("el.too-many", text, position, value=_plain(value, marks))
            break
    for position, item in enumerate(places, 1):
        value = values[position - 1] if position <= len(values) else ""
        yield from _element(segment.tag, position, item, value, marks)
    yield from pairs_asked(segment, values)
    yield from _broken_notes(segment.tag, segment.notes + _pair_notes(segment.items), values, 0, places)


def _places(items: Sequence[Item]) -> list[Item]:
    """Return one item for each position."""
    places: list[Item] = []
    for item in items:
        if not item.pairs:
            places.append(item)
            continue
        assert item.value is not None
        for _ in range(item.pairs):
            codes = tuple(narrow for narrow in item.narrows if narrow.codes is not None)
            places += (Item(item.name, item.of, narrows=codes), Item(item.name, item.value))
    return places


def _pair_notes(items: Sequence[Item]) -> tuple[Note, ...]:
    notes: list[Note] = []
    position = 1
    for item in items:
        notes += [Note("P", (at, at + 1)) for at in range(position, position + 2 * item.pairs, 2)]
        position += 2 * item.pairs or 1
    return tuple(notes)


def _element(tag: str, position: int, item: Item, value: str, marks: Marks) -> Iterator[Flaw]:
    name, of = f"{tag}{position:02d}", item.of
    if not value:
        yield from absent(item, name, position, 0)
        return
    repeated = marks.repetition and (item.times > 1 or marks.reserved)
    repeats = value.split(marks.repetition) if repeated else [value]
    if len(repeats) > item.times:
        text = f"{name} ({of.title}) repeats {len(repeats)} times, at most {item.times} are allowed"
        yield Flaw("el.repeats", text, position, id=of.id, value=_plain(value, marks))
    if isinstance(of, Composite):
        yield from narrowed(item, name, value, len(repeats), position)
    for repetition, one in enumerate(repeats, 1):
        if isinstance(of, Composite):
            for flaw in _composite(name, position, of, one, marks):
                yield replace(flaw, repetition=repetition)
            continue
        if marks.reserved and marks.component in one:
            text = f"{name} ({of.title}) has {one.count(marks.component) + 1} components, it is one element"
            yield Flaw("el.components", text, position, 2, of.id, _plain(value, marks))
            continue
        one = _plain(one, marks)
        if (fault := fault_of(of, one, marks.decimal)) is not None:
            text = f"{name} ({of.title}) {one[:40]!r} {fault[1]}"
            yield Flaw(fault[0], text, position, id=of.id, value=one, repetition=repetition)
        else:
            yield from narrowed(item, name, one, len(repeats), position)


def _composite(name: str, position: int, of: Composite, value: str, marks: Marks) -> Iterator[Flaw]:
    parts = [_plain(part, marks) for part in value.split(marks.component)]
    if any(parts[len(of.items) :]):
        text = f"{name} has {len(parts)} components, {of.title} has {len(of.items)}"
        yield Flaw("el.components", text, position, len(of.items) + 1, of.id, _plain(value, marks))
    for number, item in enumerate(of.items, 1):
        part = parts[number - 1] if number <= len(parts) else ""
        assert isinstance(item.of, Element)
        if not part:
            yield from absent(item, f"{name}-{number}", position, number)
        elif (fault := fault_of(item.of, part, marks.decimal) or _misformed(of.notes, number, parts)) is not None:
            text = f"{name}-{number} ({item.of.title}) {part[:40]!r} {fault[1]}"
            yield Flaw(fault[0], text, position, number, item.of.id, part)
        else:
            yield from narrowed(item, f"{name}-{number}", part, 1, position, number)
    yield from _broken_notes(name, of.notes, parts, position, of.items)


def _misformed(notes: Sequence[Note], number: int, parts: Sequence[str]) -> tuple[str, str] | None:
    """Return what is wrong with a component whose format another one names."""
    for note in notes:
        if note.kind == "F" and note.positions[0] == number and note.positions[1] <= len(parts):
            return moments.fault_of(parts[note.positions[1] - 1], parts[number - 1])
    return None


def _plain(text: str, marks: Marks) -> str:
    """Return a text whose released separators are themselves again."""
    return text.translate(RELEASED_CHARACTERS) if marks.release and not text.isascii() else text


def _broken_notes(
    name: str, notes: Sequence[Note], values: Sequence[str], within: int, places: Sequence[Item]
) -> Iterator[Flaw]:
    """Give the conditions that do not hold; `within` = the element whose components these are, 0 = a segment's."""

    def flaw(code: str, position: int, text: str) -> Flaw:
        label = f"{name}-{position}" if within else f"{name}{position:02d}"
        item = places[position - 1]
        where = (within, position) if within else (position, 0)
        value = values[position - 1] if position <= len(values) else ""
        return Flaw(code, f"{label} ({item.of.title}) {text}", *where, id=item.of.id, value=value)

    for note in notes:
        there = [at for at in note.positions if at <= len(values) and values[at - 1]]
        gone = [at for at in note.positions if at not in there]
        first = note.positions[0]
        if note.kind == "P" and there and gone:
            yield from (flaw("el.needed", at, f"is needed, because {there[0]:02d} is there ({note})") for at in gone)
        elif note.kind == "R" and not there:
            yield flaw("el.needed", first, f"or another of {note} is needed")
        elif note.kind == "C" and first in there and gone:
            yield from (flaw("el.needed", at, f"is needed, because {first:02d} is there ({note})") for at in gone)
        elif note.kind == "L" and there == [first]:
            yield flaw("el.needed", note.positions[1], f"or another of {note} is needed, because {first:02d} is there")
        elif note.kind == "E" and len(there) > 1:
            yield flaw("el.excluded", there[1], f"excludes {there[0]:02d} ({note})")
