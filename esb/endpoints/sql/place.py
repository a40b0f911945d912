"""Place: a foreign database: how it is reached, and what its refusals mean."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    NoSuchTableError,
    NotSupportedError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from esb.endpoints.unreached import unreached
from esb.envelope import decode_document, encode_document
from esb.errors import DefinitionError, EndpointError, EsbError, RejectedError, UnknownOutcomeError

DRIVERS: Final = {"postgresql": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}
"""Databases whose driver comes with the bus; for others the driver is written: mysql+asyncmy."""

_BY_STATE: Final = {
    "40": "transient",
    "08": "transient",
    "53": "transient",
    "55": "transient",
    "57": "transient",
    "58": "transient",
    "28": "transient",
    "XX": "transient",
}
"""SQLSTATE classes that may heal: rollbacks, connections, resources, locks, shutdowns, the system, sign-in."""
_PATIENCE = 2.0
"""Seconds that a rollback may take; a server that is gone answers none."""
_WORDS = re.compile(r"[^\x20-\x7e\u00a0-\U0010ffff]+")


def database_fault(url: str) -> str:
    """Return why a text cannot be the address of a database, or an empty text."""
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        return "an address reads postgresql://host/database, sqlite:///file or dialect+driver://host/database"
    if parts.username is not None or parts.password is not None:
        return "credentials do not belong into an address; write user and password"
    if parts.query:
        return "an address has no ?query"
    if parts.get_backend_name() != "sqlite" and not (parts.host and parts.database):
        return "an address names a host and a database: postgresql://host/database"
    return ""


@dataclass(frozen=True, slots=True)
class Account:
    """Where and as whom. `password` is read when a connection is made; `tls` gives the context of today, or None."""

    url: str
    user: str
    password: Callable[[], str | None]
    tls: Callable[[], Any] | None
    timeout: float
    pool: int

    def engine(self) -> AsyncEngine:
        """Return the engine; it connects when it is used.

        Raises:
            DefinitionError: There is no driver for this address.
        """
        given = make_url(self.url)
        driver = DRIVERS.get(given.drivername, given.drivername)
        url = URL.create(driver, self.user or None, None, given.host, given.port, given.database)
        postgres = url.drivername == "postgresql+asyncpg"
        if self.tls is not None and not postgres:
            raise DefinitionError("tls: this database's driver has its own ways; only postgresql is set up here")
        sized = (
            {}
            if url.get_backend_name() == "sqlite"
            else {"pool_size": self.pool, "max_overflow": 0, "pool_timeout": self.timeout}
        )
        options: dict[str, Any] = (
            {"timeout": min(self.timeout, 10.0), "command_timeout": self.timeout} if postgres else {}
        )
        try:
            engine = create_async_engine(
                url,
                hide_parameters=True,
                pool_pre_ping=True,
                connect_args=options,
                json_serializer=lambda document: encode_document(document).decode(),
                json_deserializer=lambda text: decode_document(text.encode() if isinstance(text, str) else text),
                **sized,
            )
        except (NoSuchModuleError, ImportError, ArgumentError, TypeError) as error:
            raise DefinitionError(f"no driver for {given.drivername}: {error}; install one for asyncio") from error
        event.listen(engine.sync_engine, "do_connect", self._sign_in)
        return engine

    def _sign_in(self, dialect: Any, record: Any, words: Any, options: dict[str, Any]) -> None:
        """Put in what is read anew for each connection, so that a new secret needs no restart."""
        password = self.password()
        if password is not None:
            options["password"] = password
        if self.tls is not None:
            options["ssl"] = self.tls()


class Place:
    """A database, its connections, and its errors as ours."""

    def __init__(self, account: Account) -> None:
        self._engine = account.engine()
        given = make_url(account.url)
        self.shown = f"{given.get_backend_name()}://{given.host or ''}/{given.database or ''}"
        self.dialect = self._engine.dialect
        self._timeout = account.timeout

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection whose work is committed at the end, or not at all.

        Raises:
            RejectedError: The database refuses the data or the statement.
            UnknownOutcomeError: The commit left and no answer came.
            EndpointError: It is out of reach, or busy; nothing was applied.
        """
        connection = await self._connected()
        committing = False
        try:
            yield connection
            committing = True
            async with asyncio.timeout(self._timeout):
                await connection.commit()
        except BaseException as error:
            await _abandon(connection)
            if isinstance(error, SQLAlchemyError | OSError | TimeoutError):
                raise self._explained(error, committing) from error
            raise
        await connection.close()

    async def _connected(self) -> AsyncConnection:
        """Return a connection in a transaction. Whatever goes wrong here applies to no message."""
        connection = self._engine.connect()
        try:
            async with asyncio.timeout(self._timeout):
                await connection.start()
                await connection.begin()
        except DefinitionError:
            raise
        except Exception as error:  # drivers say what they like before there is a connection
            raise EndpointError(f"{self.shown}: {reason_of(error)}") from error
        return connection

    async def close(self) -> None:
        """Close the connections."""
        await self._engine.dispose()

    def _explained(self, error: BaseException, committing: bool) -> EsbError:
        text = f"{self.shown}: {reason_of(error)}"
        if _is_refusal(error):
            return RejectedError(text)
        if committing:
            return UnknownOutcomeError(f"{text}; the commit had been sent and may have been applied")
        return EndpointError(text)


async def _abandon(connection: AsyncConnection) -> None:
    """Give a connection back without what was done on it; one that does not answer is thrown away."""
    with suppress(SQLAlchemyError, OSError, TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            await connection.rollback()
            await connection.close()
            return
    with suppress(SQLAlchemyError, OSError, TimeoutError):
        await connection.invalidate()
        await connection.close()


def reason_of(error: BaseException) -> str:
    """Return what a database says, on one line: the driver's words, without the statement and its values."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    inner = getattr(error, "orig", None) or error
    first = next(iter(getattr(inner, "args", ())), None)
    text = first if isinstance(first, str) else str(inner)
    if silent := unreached(inner):
        return silent
    text = re.sub(r"^<class '[^']*'>: ", "", text)
    return _WORDS.sub(" ", text).strip()[:300] or type(inner).__name__


def _is_refusal(error: BaseException) -> bool:
    """Return whether the database understood and said no: trying again the same way does not help."""
    if isinstance(error, NoSuchTableError):
        return True
    if not isinstance(error, DBAPIError) or error.connection_invalidated:
        return False
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    if state:
        return _BY_STATE.get(str(state)[:2]) is None
    return isinstance(error, IntegrityError | DataError | ProgrammingError | NotSupportedError)
