"""Backup and restore of a store while it works: a copy of the file for SQLite, a portable dump for PostgreSQL.

Either kind can be restored into either database, which is also the way from a laptop's file to a server.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.errors import StoreError
from esb.stores import dump, migrate
from esb.stores.database import Database
from esb.stores.sqlite import connect


async def backup(url: str, path: Path) -> None:
    """Write a consistent copy of a store to a new file, readable by its owner only; writers go on meanwhile.

    Raises:
        StoreError: The store is out of reach, or the file cannot be written or is there already.
    """
    database = Database(url)
    try:
        if database.path is not None:
            if not database.path.exists():
                raise StoreError(f"store {database.path}: there is no such file to back up")
            await _whole_file(path, partial(_copy, database.path))
        else:
            await _whole_file(path, partial(_dump, database))
    finally:
        await database.close()


async def restore(url: str, path: Path) -> int:
    """Fill an empty store from a backup and bring it to today's schema; return how many rows it got.

    Raises:
        StoreError: The store is not empty or out of reach, or the file is not a whole backup. Nothing is changed then.
    """
    revision = await asyncio.to_thread(dump.revision_of, path)
    if revision not in migrate.known():
        raise StoreError(f"backup {path}: made by a newer esb (revision {revision}); upgrade esb first")
    database = Database(url)
    try:
        database.prepare()
        return await database.write(partial(_fill, path=path, revision=revision))
    finally:
        await database.close()


async def _whole_file(path: Path, fill: Callable[[Path], Awaitable[object]]) -> None:
    """Let `fill` write a file that appears under its name only when it is whole and on the disk."""
    if path.exists():
        raise StoreError(f"backup {path}: is there already; give another name")
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        await fill(part)
        _sync(part)
        part.rename(path)
        _sync(path.parent)
    except OSError as error:
        raise StoreError(f"backup {path}: cannot be written ({error}); choose another place") from error
    finally:
        part.unlink(missing_ok=True)


async def _copy(source: Path, path: Path) -> None:
    await asyncio.to_thread(_vacuum_into, source, path)


def _vacuum_into(source: Path, path: Path) -> None:
    connection = connect(source)
    try:
        connection.execute("VACUUM INTO ?", (str(path),))
    except Exception as error:
        raise StoreError(f"store {source}: cannot be backed up to {path} ({error})") from error
    finally:
        connection.close()


async def _dump(database: Database, path: Path) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        revision = await migrate.revision(connection)
        if revision is None:
            raise StoreError(f"store: {database.place} is empty; there is nothing to back up")
        await dump.write(connection, revision, path)

    await database.read(work)


async def _fill(connection: AsyncConnection, path: Path, revision: str) -> int:
    await _clear(connection)
    await migrate.to_revision(connection, revision)
    found = await connection.run_sync(dump.reflect)
    count = 0
    for table, columns, rows in dump.read(path):
        values = [dict(zip(columns, row, strict=True)) for row in rows]
        await connection.execute(insert(found.tables[table]), values)
        count += len(rows)
    if connection.dialect.name == "postgresql":
        await _renumber(connection)
    await migrate.to_revision(connection)
    return count


async def _clear(connection: AsyncConnection) -> None:
    """Drop an empty schema, so that the one of the backup's time can stand in its place."""
    found = await connection.run_sync(dump.reflect)
    for table in found.sorted_tables:
        if (await connection.execute(select(func.count()).select_from(select(table).limit(1).subquery()))).scalar_one():
            raise StoreError(f"store: restore needs an empty store, and {table.name} has rows; give a new one")
    await connection.run_sync(found.drop_all)
    await connection.execute(text(f"DROP TABLE IF EXISTS {migrate.VERSION_TABLE}"))


async def _renumber(connection: AsyncConnection) -> None:
    """Let PostgreSQL count on behind the rows that came with their numbers."""
    for table, column in (("esb_outbox", "id"), ("esb_journal", "sequence")):
        last = f"(SELECT coalesce(max({column}), 0) + 1 FROM {table})"  # noqa: S608 - our own names
        await connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), {last}, false)"))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
