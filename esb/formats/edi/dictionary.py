"""Reads the dictionary of a standard: elements, composites, segments and codes, for one version."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from esb.errors import DefinitionError, Diagnostic
from esb.formats.edi.grammar import Composite, Element, Item, Note, Segment
from esb.message import NOTHING
from esb.reading import Document

_LENGTH = re.compile(r"(\d+)(?:\.\.(\d+))?")
_ITEM = re.compile(r"(?P<of>[A-Z]?\d{1,4})(?: (?P<use>[MO]))?(?: x(?P<times>\d+))?(?: (?P<since>\d{6})\+)?")
_PAIRS = re.compile(r"pairs (?P<of>\d{1,4}) (?P<value>\d{1,4}) x(?P<times>\d+)")
_ANY = "0"
"""The element that takes any text, for segments that are carried but not checked."""
_NOTE = re.compile(r"[PRCLE](?:\d\d){2,}")


def refuse(document: Document, loc: list[str | int], text: str, help: str = "") -> DefinitionError:  # noqa: A002
    """Return the error for something in a grammar file, with its place."""
    diagnostic = Diagnostic("E424", text, document.place(loc), help=help)
    return DefinitionError(str(diagnostic), [diagnostic])


class Dictionary:
    """Elements, composites and segments of one version of a standard."""

    def __init__(self, elements: Document, segments: Document, codes: Mapping[str, Any], version: str) -> None:
        self.version = version
        self._codes = codes
        self._elements = {str(name): self._element(str(name), given) for name, given in elements.data.items()}
        self._file = segments
        self._composites: dict[str, Composite] = {}
        self._segments: dict[str, Segment] = {}
        self.tags = frozenset(str(tag) for tag in segments.data if not re.fullmatch(r"[CSE]\d{3}", str(tag)))

    def segment(self, tag: str) -> Segment:
        """Return a segment's definition. Raises KeyError for an unknown tag, DefinitionError for a bad definition."""
        found = self._segments.get(tag)
        if found is None:
            given = self._file.data[tag]
            found = Segment(tag, given.get("is", tag), self._items(tag, given), self._notes(tag, given))
            self._segments[tag] = found
        return found

    def element(self, number: str) -> Element:
        """Return a data element. Raises KeyError."""
        return self._elements[number]

    def _element(self, number: str, given: Mapping[str, Any]) -> Element:
        merged = {**given, **given.get(self.version, NOTHING)}
        match = _LENGTH.fullmatch(str(merged["length"]))
        assert match is not None, f"element {number}: length {merged['length']!r}"
        least, most = int(match[1]), int(match[2] or match[1])
        codes = {str(code): str(name) for code, name in self._codes.get(number, NOTHING).items()}
        closed = bool(merged.get("closed", False))
        return Element(number, merged["is"], merged["type"], least, most, codes, closed)

    def _composite(self, name: str) -> Composite:
        found = self._composites.get(name)
        if found is None:
            given = self._file.data[name]
            found = Composite(name, given.get("is", name), self._items(name, given), self._notes(name, given))
            self._composites[name] = found
        return found

    def _items(self, tag: str, given: Mapping[str, Any]) -> tuple[Item, ...]:
        if "loose" in given:
            loose = self._elements[_ANY]
            return tuple(Item(f"e{number:02d}", loose) for number in range(1, given["loose"] + 1))
        items: list[Item] = []
        for name, source in given["elements"].items():
            item, since = self._item(tag, name, str(source))
            if since <= self.version:
                items.append(item)
        return tuple(items)

    def _item(self, tag: str, name: str, source: str) -> tuple[Item, str]:
        if match := _PAIRS.fullmatch(source):
            of, value = self._element_of(tag, name, match["of"]), self._element_of(tag, name, match["value"])
            return Item(name, of, pairs=int(match["times"]), value=value), ""
        match = _ITEM.fullmatch(source)
        if match is None:
            text = f"{tag}: {source!r} says no element"
            raise refuse(
                self._file, [tag, "elements", name], text, 'write "324 M", "127", "C040" or "pairs 235 234 x10"'
            )
        of_any: Element | Composite
        if match["of"][0].isalpha():
            of_any = self._composite(match["of"])
        else:
            of_any = self._element_of(tag, name, match["of"])
        return Item(name, of_any, match["use"] == "M", int(match["times"] or 1)), match["since"] or ""

    def _element_of(self, tag: str, name: str, number: str) -> Element:
        try:
            return self._elements[number]
        except KeyError:
            raise refuse(self._file, [tag, "elements", name], f"{tag}: there is no element {number}") from None

    def _notes(self, tag: str, given: Mapping[str, Any]) -> tuple[Note, ...]:
        notes: list[Note] = []
        for source in given.get("notes", ()):
            if not _NOTE.fullmatch(str(source)):
                raise refuse(self._file, [tag, "notes"], f"{tag}: {source!r} is no note", "write P0304, R0203, C0506 …")
            positions = tuple(int(source[at : at + 2]) for at in range(1, len(source), 2))
            notes.append(Note(source[0], positions))
        return tuple(notes)
