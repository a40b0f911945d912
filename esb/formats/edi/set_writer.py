"""A document becomes the segments of its set, by the same guide that reads it; what is left over is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from esb.errors import FormatError
from esb.formats.edi.binder import more
from esb.formats.edi.checks import compiled, counted
from esb.formats.edi.grammar import Check, Child, Element, Guide, Loop, Segment, Use, fields_of
from esb.formats.edi.patterns import Marks
from esb.formats.edi.segment_writer import SegmentWriter, code_of, names_of
from esb.message import NOTHING

_SHAPES = 1000
"""Sets of keys for which it is remembered what they are written by."""


class _Slot(Struct, frozen=True):
    """A child of a body with all that is needed to write it: `own` = the key of a loop's opener within its object,
    `more` = the key of further segments whose first one is merged, `codes` = the codes behind the names of its key.
    """

    child: Child
    writer: SegmentWriter
    own: str
    more: str
    codes: Mapping[str, str]


class SetWriter:
    """Writes the body of one transaction set or message, header and trailer excluded; `aside` = keys that say those."""

    def __init__(
        self,
        guide: Guide,
        marks: Marks,
        escape: Callable[[str], str],
        aside: tuple[str, ...] = ("transaction", "envelope"),
    ) -> None:
        self._guide, self._marks, self._escape, self._aside = guide, marks, escape, aside
        self._counts = [check for check in guide.checks if check.count]
        self._checks = [(check, compiled(check)) for check in guide.checks if check.severity == "error"]
        self._writers: dict[str, SegmentWriter] = {}
        self._codes: dict[tuple[str, str], dict[str, str]] = {}
        self._names: dict[int, dict[str, list[int]]] = {}
        self._slots: dict[int, tuple[_Slot, ...]] = {}
        self._shapes: dict[tuple[int, tuple[str, ...]], Sequence[_Slot]] = {}

    def segments(self, document: Mapping[str, Any]) -> list[str]:
        """Return the segments. Raises FormatError naming the path in the document, or a total that is not so."""
        filled = _with_counts(document, self._counts)
        for check, wrong in self._checks:
            for text in wrong(filled):
                raise FormatError(f"{check.id}: {text}; mend it, or leave out what can be counted")
        rest = {name: value for name, value in filled.items() if name not in self._aside}
        out: list[str] = []
        self._body(self._guide.body, rest, "$", out)
        return out

    def _body(self, body: tuple[Child, ...], scope: Any, path: str, out: list[str], opener: bool = False) -> None:
        """Write what a scope holds, in the order of the guide; `opener` = the first segment is written already."""
        for slot in self._there(body, scope, path):
            child = slot.child
            if opener and child is body[0]:
                continue
            if isinstance(child, Loop):
                if child.tree is not None:
                    self._tree(child, scope, path, out)
                else:
                    self._loop(child, slot, scope, path, out)
            elif child.into == ".":
                self._merged(slot, scope, path, out)
            elif child.into in scope:
                text = slot.writer.text
                for extra, fields, where in _items(child, scope[child.into], path, slot.codes):
                    out.append(text(fields, where, extra))

    def _merged(self, slot: _Slot, scope: dict[str, Any], path: str, out: list[str]) -> None:
        writer, key = slot.writer, slot.more
        if not scope.keys().isdisjoint(writer.names):
            out.append(writer.some(scope, path, NOTHING))
        if key in scope:
            for number, fields in enumerate(_list(scope[key], f"{path}.{key}")):
                out.append(writer.text(fields, f"{path}.{key}[{number}]", NOTHING))

    def _loop(self, loop: Loop, slot: _Slot, scope: dict[str, Any], path: str, out: list[str]) -> None:
        if loop.into not in scope:
            return
        writer, own = slot.writer, slot.own
        for extra, inner, where in _items(loop, scope[loop.into], path, slot.codes):
            if not isinstance(inner, dict):
                raise FormatError(f"{where} must be an object, not a {type(inner).__name__}")
            if own == ".":
                out.append(writer.some(inner, where, extra))
            else:
                out.append(writer.text(inner.get(own, {}), f"{where}.{own}", extra))
            self._body(loop.body, inner, where, out, opener=True)

    def _tree(self, loop: Loop, scope: dict[str, Any], path: str, out: list[str]) -> None:
        """Write the levels of a tree depth first; their numbers are given here."""
        tree = loop.tree
        assert tree is not None
        writer, count = self._writer(loop.opener.segment), 0
        stack = list(_levels(loop, scope, "", path))[::-1]
        while stack:
            code, node, parent, where = stack.pop()
            count += 1
            children = list(_levels(loop, node, str(count), where))
            numbers = {tree.id: str(count), tree.parent: parent, tree.level: code, tree.child: "1" if children else "0"}
            out.append(writer.some(NOTHING, where, numbers))
            kind = tree.kinds.get(code) or tree.kinds.get("*")
            if kind is None:
                raise FormatError(f"{where}: {self._guide.set} has no level {code!r}")
            held = {name: value for name, value in node.items() if name not in _tree_names(loop, node)}
            self._body(kind.body, held, where, out, opener=True)
            stack += children[::-1]

    def _there(self, body: tuple[Child, ...], scope: Any, path: str) -> Sequence[_Slot]:
        """Return the children of a body that a scope has something for, in the order of the guide."""
        if not isinstance(scope, dict):
            raise FormatError(f"{path} must be an object, not a {type(scope).__name__}")
        shape = id(body), tuple(scope)
        found = self._shapes.get(shape)
        if found is None:
            found = self._wanted(body, scope, path)
            if len(self._shapes) < _SHAPES:
                self._shapes[shape] = found
        return found

    def _wanted(self, body: tuple[Child, ...], scope: dict[str, Any], path: str) -> Sequence[_Slot]:
        known, slots = self._known(body), self._slots_of(body)
        found: set[int] = set()
        for name in scope:
            at = known.get(name)
            if at is None:
                if any(isinstance(child, Loop) and name in _tree_names(child, scope) for child in body):
                    # levels that the tree has no name for stand under their code
                    return slots
                text = f"{path}.{name} has no place in {self._guide.set} ({self._guide.title})"
                raise FormatError(f"{text}; there are {', '.join(sorted(known))}")
            found.update(at)
        return [slots[at] for at in sorted(found)]

    def _slots_of(self, body: tuple[Child, ...]) -> tuple[_Slot, ...]:
        found = self._slots.get(id(body))
        if found is None:
            found = self._slots[id(body)] = tuple(self._slot(child) for child in body)
        return found

    def _slot(self, child: Child) -> _Slot:
        use = child if isinstance(child, Use) else child.opener
        return _Slot(child, self._writer(use.segment), use.into, more(use), self._key_codes(child))

    def _known(self, body: tuple[Child, ...]) -> dict[str, list[int]]:
        """Return the keys of a body's objects, each with the positions of the children that may write it."""
        found = self._names.get(id(body))
        if found is None:
            found = self._names[id(body)] = {}
            for at, child in enumerate(body):
                names = {child.into}
                if isinstance(child, Use) and child.into == ".":
                    names = {item.name for item in fields_of(child.segment.items)} | {more(child)}
                elif isinstance(child, Loop) and child.tree is not None:
                    names = set(child.tree.names.values())
                for name in names:
                    found.setdefault(name, []).append(at)
        return found

    def _key_codes(self, child: Child) -> dict[str, str]:
        segment = child.segment if isinstance(child, Use) else child.opener.segment
        found = self._codes.get((segment.tag, child.key))
        if found is None:
            of = next((item.of for item in fields_of(segment.items) if item.name == child.key), None)
            found = self._codes[segment.tag, child.key] = names_of(of) if isinstance(of, Element) else {}
        return found

    def _writer(self, segment: Segment) -> SegmentWriter:
        found = self._writers.get(segment.tag)
        if found is None:
            found = self._writers[segment.tag] = SegmentWriter(segment, self._marks, self._escape)
        return found


