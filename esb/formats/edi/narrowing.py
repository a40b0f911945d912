"""A segment's definition as a partner's overlay narrows it: elements by name or position, notes that are dropped."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from esb.formats.edi.grammar import Amend, Composite, Element, Item, Segment


def amended(segment: Segment, amend: Amend) -> Segment:
    """Return the definition with a change.

    Raises:
        LookupError: It has no such element or note; the text says what it has.
    """
    if amend.drop:
        if amend.drop not in map(str, segment.notes):
            notes = ", ".join(map(str, segment.notes)) or "none"
            raise LookupError(f"{segment.tag} has no note {amend.drop!r}; it has {notes}")
        return replace(segment, notes=tuple(note for note in segment.notes if str(note) != amend.drop))
    return replace(segment, items=_items(segment.items, amend.names, amend, segment.tag))


def _items(items: Sequence[Item], names: Sequence[str], amend: Amend, path: str) -> tuple[Item, ...]:
    name, rest = names[0], names[1:]
    for index, item in enumerate(items):
        if item.merged and isinstance(item.of, Composite) and _has(item.of.items, name):
            inner = replace(item.of, items=_items(item.of.items, names, amend, path))
            # what must be there within it must be there itself
            need = item.must or bool(amend.narrow.need and not rest)
            return (*items[:index], replace(item, of=inner, must=need), *items[index + 1 :])
        if name in (item.name, _number(items, index)):
            return (*items[:index], _item(item, rest, amend, f"{path}.{item.name}"), *items[index + 1 :])
    known = [part.name for item in items for part in (item.of.items if item.merged else (item,))]  # type: ignore[union-attr]
    raise LookupError(f"{path} has no element {name!r}; it has {', '.join(known)}")


def _item(item: Item, rest: Sequence[str], amend: Amend, path: str) -> Item:
    narrow = amend.narrow
    if rest:
        if not isinstance(item.of, Composite):
            raise LookupError(f"{path} is one element, it has no component {rest[0]!r}")
        return replace(item, of=replace(item.of, items=_items(item.of.items, rest, amend, path)))
    if narrow.unused and item.must:
        raise LookupError(f"{path} is mandatory in the standard, an overlay cannot forbid it")
    if narrow.need and item.must:
        narrow = replace(narrow, need=False)
    of = item.of
    if amend.length is not None:
        if not isinstance(of, Element):
            raise LookupError(f"{path} is a composite; only its components have a length")
        of = replace(of, least=max(of.least, amend.length[0]), most=min(of.most, amend.length[1]))
    must = item.must or narrow.need or bool(narrow.pairs)
    return replace(item, of=of, must=must, narrows=(*item.narrows, narrow))


def _has(items: Sequence[Item], name: str) -> bool:
    return any(item.name == name for item in items)


def _number(items: Sequence[Item], index: int) -> str:
    """Return the position of an item as X12 writes it: 03."""
    position = 1 + sum(2 * item.pairs or 1 for item in items[:index])
    return f"{position:02d}"
