"""What a person writes in the guide of a flat file beyond the structure: kinds of records and their fields."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from esb.formats.flat.cells import Moment
from esb.specs import Spec


class FlatField(Spec):
    """One field of a record; a bare name is an optional text."""

    scalar: ClassVar[str | None] = "name"

    name: str = Field(pattern=r"^\w+$", description="The key of the value.")
    use: Literal["M", "O"] = Field("O", description="Whether it must be filled.")
    at: int | None = Field(
        None, ge=1, le=100_000, description="Its column (csv) or first character, from 1; default: behind the last."
    )
    column: str = Field("", description="csv with a header: what the header calls it; default: its name.")
    length: int | None = Field(None, ge=1, le=10_000, description="Its characters; csv: at most so many.")
    type: Literal["text", "number", "date", "time"] = Field("text", description="What it holds.")
    format: str = Field("", description="A date's or time's: of YYYY YY MM DD, or HH MM SS; default YYYYMMDD, HHMM.")
    decimals: int = Field(0, ge=0, le=18, description="Digits behind a decimal point that is not written.")
    sign: Literal["leading", "trailing", "overpunch"] = Field("leading", description="Where a number's sign stands.")
    pad: str | None = Field(None, min_length=1, max_length=1, description="Fixed width: what fills it up.")
    align: Literal["left", "right"] | None = Field(None, description="Fixed width: where the value stands.")
    codes: dict[str, str] = Field(default_factory=dict, description="Codes that it may hold, and names for them.")
    closed: bool = Field(False, description="Whether other codes are faults.")

    @model_validator(mode="after")
    def _fits(self) -> FlatField:
        if self.format and self.type not in ("date", "time"):
            raise ValueError(f"{self.name}: only a date or time has a format:")
        if self.type in ("date", "time"):
            Moment(self.type, self.format)
        if self.type != "number" and (self.decimals or self.sign != "leading"):
            raise ValueError(f"{self.name}: only a number has decimals: and sign:")
        if self.type != "text" and self.codes:
            raise ValueError(f"{self.name}: only text has codes:")
        if self.closed and not self.codes:
            raise ValueError(f"{self.name}: closed: needs codes:")
        return self


class FlatRecord(Spec):
    """One kind of record."""

    title: str = Field("", alias="is", description="What it is, for people.")
    code: str | None = Field(None, description="The text that tells this kind; default: its name; empty: any record.")
    tell: int | str | None = Field(None, description="Where that text stands, if elsewhere than in the other kinds.")
    fields: list[FlatField] = Field([], description="Its fields in order, without the code of the kind.")
    notes: list[str] = Field([], description="Conditions between fields by position, as in X12: P0203, R0102 …")

    @field_validator("fields")
    @classmethod
    def _differ(cls, fields: list[FlatField]) -> list[FlatField]:
        if len({field.name for field in fields}) < len(fields):
            raise ValueError("two fields have the same name")
        return fields


class Around(Spec):
    """What stands around the documents of a file."""

    head: str = Field("", description="The kind of record that begins a file.")
    tail: str = Field("", description="The kind of record that ends it.")
    checks: list[dict[str, Any]] = Field([], description="What the tail counts and adds up.")


class FlatRecords(Spec):
    """The part of a guide that is about records."""

    tell: int | str = Field(1, description="Where the kind's code stands: column (csv), or first character, from 1.")
    header: bool = Field(False, description="csv: the first row names the columns.")
    records: dict[str, FlatRecord] = Field(min_length=1, description="The kinds of records by name.")
    file: Around = Field(Around(), description="What stands around the documents.")
