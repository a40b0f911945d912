"""Fixed width: fields by position, record types by what stands at their beginning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from esb.edge import Finding, Part
from esb.errors import DefinitionError, FormatError
from esb.formats import fixed_layout as layout
from esb.formats.characters import Characters, Encoding
from esb.formats.fixed_lines import FixedLines
from esb.formats.flat.codec import positional_format
from esb.formats.parts import bad, too_large
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
        return _Records(self._spec, self._kinds, each)

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


class _Records:
    """Push reader. A line of no known kind is a bad part, or spoils the group that it stands in."""

    def __init__(self, spec: FixedWidth, kinds: Sequence[layout.RecordType], each: str | None) -> None:
        self._kinds, self._each = kinds, each
        self._lines = FixedLines(spec.encoding, [kind.width for kind in kinds], spec.lines)
        self._number = 0
        self._whole = _Group(self._lines.characters, spec.limit, each)

    def feed(self, data: bytes) -> Sequence[Part]:
        return list(self._read(self._lines.feed(data)))

    def end(self) -> Sequence[Part]:
        parts = list(self._read(self._lines.end()))
        if self._each != "record":
            parts += self._whole.end()
        return parts

    def _read(self, lines: list[str]) -> Iterator[Part]:
        for line in lines:
            self._number += 1
            content = self._lines.content(line)
            if not content:
                continue
            name, values, fault = self._one(content, line)
            if self._each == "record":
                raw = self._lines.characters.raw(line)
                text = f"line {self._number}: {fault}"
                yield bad("fixed_width", "record", text, raw, self._number) if fault else Part(values)
            else:
                yield from self._whole.add(name, values, fault, line, self._number)

    def _one(self, content: str, line: str) -> tuple[str, dict[str, Any], str]:
        if fault := self._lines.fault(line):
            return "", {}, fault
        for kind in self._kinds:
            if kind.matches(content):
                try:
                    values = kind.read(content)
                except ValueError as error:
                    return kind.name, {}, str(error)
                return kind.name, {"record": kind.name, **values} if len(self._kinds) > 1 else values, ""
        return "", {}, f"it begins with {content[:12]!r}, which is no known record; add it to records:"


class _Group:
    """Collects records into one document: all of them (`opener` absent), or from one opening record to the next."""

    def __init__(self, characters: Characters, limit: int, opener: str | None) -> None:
        self._characters, self._limit, self._opener = characters, limit, opener
        self._line = 0
        self._begin()

    def add(self, name: str, values: dict[str, Any], fault: str, line: str, number: int) -> Iterator[Part]:
        """Take a record; give the group before it when this one opens another."""
        if self._opener is not None and name == self._opener and self._line:
            yield from self.end()
        if not self._line:
            self._line = number
            if self._opener not in (None, name) and not fault:
                fault = f"it stands before any {self._opener!r} record"
        self._size += len(line)
        if self._size <= self._limit:
            self._texts.append(line)
            self._rows.append(values)
        if fault:
            self._findings.append(Finding("fixed_width.record", f"line {number}: {fault}", line=number))
            del self._findings[20:]

    def end(self) -> Iterator[Part]:
        """Give what was collected."""
        if not self._line and self._opener is not None:
            return
        raw = self._characters.raw("".join(self._texts))
        if self._size > self._limit:
            yield too_large("fixed_width", raw, self._limit, self._line)
        elif self._findings:
            yield Part(None, raw, error=f"fixed_width: {self._findings[0].text}", findings=tuple(self._findings))
        elif self._opener is None:
            yield Part(self._rows)
        else:
            yield Part({self._opener: self._rows[0], "rows": self._rows[1:]})
        self._begin()

    def _begin(self) -> None:
        self._line = self._size = 0
        self._texts: list[str] = []
        self._rows: list[dict[str, Any]] = []
        self._findings: list[Finding] = []
