"""JSON: a whole body, one document a line, or the items of a list. Numbers stay as they were written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec
from pydantic import Field

from esb.edge import Part
from esb.envelope import encode_document
from esb.errors import DefinitionError
from esb.formats.characters import Characters
from esb.formats.json_items import Broken, Item, Items, read_path
from esb.formats.lines import Lines, Overlong
from esb.formats.parts import KEPT, Gathering, bad, too_large
from esb.message import Document
from esb.ports import Format, Reader
from esb.specs import FormatSpec, Size

EXPONENT = 999
"""The largest exponent of ten: `1e999999999` is a short text and a number that fills the memory when it is written."""


class Json(FormatSpec):
    """JSON (RFC 8259)."""

    type: Literal["json"] = "json"
    lines: bool = Field(False, description="One document a line (NDJSON).")
    duplicate_keys: Literal["refuse", "last"] = Field(
        "refuse", description="A key twice in one object: error, or the last wins."
    )
    depth: int = Field(100, ge=1, le=500, description="The deepest nesting of objects and lists.")
    limit: Size = Field(16_000_000, description="The largest document, e.g. 16MB.")

    def build(self, files: Mapping[str, bytes]) -> Format:
        """Return the live format."""
        return JsonFormat(self)


class JsonFormat:
    """Reads and writes JSON without loss: decimals as Decimal, integers of any size."""

    name = "json"

    def __init__(self, spec: Json) -> None:
        self._spec = spec

    def reader(self, each: str | None = None) -> Reader:
        """Return a reader of the whole body, of lines, or of the items at a path (`$[*]`, `$.orders[*]`).

        Raises:
            DefinitionError: `each` is another kind of path.
        """
        if each is None:
            return _LineReader(self._spec) if self._spec.lines else _WholeReader(self._spec)
        if self._spec.lines:
            raise DefinitionError("json: lines: true cuts already; leave out each:, or lines:")
        try:
            return _ItemReader(self._spec, read_path(each), each)
        except ValueError as error:
            raise DefinitionError(f"json: each: {error}") from None

    def render(self, document: Document) -> bytes:
        """Return compact UTF-8; with `lines`, one line for each item of a list.

        Raises:
            FormatError: It holds what JSON has not.
        """
        if self._spec.lines:
            items = document if isinstance(document, list) else [document]
            return b"".join(encode_document(item) + b"\n" for item in items)
        return encode_document(document)


class Fault(Exception):
    """A text that is not the JSON we take; at a character of it, or (-1) as a whole."""

    def __init__(self, code: str, text: str, at: int = -1) -> None:
        super().__init__(text)
        self.code, self.text, self.at = code, text, at


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if abs(number.adjusted()) > EXPONENT:
        raise ValueError(f"the number {text[:40]} is out of reach")
    return number


_decode = msgspec.json.Decoder(float_hook=_number).decode


def read(text: str, spec: Json) -> Any:
    """Return the document of a text. Raises Fault."""
    try:
        document = _decode(text)
    except (msgspec.DecodeError, UnicodeError, ValueError) as error:
        raise _explained(text, error) from None
    except RecursionError:
        raise Fault("depth", f"it is nested deeper than {spec.depth}") from None
    if text.count("{") + text.count("[") > spec.depth and _depth(document) > spec.depth:
        raise Fault("depth", f"it is nested deeper than {spec.depth}")
    if spec.duplicate_keys == "refuse":
        json.loads(text, object_pairs_hook=_unique, parse_float=str, parse_int=str)
    return document


def _explained(text: str, error: Exception) -> Fault:
    """Return what the standard library says of the text: it counts characters, where the fast decoder counts bytes."""
    try:
        json.loads(text, parse_float=str, parse_int=str, parse_constant=_refuse_constant)
    except json.JSONDecodeError as found:
        return Fault("syntax", found.msg[0].lower() + found.msg[1:], found.pos)
    except Fault as fault:
        return fault
    except RecursionError:
        return Fault("depth", "it is nested too deep")
    if "\\ud" in text.lower():
        return Fault("syntax", "a text holds half of a surrogate pair; ask the sender to write whole characters")
    return Fault("syntax", str(error).removeprefix("JSON is malformed: "))


def _refuse_constant(name: str) -> None:
    raise Fault("syntax", f"{name} is no JSON; ask the sender for null or a number")


def _unique(pairs: list[tuple[str, Any]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise Fault("duplicate-key", f"the key {twice[:60]!r} stands twice in one object")


def _depth(document: Any) -> int:
    depth, level = 0, [document]
    while level := [value for value in level if isinstance(value, dict | list)]:
        depth += 1
        level = [child for value in level for child in (value.values() if isinstance(value, dict) else value)]
    return depth


def _part(text: str, spec: Json, raw: bytes, line: int, column: int = 1) -> Part:
    """Return the document of a text that began at line and column (from 1), or a bad part that says where."""
    try:
        return Part(read(text, spec), raw)
    except Fault as fault:
        where = f"line {line}"
        if fault.at >= 0:
            before = text[: fault.at]
            newlines = before.count("\n")
            at = fault.at - before.rfind("\n") if newlines else fault.at + column
            where = f"line {line + newlines}, column {at}"
        return bad("json", fault.code, f"{where}: {fault.text}", raw, line)


class _WholeReader:
    def __init__(self, spec: Json) -> None:
        self._spec, self._gathering = spec, Gathering(spec.limit)

    def feed(self, data: bytes) -> Sequence[Part]:
        self._gathering.feed(data)
        return ()

    def end(self) -> Sequence[Part]:
        raw = self._gathering.content()
        if self._gathering.overfull:
            return (too_large("json", raw, self._spec.limit),)
        characters = Characters(_encoding(raw))
        text = characters.decode(raw, final=True)
        if characters.broken(text):
            return (bad("json", "encoding", f"it is not {characters.encoding}; JSON is written in UTF-8", raw),)
        return (_part(text, self._spec, raw, 1),)


def _encoding(head: bytes) -> str:
    """Return the encoding of a JSON text; its first characters are ASCII, so zeros give UTF-16 and UTF-32 away."""
    return json.detect_encoding(head[:4])


class _LineReader:
    def __init__(self, spec: Json) -> None:
        self._spec, self._characters, self._lines = spec, Characters(), Lines(spec.limit)
        self._number = 0

    def feed(self, data: bytes) -> Sequence[Part]:
        return list(self._read(self._lines.feed(self._characters.decode(data))))

    def end(self) -> Sequence[Part]:
        lines = self._lines.feed(self._characters.decode(b"", final=True)) + self._lines.end()
        return list(self._read(lines))

    def _read(self, lines: list[str]) -> Iterator[Part]:
        for line in lines:
            self._number += 1
            raw = self._characters.raw(line)
            if type(line) is Overlong:
                yield too_large("json", raw, self._spec.limit, self._number)
            elif self._characters.broken(line):
                yield bad(
                    "json", "encoding", f"line {self._number} is not {self._characters.encoding}", raw, self._number
                )
            elif line := line.strip(" \t\r\n"):
                yield _part(line, self._spec, raw, self._number)


class _ItemReader:
    def __init__(self, spec: Json, path: list[object], each: str) -> None:
        self._spec, self._each, self._characters = spec, each, Characters()
        self._items = Items(path, spec.limit, spec.depth)
        self._broken: Broken | None = None
        self._rest = ""

    def feed(self, data: bytes) -> Sequence[Part]:
        return list(self._read(self._characters.decode(data), final=False))

    def end(self) -> Sequence[Part]:
        parts = list(self._read(self._characters.decode(b"", final=True), final=True))
        if (broken := self._broken) is not None:
            text = f"line {broken.line}, column {broken.column}: {broken.text}; nothing after it was read"
            parts.append(bad("json", "syntax", text, self._characters.raw(self._rest), broken.line))
        elif not self._items.found:
            parts.append(bad("json", "path", f"there is no list at {self._each}", b""))
        return parts

    def _read(self, text: str, final: bool) -> Iterator[Part]:
        if self._broken is None:
            try:
                for item in self._items.feed(text, final):
                    yield self._one(item)
                return
            except Broken as broken:
                self._broken, text = broken, self._items.rest()
        self._rest += text[: KEPT - len(self._rest)]

    def _one(self, item: Item) -> Part:
        raw = self._characters.raw(item.text)
        where = f"line {item.line}, column {item.column}"
        if item.fault:
            return bad("json", "limit", f"{where}: {item.fault}", raw, item.line)
        if self._characters.broken(item.text):
            return bad("json", "encoding", f"{where}: it is not {self._characters.encoding}", raw, item.line)
        return _part(item.text, self._spec, raw, item.line, item.column)
