"""A read file: plain data, and the nodes that know where each value stands in the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from esb.errors import Place

Loc: TypeAlias = Sequence[str | int]


@dataclass(slots=True)
class Node:
    """A value in a file: `value` is text (scalar), a list of nodes, or a dict of key -> (key node, value node)."""

    value: Any
    data: Any
    line: int
    column: int
    start: int
    end: int
    style: str = ""
    size: int = 1

    @property
    def children(self) -> Iterator[Node]:
        """The nodes of a list or the values of a mapping."""
        if isinstance(self.value, dict):
            return (node for _, node in self.value.values())
        return iter(self.value if isinstance(self.value, list) else ())


@dataclass(frozen=True, slots=True)
class Found:
    """What a loc leads to: the node, the key it stands under, and the parts of the loc that the file has."""

    node: Node
    key: Node | None
    reached: tuple[str | int, ...]
    missed: int


@dataclass(frozen=True, slots=True)
class Document:
    """One read file: its data (dict, list, str, int, Decimal, bool, None) and the nodes that know the places."""

    file: str
    text: str
    root: Node

    @property
    def data(self) -> Any:
        """The content as plain values."""
        return self.root.data

    def find(self, loc: Loc) -> Found:
        """Walk a loc down the file; parts that match nothing (names of models, defaults) are stepped over."""
        node, key = self.root, None
        reached: list[str | int] = []
        for part in loc:
            held = node.value
            if isinstance(held, dict) and str(part) in held:
                key, node = held[str(part)]
            elif isinstance(held, list) and isinstance(part, int) and part < len(held):
                key, node = None, held[part]
            else:
                continue
            reached.append(part)
        return Found(node, key, tuple(reached), len(loc) - len(reached))

    def place(self, loc: Loc, key: bool = False) -> Place:
        """Return the place of the value at a loc, or of its key."""
        found = self.find(loc)
        return self.at(found.key if key and found.key is not None else found.node)

    def at(self, node: Node) -> Place:
        """Return the place of a node: a whole one-line scalar, or the first token of anything larger."""
        return Place(self.file, node.line, node.column, self._span(node))

    def inside(self, node: Node, offset: int, length: int = 1) -> Place:
        """Return the place of `length` characters at `offset` of a scalar's value, whatever its quotes and folding."""
        marks = _marks(self.text[node.start : node.end], node.value, node.style)
        first = marks[offset] if offset < len(marks) else (marks[-1] + 1 if marks else 0)
        begin = node.start + first
        line = self.text.count("\n", 0, begin) + 1
        column = begin - (self.text.rfind("\n", 0, begin) + 1) + 1
        last = marks[offset + length - 1] + 1 if 0 < length <= len(marks) - offset else first + 1
        stop = self.text.find("\n", begin, node.start + last)
        return Place(self.file, line, column, max(1, (stop if stop >= 0 else node.start + last) - begin))

    def lines(self) -> list[str]:
        """The source lines, as an editor counts them."""
        return self.text.split("\n")

    def _span(self, node: Node) -> int:
        if isinstance(node.value, dict) and node.value and self.text[node.start : node.start + 1] != "{":
            return self._span(next(iter(node.value.values()))[0])
        raw = self.text[node.start : node.end]
        if isinstance(node.value, str) and node.style not in {"|", ">"}:
            return max(1, len(raw.split("\n", 1)[0].rstrip()))
        return 1


def _marks(raw: str, value: str, style: str) -> list[int]:
    """Return for each character of a scalar's value where it stands in the source, counted from the scalar's start."""
    at = 1 if style in {'"', "'"} else (raw.find("\n") + 1 if style in {"|", ">"} else 0)
    marks: list[int] = []
    for char in value:
        at = _skip(raw, at, char, style)
        marks.append(at)
        at += _width(raw, at, style)
    return marks


def _skip(raw: str, at: int, char: str, style: str) -> int:
    """Step over folding: white space and escaped line ends that stand in the source and not in the value."""
    while at < len(raw):
        if style == '"' and raw.startswith("\\\n", at):
            at += 2
        elif raw[at] in " \t\n" and char not in " \t\n":
            at += 1
        else:
            break
    return at


def _width(raw: str, at: int, style: str) -> int:
    if style == '"' and raw.startswith("\\", at):
        return {"x": 4, "u": 6, "U": 10}.get(raw[at + 1 : at + 2], 2)
    return 2 if style == "'" and raw.startswith("''", at) else 1
