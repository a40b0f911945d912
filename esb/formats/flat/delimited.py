"""Delimited text: which kind a row is, which columns its fields are, and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from esb.edge import Part
from esb.formats.characters import Characters
from esb.formats.csv_dialect import Dialect
from esb.formats.csv_records import Record, Records
from esb.formats.flat.cells import Convert
from esb.formats.flat.kinds import Fault, Told, safe, suspect
from esb.formats.parts import KEPT, bad


class Cell(Struct, frozen=True):
    """One field: its column from 0, what makes a text of the grammar of it, and back (None = it is one)."""

    name: str
    column: int
    header: str
    read: Convert | None
    write: Convert | None
    dummy: str


class Kind(Struct, frozen=True):
    """One kind of row: the `code` that stands in column `tell`; empty = any row. `width` = its columns."""

    name: str
    code: str
    tell: int
    header: str
    cells: tuple[Cell, ...]
    width: int

    def read(self, values: Sequence[str], text: str) -> tuple[str, list[Fault]]:
        """Return the row for the grammar, and what is wrong with its values."""
        texts, faults, strange, count = [self.name], [], suspect(text), len(values)
        for cell in self.cells:
            value = values[cell.column] if cell.column < count else ""
            if value and (strange or cell.read is not None):
                try:
                    value = safe(value) if strange else value
                    value = cell.read(value) if cell.read is not None else value
                except ValueError as error:
                    faults.append((cell.name, str(error)))
                    value = cell.dummy
            texts.append(value)
        return "\x1f".join(texts), faults


class Delimited(Struct, frozen=True):
    """All that is known of a delimited file."""

    dialect: Dialect
    encoding: str
    skip: int
    row_limit: int
    header: bool
    kinds: tuple[Kind, ...]

    def front(self) -> DelimitedFront:
        """Return what makes records of bytes."""
        return DelimitedFront(self)

    @property
    def columns(self) -> list[str]:
        """The columns of the header, in the order in which the kinds of rows name them."""
        names = [kind.header for kind in self.kinds if kind.code] + [c.header for k in self.kinds for c in k.cells]
        return list(dict.fromkeys(names))

    def write(self, records: Sequence[tuple[str, Mapping[str, str]]]) -> bytes:
        """Return the bytes of records. Raises FormatError for values that the file cannot hold."""
        kinds = {kind.name: kind for kind in self.placed(self.columns if self.header else [])}
        rows: Iterable[list[str]] = (self._row(kinds[name], texts) for name, texts in records)
        if self.header:
            return self.dialect.write((self.columns, *rows), self.encoding)
        return self.dialect.write(rows, self.encoding)

    def placed(self, names: Sequence[str]) -> tuple[Kind, ...]:
        """Return the kinds for a file with this header. Raises ValueError if it has not all columns."""
        if not self.header:
            return self.kinds
        if missing := [name for name in self.columns if name not in names]:
            raise ValueError(f"there is no column {missing[0]!r}, it has {list(names)}")
        if len(set(names)) < len(names):
            raise ValueError(f"every column needs a name of its own, it has {list(names)}")
        at = {name: column for column, name in enumerate(names)}
        return tuple(
            Kind(kind.name, kind.code, at[kind.header] if kind.code else 0, kind.header,
                 tuple(Cell(c.name, at[c.header], c.header, c.read, c.write, c.dummy) for c in kind.cells), len(names))
            for kind in self.kinds
        )  # fmt: skip

    def _row(self, kind: Kind, texts: Mapping[str, str]) -> list[str]:
        row = [""] * kind.width
        for cell in kind.cells:
            text = texts.get(cell.name, "")
            if text:
                row[cell.column] = cell.write(text) if cell.write is not None else self.dialect.guarded(text)
        if kind.code:
            row[kind.tell] = kind.code
        return row


class DelimitedFront:
    """Push reader of rows."""

    def __init__(self, layout: Delimited) -> None:
        self._layout = layout
        marks = layout.dialect
        self.characters = Characters(layout.encoding)
        self.stopped: Part | None = None
        self._records = Records(marks.delimiter, marks.quote, marks.escape, layout.row_limit)
        self._skip = layout.skip
        self._columns = 0
        self._tables: list[tuple[int, dict[str, Kind]]] = []
        self._any: Kind | None = None
        if not layout.header:
            self._place(layout.kinds)

    def feed(self, data: bytes) -> list[Told]:
        """Return the rows that are complete."""
        return self._take(self._records.feed(self.characters.decode(data)))

    def end(self) -> list[Told]:
        """Return what is left."""
        told = self._take(self._records.feed(self.characters.decode(b"", final=True)))
        return told + self._take(self._records.end())

    def _take(self, records: list[Record]) -> list[Told]:
        if self._skip:
            records, self._skip = records[self._skip :], max(0, self._skip - len(records))
        told: list[Told] = []
        for record, values in self._layout.dialect.rows(records):
            if self.stopped is not None:
                break
            if self._layout.header and not self._columns:
                self._head(record, values)
            else:
                told.append(self._told(record, values))
        return told

    def _head(self, record: Record, values: list[str]) -> None:
        """Take the row that names the columns."""
        try:
            if record.fault:
                raise ValueError(record.fault)
            self._place(self._layout.placed([name.strip() for name in values]))
            self._columns = len(values)
        except ValueError as error:
            raw = self.characters.raw(record.text)[:KEPT]
            text = f"header at line {record.line}: {str(error)[:1000]}; no row was read"
            self.stopped = bad("csv", "header", text, raw, record.line)

    def _place(self, kinds: Sequence[Kind]) -> None:
        for kind in kinds:
            if not kind.code:
                self._any = kind
            else:
                table = next((table for at, table in self._tables if at == kind.tell), None)
                if table is None:
                    table = {}
                    self._tables.append((kind.tell, table))
                table[kind.code] = kind

    def _told(self, record: Record, values: list[str]) -> Told:
        told = Told(record.text, record.line)
        kind = None if record.fault else self._kind(values)
        if record.fault:
            told.faults = [("", record.fault)]
        elif kind is None:
            told.faults = [("", f"it begins with {values[:3]}, which is no known record; add it to records:")]
        else:
            told.kind = kind.name
            told.text, told.faults = kind.read(values, record.text)
            width = kind.width
            if len(values) > width and (self._columns or any(values[width:])):
                hint = f"is there a {self._layout.dialect.delimiter!r} too many?"
                told.faults.append(("", f"it has {len(values)} values, {kind.name} has {width}; {hint}"))
        if self.characters.broken(record.text):
            told.faults.insert(0, ("", f"it is not {self.characters.encoding}"))
        return told

    def _kind(self, values: Sequence[str]) -> Kind | None:
        for at, table in self._tables:
            if at < len(values) and (kind := table.get(values[at].strip())) is not None:
                return kind
        return self._any
