"""The delimiters that are agreed with a partner: `edi.delimiters` of schemas/partners/NAME.yaml, by dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeVar

from msgspec import Struct
from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from esb.errors import DefinitionError
from esb.specs import Spec

_CHARACTERS = "one character that is no letter, digit or blank"

Envelope = TypeVar("Envelope", bound=BaseModel)


class _Delimiters(Spec):
    """What delimiters of any dialect have in common: each is usable, and no two are the same."""

    @field_validator("*")
    @classmethod
    def _apart(cls, given: str | None, info: ValidationInfo) -> str | None:
        if not given:
            return given
        if given.isalnum() or given == " " or not given.isascii():
            raise ValueError(f"{given!r} cannot be a delimiter; write {_CHARACTERS}")
        for name, other in info.data.items():
            if other == given:
                raise ValueError(f"{given!r} is the {WORDS[name]} already; nobody could tell them apart")
        return given

    @property
    def agreed(self) -> Mapping[str, str]:
        """The delimiters that are said, by name; an empty text = there shall be none."""
        return {name: value for name, value in self if value is not None}


class X12Delimiters(_Delimiters):
    """What is agreed for X12."""

    element: str | None = Field(None, min_length=1, max_length=1, description="The element separator: `*`.")
    component: str | None = Field(
        None, min_length=1, max_length=1, description="The component separator (ISA16): `>` or `:`."
    )
    repetition: str | None = Field(
        None, min_length=1, max_length=1, description="The repetition separator (ISA11, from 00402 on): `^`."
    )
    terminator: str | None = Field(
        None, min_length=1, max_length=1, description='The segment terminator: `~`, `"\\n"`.'
    )


class EdifactDelimiters(_Delimiters):
    """What is agreed for EDIFACT: the service characters, in the order of a UNA."""

    component: str | None = Field(None, min_length=1, max_length=1, description="The component separator: `:`.")
    element: str | None = Field(None, min_length=1, max_length=1, description="The element separator: `+`.")
    decimal: Literal[".", ","] | None = Field(None, description="The decimal mark (until syntax 3).")
    release: str | None = Field(None, max_length=1, description="The release character: `?`; empty: there is none.")
    repetition: str | None = Field(
        None, min_length=1, max_length=1, description="The repetition separator (syntax 4): `*`."
    )
    terminator: str | None = Field(None, min_length=1, max_length=1, description="The segment terminator: `'`.")


class Delimiters(Spec):
    """The delimiters that a partner is agreed to use, and that we use for them."""

    x12: X12Delimiters | None = Field(None, description="Those of X12.")
    edifact: EdifactDelimiters | None = Field(None, description="The service characters of EDIFACT.")
    severity: Literal["warning", "error"] = Field(
        "warning",
        description="Others are noted; an `error` is an exception and stands in the TA1 or CONTRL, too. Both are read.",
    )

    def of(self, dialect: str) -> Mapping[str, str]:
        """Return what is agreed for `x12` or `edifact`, by name; nothing if nothing is."""
        found = self.edifact if dialect == "edifact" else self.x12
        return found.agreed if found is not None else {}


WORDS: Mapping[str, str] = {
    "element": "element separator",
    "component": "component separator",
    "repetition": "repetition separator",
    "terminator": "segment terminator",
    "decimal": "decimal mark",
    "release": "release character",
}
"""What people call the delimiters; their order is that in which they are told."""


class Agreed(Struct, frozen=True):
    """One delimiter as people read it: its name, what it is called, the character, and file and line that say so."""

    name: str
    word: str
    char: str
    schema: str

    def __str__(self) -> str:
        return f"{self.word} {_shown(self.char)}"


def unlike(agreed: Mapping[str, str], came: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Give the delimiters that are not as agreed, each as name and text. What is not in `came` is not compared."""
    for name, word in WORDS.items():
        if name in agreed and name in came and agreed[name] != came[name]:
            yield name, f"the {word} is {_shown(came[name])}, agreed is {_shown(agreed[name])}"


def agreed_with(agreed: Mapping[str, str], envelope: Envelope, partner: str) -> Envelope:
    """Return how interchanges are written to a partner: as the endpoint says, and where it says nothing as agreed.

    Raises:
        DefinitionError: What both say together cannot be written.
    """
    missing = {name: value for name, value in agreed.items() if name not in envelope.model_fields_set}
    if not missing:
        return envelope
    given: dict[str, Any] = {name: getattr(envelope, name) for name in envelope.model_fields_set}
    try:
        made = type(envelope).model_validate({**given, **missing})
    except ValidationError as error:
        text = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise DefinitionError(_together(partner, text)) from None
    return made


def _together(partner: str, text: str) -> str:
    where = f"what envelope: says and schemas/partners/{partner}.yaml agrees (edi.delimiters) does not go together"
    return f"{where}: {text}"


def _shown(char: str) -> str:
    return repr(char) if char else "none"
