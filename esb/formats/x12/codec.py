"""The X12 format: what a person writes about it in YAML, and the live reader and writer."""

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
from esb.formats.edi.overlay import STRICT
from esb.formats.edi.walker import Limits
from esb.formats.x12.library import Library
from esb.formats.x12.options import Options
from esb.formats.x12.reader import X12Reader
from esb.formats.x12.scanner import X12Scanner
from esb.formats.x12.writer import Envelope, Writer, derived
from esb.message import Document
from esb.ports import Format, Reader
from esb.specs import Duration, FormatSpec, PartnerName, Size


class X12(FormatSpec):
    """ASC X12 EDI: interchanges of transaction sets such as 850."""

    type: Literal["x12"] = "x12"
    partner: PartnerName = Field("", description="Whose overlay (edi: of a partner) applies; default: the endpoint's.")
    guide: str | list[str] = Field([], description="x12/850, or a file under schemas/; default: every standard set.")
    acknowledge: Literal["997", "999", "none"] = Field("997", description="How groups are answered (syntax only).")
    ta1: Literal["on-error", "requested", "always", "never"] = Field("on-error", description="When to send a TA1.")
    tolerate: list[str] = Field([], description="Faults that are noted but do not refuse a set, e.g. el.too-many.")
    envelope: Envelope | None = Field(None, description="How interchanges are written; only for what leaves.")
    numbers: Literal["store", "derived"] = Field(
        "store", description="Control numbers rise by one for each pair of parties, or derive from the content."
    )
    duplicates: Duration = Field(
        90 * 86400.0, description="How long an interchange number of a sender is known; 0s: not at all."
    )
    resolve: bool = Field(
        True, description="A partner's 997, 999 or TA1 is resolved against what was sent; false: the route gets it."
    )
    reject: Literal["set", "group", "interchange"] = Field(
        "set", description="What is refused with a bad set: the set alone, its group, or the whole interchange."
    )
    unsupported: Literal["refuse", "carry"] = Field(
        "refuse",
        description="A set without a guide becomes an exception with its bytes, or (carry) a document of its segments.",
    )
    line_breaks: Literal["refuse", "remove"] = Field(
        "refuse", description="Line ends inside elements are faults, or removed; lines wrapped at 80 always are."
    )
    findings: int = Field(100, ge=1, le=10_000, description="Faults that are told of one set; the rest are counted.")
    depth: int = Field(64, ge=1, le=900, description="Levels of a tree (HL) within each other.")
    encoding: Encoding = Field("latin-1", description="How characters are written that are not UTF-8.")
    limit: Size = Field(64_000_000, description="The largest transaction set.")
    segment_limit: Size = Field(1_000_000, description="The largest segment.")

    @field_validator("tolerate")
    @classmethod
    def _tolerable(cls, codes: list[str]) -> list[str]:
        for code in codes:
            if code not in MEANINGS or code in STRICT:
                known = ", ".join(sorted(set(MEANINGS) - STRICT))
                raise ValueError(f"{code!r} cannot be tolerated; these can: {known}")
        return codes

    @property
    def guides(self) -> tuple[str, ...]:
        """The guides by name; none = every standard set."""
        return (self.guide,) if isinstance(self.guide, str) else tuple(self.guide)

    def build(self, files: Mapping[str, bytes]) -> Format:
        """Return the live format. Raises DefinitionError if a guide is missing or wrong."""
        return X12Format(self, Library(self.guides, files, self.partner))


class X12Format:
    """Reads transaction sets as named documents and answers their groups."""

    def __init__(self, spec: X12, library: Library) -> None:
        self._spec, self.library = spec, library
        self.name = spec.guides[0] if len(spec.guides) == 1 else "x12"
        self.duplicates, self.resolve = spec.duplicates, spec.resolve
        agreed, envelope = library.parties.delimiters.of("x12"), spec.envelope
        self._writer = (
            Writer(agreed_with(agreed, envelope, spec.partner), library.machine) if envelope is not None else None
        )
        self.numbered = spec.numbers == "store"
        self.draft = self._draft if self._writer is not None else None

    def reader(self, each: str | None = None) -> Reader:
        """Return a reader that gives one document for each transaction set, or for each of its lines.

        Raises:
            DefinitionError: `each` is another unit.
        """
        if each not in (None, "transaction", "line"):
            raise DefinitionError(f"x12: each: {each!r} cannot be cut; write each: transaction, or each: line")
        return X12Reader(self.options(stream=each == "line"))

    def scanner(self) -> X12Scanner | None:
        """Return what finds the interchanges of a delivery before it is read; None = nobody asks what came before."""
        return X12Scanner(self._spec.segment_limit, self._spec.line_breaks == "remove") if self.duplicates else None

    def options(self, bind: bool = True, stream: bool = False) -> Options:
        """Return how readers read; without `bind` they check and count, and give no documents."""
        spec, overlay = self._spec, self.library.overlay
        return Options(
            machine=partial(self.library.machine, stream=stream),
            known=self.library.known,
            acknowledge=spec.acknowledge,
            ta1=spec.ta1,
            tolerate=frozenset((*spec.tolerate, *(overlay.spec.tolerate if overlay is not None else ()))),
            reject=spec.reject,
            carry=spec.unsupported == "carry",
            unwrap=spec.line_breaks == "remove",
            limits=Limits(faults=spec.findings, depth=spec.depth),
            encoding=spec.encoding,
            limit=spec.limit,
            segment_limit=spec.segment_limit,
            bind=bind,
            parties=self.library.parties,
        )

    def render(self, document: Document) -> bytes:
        """Return one interchange of a document, or of a list of them; text that is X12 already is left as it is.

        Raises:
            FormatError: The guide cannot say it, or there is no envelope: to write.
        """
        if isinstance(document, str):
            return document.encode()
        if self._writer is None:
            raise FormatError("x12: to write, the format needs envelope: {sender: {id: …}, receiver: {id: …}}")
        documents = document if isinstance(document, list) else [document]
        return self._writer.interchange(documents, self.library.only)

    def _draft(self, document: Document, moment: datetime | None = None) -> Draft:
        """Return the interchange of a document, or of a list of them, but for its numbers. Raises FormatError."""
        assert self._writer is not None
        documents = document if isinstance(document, list) else [document]
        if self.numbered:
            return self._writer.draft(documents, self.library.only, moment)
        return DerivedDraft(self._writer.draft(documents, self.library.only), derived(documents))
