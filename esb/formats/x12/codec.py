"""The X12 format: what a person writes about it in YAML, and the live reader and writer."""

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
from esb.formats.edi.overlay import STRICT
from esb.formats.edi.walker import Limits
from esb.formats.x12.library import Library
from esb.formats.x12.options import Options
from esb.formats.x12.reader import X12Reader
from esb.formats.x12.scanner import X12Scanner
from esb.formats.x12.writer import Envelope, Writer, derived
from esb.ports import Format, Reader
from esb.specs import Duration, Size


class X12(EdiSpec):
    """ASC X12 EDI: interchanges of transaction sets such as 850."""

    type: Literal["x12"] = "x12"
    guide: str | list[str] = Field([], description="x12/850, or a file under schemas/; default: every standard set.")
    acknowledge: Literal["997", "999", "none"] = Field("997", description="How groups are answered (syntax only).")
    ta1: Literal["on-error", "requested", "always", "never"] = Field("on-error", description="When to send a TA1.")
    tolerate: Annotated[list[str], AfterValidator(tolerable(STRICT))] = Field(
        [], description="Faults that are noted but do not refuse a set, e.g. el.too-many."
    )
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

    def build(self, files: Mapping[str, bytes]) -> Format:
        """Return the live format. Raises DefinitionError if a guide is missing or wrong."""
        return X12Format(self, Library(self.guides, files, self.partner))


class X12Format(EdiFormat):
    """Reads transaction sets as named documents and answers their groups."""

    dialect, unit = "x12", "transaction"

    def __init__(self, spec: X12, library: Library) -> None:
        self._spec, self.library = spec, library
        writer = None
        if spec.envelope is not None:
            agreed = library.parties.delimiters.of("x12")
            writer = Writer(agreed_with(agreed, spec.envelope, spec.partner), library.machine)
        super().__init__(spec, library, writer)

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

    def _reader(self, stream: bool) -> Reader:
        return X12Reader(self.options(stream=stream))

    def _first(self, draft: Draft, documents: list[Any]) -> int:
        return derived(documents)
