"""The portable form of a backup: gzipped JSON lines, table after table, closed by a line that counts the rows.

{"esb_store": 1, "revision": "…"}
{"table": "esb_blobs", "columns": ["digest", "at", "body"], "binary": ["body"]}
["…", 1.5, "base64"]
…
{"end": 12345}
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pysqlite3
from sqlalchemy import Connection, LargeBinary, MetaData, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.errors import StoreError
from esb.stores.migrate import PREFIX, VERSION_TABLE
from esb.stores.rows import Row
from esb.stores.sqlite import connect

_CHUNK = 500
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_SQLITE = b"SQLite format 3\0"


class Rows(NamedTuple):
    """Some rows of one table."""

    table: str
    columns: Sequence[str]
    rows: Sequence[Row]


def reflect(connection: Connection) -> MetaData:
    """Return the tables of the store as they are, whatever their revision."""
    found = MetaData()
    found.reflect(connection, only=lambda name, _: name.startswith(PREFIX) and name != VERSION_TABLE)
    return found


async def write(connection: AsyncConnection, revision: str, path: Path) -> int:
    """Write every row that the connection's snapshot shows; return how many."""
    found = await connection.run_sync(reflect)
    with gzip.open(path, "wb", compresslevel=5) as file:
        file.write(_line({"esb_store": 1, "revision": revision}))
        count = 0
        for table in found.sorted_tables:
            binary = [str(column.name) for column in table.columns if isinstance(column.type, LargeBinary)]
            columns = [str(column.name) for column in table.columns]
            file.write(_line({"table": str(table.name), "columns": columns, "binary": binary}))
            async for rows in _chunks(connection, select(table)):
                file.writelines(_line(list(row)) for row in rows)
                count += len(rows)
        file.write(_line({"end": count}))
    return count


def revision_of(path: Path) -> str:
    """Return the schema revision of a backup.

    Raises:
        StoreError: It is no backup of ours.
    """
    with _explained(path):
        if _is_sqlite(path):
            connection = connect(path, ("PRAGMA query_only = ON",))
            try:
                return str(connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()[0])  # noqa: S608
            finally:
                connection.close()
        with gzip.open(path) as file:
            return str(_decode(file.readline())["revision"])


def read(path: Path) -> Iterator[Rows]:
    """Return the rows of a backup: a dump of ours, or a copy of an SQLite store.

    Raises:
        StoreError: It is no backup of ours, or is cut short or damaged.
    """
    with _explained(path):
        yield from _read_sqlite(path) if _is_sqlite(path) else _read_lines(path)


class _explained:  # noqa: N801 - reads as an adjective of its block
    """Turns whatever a broken file can raise into one error that names the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(
            error, (OSError, EOFError, ValueError, KeyError, TypeError, pysqlite3.Error, msgspec.MsgspecError)
        ):
            raise StoreError(
                f"backup {self._path}: not a whole backup of a store ({error}); take another one"
            ) from error


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _read_lines(path: Path) -> Iterator[Rows]:
    count, total, table = 0, None, Rows("", (), ())
    binary: list[int] = []
    with gzip.open(path) as file:
        file.readline()
        rows: list[Row] = []
        for line in file:
            value = _decode(line)
            if isinstance(value, list):
                for place in binary:
                    value[place] = base64.b64decode(value[place], validate=True)
                rows.append(tuple(value))
            if rows and (len(rows) >= _CHUNK or isinstance(value, dict)):
                yield table._replace(rows=rows)
                count, rows = count + len(rows), []
            if isinstance(value, dict):
                total = value.get("end")
                table = Rows(value.get("table", ""), value.get("columns", ()), ())
                binary = [table.columns.index(name) for name in value.get("binary", ())]
    if total != count:
        raise ValueError(f"{count} rows found, the end says {total}")


def _read_sqlite(path: Path) -> Iterator[Rows]:
    connection = connect(path, ("PRAGMA query_only = ON",))
    try:
        names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB ? AND name <> ? ORDER BY rowid"
        # Alembic makes tables in an order in which references hold, and a copy keeps that order.
        for (name,) in connection.execute(names, (f"{PREFIX}*", VERSION_TABLE)).fetchall():
            cursor = connection.execute(f'SELECT * FROM "{name}"')  # noqa: S608 - a name from the schema itself
            columns = [column[0] for column in cursor.description]
            while rows := cursor.fetchmany(_CHUNK):
                yield Rows(name, columns, rows)
    finally:
        connection.close()


async def _chunks(connection: AsyncConnection, query: Any) -> AsyncIterator[Sequence[Any]]:
    async with connection.stream(query) as result:
        async for rows in result.partitions(_CHUNK):
            yield rows


def _line(value: Any) -> bytes:
    return _encode(value) + b"\n"