def _items(
    child: Child, held: Any, path: str, codes: Mapping[str, str]
) -> Iterator[tuple[Mapping[str, Any], Any, str]]:
    """Give (fields from the key, object, path) for each use of a segment or loop."""
    where = f"{path}.{child.into}"
    if child.key:
        if not isinstance(held, dict):
            raise FormatError(f"{where} must be an object by {child.key}, not a {type(held).__name__}")
        for key, fields in held.items():
            yield {child.key: code_of(key, codes)}, fields, f"{where}.{key}"
    elif child.most == 1:
        yield NOTHING, held, where
    else:
        for number, fields in enumerate(_list(held, where)):
            yield NOTHING, fields, f"{where}[{number}]"


def _list(held: Any, path: str) -> list[Any]:
    if not isinstance(held, list):
        raise FormatError(f"{path} must be a list, not a {type(held).__name__}")
    return held


def _tree_names(loop: Loop, node: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys of a node that hold levels below it, each with its code."""
    if loop.tree is None:
        return {}
    found = {name: code for code, name in loop.tree.names.items() if name in node}
    return found | {name: name[6:].upper() for name in node if name.startswith("level_")}


def _levels(loop: Loop, node: Mapping[str, Any], parent: str, path: str) -> Iterator[tuple[str, Any, str, str]]:
    """Give (level, object, parent's number, path) for what hangs in a node, in the guide's order of levels."""
    assert loop.tree is not None
    for name, code in _tree_names(loop, node).items():
        for number, child in enumerate(_list(node[name], f"{path}.{name}")):
            where = f"{path}.{name}[{number}]"
            if not isinstance(child, dict):
                raise FormatError(f"{where} must be an object, not a {type(child).__name__}")
            yield code, child, parent, where


def _with_counts(document: Mapping[str, Any], checks: Sequence[Check]) -> dict[str, Any]:
    """Return the document with the counts that the guide checks put into totals that stand there without them."""
    filled = dict(document)
    for check in checks:
        *into, name = check.equals.split(".")
        count = counted(filled, check)
        if not count:
            continue
        holders = [filled]
        while into and isinstance(held := holders[-1].get(into[0]), dict):
            holders.append(held)
            del into[0]
        if not into and len(holders) > 1 and name not in holders[-1]:
            _put(filled, check.equals.split("."), count)
    return filled


def _put(filled: dict[str, Any], path: list[str], value: Any) -> None:
    """Set a value in copies of the objects on its way; it stands first in the last."""
    for name in path[:-2]:
        copied = filled[name] = dict(filled[name])
        filled = copied
    filled[path[-2]] = {path[-1]: value, **filled[path[-2]]}
