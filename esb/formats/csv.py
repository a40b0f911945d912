"""Delimited text: one document a row, or rows grouped by a column. Every value stays text unless it is declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, model_validator

from esb.errors import DefinitionError, FormatError
from esb.formats.characters import Encoding
from esb.formats.csv_dialect import Dialect
from esb.formats.csv_reader import CsvReader, Layout
from esb.formats.csv_rows import Numbers
from esb.formats.flat.codec import delimited_format
from esb.message import Document
from esb.ports import Format, Reader
from esb.specs import FormatSpec, Size


class Csv(FormatSpec):
    """Delimited text (RFC 4180 and its relatives)."""

    type: Literal["csv"] = "csv"
    guide: str = Field("", description="A file under schemas/ with kinds of records and loops: flat/orders.")
    delimiter: str = Field(",", min_length=1, max_length=1, description="What stands between values.")
    quote: str = Field('"', max_length=1, description="What may surround a value; empty = nothing does.")
    escape: str = Field("", max_length=1, description="What takes the meaning of the next character; mostly nothing.")
    encoding: Encoding = Field("utf-8", description="How characters are written; a byte order mark beats it.")
    header: bool = Field(True, description="Whether the first row names the columns.")
    columns: list[str] = Field([], description="The columns; with a header it must name exactly these, in this order.")
    skip: int = Field(0, ge=0, description="Rows before the header that mean nothing.")
    numbers: list[str] = Field([], description="Columns whose values are numbers; all others stay text.")
    decimal: Literal[".", ","] = Field(".", description="The decimal mark of the numbers.")
    thousands: Literal["", ".", ",", " ", "'"] = Field("", description="What groups their digits.")
    safe: bool = Field(False, description="When writing: put ' before text that a spreadsheet would run as a formula.")
    line_end: Literal["crlf", "lf"] = Field("crlf", description="When writing: how rows end.")
    row_limit: Size = Field(1_000_000, description="The longest row.")
    limit: Size = Field(16_000_000, description="The largest document, when it is more than a row.")

    @model_validator(mode="after")
    def _fits(self) -> Csv:
        marks = [mark for mark in (self.delimiter, self.quote, self.escape) if mark]
        if len(set(marks)) < len(marks) or any(mark in "\r\n" for mark in marks):
            raise ValueError("delimiter, quote and escape must differ, and none is a line end")
        if self.guide and (given := sorted({"header", "columns", "numbers"} & self.model_fields_set)):
            raise ValueError(f"{given[0]}: stands in the guide")
        if not self.header and not self.columns:
            raise ValueError("without a header, write columns: [names]")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("columns: names one column twice")
        if self.columns and (unknown := [name for name in self.numbers if name not in self.columns]):
            raise ValueError(f"numbers: {unknown[0]!r} is not one of the columns")
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands must differ")
        return self

    @property
    def dialect(self) -> Dialect:
        """The marks."""
        end = "\r\n" if self.line_end == "crlf" else "\n"
        return Dialect(self.delimiter, self.quote, self.escape, end, self.safe)

    def build(self, files: Mapping[str, bytes]) -> Format:
        """Return the live format. Raises DefinitionError if its guide is missing or wrong."""
        if not self.guide:
            return CsvFormat(self)
        marks, limits = (self.decimal, self.thousands), (self.limit, self.row_limit)
        return delimited_format(self.guide, files, self.dialect, marks, self.encoding, self.skip, limits)


class CsvFormat:
    """Reads rows as objects by column name; writes a list of objects, an object with `rows`, or one object."""

    name = "csv"

    def __init__(self, spec: Csv) -> None:
        self._spec = spec
        self._numbers = Numbers(spec.numbers, spec.decimal, spec.thousands)
        self._dialect = spec.dialect

    def reader(self, each: str | None = None) -> Reader:
        """Return a reader of rows (`row`), of groups (a column, or several with commas), or of the whole file.

        Raises:
            DefinitionError: `each` names a column that is not declared.
        """
        spec = self._spec
        keys = () if each in (None, "row") else tuple(name.strip() for name in str(each).split(","))
        if spec.columns and (unknown := [name for name in keys if name not in spec.columns]):
            raise DefinitionError(f"csv: each: {unknown[0]!r} is no column; write row, or one of {spec.columns}")
        if "rows" in keys:
            raise DefinitionError("csv: each: a column named 'rows' cannot group; rename it in columns:")
        layout = Layout(
            dialect=self._dialect,
            header=spec.header,
            columns=tuple(spec.columns),
            skip=spec.skip,
            row_limit=spec.row_limit,
            limit=spec.limit,
            encoding=spec.encoding,
            numbers=self._numbers,
            keys=keys,
            whole=each is None,
        )
        return CsvReader(layout)

    def render(self, document: Document) -> bytes:
        """Return the bytes of the rows; the columns are the declared ones, or those of the first row.

        Raises:
            FormatError: It is no row or list of rows, or a row has another column.
        """
        rows = _rows(document)
        spec = self._spec
        columns = spec.columns or (list(rows[0]) if rows else [])
        made = (self._cells(row, columns, number) for number, row in enumerate(rows, 1))
        return self._dialect.write((columns, *made) if spec.header else made, spec.encoding)

    def _cells(self, row: Mapping[str, Any], columns: Sequence[str], number: int) -> list[str]:
        if len(row) > len(columns) or any(name not in columns for name in row):
            extra = [name for name in row if name not in columns]
            raise FormatError(f"csv: row {number} has {extra[0]!r}, which is none of the columns {list(columns)}")
        return [self._cell(row.get(name), name, number) for name in columns]

    def _cell(self, value: Any, name: str, number: int) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | Decimal):
            return self._numbers.write(value)
        if not isinstance(value, str):
            raise FormatError(
                f"csv: row {number} has a {type(value).__name__} in column {name!r}; a cell holds one value"
            )
        return self._dialect.guarded(value)


def _rows(document: Document) -> list[dict[str, Any]]:
    if isinstance(document, dict):
        held = document.get("rows")
        rows = held if isinstance(held, list) else [document]
    else:
        rows = document
    if not isinstance(rows, list | tuple) or not all(isinstance(row, dict) for row in rows):
        raise FormatError("csv: the body must be an object, a list of objects, or an object with rows")
    return list(rows)
