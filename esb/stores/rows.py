"""Many rows in one statement, on both databases: `Bulk` writes lists of tuples, `one_of` finds rows by a list of ids.

The text of each statement does not depend on how many rows there are, so that drivers can keep it prepared:
PostgreSQL gets arrays (`unnest`, `= ANY`), SQLite gets `executemany` and a JSON list.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Literal

from sqlalchemy import BindParameter, Boolean, Column, Dialect, Double, LargeBinary, Table, Text, bindparam
from sqlalchemy.dialects.postgresql import ARRAY, asyncpg
from sqlalchemy.dialects.sqlite import aiosqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import BigInteger, TypeDecorator, TypeEngine

Row = tuple[Any, ...]

_DIALECTS: dict[str, Dialect] = {"sqlite": aiosqlite.dialect(), "postgresql": asyncpg.dialect()}  # type: ignore[no-untyped-call]


def name_of(*parts: str | int) -> str:
    """Return the fixed-length id that stands for these parts in an index; any text will do, also one with a NUL."""
    digest = blake2b(digest_size=16)
    for part in parts:
        raw = str(part).encode("utf-8", "surrogatepass")
        digest.update(b"%d:%b" % (len(raw), raw))
    return digest.hexdigest()


def clean(text: str) -> str:
    """Return text that both databases can hold: PostgreSQL takes no NUL, neither takes half a surrogate pair."""
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def fold(text: str) -> str:
    """Return the form of a text in which search compares it: no case, at most 200 characters (an index entry)."""
    return clean(text).casefold()[:200]


class _Names(TypeDecorator[Any]):
    """A list of ids as one parameter: an array for PostgreSQL, JSON for SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(Text()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return list(value) if dialect.name == "postgresql" else json.dumps(list(value))


class one_of(FunctionElement[bool]):  # noqa: N801 - reads as SQL in a statement
    """True where the column holds one of the ids given as parameter `name` (a sequence of str)."""

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: Column[Any], name: str) -> None:
        given: BindParameter[Any] = bindparam(name, type_=_Names())
        super().__init__(column, given)

    def self_group(self, against: Any = None) -> one_of:
        """Stay as it is: SQLite would get `(…) = 1` instead, which hides the column from its indexes."""
        return self


@compiles(one_of, "postgresql")
def _any(element: one_of, compiler: SQLCompiler, **options: Any) -> str:
    column, given = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} = ANY ({given})"


@compiles(one_of, "sqlite")
def _each(element: one_of, compiler: SQLCompiler, **options: Any) -> str:
    column, given = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({given}))"  # noqa: S608 - compiled clauses


class Bulk:
    """An insert of many rows of one table; `present` says what happens to a row whose primary key is there already.

    Values stand in the order of `columns`, one tuple a row; the keys of one call must differ for `replace`.
    """

    def __init__(self, table: Table, present: Literal["skip", "replace"], omit: str = "", key: str = "") -> None:
        self.columns = [column for column in table.columns if column.name != omit]
        self._keys = [key] if key else [column.name for column in table.primary_key.columns]
        self._texts = {name: self._render(table, present, name) for name in _DIALECTS}

    async def write(self, connection: AsyncConnection, rows: Sequence[Row]) -> int:
        """Insert the rows; return how many were written."""
        if not rows:
            return 0
        text = self._texts[connection.dialect.name]
        if connection.dialect.name == "sqlite":
            return (await connection.exec_driver_sql(text, list(rows))).rowcount
        arrays = tuple([list(values) for values in zip(*rows, strict=True)])
        return (await connection.exec_driver_sql(text, arrays)).rowcount

    def _render(self, table: Table, present: str, dialect: str) -> str:
        names = [column.name for column in self.columns]
        listed = ", ".join(f'"{name}"' for name in names)
        others = [name for name in names if name not in self._keys]
        changes = ", ".join(f'"{name}" = excluded."{name}"' for name in others)
        keys = ", ".join(f'"{name}"' for name in self._keys)
        conflict = f"ON CONFLICT ({keys}) DO " + ("NOTHING" if present == "skip" else f"UPDATE SET {changes}")
        if dialect == "sqlite":
            given = f"VALUES ({', '.join('?' * len(names))})"
        else:
            arrays = [f"${place}::{_array(column)}[]" for place, column in enumerate(self.columns, 1)]
            given = f"SELECT * FROM unnest({', '.join(arrays)})"  # noqa: S608 - as below
        return f"INSERT INTO {table.name} ({listed}) {given} {conflict}"


def _array(column: Column[Any]) -> str:
    kinds: dict[type[Any], str] = {Double: "double precision", LargeBinary: "bytea", BigInteger: "bigint"}
    for kind, name in kinds.items():
        if isinstance(column.type, kind):
            return name
    return "text" if isinstance(column.type, Text) else "integer"
