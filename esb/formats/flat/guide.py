"""Reads the guide of a flat file: kinds of records, then the structure of its documents as in the guides of EDI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from esb.errors import DefinitionError
from esb.formats.edi.dictionary import refuse
from esb.formats.edi.grammar import Guide, Segment, Use
from esb.formats.edi.guide_file import read_guide
from esb.formats.flat.kinds import segment
from esb.formats.flat.spec import FlatRecord, FlatRecords
from esb.formats.flat.totals import Total, read_total
from esb.reading import Document, read

_OWN = ("tell", "header", "records", "file")
BEGINNING, ENDING = "the beginning", "the end"
"""What faults call the two ends of a document; no record may be called so."""


class FlatGuide(Struct, frozen=True):
    """A guide: structure of the documents, definitions of all kinds, and what stands around the documents."""

    guide: Guide
    segments: Mapping[str, Segment]
    spec: FlatRecords
    document: Document
    totals: tuple[Total, ...]

    @property
    def opener(self) -> str:
        """The kind that begins a document."""
        first = self.guide.body[0]
        assert isinstance(first, Use)
        return first.tag

    @property
    def head(self) -> str:
        """The kind that begins a file; empty = none does."""
        return self.spec.file.head

    @property
    def tail(self) -> str:
        """The kind that ends a file; empty = none does."""
        return self.spec.file.tail


class _Words:
    """The kinds of records, as the reader of guides asks for segments."""

    version = ""

    def __init__(self, segments: Mapping[str, Segment]) -> None:
        self._segments, self.tags = segments, frozenset(segments)

    def segment(self, tag: str) -> Segment:
        return self._segments[tag]


def find_flat_guide(name: str, files: Mapping[str, bytes], fixed: bool) -> FlatGuide:
    """Return the guide `flat/orders` of a project: the file schemas/flat/orders.yaml; `fixed`: of fixed width.

    Raises:
        DefinitionError: There is no such file, or something in it is wrong; says where.
    """
    path = f"schemas/{name}.yaml"
    if path not in files:
        raise DefinitionError(f"guide {name!r}: there is no file {path}; write it")
    return read_flat_guide(read(path, files[path]), fixed)


def read_flat_guide(document: Document, fixed: bool = False) -> FlatGuide:
    """Return the guide of a file.

    Raises:
        DefinitionError: Something in it is wrong; says where.
    """
    data = document.data
    if not isinstance(data, dict) or not {"set", "is", "records", "body"} <= data.keys():
        raise refuse(document, [], "a guide of flat files needs set:, is:, records: and body:")
    spec = _spec(document, data)
    segments = {
        name: segment(name, record, not fixed, document)
        for name, record in spec.records.items()
        if _name(document, name)
    }
    guide = read_guide(document, _Words(segments), _OWN)
    first = guide.body[0]
    if not isinstance(first, Use) or not first.must or first.most > 1:
        text = "body: begins with the record that opens a document: - HEAD: {use: M, into: .}"
        raise refuse(document, ["body", 0], text)
    around = [name for name in (spec.file.head, spec.file.tail) if name]
    for name in around:
        if name not in segments or name in guide.known or around.count(name) > 1:
            text = f"file: {name!r} must be a record of its own, that stands nowhere in body:"
            raise refuse(document, ["file"], text)
    _codes(document, spec, fixed)
    if spec.file.head and "file" in _root(guide):
        text = "documents hold the head of their file under the key file; nothing in body: may have it too"
        raise refuse(document, ["body"], text, "give it another name, or another into:")
    tail = segments[spec.file.tail] if spec.file.tail else None
    totals = tuple(read_total(document, index, given, tail) for index, given in enumerate(spec.file.checks))
    return FlatGuide(guide, segments, spec, document, totals)


def _root(guide: Guide) -> set[str]:
    """Return the keys that documents have at their top."""
    merged = {
        item.name
        for child in guide.body
        if isinstance(child, Use) and child.into == "."
        for item in child.segment.items
    }
    return merged | {child.into for child in guide.body}


def _name(document: Document, name: str) -> bool:
    if not name.replace("_", "").replace("-", "").isalnum():
        raise refuse(document, ["records", name], f"{name!r} cannot name a record; use letters, digits, _ and -")
    return True


def _spec(document: Document, data: Mapping[str, Any]) -> FlatRecords:
    try:
        return FlatRecords.model_validate({name: data[name] for name in _OWN if name in data})
    except ValidationError as error:
        first = error.errors()[0]
        loc = list(first["loc"])
        text = f"{'.'.join(map(str, loc))}: {first['msg'].removeprefix('Value error, ')}"
        raise refuse(document, loc, text) from None


def _codes(document: Document, spec: FlatRecords, fixed: bool) -> None:
    """Refuse kinds that could not be told from each other."""
    if fixed and spec.header:
        raise refuse(document, ["header"], "header: is for csv; lines of fixed width have none")
    met: dict[tuple[Any, str], str] = {}
    for name, record in spec.records.items():
        code, tell = _told(name, record, spec)
        other = met.setdefault((tell if code else None, code), name)
        if other != name:
            text = (
                f"{name} cannot be told from {other}: both are {code!r} there"
                if code
                else f"{other} and {name} fit all"
            )
            raise refuse(document, ["records", name], text, "write code:, and tell: where it stands")


def _told(name: str, record: FlatRecord, spec: FlatRecords) -> tuple[str, int | str]:
    return name if record.code is None else record.code, spec.tell if record.tell is None else record.tell
