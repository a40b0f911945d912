"""Kinds of records: told by a code in the row, read into the grammar's segments, and written back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from esb.edge import Part
from esb.errors import FormatError
from esb.formats.characters import Characters
from esb.formats.edi.dictionary import refuse
from esb.formats.edi.grammar import Element, Item, Note, Segment
from esb.formats.edi.patterns import Marks
from esb.formats.flat.spec import FlatField, FlatRecord
from esb.reading import Document

MARKS = Marks("\x1f", "\x1e", "", "\n", wide=True)
"""What stands between the values of a record while the grammar looks at it: nothing that text files hold."""

BREAKS = {ord(char): chr(0xE000 + ord(char)) for char in "\t\n\r"}
"""Tabs and line ends inside values are data; the grammar sees stand-ins (private characters) for them."""

_RESTORED = {ord(stand_in): chr(code) for code, stand_in in BREAKS.items()}
_LONGEST = 1_000_000
_MOST_DIGITS = 100
_STRANGE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ue000-\ue0ff]")
_SUSPECT = re.compile("[\x00-\x1f\ue000-\ue0ff]")
_NOTE = re.compile(r"(?P<kind>[PRCLE])(?P<positions>(?:\d\d){2,})", re.ASCII)

Fault: TypeAlias = tuple[str, str]
"""A field's name, and what is wrong with it."""


class Told(Struct):
    """One record as it came: `kind` and its `text` for the grammar, or what is wrong with it."""

    raw: str
    line: int
    kind: str = ""
    text: str = ""
    faults: list[Fault] = []


class Front(Protocol):
    """Makes records of bytes, and bytes of records. `stopped`: why nothing more is read."""

    characters: Characters
    stopped: Part | None

    def feed(self, data: bytes) -> list[Told]: ...
    def end(self) -> list[Told]: ...


class Writes(Protocol):
    """Writes records: for each its kind and its texts by field, as the grammar has them."""

    def __call__(self, records: Sequence[tuple[str, Mapping[str, str]]]) -> bytes: ...


def segment(name: str, record: FlatRecord, lengths: bool, document: Document) -> Segment:
    """Return the grammar's definition of a record; `lengths`: texts are bounded by `length`.

    Raises:
        DefinitionError: A condition between fields is none.
    """
    items = tuple(Item(field.name, _element(field, lengths), field.use == "M") for field in record.fields)
    notes: list[Note] = []
    for index, source in enumerate(record.notes):
        match = _NOTE.fullmatch(source)
        positions = tuple(int(pair) for pair in re.findall(r"\d\d", match["positions"])) if match is not None else ()
        if match is None or not all(1 <= position <= len(items) for position in positions):
            text = f"{source!r} is no condition between the {len(items)} fields of {name}"
            raise refuse(document, ["records", name, "notes", index], text, "write P0203: both, or neither")
        notes.append(Note(match["kind"], positions))
    return Segment(name, record.title or name, items, tuple(notes))


def _element(field: FlatField, lengths: bool) -> Element:
    if field.type == "number":
        return Element(field.name, field.name, "R", 1, _MOST_DIGITS)
    most = field.length if lengths and field.length is not None and field.type == "text" else _LONGEST
    return Element(field.name, field.name, "AN", 1, most, field.codes, field.closed)


def safe(text: str) -> str:
    """Return a value for the grammar. Raises ValueError for characters that no text holds."""
    if _SUSPECT.search(text) is None:
        return text
    if (found := _STRANGE.search(text)) is not None:
        raise ValueError(f"holds the control character U+{ord(found[0]):04X}")
    return text.translate(BREAKS)


def suspect(text: str) -> bool:
    """Return whether a record's text has characters that `safe` must look at."""
    return _SUSPECT.search(text) is not None


def restored(value: Any) -> Any:
    """Return a document with the tabs and line ends that the grammar saw stand-ins for."""
    if isinstance(value, str):
        return value if value.isascii() else value.translate(_RESTORED)
    if isinstance(value, list):
        return [restored(item) for item in value]
    if isinstance(value, dict):
        return {restored(key): restored(item) for key, item in value.items()}
    return value


def escape(text: str) -> str:
    """Return a document's text for the grammar's writer. Raises FormatError for characters that no text holds."""
    try:
        safe(text)
    except ValueError as error:
        raise FormatError(str(error)) from None
    return text
