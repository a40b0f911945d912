"""Segments become documents: one compiled function for each place puts a segment's values where they belong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from esb.formats.edi.grammar import Composite, Element, Item, Loop, Use
from esb.formats.edi.patterns import Marks
from esb.formats.edi.values import reader

NODES = "\0nodes"
"""Key of the document under which the levels of a tree are found by number while the set is read."""

Scopes: TypeAlias = list[dict[str, Any]]
"""The open objects: the document, then one for each open loop."""

Bind: TypeAlias = Callable[[list[str], Scopes], None]
Fields: TypeAlias = Callable[[list[str]], dict[str, Any]]
Typed: TypeAlias = tuple[tuple[str, Callable[[str], Any]], ...]
"""Names of elements that are more than text, and what reads them."""


def binder(use: Use, depth: int, marks: Marks) -> tuple[Bind, Bind]:
    """Return what binds the first of a segment that opens no loop, and what binds those that follow it at once."""
    fields, into = _fields(use.segment.items, marks), use.into
    if use.key:
        keyed = _keyed(fields, into, use.key, _names(use.segment.items, use.key), depth)
        return keyed, keyed
    if into == ".":
        return _merged(fields, depth), _listed(fields, more(use), depth)
    if use.most > 1:
        listed = _listed(fields, into, depth)
        return listed, listed

    def put(values: list[str], scopes: Scopes) -> None:
        scopes[depth][into] = fields(values)

    return put, put


def more(use: Use) -> str:
    """Return the key under which further segments stand, when the first one's fields were merged."""
    return f"{use.tag.lower()}_more"


def opener_binder(loop: Loop, depth: int, marks: Marks) -> Bind:
    """Return what binds the segment that opens a loop: a new object at `depth`, held by the one around it."""
    if loop.tree is not None:
        return _tree_binder(loop, depth, marks)
    fields, into, own = _fields(loop.opener.segment.items, marks), loop.into, loop.opener.into
    nested = own != "."
    if loop.key:
        names = _names(loop.opener.segment.items, loop.key)
        name, above = loop.key, depth - 1

        def keyed(values: list[str], scopes: Scopes) -> None:
            found = fields(values)
            code = found.pop(name, "")
            scopes[depth] = found if not nested else {own: found} if found else {}
            held = scopes[above].setdefault(into, {})
            held[free(held, names.get(code, code))] = scopes[depth]

        return keyed
    if loop.most == 1:

        def single(values: list[str], scopes: Scopes) -> None:
            found = fields(values)
            scopes[depth] = scopes[depth - 1][into] = {own: found} if nested else found

        return single

    def listed(values: list[str], scopes: Scopes) -> None:
        found = fields(values)
        scopes[depth] = {own: found} if nested else found
        scopes[depth - 1].setdefault(into, []).append(scopes[depth])

    return listed


def _tree_binder(loop: Loop, depth: int, marks: Marks) -> Bind:
    """Levels of a tree (HL): an object hangs in its parent, in a list named for its kind; numbers are not kept."""
    tree, fields = loop.tree, _fields(loop.opener.segment.items, marks)
    assert tree is not None
    id_, parent_, level_, child_ = tree.id, tree.parent, tree.level, tree.child

    def bind(values: list[str], scopes: Scopes) -> None:
        found = fields(values)
        number, parent, level = found.pop(id_, ""), found.pop(parent_, ""), found.pop(level_, "")
        found.pop(child_, None)
        nodes = scopes[0].setdefault(NODES, {})
        holder = nodes[parent] if parent in nodes else scopes[depth - 1]
        name = tree.names.get(level, f"level_{level.lower()}")
        holder.setdefault(name, []).append(found)
        scopes[depth] = nodes[number] = found

    return bind


def free(held: Mapping[str, Any], key: str) -> str:
    """Return the key, or the key with `_2`, `_3` … if it is taken: nothing is lost and the first keeps its name."""
    if key not in held:
        return key
    number = 2
    while f"{key}_{number}" in held:
        number += 1
    return f"{key}_{number}"


def _keyed(fields: Fields, into: str, name: str, names: Mapping[str, str], depth: int) -> Bind:
    def bind(values: list[str], scopes: Scopes) -> None:
        scope = scopes[depth]
        found = fields(values)
        code = found.pop(name, "")
        key = names.get(code, code)
        held = scope.get(into)
        if held is None:
            scope[into] = {key: found}
        elif key in held:
            held[free(held, key)] = found
        else:
            held[key] = found

    return bind


def _merged(fields: Fields, depth: int) -> Bind:
    def merge(values: list[str], scopes: Scopes) -> None:
        scopes[depth].update(fields(values))

    return merge


def _listed(fields: Fields, into: str, depth: int) -> Bind:
    def append(values: list[str], scopes: Scopes) -> None:
        scope = scopes[depth]
        held = scope.get(into)
        if held is None:
            scope[into] = [fields(values)]
        else:
            held.append(fields(values))

    return append


def _names(items: tuple[Item, ...], key: str) -> Mapping[str, str]:
    of = next(item.of for item in items if item.name == key)
    return of.codes if isinstance(of, Element) else {}


def _fields(items: tuple[Item, ...], marks: Marks) -> Fields:
    """Return what makes an object of a segment's values (tag included); empty elements are left out."""
    names: list[str] = []
    for item in items:
        names += [item.name] if not item.pairs else [""] * (2 * item.pairs)
    typed = tuple((item.name, convert) for item in items if (convert := _converter(item, marks)) is not None)
    pairs = next((item for item in items if item.pairs), None)
    if pairs is None:
        return _simple_fields(tuple(names), typed)
    return _with_pairs(tuple(names), typed, pairs)


def _with_pairs(names: tuple[str, ...], typed: Typed, pairs: Item) -> Fields:
    assert isinstance(pairs.of, Element) and pairs.value is not None
    codes, into, read = pairs.of.codes, pairs.name, reader(pairs.value)
    first = names.index("") + 1
    last = first + 2 * pairs.pairs
    before, after = names[: first - 1], names[last - 1 :]
    simple = _simple_fields(before, typed)
    behind = _simple_fields(after, ()) if after else None

    def with_pairs(values: list[str]) -> dict[str, Any]:
        found = simple(values)
        if len(values) > first:
            held: dict[str, Any] = {}
            for at in range(first, min(len(values), last) - 1, 2):
                if code := values[at]:
                    key = codes.get(code, code)
                    value = values[at + 1]
                    held[key if key not in held else free(held, key)] = value if read is None else read(value)
            if held:
                found[into] = held
            if behind is not None and len(values) > last:
                found.update(behind(values[last - 1 :]))
        return found

    return with_pairs


def _simple_fields(names: tuple[str, ...], typed: Typed) -> Fields:
    if not typed:
        return lambda values: {name: value for name, value in zip(names, values[1:], strict=False) if value}

    def convert(values: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = {name: value for name, value in zip(names, values[1:], strict=False) if value}
        for name, read in typed:
            if name in found:
                found[name] = read(found[name])
        return found

    return convert


def _converter(item: Item, marks: Marks) -> Callable[[str], Any] | None:
    of = item.of
    if item.pairs:
        return None
    if isinstance(of, Composite):
        fields, component = _fields(of.items, marks), marks.component

        def composite(value: str) -> Any:
            return fields(["", *value.split(component)])

        one: Callable[[str], Any] | None = composite
    else:
        one = reader(of)
    if item.times == 1 or not marks.repetition:
        return one
    read, mark = one or str, marks.repetition
    return lambda value: [read(part) for part in value.split(mark)]
