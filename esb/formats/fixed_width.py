"""Fixed width: fields by position, record types by what stands at their beginning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from esb.errors import DefinitionError, FormatError
from esb.formats import fixed_layout as layout
from esb.formats.characters import Encoding
from esb.formats.fixed_lines import FixedLines
from esb.formats.fixed_reader import FixedReader
from esb.formats.flat.codec import positional_format
from esb.message import Document
from esb.ports import Format, Reader
from esb.specs import FormatSpec, Size, Spec


class FixedField(Spec):
    """One field of a record."""

    name: str = Field(min_length=1, description="The key of the value.")
    at: int | None = Field(
        None, ge=1, description="Its first character, counted from 1; default: behind the one before."
    )
    length: int = Field(ge=1, le=10_000, description="Its characters.")
    type: Literal["text", "number"] = Field("text", description="Text stays text; a number becomes a decimal.")
    decimals: int = Field(0, ge=0, le=18, description="Digits behind a decimal point that is not written.")
    sign: Literal["leading", "trailing", "overpunch"] = Field(
        "leading", description="Where a number's sign stands; overpunch: in its last digit ({ A to I, } J to R)."
    )
    pad: str | None = Field(
        None, min_length=1, max_length=1, description="What fills it up; default: blank, numbers 0."
    )
    align: Literal["left", "right"] | None = Field(None, description="Where the value stands; default: text left.")


class FixedRecord(Spec):
    """One kind of record."""

    name: str = Field("row", min_length=1, description="What documents call it.")
    prefix: str = Field("", description="The text that tells this kind from the others.")
    at: int = Field(1, ge=1, description="Where that text stands, counted from 1.")
    fields: list[FixedField] = Field(min_length=1, description="Its fields, in any order.")

    def compiled(self) -> layout.RecordType:
        """Return the live layout. Raises ValueError if two fields overlap."""
        fields: list[layout.Field] = []
        following = 0
        for given in self.fields:
            start = following if given.at is None else given.at - 1
            following = start + given.length
            number = given.type == "number"
            pad = given.pad or ("0" if number else " ")
            align = given.align or ("right" if number else "left")
            fields.append(
                layout.Field(given.name, start, following, given.type, given.decimals, pad, align, given.sign)
            )
        if (pair := layout.overlapping(fields)) is not None:
            raise ValueError(f"record {self.name!r}: the fields {pair[0].name!r} and {pair[1].name!r} overlap")
        width = max(*(field.stop for field in fields), self.at - 1 + len(self.prefix))
        return layout.RecordType(self.name, self.prefix, self.at - 1, tuple(fields), width)


class FixedWidth(FormatSpec):
    """Records of fixed width."""

    type: Literal["fixed_width"] = "fixed_width"
    guide: str = Field("", description="A file under schemas/ with kinds of records and loops: flat/orders.")
    records: list[FixedRecord] = Field(
        [], description="Without a guide: kinds of records; the first that fits is taken."
    )
    encoding: Encoding = Field("utf-8", description="How characters are written; a byte order mark beats it.")
    lines: bool = Field(True, description="Records end with a line end; false: they follow each other without one.")
    line_end: Literal["crlf", "lf"] = Field("lf", description="When writing: how lines end.")
    limit: Size = Field(16_000_000, description="The largest document, when it is more than a record.")

    @model_validator(mode="after")
    def _fits(self) -> FixedWidth:
        if bool(self.guide) == bool(self.records):
            raise ValueError("write records: [...], or the guide: that holds them")
        kinds = [record.compiled() for record in self.records]
        if len({kind.name for kind in kinds}) < len(kinds):
            raise ValueError("records: two have the same name")
        for kind in kinds[:-1]:
            if not kind.prefix:
                raise ValueError(
                    f"record {kind.name!r} fits every line, so those below it are never taken; add prefix:"
                )
        if not self.lines and len({kind.width for kind in kinds}) > 1:
            raise ValueError("lines: false needs records of one width; add a last field that fills them up")
        return self

    def build(self, files: Mapping[str, bytes]) -> Format:
        """Return the live format. Raises DefinitionError if its guide is missing or wrong."""
        if not self.guide:
            return FixedWidthFormat(self)
        end = "\r\n" if self.line_end == "crlf" else "\n"
        return positional_format(self.guide, files, self.encoding, self.lines, end, self.limit)


class FixedWidthFormat:
    """Reads records as objects by field name; `record` says the kind where there are several."""

    name = "fixed_width"

    def __init__(self, spec: FixedWidth) -> None:
        self._spec = spec
        self._kinds = tuple(record.compiled() for record in spec.records)

    def reader(self, each: str | None = None) -> Reader:
        """Return a reader of records (`record`), of groups that a kind of record opens (its name), or of the whole.

        Raises:
            DefinitionError: `each` names no kind of record.
        """
        names = [kind.name for kind in self._kinds]
        if each not in (None, "record", *names):
            raise DefinitionError(f"fixed_width: each: {each!r} is no record; write record, or one of {names}")
        spec = self._spec
        lines = FixedLines(spec.encoding, [kind.width for kind in self._kinds], spec.lines)
        return FixedReader(lines, self._kinds, each, spec.limit)

    def render(self, document: Document) -> bytes:
        """Return the bytes of one record, a list of them, or a group (its opening record, then its `rows`).

        Raises:
            FormatError: A record of no known kind, or a value that does not fit.
        """
        end = ("\r\n" if self._spec.line_end == "crlf" else "\n") if self._spec.lines else ""
        text = "".join(kind.write(values) + end for kind, values in self._flat(document))
        try:
            return text.encode(self._spec.encoding)
        except UnicodeEncodeError as error:
            found = text[error.start]
            raise FormatError(f"fixed_width: {self._spec.encoding} has no character {found!r}") from None

    def _flat(self, document: Document) -> Iterator[tuple[layout.RecordType, Mapping[str, Any]]]:
        if isinstance(document, list | tuple):
            for item in document:
                yield from self._flat(item)
            return
        if not isinstance(document, dict):
            raise FormatError("fixed_width: the body must be an object or a list of objects")
        opener = next((kind for kind in self._kinds if isinstance(document.get(kind.name), dict)), None)
        if opener is not None:
            yield opener, document[opener.name]
            yield from self._flat(document.get("rows", []))
            return
        name = document.get("record", self._kinds[0].name if len(self._kinds) == 1 else None)
        kind = next((kind for kind in self._kinds if kind.name == name), None)
        if kind is None:
            names = [kind.name for kind in self._kinds]
            raise FormatError(f"fixed_width: an object needs record: one of {names}, it says {name!r}")
        yield kind, document
