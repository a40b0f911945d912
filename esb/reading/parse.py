"""The reader: parser events to nodes, with the rules of the house applied on the way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from esb.errors import DefinitionError, Diagnostic, Place
from esb.reading.document import Document, Node
from esb.reading.syntax import needs_quotes, syntax_finding, unquoted_token

MAX_BYTES = 4 * 1024 * 1024
MAX_NODES = 200_000
MAX_DEPTH = 64

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,39})(\.[0-9]{1,40})?")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def read(file: str, raw: bytes, limit_bytes: int = MAX_BYTES) -> Document:
    """Return the document of a user's YAML file.

    Raises:
        DefinitionError: It does not parse or breaks a rule of the house; its diagnostics say where and what to write.
    """
    text = decode(file, raw, limit_bytes)
    reader = _Reader(file, text)
    root = reader.document()
    if reader.findings:
        raise _refused(reader.findings)
    return Document(file, text, root)


def decode(file: str, raw: bytes, limit_bytes: int = MAX_BYTES) -> str:
    """Return a user's text file as text: UTF-8 (or UTF-16 with its mark), no byte order mark, lines end in \\n.

    Raises:
        DefinitionError: Too large, or neither encoding; says at which line.
    """
    if len(raw) > limit_bytes:
        raise _refused(
            [Diagnostic("E102", f"the file has {len(raw)} bytes; the limit is {limit_bytes}", Place(file, 1, 1))]
        )
    utf16 = raw[:2] in {b"\xff\xfe", b"\xfe\xff"}
    try:
        text = raw.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        begun = raw[: error.start]
        place = Place(file, begun.count(b"\n") + 1, error.start - begun.rfind(b"\n"))
        what = f"byte 0x{raw[error.start]:02x} is not UTF-8" if not utf16 else "the file is cut or not UTF-16"
        raise _refused([Diagnostic("E101", what, place, help="save the file as UTF-8 in the editor")]) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _refused(findings: Sequence[Diagnostic]) -> DefinitionError:
    return DefinitionError(str(findings[0]), findings)


class _Reader:
    """Builds nodes from parser events in one flat loop: no recursion, so that depth is a finding and not a crash."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text = file, text
        self.findings: list[Diagnostic] = []
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0
        self._stack: list[Node] = []
        self._keys: list[Node | None] = []
        self._names: list[str | None] = []
        self._root: Node | None = None

    def document(self) -> Node:
        try:
            for event in yaml.parse(self.text, Loader=yaml.CSafeLoader):
                self._take(event)
        except yaml.YAMLError as error:
            raise _refused([*self.findings, syntax_finding(self.file, self.text, error)]) from error
        if self._root is None:
            raise _refused([Diagnostic("E107", "the file is empty", Place(self.file, 1, 1))])
        return self._root

    def _take(self, event: Any) -> None:
        if isinstance(event, ScalarEvent):
            self._tagged(event)
            self._add(self._scalar(event), event.anchor)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._tagged(event)
            self._open(event)
        elif isinstance(event, AliasEvent):
            self._add(self._alias(event), None)
        elif isinstance(event, CollectionEndEvent):
            self._close(event)
        elif isinstance(event, DocumentStartEvent) and self._root is not None:
            place = self._place(event)
            raise _refused(
                [Diagnostic("E110", "a second document begins here", place, help="one file, one definition")]
            )

    def _place(self, event: Any, length: int = 1) -> Place:
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1, length)

    def _node(self, event: Any, value: Any, data: Any, style: str = "") -> Node:
        start, end = event.start_mark, event.end_mark
        return Node(value, data, start.line + 1, start.column + 1, start.index, end.index, style)

    def _tagged(self, event: NodeEvent) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None and tag != "!":
            text, advice = f"a tag ({tag}) is not used here", "remove it: the type comes from the field"
            self.findings.append(Diagnostic("E111", text, self._place(event), help=advice))

    def _scalar(self, event: ScalarEvent) -> Node:
        value = str(event.value)
        plain = event.style is None or event.style == ""
        return self._node(event, value, resolve(value) if plain else value, event.style or "")

    def _alias(self, event: AliasEvent) -> Node:
        name = event.anchor or ""
        place = self._place(event, len(name) + 1)
        if name not in self._anchors:
            raise _refused([Diagnostic("E109", f'no anchor "&{name}" stands above this alias', place)])
        held = self._anchors[name]
        if held is None:
            raise _refused([Diagnostic("E109", f'"*{name}" stands inside its own anchor', place)])
        self._nodes += held.size
        node = self._node(event, held.value, held.data)
        node.size = held.size
        return node

    def _open(self, event: Any) -> None:
        empty: Any = {} if isinstance(event, MappingStartEvent) else []
        node = self._node(event, empty, type(empty)())
        if len(self._stack) >= MAX_DEPTH:
            raise _refused([Diagnostic("E102", f"nested more than {MAX_DEPTH} levels deep", self._place(event))])
        if self._expects_key():
            raise _refused([self._odd_key(event)])
        if event.anchor:
            self._anchors[event.anchor] = None
        self._stack.append(node)
        self._keys.append(None)
        self._names.append(event.anchor)

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._keys[-1] is None

    def _close(self, event: Any) -> None:
        node = self._stack.pop()
        self._keys.pop()
        node.end = event.end_mark.index
        self._add(node, self._names.pop())

    def _add(self, node: Node, anchor: str | None) -> None:
        """Put a finished node where it belongs; the first one on an empty stack is the root."""
        if anchor:
            self._anchors[anchor] = node
        self._nodes += 1
        if self._nodes > MAX_NODES:
            place = Place(self.file, node.line, node.column)
            raise _refused([Diagnostic("E102", f"more than {MAX_NODES} values once aliases are followed", place)])
        if not self._stack:
            self._root = node
            return
        holder = self._stack[-1]
        if isinstance(holder.value, list):
            holder.value.append(node)
            holder.data.append(node.data)
        elif self._keys[-1] is None:
            self._keys[-1] = node
            return
        else:
            self._pair(holder, self._keys[-1], node)
            self._keys[-1] = None
        holder.size += node.size

    def _pair(self, holder: Node, key: Node, node: Node) -> None:
        name = str(key.value)
        place = Place(self.file, key.line, key.column, max(1, len(name)))
        if name == "<<" and not key.style:
            advice = "repeat the keys, or give the shared part a name of its own (a policy, a table)"
            self.findings.append(Diagnostic("E109", "merge keys (<<) are not part of YAML 1.2", place, help=advice))
        elif name in holder.value:
            first = holder.value[name][0]
            also = (Place(self.file, first.line, first.column, max(1, len(name))),)
            label = f"first at {first.line}:{first.column}"
            self.findings.append(Diagnostic("E108", f'key "{name}" appears twice', place, label=label, also=also))
        else:
            holder.value[name] = (key, node)
            holder.data[name] = node.data

    def _odd_key(self, event: Any) -> Diagnostic:
        place = self._place(event)
        line = self.text.split("\n")[place.line - 1]
        begin = place.column - 2
        if begin < 0 or not line.startswith("{{", begin):
            return Diagnostic("E112", "a key must be text", place, help='write "key": value')
        return needs_quotes(self.file, place.line, begin, unquoted_token(line, begin))


def resolve(text: str) -> Any:
    """Return what a plain (unquoted) scalar stands for; whatever does not survive as a number stays text."""
    if text in _WORDS:
        return _WORDS[text]
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    number = Decimal(text) if match.group(1) else int(text)
    return number if str(number) == text else text
