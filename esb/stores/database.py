"""Where the store is and how it is reached: transactions in, StoreError out."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import TypeAlias, TypeVar

import pysqlite3
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.errors import EsbError, StoreError, UsageError
from esb.stores import sqlite
from esb.stores.writer import RacedError, Trouble, Work, Writer

Given = TypeVar("Given")
Read: TypeAlias = Callable[[AsyncConnection], Awaitable[Given]]


class Database:
    """A store's database. `write` commits before it returns and may run its work again; `read` changes nothing.

    Raises (both): StoreError when the database is out of reach or refuses; the text holds no password and no data.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.path = _sqlite_path(url)
        if self.path is not None:
            self.place = f"SQLite file {self.path}"
            self.writing, self.reading = sqlite.engines(self.path)
            self._trouble, shape = sqlite.trouble, sqlite.WRITER
            self._errors, self._login_refused = _ERRORS, _never
        else:
            # A process with a store in a file never needs the client of the server.
            postgres = import_module("esb.stores.postgres")
            self.place = postgres.place(url)
            self.writing = self.reading = postgres.engine(url)
            self._trouble, shape = postgres.trouble, postgres.WRITER
            self._errors, self._login_refused = (*_ERRORS, *postgres.ERRORS), postgres.login_refused
        self._writer = Writer(self.writing, *shape, self._judge)
        self._failed = ""

    async def write(self, work: Work[Given]) -> Given:
        """Run work in a transaction and return what it returned, once that is durable."""
        self._refuse_if_failed()
        try:
            return await self._writer.run(work)
        except EsbError:
            raise
        except self._errors as error:
            raise self._explain(error) from error

    async def read(self, work: Read[Given]) -> Given:
        """Run work that only reads, on one snapshot of SQLite or on PostgreSQL's last commit for each statement."""
        self._refuse_if_failed()
        try:
            async with self.reading.begin() as connection:
                return await work(connection)
        except self._errors as error:
            raise self._explain(error) from error

    def prepare(self) -> None:
        """Make an SQLite file that can be a store, if there is none."""
        if self.path is not None:
            sqlite.prepare(self.path)

    async def close(self) -> None:
        """Let writes end and close every connection."""
        await self._writer.close()
        for engine in {self.writing, self.reading}:
            # A server that is gone cannot be told goodbye.
            with contextlib.suppress(*self._errors):
                await engine.dispose()

    def _judge(self, error: Exception) -> Trouble:
        return self._trouble(error)

    def _refuse_if_failed(self) -> None:
        if self._failed:
            raise StoreError(self._failed)

    def _explain(self, error: BaseException) -> StoreError:
        reason = (str(getattr(error, "orig", None) or error) or type(error).__name__).splitlines()[0]
        if sqlite.lost_write(error):
            # SQLite goes on committing after a failed fsync although the page may be gone: only a new start, which
            # reads the log back from the disk, knows what is there.
            self._failed = (
                f"store: {self.place} failed a write ({reason}); check the disk, then start esb again: "
                "everything acknowledged before is read back"
            )
            return StoreError(self._failed)
        if isinstance(error, RacedError) or (isinstance(error, Exception) and self._judge(error) == "race"):
            return StoreError(f"store: {self.place} is too contended ({reason}); the same call may be made again")
        if isinstance(error, Exception) and self._judge(error) == "fault":
            hint = "check user, password and database" if self._login_refused(error) else "try `esb store upgrade`"
            return StoreError(f"store: {self.place} refused ({reason}); {hint}")
        return StoreError(
            f"store: {self.place} is out of reach ({reason}); nothing is lost, work goes on when it is back"
        )


_ERRORS: tuple[type[Exception], ...] = (SQLAlchemyError, OSError, TimeoutError, pysqlite3.Error, RacedError)


def _never(_: BaseException) -> bool:
    """Return that a file lets everybody in who may read it."""
    return False


def _sqlite_path(url: str) -> Path | None:
    """Return the file of `sqlite:PATH` or `sqlite:///PATH`; None for PostgreSQL.

    Raises:
        UsageError: Neither; says what to write.
    """
    scheme, _, rest = url.partition(":")
    if scheme in {"postgresql", "postgres"} and rest.startswith("//"):
        return None
    path = rest.removeprefix("//").removeprefix("/") if rest.startswith("///") else rest
    if scheme != "sqlite" or not path or path.startswith("//") or "\0" in path:
        shown = f"{scheme}:…" if ":" in url else repr(url)
        raise UsageError(f"store: {shown} is no store; write sqlite:PATH or postgresql://user:password@host/database")
    return Path(path)
