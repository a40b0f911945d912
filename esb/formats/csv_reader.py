"""The reader of delimited text: bytes to records to rows to documents, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from esb.edge import Part
from esb.formats.characters import Characters
from esb.formats.csv_dialect import Dialect
from esb.formats.csv_records import Record, Records
from esb.formats.csv_rows import Numbers, Row, Single, Whole
from esb.formats.parts import KEPT, bad


class Layout(Struct, frozen=True):
    """How the text is laid out. `keys`: the columns that rows are grouped by; `whole`: one document for all rows."""

    dialect: Dialect
    header: bool
    columns: tuple[str, ...]
    skip: int
    row_limit: int
    limit: int
    encoding: str
    numbers: Numbers
    keys: tuple[str, ...] = ()
    whole: bool = False


class CsvReader:
    """Push reader. A row that cannot be read is a bad part; a header that cannot be right ends the reading."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._characters = Characters(layout.encoding)
        marks = layout.dialect
        self._records = Records(marks.delimiter, marks.quote, marks.escape, layout.row_limit)
        self._skip = layout.skip
        self._columns = () if layout.header else layout.columns
        self._stopped: Part | None = None
        if layout.whole or layout.keys:
            self._sink: Whole | Single = Whole(self._characters, layout.limit, layout.keys)
        else:
            self._sink = Single(self._characters)

    def feed(self, data: bytes) -> Sequence[Part]:
        if self._stopped is not None:
            return ()
        return list(self._read(self._records.feed(self._characters.decode(data))))

    def end(self) -> Sequence[Part]:
        if self._stopped is not None:
            return ()
        parts = list(self._read(self._records.feed(self._characters.decode(b"", final=True))))
        if self._stopped is None:
            parts += self._read(self._records.end())
        if self._stopped is None:
            if self._layout.header and not self._columns:
                return (bad("csv", "header", "it has no header; the first row must name the columns", b""),)
            parts += self._sink.end()
        return parts

    def _read(self, records: list[Record]) -> Iterator[Part]:
        if self._skip:
            records, self._skip = records[self._skip :], max(0, self._skip - len(records))
        rows = self._layout.dialect.rows(records)
        if self._layout.header and not self._columns:
            for head in rows:
                if fault := self._take_header(head):
                    self._stopped = self._refused(head, fault)
                    yield self._stopped
                    return
                break
        for row in rows:
            yield from self._sink.add(self._named(row))

    def _take_header(self, head: tuple[Record, list[str]]) -> str:
        """Take the names of the columns; return what is wrong with them, or nothing."""
        names, wanted = [name.strip() for name in head[1]], self._layout.columns
        if head[0].fault:
            return head[0].fault
        if wanted and tuple(names) != wanted:
            missing = [name for name in wanted if name not in names]
            unknown = [name for name in names if name not in wanted]
            detail = f"missing {missing}, unknown {unknown}" if missing or unknown else "in another order"
            return f"the columns are not the declared ones ({detail}); agree on the columns with the sender"
        for name in (*self._layout.keys, *self._layout.numbers.columns):
            if name not in names:
                return f"there is no column {name!r}, it has {names}"
        if "" in names or len(set(names)) < len(names):
            return f"every column needs a name of its own, it has {names}"
        self._columns = tuple(names)
        return ""

    def _refused(self, head: tuple[Record, list[str]], fault: str) -> Part:
        record = head[0]
        raw = self._characters.raw(record.text)[:KEPT]
        return bad("csv", "header", f"header at line {record.line}: {fault[:1000]}; no row was read", raw, record.line)

    def _named(self, row: tuple[Record, list[str]]) -> Row:
        record, values = row
        columns = self._columns
        if record.fault:
            return Row({}, record.text, record.line, "syntax", record.fault)
        named = dict(zip(columns, values, strict=False))
        if len(values) != len(columns):
            hint = f"is there a {self._layout.dialect.delimiter!r} too many, or a quote missing?"
            fault = f"it has {len(values)} values for {len(columns)} columns; {hint}"
            return Row(named, record.text, record.line, "ragged", fault)
        if self._characters.broken(record.text):
            return Row(named, record.text, record.line, "encoding", f"it is not {self._characters.encoding}")
        if self._layout.numbers.columns and (fault := self._layout.numbers.read(named)):
            return Row(named, record.text, record.line, "number", fault)
        return Row(named, record.text, record.line)
