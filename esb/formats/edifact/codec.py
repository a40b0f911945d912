"""The EDIFACT format: what a person writes about it in YAML, and the live reader and writer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Literal

from pydantic import Field, field_validator

from esb.edge import Draft
from esb.errors import DefinitionError, FormatError
from esb.formats.characters import Encoding
from esb.formats.edi.delimiters import agreed_with
from esb.formats.edi.derived import DerivedDraft
from esb.formats.edi.faults import MEANINGS
from esb.formats.edi.walker import Limits
from esb.formats.edifact.framing import Framer
from esb.formats.edifact.library import Library
from esb.formats.edifact.options import Options
from esb.formats.edifact.reader import EdifactReader
from esb.formats.edifact.scanner import EdifactScanner
from esb.formats.edifact.writer import Envelope, Writer
from esb.message import Document
from esb.ports import Format, Reader
from esb.specs import Duration, FormatSpec, PartnerName, Size

_STRICT = frozenset({"el.chars", "set.no-trailer", "set.unsupported", "set.too-large", "set.id"})
"""Faults that leave no document to go on with."""


class Edifact(FormatSpec):
    """UN/EDIFACT: interchanges of messages such as ORDERS."""

    type: Literal["edifact"] = "edifact"
    partner: PartnerName = Field("", description="Whose overlay (edi: of a partner) applies; default: the endpoint's.")
    guide: str | list[str] = Field(
        [], description="edifact/ORDERS, or a file under schemas/; default: every standard message."
    )
    acknowledge: Literal["contrl", "requested", "none"] = Field(
        "contrl", description="Answer every interchange by a CONTRL, only those that ask for it (UNB 0031), or none."
    )
    tolerate: list[str] = Field([], description="Faults that are noted but do not refuse a message, e.g. el.too-many.")
    envelope: Envelope | None = Field(None, description="How interchanges are written; only for what leaves.")
    numbers: Literal["store", "derived"] = Field(
        "store", description="Control references rise by one for each pair of parties, or derive from the content."
    )
    duplicates: Duration = Field(
        90 * 86400.0, description="How long an interchange reference of a sender is known; 0s: not at all."
    )
    resolve: bool = Field(
        True, description="A partner's CONTRL is resolved against what was sent; false: the route gets it."
    )
    reject: Literal["message", "group", "interchange"] = Field(
        "message", description="What is refused with a bad message: it alone, its group, or the whole interchange."
    )
    unsupported: Literal["refuse", "carry"] = Field(
        "refuse",
        description="A message without a guide becomes an exception with its bytes, or (carry) a document of segments.",
    )
    line_breaks: Literal["refuse", "remove"] = Field(
        "refuse", description="Line ends inside elements are faults, or removed; lines wrapped at a width always are."
    )
    findings: int = Field(
        100, ge=1, le=10_000, description="Faults that are told of one message; the rest are counted."
    )
    encoding: Encoding | None = Field(None, description="How bytes are read, whatever character set the UNB names.")
    limit: Size = Field(64_000_000, description="The largest message, and the largest object (UNO).")
    segment_limit: Size = Field(1_000_000, description="The largest segment.")

    @field_validator("tolerate")
    @classmethod
    def _tolerable(cls, codes: list[str]) -> list[str]:
        for code in codes:
            if code not in MEANINGS or code in _STRICT:
                known = ", ".join(sorted(set(MEANINGS) - _STRICT))
                raise ValueError(f"{code!r} cannot be tolerated; these can: {known}")
        return codes

    @property
    def guides(self) -> tuple[str, ...]:
        """The guides by name; none = every standard message."""
        return (self.guide,) if isinstance(self.guide, str) else tuple(self.guide)

    def build(self, files: Mapping[str, bytes]) -> Format:
        """Return the live format. Raises DefinitionError if a guide is missing or wrong."""
        return EdifactFormat(self, Library(self.guides, files, self.partner))


class EdifactFormat:
    """Reads messages as named documents and answers their interchanges."""

    def __init__(self, spec: Edifact, library: Library) -> None:
        self._spec, self.library = spec, library
        self.name = spec.guides[0] if len(spec.guides) == 1 else "edifact"
        self.duplicates, self.resolve = spec.duplicates, spec.resolve
        agreed, envelope = library.parties.delimiters.of("edifact"), spec.envelope
        self._writer = (
            Writer(agreed_with(agreed, envelope, spec.partner), library.machine) if envelope is not None else None
        )
        self.numbered = spec.numbers == "store"
        self.draft = self._draft if self._writer is not None else None

    def reader(self, each: str | None = None) -> Reader:
        """Return a reader that gives one document for each message, or for each of its lines.

        Raises:
            DefinitionError: `each` is another unit.
        """
        if each not in (None, "message", "line"):
            raise DefinitionError(f"edifact: each: {each!r} cannot be cut; write each: message, or each: line")
        return EdifactReader(self.options(stream=each == "line"))

    def scanner(self) -> EdifactScanner | None:
        """Return what finds the interchanges of a delivery before it is read; None = nobody asks what came before."""
        spec = self._spec
        framer = Framer(spec.segment_limit, spec.limit, spec.encoding or "", spec.line_breaks == "remove")
        return EdifactScanner(framer) if self.duplicates else None

    def options(self, bind: bool = True, stream: bool = False) -> Options:
        """Return how readers read; without `bind` they check and count, and give no documents."""
        spec, overlay = self._spec, self.library.overlay
        return Options(
            machine=partial(self.library.machine, stream=stream),
            known=self.library.known,
            acknowledge=spec.acknowledge,
            tolerate=frozenset((*spec.tolerate, *(overlay.spec.tolerate if overlay is not None else ()))),
            reject=spec.reject,
            carry=spec.unsupported == "carry",
            unwrap=spec.line_breaks == "remove",
            limits=Limits(faults=spec.findings),
            encoding=spec.encoding or "",
            limit=spec.limit,
            segment_limit=spec.segment_limit,
            bind=bind,
            parties=self.library.parties,
        )

    def render(self, document: Document) -> bytes:
        """Return one interchange of a document, or of a list of them; text that is EDIFACT already is left as it is.

        Raises:
            FormatError: The guide cannot say it, or there is no envelope: to write.
        """
        if isinstance(document, str):
            return document.encode()
        if self._writer is None:
            raise FormatError("edifact: to write, the format needs envelope: {sender: {id: …}, receiver: {id: …}}")
        documents = document if isinstance(document, list) else [document]
        return self._writer.interchange(documents, self.library.only)

    def _draft(self, document: Document, moment: datetime | None = None) -> Draft:
        """Return the interchange of a document, or of a list of them, but for its references. Raises FormatError."""
        assert self._writer is not None
        documents = document if isinstance(document, list) else [document]
        if self.numbered:
            return self._writer.draft(documents, self.library.only, moment)
        draft = self._writer.draft(documents, self.library.only)
        return DerivedDraft(draft, draft.derived)
