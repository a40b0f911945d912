"""Reads the dictionary of a standard: elements, composites, segments and codes, for one version."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from esb.errors import DefinitionError, Diagnostic
from esb.formats.edi.grammar import Composite, Element, Item, Note, Segment
from esb.message import NOTHING
from esb.reading import Document

_LENGTH = re.compile(r"(\d+)?(?:\.\.(\d+))?")
_TYPE = re.compile(r"(an|a|n)(?P<length>(?:\d*\.\.)?\d+)")
"""Type and length in one, as EDIFACT writes them: `an..35`, `n..15`, `a3`."""
_VERSION = r"\d{6}|D\d\d[AB]|S?[34]"
"""A release of X12, a directory of EDIFACT, or 3, 4: a version of its syntax (for service segments)."""
_ITEM = re.compile(
    r"(?P<of>[A-Z]?\d{1,4})(?: (?P<use>[MOC]))?(?: x(?P<times>\d+))?"
    rf"(?: (?P<since>{_VERSION})\+)?(?: (?P<until>{_VERSION})-)?"
)
_PAIRS = re.compile(r"pairs (?P<of>\d{1,4}) (?P<value>\d{1,4}) x(?P<times>\d+)")
_ANY = "0"
"""The element that takes any text, for segments that are carried but not checked."""
_NOTE = re.compile(r"(?P<kind>[PRCLEF])(?P<positions>(?:\d\d){2,})")
_DEPENDENCY = re.compile(r"D(?P<kind>[1-7])\((?P<positions>\d{1,3}(?:,\d{1,3})+)\)")
_SAME = {"2": "P", "3": "R", "4": "E", "5": "C", "6": "L"}
"""EDIFACT's conditions that X12 has too; D1 (one and only one) and D7 (the first excludes the others) take two."""


def refuse(document: Document, loc: list[str | int], text: str, help: str = "") -> DefinitionError:  # noqa: A002
    """Return the error for something in a grammar file, with its place."""
    diagnostic = Diagnostic("E424", text, document.place(loc), help=help)
    return DefinitionError(str(diagnostic), [diagnostic])


def rank(version: str) -> str:
    """Return what sorts versions of one family by age: D96A comes before D01B, 004010 before 005010."""
    if version[:1] == "D" and version[1:3].isdigit():
        return f"{'20' if version[1] < '7' else '19'}{version[1:]}"
    return version


class Dictionary:
    """Elements, composites and segments of one version of a standard; `syntax` = EDIFACT's, for service segments."""

    def __init__(
        self, elements: Document, segments: Document, codes: Mapping[str, Any], version: str, syntax: str = ""
    ) -> None:
        self.version, self.syntax = version, syntax
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
            given = self._current(self._file.data[tag])
            found = Segment(tag, given.get("is", tag), self._items(tag, given), self._notes(tag, given))
            self._segments[tag] = found
        return found

    def element(self, number: str) -> Element:
        """Return a data element. Raises KeyError."""
        return self._elements[number]

    def _element(self, number: str, given: Mapping[str, Any]) -> Element:
        merged = self._current(given)
        kind, length = str(merged["type"]), str(merged.get("length", ""))
        if both := _TYPE.fullmatch(kind):
            kind, length = both[1], both["length"]
        match = _LENGTH.fullmatch(length)
        assert match is not None and length, f"element {number}: length {length!r}"
        least, most = int(match[1] or 1), int(match[2] or match[1])
        codes = {str(code): str(name) for code, name in self._codes.get(number, NOTHING).items()}
        closed = bool(merged.get("closed", False))
        return Element(number, merged["is"], kind, least, most, codes, closed)

    def _current(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a definition with what its keys for this version and those before it change."""
        changes = {str(key): changed for key, changed in given.items() if re.fullmatch(_VERSION, str(key))}
        for version in sorted(filter(self._since, changes), key=rank):
            given = {**given, **changes[version]}
        return given

    def _since(self, version: str) -> bool:
        """Return whether this dictionary is of a version or a later one."""
        own, version = (self.syntax, version[-1]) if len(version) < 3 else (self.version, version)
        return rank(version) <= rank(own)

    def _composite(self, name: str) -> Composite:
        found = self._composites.get(name)
        if found is None:
            given = self._current(self._file.data[name])
            found = Composite(name, given.get("is", name), self._items(name, given), self._notes(name, given))
            self._composites[name] = found
        return found

    def _items(self, tag: str, given: Mapping[str, Any]) -> tuple[Item, ...]:
        if "loose" in given:
            loose = self._elements[_ANY]
            return tuple(Item(f"e{number:02d}", loose) for number in range(1, given["loose"] + 1))
        items: list[Item] = []
        for name, source in given["elements"].items():
            item = self._item(tag, name, str(source))
            if item is not None:
                items.append(item)
        return tuple(items)

    def _item(self, tag: str, name: str, source: str) -> Item | None:
        """Return the item, or None if this version does not have it."""
        if match := _PAIRS.fullmatch(source):
            of, value = self._element_of(tag, name, match["of"]), self._element_of(tag, name, match["value"])
            return Item(name, of, pairs=int(match["times"]), value=value)
        match = _ITEM.fullmatch(source)
        if match is None:
            text = f"{tag}: {source!r} says no element"
            raise refuse(
                self._file, [tag, "elements", name], text, 'write "324 M", "127", "C040" or "pairs 235 234 x10"'
            )
        since, until = match["since"], match["until"]
        if (since and not self._since(since)) or (until and self._since(until) and not self._is(until)):
            return None
        of_any: Element | Composite
        if match["of"][0].isalpha():
            of_any = self._composite(match["of"])
        else:
            of_any = self._element_of(tag, name, match["of"])
        return Item(name, of_any, match["use"] == "M", int(match["times"] or 1))

    def _is(self, version: str) -> bool:
        return version in (self.version, self.syntax)

    def _element_of(self, tag: str, name: str, number: str) -> Element:
        try:
            return self._elements[number]
        except KeyError:
            raise refuse(self._file, [tag, "elements", name], f"{tag}: there is no element {number}") from None

    def _notes(self, tag: str, given: Mapping[str, Any]) -> tuple[Note, ...]:
        notes: list[Note] = []
        for source in map(str, given.get("notes", ())):
            if match := _NOTE.fullmatch(source):
                digits = match["positions"]
                notes.append(Note(match["kind"], tuple(int(digits[at : at + 2]) for at in range(0, len(digits), 2))))
            elif match := _DEPENDENCY.fullmatch(source):
                notes += _dependency(match["kind"], tuple(map(int, match["positions"].split(","))))
            else:
                text, hint = f"{tag}: {source!r} is no note", "write P0304, R0203, C0506 …, or D5(1,2)"
                raise refuse(self._file, [tag, "notes"], text, hint)
        return tuple(notes)


def _dependency(kind: str, positions: tuple[int, ...]) -> list[Note]:
    """Return one of EDIFACT's conditions D1 to D7 as ours."""
    if kind == "1":
        return [Note("R", positions), Note("E", positions)]
    if kind == "7":
        return [Note("E", (positions[0], other)) for other in positions[1:]]
    return [Note(_SAME[kind], positions)]
