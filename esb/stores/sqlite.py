"""SQLite as the store: one file, several processes, every commit on the disk before it counts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiosqlite
import pysqlite3
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from esb.errors import StoreError
from esb.stores.writer import Trouble

# Older ones can corrupt a file that several processes write: a reset of the write-ahead log races with a reader.
_OLDEST = (3, 51, 3)
_BUSY_SECONDS = 10.0
WRITER = (1, 64)
"""Lanes, and writes of one transaction: one writer at a time, and an fsync for each commit."""
_WRITING = (
    "PRAGMA synchronous = FULL",  # NORMAL loses committed rows when the power fails
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -16384",
    "PRAGMA wal_autocheckpoint = 2000",
    "PRAGMA journal_size_limit = 67108864",
)
_READING = ("PRAGMA query_only = ON", "PRAGMA cache_size = -4096")


def engines(path: Path) -> tuple[AsyncEngine, AsyncEngine]:
    """Return the engine for writes (one connection: SQLite has one writer at a time) and the one for reads."""
    return _engine(path, _WRITING, "BEGIN IMMEDIATE", 1), _engine(path, _READING, "BEGIN", 4)


def prepare(path: Path) -> None:
    """Create the file, readable by its owner only, and make it a write-ahead log database.

    Raises:
        StoreError: The file cannot be a safe store here; says why.
    """
    if pysqlite3.sqlite_version_info < _OLDEST:
        raise StoreError(
            f"store {path}: SQLite {pysqlite3.sqlite_version} can damage a file that several processes write; "
            f"install pysqlite3 with SQLite {'.'.join(map(str, _OLDEST))} or later"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        mode, synchronous = _probe(path)
    except (OSError, pysqlite3.Error) as error:
        raise StoreError(f"store {path}: cannot be opened ({error}); check the path and its rights") from error
    if mode != "wal" or synchronous != 2:
        raise StoreError(
            f"store {path}: this file system gives no safe log (journal_mode={mode}, synchronous={synchronous}); "
            "put the store on a local disk"
        )


def trouble(error: Exception) -> Trouble:
    """Say what an error of SQLite means: locked for longer than we wait, or no room, is an outage for everyone."""
    return "down" if isinstance(error, pysqlite3.OperationalError) and code(error) in _OUTAGES else "fault"


def lost_write(error: BaseException) -> bool:
    """Return whether the disk failed a write or an fsync: what the cache holds can no longer be believed."""
    return isinstance(error, pysqlite3.Error) and code(error) == pysqlite3.SQLITE_IOERR


def code(error: BaseException) -> int:
    """Return SQLite's primary result code of an error."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


_OUTAGES = {
    pysqlite3.SQLITE_BUSY,
    pysqlite3.SQLITE_LOCKED,
    pysqlite3.SQLITE_IOERR,
    pysqlite3.SQLITE_FULL,
    pysqlite3.SQLITE_CANTOPEN,
    pysqlite3.SQLITE_READONLY,
}


def connect(path: Path, pragmas: tuple[str, ...] = ()) -> Any:
    """Return a driver connection that begins no transaction by itself."""
    connection = pysqlite3.connect(str(path), timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        for pragma in pragmas:
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection


def _probe(path: Path) -> tuple[str, int]:
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        connection = connect(path)
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            connection.execute("PRAGMA synchronous = FULL")
            return str(mode), int(connection.execute("PRAGMA synchronous").fetchone()[0])
        except pysqlite3.OperationalError as error:
            # SQLite does not wait here: two processes that both turn a new file to WAL meet at once.
            if code(error) != pysqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        finally:
            connection.close()


def _engine(path: Path, pragmas: tuple[str, ...], begin: str, size: int) -> AsyncEngine:
    engine = create_async_engine(
        "sqlite+aiosqlite:///store",
        async_creator=_creator(path, pragmas),
        pool_size=size,
        max_overflow=0,
        pool_timeout=_BUSY_SECONDS,
        pool_reset_on_return=None,  # every transaction is ended where it began
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _creator(path: Path, pragmas: tuple[str, ...]) -> Callable[..., Any]:
    async def create(*_: Any, **__: Any) -> aiosqlite.Connection:
        connection = aiosqlite.Connection(lambda: connect(path, pragmas), 64)
        # A process that ends without closing its store must not hang on this thread; a cut commit is never torn.
        connection._thread.daemon = True
        return await connection

    return create
