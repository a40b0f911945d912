"""The EDIFACT format: what a person writes about it in YAML, and the live reader and writer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from esb.edge import Draft
from esb.formats.characters import Encoding
from esb.formats.edi.codec import EdiFormat, EdiSpec
from esb.formats.edi.delimiters import agreed_with
from esb.formats.edi.faults import tolerable
from esb.formats.edi.walker import Limits
from esb.formats.edifact.draft import Draft as OwnDraft
from esb.formats.edifact.framing import Framer
from esb.formats.edifact.library import Library
from esb.formats.edifact.options import Options
from esb.formats.edifact.reader import EdifactReader
from esb.formats.edifact.scanner import EdifactScanner
from esb.formats.edifact.writer import Envelope, Writer
from esb.ports import Format, Reader
from esb.specs import Duration, Size

_STRICT = frozenset({"el.chars", "set.no-trailer", "set.unsupported", "set.too-large", "set.id"})
"""Faults that leave no document to go on with."""


class Edifact(EdiSpec):
    """UN/EDIFACT: interchanges of messages such as ORDERS."""

    type: Literal["edifact"] = "edifact"
    guide: str | list[str] = Field(
        [], description="edifact/ORDERS, or a file under schemas/; default: every standard message."
    )
    acknowledge: Literal["contrl", "requested", "none"] = Field(
        "contrl", description="Answer every interchange by a CONTRL, only those that ask for it (UNB 0031), or none."
    )
    tolerate: Annotated[list[str], AfterValidator(tolerable(_STRICT))] = Field(
        [], description="Faults that are noted but do not refuse a message, e.g. el.too-many."
    )
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

    def build(self, files: Mapping[str, bytes]) -> Format:
        """Return the live format. Raises DefinitionError if a guide is missing or wrong."""
        return EdifactFormat(self, Library(self.guides, files, self.partner))


class EdifactFormat(EdiFormat):
    """Reads messages as named documents and answers their interchanges."""

    dialect, unit = "edifact", "message"

    def __init__(self, spec: Edifact, library: Library) -> None:
        self._spec, self.library = spec, library
        writer = None
        if spec.envelope is not None:
            agreed = library.parties.delimiters.of("edifact")
            writer = Writer(agreed_with(agreed, spec.envelope, spec.partner), library.machine)
        super().__init__(spec, library, writer)

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

    def _reader(self, stream: bool) -> Reader:
        return EdifactReader(self.options(stream=stream))

    def _first(self, draft: Draft, documents: list[Any]) -> int:
        assert isinstance(draft, OwnDraft)
        return draft.derived
