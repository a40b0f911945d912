"""Formats of EDI: what X12 and EDIFACT do alike between what a person writes in YAML and their readers and writers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any, Protocol

from pydantic import Field

from esb.edge import Draft
from esb.errors import DefinitionError, FormatError
from esb.formats.edi.derived import DerivedDraft
from esb.formats.edi.library import Guides
from esb.message import Document
from esb.ports import Reader
from esb.specs import FormatSpec, PartnerName


class EdiSpec(FormatSpec):
    """Whose EDI it is, and by which guides it is read."""

    partner: PartnerName = Field("", description="Whose overlay (edi: of a partner) applies; default: the endpoint's.")
    guide: str | list[str] = []

    @property
    def guides(self) -> tuple[str, ...]:
        """The guides by name; none = every one of the standard."""
        return (self.guide,) if isinstance(self.guide, str) else tuple(self.guide)


class Asked(Protocol):
    """What a format is told of numbers, by its spec; the descriptions there explain the fields."""

    @property
    def guides(self) -> tuple[str, ...]: ...

    @property
    def numbers(self) -> str: ...

    @property
    def duplicates(self) -> float: ...

    @property
    def resolve(self) -> bool: ...


class Writing(Protocol):
    """Writes documents as interchanges; `default` is the set that is meant where a document names none."""

    def interchange(self, documents: list[Any], default: str) -> bytes: ...
    def draft(self, documents: list[Any], default: str, moment: datetime | None = None) -> Draft: ...


class EdiFormat(ABC):
    """Reads sets as named documents and answers them, writes documents as interchanges.

    `dialect` is what errors call it, `unit` what it cuts beside lines.
    """

    dialect: str
    unit: str

    def __init__(self, spec: Asked, library: Guides, writer: Writing | None) -> None:
        self._library, self._writer = library, writer
        self.name = spec.guides[0] if len(spec.guides) == 1 else self.dialect
        self.duplicates, self.resolve = spec.duplicates, spec.resolve
        self.numbered = spec.numbers == "store"
        self.draft = self._draft if writer is not None else None

    def reader(self, each: str | None = None) -> Reader:
        """Return a reader that gives one document for each set or message, or for each of its lines.

        Raises:
            DefinitionError: `each` is another unit.
        """
        if each not in (None, self.unit, "line"):
            can = f"write each: {self.unit}, or each: line"
            raise DefinitionError(f"{self.dialect}: each: {each!r} cannot be cut; {can}")
        return self._reader(stream=each == "line")

    def render(self, document: Document) -> bytes:
        """Return one interchange of a document, or of a list of them; text that is EDI already is left as it is.

        Raises:
            FormatError: The guide cannot say it, or there is no envelope: to write.
        """
        if isinstance(document, str):
            return document.encode()
        if self._writer is None:
            wanted = "envelope: {sender: {id: …}, receiver: {id: …}}"
            raise FormatError(f"{self.dialect}: to write, the format needs {wanted}")
        return self._writer.interchange(_list(document), self._library.only)

    def _draft(self, document: Document, moment: datetime | None = None) -> Draft:
        """Return the interchange of a document, or of a list of them, but for its numbers. Raises FormatError."""
        assert self._writer is not None
        documents, only = _list(document), self._library.only
        if self.numbered:
            return self._writer.draft(documents, only, moment)
        draft = self._writer.draft(documents, only)
        return DerivedDraft(draft, self._first(draft, documents))

    @abstractmethod
    def _reader(self, stream: bool) -> Reader:
        """Return a reader; with `stream` it gives lines."""

    @abstractmethod
    def _first(self, draft: Draft, documents: list[Any]) -> int:
        """Return the first control number of an interchange whose numbers derive from its content."""


def _list(document: Document) -> list[Any]:
    return document if isinstance(document, list) else [document]
