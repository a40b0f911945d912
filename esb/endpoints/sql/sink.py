"""The writer to a foreign database: all actions of a message in one transaction, once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, MetaData, Table, bindparam, insert, literal, select, text
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.edge import Delivered
from esb.endpoints.outgoing import readable, wire_bytes
from esb.endpoints.sql.actions import Action
from esb.endpoints.sql.place import Place
from esb.endpoints.sql.values import column_of, parameter_of, parameter_type
from esb.errors import EndpointError, RejectedError
from esb.expressions import scope_of
from esb.message import Message

_LEDGER_COLUMN = "id"
_UPSERTS: dict[str, Any] = {"postgresql": postgres_insert, "sqlite": sqlite_insert}


class SqlSink:
    """Writes messages. `ledger`: a table where each delivery leaves its key, so that a repeat changes nothing."""

    def __init__(self, place: Place, actions: Sequence[Action], ledger: str, timeout: float) -> None:
        self._place, self._actions, self._ledger, self._timeout = place, actions, ledger, timeout
        self._tables: dict[str, Table] = {}

    async def deliver(self, message: Message, key: str) -> Delivered:
        """Write what the actions say, all of it or nothing.

        Raises:
            RejectedError: The database refuses a value, a constraint is broken, or too few rows were changed.
            UnknownOutcomeError: The commit left and no answer came.
            EndpointError: It is out of reach, or busy; nothing was applied.
        """
        seen = readable(message)
        scope = {**scope_of(seen), "content": wire_bytes(message)}
        work = [(action, action.rows(seen.body, scope)) for action in self._actions]
        changed = 0
        async with self._place.transaction() as connection, self._in_time():
            if self._ledger and not await self._enter(connection, key):
                return Delivered("the ledger there says it was applied before")
            for action, rows in work:
                changed += await self._apply(connection, action, rows)
        return Delivered(f"committed in {self._place.shown} ({changed} rows)")

    async def applied(self, message: Message, key: str) -> bool | None:
        """Return what the ledger there says; None without one. Raises EndpointError if it cannot be asked."""
        if not self._ledger:
            return None
        async with self._place.transaction() as connection, self._in_time():
            return await self._is_entered(connection, key)

    async def check(self) -> str:
        """Connect, sign in, and look whether the tables are there. Raises EndpointError if not."""
        names = [name for name in (self._ledger, *(action.table for action in self._actions)) if name]
        try:
            async with self._place.transaction() as connection, self._in_time():
                await connection.execute(select(literal(1)))
                for name in names:
                    await self._table(connection, name)
        except RejectedError as error:
            raise EndpointError(str(error)) from error
        return f"{self._place.shown} lets us in" + (f" and has {', '.join(dict.fromkeys(names))}" if names else "")

    async def close(self) -> None:
        """Close the connections."""
        await self._place.close()

    def _in_time(self) -> asyncio.Timeout:
        return asyncio.timeout(self._timeout)

    async def _enter(self, connection: AsyncConnection, key: str) -> bool:
        """Write the key into the ledger; false if it stands there. A twin under way is waited for."""
        table = await self._table(connection, self._ledger)
        try:
            async with connection.begin_nested():
                await connection.execute(insert(table).values({_LEDGER_COLUMN: key}))
        except IntegrityError:
            if await self._is_entered(connection, key):
                return False
            raise
        return True

    async def _is_entered(self, connection: AsyncConnection, key: str) -> bool:
        column = (await self._table(connection, self._ledger)).c[_LEDGER_COLUMN]
        return (await connection.execute(select(column).where(column == key))).first() is not None

    async def _apply(self, connection: AsyncConnection, action: Action, rows: Sequence[Mapping[str, Any]]) -> int:
        if action.run is not None:
            return sum([await self._run(connection, action, action.run, row) for row in rows])
        table = await self._table(connection, action.table)
        kinds = {name: self._column(table, name).type for name in action.values}
        given = [{name: column_of(row[name], kinds[name], f"{table.name}.{name}") for name in row} for row in rows]
        for row in given:
            await connection.execute(self._upsert(table, action, row) if action.upsert else insert(table).values(row))
        return len(given)

    def _upsert(self, table: Table, action: Action, row: Mapping[str, Any]) -> Any:
        made = _UPSERTS.get(self._place.dialect.name)
        if made is None:
            raise RejectedError(
                f"upsert is not set up for {self._place.dialect.name}; write run: with its own statement"
            )
        statement = made(table).values(dict(row))
        others = {name: statement.excluded[name] for name in row if name not in action.key}
        if not others:
            return statement.on_conflict_do_nothing(index_elements=list(action.key))
        return statement.on_conflict_do_update(index_elements=list(action.key), set_=others)

    async def _run(self, connection: AsyncConnection, action: Action, sql: str, row: Mapping[str, Any]) -> int:
        values = {name: parameter_of(value) for name, value in row.items()}
        clause = text(sql).bindparams(*(bindparam(name, type_=parameter_type(value)) for name, value in values.items()))
        changed: int = (await connection.execute(clause, values)).rowcount
        if (action.expect == "one" and changed != 1) or (action.expect == "some" and changed < 1):
            raise RejectedError(f"{self._place.shown}: the statement changed {changed} rows, expected {action.expect}")
        return max(changed, 0)

    def _column(self, table: Table, name: str) -> Column[Any]:
        if name not in table.c:
            known = ", ".join(column.name for column in table.c)
            raise RejectedError(f"{self._place.shown}: table {table.name} has no column {name}; it has {known}")
        return table.c[name]

    async def _table(self, connection: AsyncConnection, name: str) -> Table:
        """Return a table as it is there; looked up once. Raises RejectedError if there is none."""
        if name not in self._tables:
            schema, _, bare = name.rpartition(".")
            self._tables[name] = await connection.run_sync(
                lambda inner: Table(bare, MetaData(), schema=schema or None, autoload_with=inner, resolve_fks=False)
            )
        return self._tables[name]
