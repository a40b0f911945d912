"""Lookup tables (cross-references): CSV or YAML under transforms/tables/, read once, indexed once.

CSV: the first row names the columns; a star marks the key columns (`warehouse*,country*,code`), without one the first
column is the key. `;` separates columns when the first row has `;` and no `,`. Cells are text; blanks around them are
cut off. YAML: `key: value`, or `key: {column: value}`, or `{keys: [columns], rows: [objects]}`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from esb.errors import DefinitionError, Diagnostic, ExpressionError, Place
from esb.expressions.operators import text_of
from esb.reading import decode, read

FOLDER = "transforms/tables"
MAX_BYTES = 64 * 1024 * 1024
CODE = "E421"
"""The code of every finding about a table."""

Key: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its cells by column, and its line in the file."""

    cells: Mapping[str, Any]
    line: int


class Table:
    """A cross-reference. What it finds is the value, or the whole row when there are several value columns."""

    def __init__(self, name: str, keys: Sequence[str], columns: Sequence[str], rows: Mapping[Key, Row]) -> None:
        self.name, self.keys = name, tuple(keys)
        self.columns = tuple(columns)
        self.values = tuple(column for column in columns if column not in self.keys)
        self._found = {key: self._answer(row) for key, row in rows.items()}
        self._single = {key[0]: answer for key, answer in self._found.items()} if len(self.keys) == 1 else {}
        self._rows = rows
        self._backwards: dict[str, dict[str, _Origin]] = {}

    def __len__(self) -> int:
        return len(self._found)

    def _answer(self, row: Row) -> Any:
        if len(self.values) == 1:
            return row.cells[self.values[0]]
        return dict(row.cells) if self.values else row.cells[self.keys[0]]

    def get(self, key: Any) -> Any:
        """Return what stands at a key, or None. Several key columns take a list in their order, or an object.

        Raises:
            ExpressionError: The key has not the shape of the table's keys.
        """
        if type(key) is str and self._single:
            return self._single.get(key)
        return self._found.get(self._key(key)) if key is not None else None

    def _key(self, key: Any) -> Key:
        if isinstance(key, Mapping):
            if set(key) != set(self.keys):
                raise ExpressionError(f"table {self.name}: the key needs {_listed(self.keys)}, not {_listed(key)}")
            key = [key[column] for column in self.keys]
        parts = key if isinstance(key, list | tuple) else [key]
        if len(parts) != len(self.keys):
            raise ExpressionError(
                f"table {self.name}: the key has {len(self.keys)} columns ({_listed(self.keys)}), not {len(parts)}"
            )
        return tuple(text_of(part) for part in parts)

    def reverse(self, value: Any, column: str = "") -> Any:
        """Return the key that has this value (a list of several key columns), or None.

        Raises:
            ExpressionError: Several keys have it, or the table has several value columns and none is named.
        """
        column = column or self._only_column()
        if column not in self._backwards:
            self._backwards[column] = self._turned(column)
        origin = self._backwards[column].get(text_of(value)) if value is not None else None
        if origin is None:
            return None
        if len(origin.lines) > 1:
            lines = ", ".join(map(str, origin.lines[:5]))
            raise ExpressionError(f"table {self.name}: {text_of(value)!r} belongs to several keys (lines {lines})")
        return origin.key[0] if len(origin.key) == 1 else list(origin.key)

    def _only_column(self) -> str:
        if len(self.values) > 1:
            raise ExpressionError(f"table {self.name} has several values ({_listed(self.values)}); name a column")
        return self.values[0] if self.values else self.keys[0]

    def _turned(self, column: str) -> dict[str, _Origin]:
        turned: dict[str, _Origin] = {}
        for key, row in self._rows.items():
            cell = row.cells.get(column)
            if cell is not None:
                turned.setdefault(text_of(cell), _Origin(key)).lines.append(row.line)
        return turned


@dataclass(slots=True)
class _Origin:
    """Where a value comes from: the first key that has it, and the lines of all."""

    key: Key
    lines: list[int] = field(default_factory=list)


def read_table(name: str, files: Mapping[str, bytes]) -> Table:
    """Return the table of this name from the files of a project.

    Raises:
        DefinitionError: There is none, or it is wrong; the diagnostics say where.
    """
    kinds: tuple[Literal["csv", "yaml"], ...] = ("csv", "yaml")
    for kind in kinds:
        file = f"{FOLDER}/{name}.{kind}"
        if file in files:
            return load_table(name, files[file], kind)
    raise DefinitionError(f"there is no table {name!r}; put {name}.csv or {name}.yaml into {FOLDER}/")


