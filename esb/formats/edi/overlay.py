"""A partner's overlay: what `edi:` in schemas/partners/NAME.yaml asks beyond the standard, path by path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator

from esb.errors import DefinitionError, Diagnostic
from esb.formats.edi.applying import Applied, apply
from esb.formats.edi.delimiters import WORDS, Agreed, Delimiters
from esb.formats.edi.dictionary import refuse
from esb.formats.edi.faults import tolerable
from esb.formats.edi.grammar import MANY, Amend, Guide, Narrow
from esb.formats.edi.parties import Ids
from esb.reading import Document, read
from esb.specs import Spec

STRICT = frozenset({"el.chars", "num.decimal", "set.no-trailer", "set.unsupported", "set.too-large", "set.id"})
"""Faults that leave no document to go on with: they cannot be tolerated."""

_REPEATING = "004020"
"""The first version of X12 whose elements may repeat."""

_LENGTH = re.compile(r"(\d{1,5})(?:\.\.(\d{1,5}))?", re.ASCII)
_NOTE = re.compile(r"[PRCLED]\d?(?:\d\d){2,}", re.ASCII)


class Change(Spec):
    """One thing that a partner does otherwise than the standard."""

    at: str = Field(min_length=1, description="Where: REF, REF[DP], lines.PO1.unit, parties[ST].N3, PO1.ids[UP].")
    use: Literal["M", "O", "X"] | None = Field(None, description="Mandatory, optional as in the standard, or not used.")
    min: int | None = Field(
        None, ge=0, description="At least so many times (of that qualifier, in the loop around it)."
    )
    max: int | None = Field(None, ge=0, description="At most so many times.")
    codes: list[str] | None = Field(None, min_length=1, description="The codes that are used; others are faults.")
    length: str | None = Field(None, pattern=_LENGTH.pattern, description="A narrower length: 5, or 1..10.")
    pattern: str | None = Field(None, max_length=200, description="A regular expression that the whole value matches.")
    drop: str | None = Field(None, pattern=_NOTE.pattern, description="A condition that the partner does not keep.")
    severity: Literal["error", "warning"] = Field("error", description="A warning is noted and refuses nothing.")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, given: str | None) -> str | None:
        if given is not None:
            try:
                re.compile(given)
            except re.error as error:
                raise ValueError(f"{given!r} is no regular expression: {error}") from None
        return given


class Overlay(Spec):
    """What a partner's EDI is like; the standard grammar is narrowed by it for the partner's endpoints."""

    versions: list[str] = Field([], description="The versions that are agreed: 004010, D96A; others are faults.")
    tolerate: Annotated[list[str], AfterValidator(tolerable(STRICT))] = Field(
        [], description="Faults of this partner that are noted but refuse nothing."
    )
    receiver: Ids = Field(
        default_factory=dict, description="How they call us, as in `ids`: isa, gs, unb; what is for others is refused."
    )
    delimiters: Delimiters = Field(
        default_factory=Delimiters, description="The delimiters that they are agreed to use, and that we write to them."
    )
    change: dict[str, list[Change]] = Field(
        default_factory=dict, description="What is otherwise than in the standard, by set or message: 850, ORDERS."
    )


class PartnerOverlay:
    """The overlay of one partner with the places of its file."""

    def __init__(self, partner: str, overlay: Overlay, document: Document) -> None:
        self.partner, self.spec, self._document = partner, overlay, document

    def agreed(self, version: str) -> bool:
        """Return whether a version may come: 004010 stands for 004010VICS too."""
        return not self.spec.versions or any(version.startswith(known) for known in self.spec.versions)

    def narrowed(self, guide: Guide) -> Guide:
        """Return a guide as this partner uses it.

        Raises:
            DefinitionError: A path matches nothing, or what it asks makes no sense there; says where.
        """
        for index, change in enumerate(self.spec.change.get(guide.set, ())):
            loc: list[str | int] = ["edi", "change", guide.set, index]
            place = self._document.place([*loc, "at"])
            try:
                guide = apply(guide, _applied(change, f"{self._document.file}:{place.line}"))
            except LookupError as error:
                text = f"at: {change.at}: {error.args[0]}"
                raise refuse(self._document, [*loc, "at"], text, "`esb edi doc` prints what a guide has") from None
        return guide

    def delimiters(self, dialect: str) -> list[Agreed]:
        """Return the delimiters that are agreed for `x12` or `edifact`, with their places in the partner's file."""
        agreed = self.spec.delimiters.of(dialect)
        lines = {name: self._document.place(["edi", "delimiters", dialect, name]).line for name in agreed}
        file = self._document.file
        return [
            Agreed(name, word, agreed[name], f"{file}:{lines[name]}") for name, word in WORDS.items() if name in agreed
        ]

    def doubts(self, dialect: str) -> list[Diagnostic]:
        """Return what is agreed of delimiters and cannot be meant."""
        agreed, found = self.spec.delimiters.of(dialect), []
        older = [given for given in self.spec.versions if given[:1] == "0"]
        if dialect == "x12" and "repetition" in agreed and older and max(older) < _REPEATING:
            text = f"a repetition separator is agreed, but no version that has one: {', '.join(older)}"
            found.append(("repetition", text, "it begins with 00402; remove it, or agree on such a version"))
        if agreed.get("release") == "":
            text = "without a release character no value can hold a separator"
            found.append(("release", text, "agree on ?, which is the standard's"))
        places = [self._document.place(["edi", "delimiters", dialect, name]) for name, _, _ in found]
        return [
            Diagnostic("W424", text, place, "warning", help=advice)
            for (_, text, advice), place in zip(found, places, strict=True)
        ]

    def unknown(self, sets: frozenset[str]) -> DefinitionError | None:
        """Return the error for changes of a set that has no guide, if there are any."""
        for name in self.spec.change:
            if name not in sets:
                return refuse(self._document, ["edi", "change", name], f"there is no guide for set {name!r} to change")
        return None


def read_overlay(partner: str, files: Mapping[str, bytes]) -> PartnerOverlay | None:
    """Return the overlay of a partner of the project, or None if there is none.

    Raises:
        DefinitionError: Its `edi:` is wrong; says where.
    """
    path = f"schemas/partners/{partner}.yaml"
    if not partner or path not in files:
        return None
    document = read(path, files[path])
    given = document.data.get("edi") if isinstance(document.data, dict) else None
    if given is None:
        return None
    try:
        return PartnerOverlay(partner, Overlay.model_validate(given), document)
    except ValidationError as error:
        first = error.errors()[0]
        loc: list[Any] = ["edi", *first["loc"]]
        raise refuse(document, loc, f"edi.{'.'.join(map(str, first['loc']))}: {_said(first)}") from None


def _said(error: Any) -> str:
    return str(error["msg"]).removeprefix("Value error, ")


def _applied(change: Change, schema: str) -> Applied:
    """Return a change as values."""
    length = None
    if change.length is not None and (match := _LENGTH.fullmatch(change.length)):
        length = (int(match[1]), int(match[2] or match[1]))
    narrow = Narrow(
        schema,
        change.severity,
        need=change.use == "M",
        unused=change.use == "X",
        codes=frozenset(change.codes) if change.codes is not None else None,
        pattern=change.pattern or "",
        least=change.min or 0,
    )
    least = change.min if change.min is not None else int(change.use == "M")
    most = 0 if change.use == "X" else change.max if change.max is not None else MANY
    return Applied(change.at, schema, change.severity, least, most, Amend((), narrow, length, change.drop or ""))
