"""Fixed width text: which kind a line is, where its fields stand, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from esb.edge import Part
from esb.errors import FormatError
from esb.formats import fixed_layout as layout
from esb.formats.edi.dictionary import refuse
from esb.formats.fixed_lines import FixedLines
from esb.formats.flat.cells import Moment
from esb.formats.flat.kinds import Fault, Told, safe, suspect
from esb.formats.flat.spec import FlatField, FlatRecord, FlatRecords
from esb.reading import Document


class Kind(Struct, frozen=True):
    """One kind of line: its layout, and the patterns of its dates and times by field."""

    record: layout.RecordType
    moments: Mapping[str, Moment]

    @property
    def name(self) -> str:
        """What the guide calls it."""
        return self.record.name

    def read(self, line: str) -> tuple[str, list[Fault]]:
        """Return the line for the grammar, and what is wrong with its values."""
        texts, faults, strange, width = [self.name], [], suspect(line), self.record.width
        if len(line) > width and line[width:].strip():
            faults.append(("", f"it has {len(line)} characters, {self.name} has {width}"))
        for field in self.record.fields:
            try:
                texts.append(self._value(field, line, strange))
            except ValueError as error:
                faults.append((field.name, str(error).removeprefix(f"field {field.name!r} ")))
                texts.append("0" if field.type == "number" else "?")
        return "\x1f".join(texts), faults

    def write(self, texts: Mapping[str, str]) -> str:
        """Return the line. Raises FormatError."""
        moments = self.moments
        return self.record.write(
            {name: moments[name].write(text) if name in moments else text for name, text in texts.items() if text}
        )

    def _value(self, field: layout.Field, line: str, strange: bool) -> str:
        value = field.read(line)
        if value is None:
            return ""
        if isinstance(value, Decimal):
            return f"{value:f}"
        text = str(value)
        if (moment := self.moments.get(field.name)) is not None:
            return moment.read(text)
        return safe(text) if strange else text


class Positional(Struct, frozen=True):
    """All that is known of a file of fixed width."""

    encoding: str
    lines: bool
    line_end: str
    kinds: tuple[Kind, ...]

    def front(self) -> PositionalFront:
        """Return what makes records of bytes."""
        return PositionalFront(self)

    def write(self, records: Sequence[tuple[str, Mapping[str, str]]]) -> bytes:
        """Return the bytes of records. Raises FormatError for values that the file cannot hold."""
        kinds = {kind.name: kind for kind in self.kinds}
        text = "".join(kinds[name].write(texts) + self.line_end for name, texts in records)
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise FormatError(f"fixed_width: {self.encoding} has no character {text[error.start]!r}") from None


class PositionalFront:
    """Push reader of lines."""

    def __init__(self, layout: Positional) -> None:
        self.stopped: Part | None = None
        self._lines = FixedLines(layout.encoding, [kind.record.width for kind in layout.kinds], layout.lines)
        self.characters = self._lines.characters
        self._number = 0
        # a longer code first: where H and HD are kinds, HD… is an HD
        self._kinds = sorted(layout.kinds, key=lambda kind: -len(kind.record.prefix))

    def feed(self, data: bytes) -> list[Told]:
        """Return the lines that are complete."""
        return self._take(self._lines.feed(data))

    def end(self) -> list[Told]:
        """Return what is left."""
        return self._take(self._lines.end())

    def _take(self, lines: list[str]) -> list[Told]:
        told: list[Told] = []
        for line in lines:
            self._number += 1
            if content := self._lines.content(line):
                told.append(self._told(line, content))
        return told

    def _told(self, line: str, content: str) -> Told:
        told = Told(line, self._number)
        kind = next((kind for kind in self._kinds if kind.record.matches(content)), None)
        if kind is None:
            told.faults = [("", f"it begins with {content[:12]!r}, which is no known record; add it to records:")]
        else:
            told.kind = kind.name
            told.text, told.faults = kind.read(content)
        if fault := self._lines.fault(line):
            told.faults.insert(0, ("", fault))
        return told


def positional_kind(name: str, record: FlatRecord, all_: FlatRecords, document: Document) -> Kind:
    """Return a kind of line. Raises DefinitionError if its fields cannot be."""
    code, tell = name if record.code is None else record.code, all_.tell if record.tell is None else record.tell
    if not isinstance(tell, int) or tell < 1:
        raise refuse(document, ["records", name], f"{name}: tell: is the first character of the code, from 1")
    start, fields, following = tell - 1, list[layout.Field](), 0
    for given in record.fields:
        if given.length is None:
            raise refuse(document, ["records", name], f"{name}.{given.name} needs its length:")
        at = following if given.at is None else given.at - 1
        if code and given.at is None and at <= start < at + given.length:
            at = start + len(code)
        following = at + given.length
        fields.append(_field(given, at, following))
    own = layout.Field("code of the kind", start, start + len(code), "text", 0, " ", "left")
    if (pair := layout.overlapping([*fields, own] if code else fields)) is not None:
        text = f"{name}: the fields {pair[0].name!r} and {pair[1].name!r} overlap"
        raise refuse(document, ["records", name], text)
    width = max([field.stop for field in fields] + [start + len(code), 1])
    moments = {
        field.name: Moment(field.type, field.format) for field in record.fields if field.type in ("date", "time")
    }
    return Kind(layout.RecordType(name, code, start, tuple(fields), width), moments)


def _field(given: FlatField, start: int, stop: int) -> layout.Field:
    number = given.type == "number"
    pad, align = given.pad or ("0" if number else " "), given.align or ("right" if number else "left")
    return layout.Field(given.name, start, stop, "number" if number else "text", given.decimals, pad, align, given.sign)