def load_table(name: str, source: bytes, kind: Literal["csv", "yaml"]) -> Table:
    """Return a table from the bytes of its file.

    Raises:
        DefinitionError: Not readable, a row of another width, a key that comes twice; with file and line.
    """
    file = f"{FOLDER}/{name}.{kind}"
    reader = _CsvTable(name, file) if kind == "csv" else _YamlTable(name, file)
    table = reader.table(source)
    if reader.findings:
        raise DefinitionError(str(reader.findings[0]), reader.findings)
    return table


class _Reading:
    """What both kinds of file share: findings with their line, and the index with its duplicates."""

    def __init__(self, name: str, file: str) -> None:
        self.name, self.file = name, file
        self.findings: list[Diagnostic] = []

    def wrong(self, text: str, line: int, advice: str = "", also: tuple[Place, ...] = ()) -> None:
        place = Place(self.file, max(line, 1), 1)
        self.findings.append(Diagnostic(CODE, text, place, help=advice, also=also))

    def indexed(self, keys: Sequence[str], columns: Sequence[str], rows: Iterable[Row]) -> Table:
        index: dict[Key, Row] = {}
        for row in rows:
            try:
                key = tuple(text_of(row.cells.get(column)) for column in keys)
            except ExpressionError:
                self.wrong(f"the key {_listed(keys)} has a part that is neither text nor a number", row.line)
                continue
            held = index.setdefault(key, row)
            if held is not row:
                text = f"the key {', '.join(key)!r} comes twice; it was on line {held.line} before"
                self.wrong(text, row.line, "keep one of them", (Place(self.file, held.line, 1),))
        return Table(self.name, keys, columns, index)


class _CsvTable(_Reading):
    """A table from CSV."""

    def table(self, source: bytes) -> Table:
        text = decode(self.file, source, MAX_BYTES)
        first = text.partition("\n")[0]
        delimiter = ";" if ";" in first and "," not in first else ","
        reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
        rows: list[Row] = []
        marked: list[str] = []
        try:
            marked = [cell.strip() for cell in next(reader, [])]
            columns = [name.removesuffix("*").strip() for name in marked]
            self._check_columns(columns)
            rows = [row for cells in reader if (row := self._row(columns, cells, reader.line_num)) is not None]
        except csv.Error as error:
            self.wrong(f"not readable as CSV: {error}", reader.line_num)
            return Table(self.name, ("",), ("",), {})
        keys = [name for name, mark in zip(columns, marked, strict=True) if mark.endswith("*")] or columns[:1]
        return self.indexed(keys, columns, rows)

    def _check_columns(self, columns: Sequence[str]) -> None:
        if not any(columns):
            self.wrong("the table is empty", 1, "the first row names the columns: code,name")
        for column in columns:
            if not column:
                self.wrong("a column has no name", 1, "every cell of the first row names a column")
            elif columns.count(column) > 1:
                self.wrong(f"the column {column!r} comes twice", 1)
                break

    def _row(self, columns: Sequence[str], cells: Sequence[str], line: int) -> Row | None:
        if not any(cell.strip() for cell in cells):
            return None
        if len(cells) != len(columns):
            self.wrong(f"this row has {len(cells)} cells, the first row names {len(columns)} columns", line)
            return None
        return Row({column: cell.strip() for column, cell in zip(columns, cells, strict=True)}, line)


class _YamlTable(_Reading):
    """A table from YAML."""

    def table(self, source: bytes) -> Table:
        document = read(self.file, source, MAX_BYTES)
        data = document.data
        if not isinstance(data, dict) or not data:
            self.wrong("a table in YAML is an object", 1, "write key: value lines, or keys: and rows:")
            return Table(self.name, ("key",), ("key", "value"), {})
        if set(data) == {"keys", "rows"} and isinstance(data["rows"], list) and isinstance(data["keys"], list):
            lines = [document.place(("rows", number)).line for number in range(len(data["rows"]))]
            return self._from_rows(data["keys"], data["rows"], lines)
        lines = [document.place((key,), key=True).line for key in data]
        if all(isinstance(value, dict) for value in data.values()):
            rows = [{"key": key, **value} for key, value in data.items()]
            return self._from_rows(["key"], rows, lines)
        rows = [{"key": key, "value": value} for key, value in data.items()]
        return self._from_rows(["key"], rows, lines)

    def _from_rows(self, keys: list[Any], rows: list[Any], lines: list[int]) -> Table:
        columns = list(rows[0]) if rows and isinstance(rows[0], dict) else []
        good: list[Row] = []
        for row, line in zip(rows, lines, strict=True):
            if not isinstance(row, dict) or set(row) != set(columns):
                self.wrong(f"a row needs the columns {_listed(columns)}", line)
            else:
                good.append(Row(row, line))
        for key in keys:
            if key not in columns:
                self.wrong(f"the key column {key!r} is not in the rows", 1)
                return Table(self.name, ("key",), ("key", "value"), {})
        return self.indexed(keys, columns, good)


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(map(str, names))
