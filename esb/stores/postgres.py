"""PostgreSQL as the store: shared by any number of workers on any number of machines."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from esb.errors import UsageError
from esb.stores.writer import Trouble

WRITER = (4, 1)
"""Lanes, and writes of one transaction: the server itself flushes the commits of several connections together."""
ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError)
"""What the driver itself raises."""
_CONNECT_SECONDS = 5.0
_STATEMENT_SECONDS = 30.0
_SESSION = {
    "application_name": "esb",
    # A worker that froze inside a transaction holds its rows for this long at most.
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "20s",
    # A plan made while a table was empty reads it from end to end, and would be kept while it fills.
    "plan_cache_mode": "force_custom_plan",
}


def engine(url: str) -> AsyncEngine:
    """Return the engine of a libpq URL (several hosts, sslmode and passfile are understood).

    Raises:
        UsageError: The URL does not parse.
    """

    async def create(*_: Any, **__: Any) -> asyncpg.Connection:
        connection = await asyncpg.connect(
            url, timeout=_CONNECT_SECONDS, command_timeout=_STATEMENT_SECONDS, server_settings=_SESSION
        )
        # Where a server's default is `off`, an answered commit could still be lost; stronger settings stay.
        await connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        return connection

    place(url)
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=create,
        pool_size=WRITER[0] + 3,
        max_overflow=0,
        pool_timeout=10.0,
        pool_pre_ping=True,
        pool_reset_on_return=None,
        hide_parameters=True,
    )


def place(url: str) -> str:
    """Return where the server is, without user and password.

    Raises:
        UsageError: The URL does not parse.
    """
    try:
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2] or "the local socket"
    except ValueError as error:
        raise UsageError(
            "store: the URL does not parse; write postgresql://user:password@host:5432/database"
        ) from error
    return f"PostgreSQL at {hosts}{parts.path}"


def trouble(error: Exception) -> Trouble:
    """Say what an error means by its SQLSTATE class: 40 lost a race; 08, 53, 55, 57 and silence are outages."""
    if isinstance(error, OSError | TimeoutError | PoolTimeoutError):
        return "down"
    state = sqlstate(error)
    if state[:2] == "40":
        return "race"
    if state[:2] in {"08", "53", "55", "57"} or isinstance(error, asyncpg.InterfaceError):
        return "down"
    return "down" if isinstance(error, DBAPIError) and error.connection_invalidated else "fault"


def login_refused(error: BaseException) -> bool:
    """Return whether the server is there and does not let us in, or has no such database."""
    return sqlstate(error)[:2] in {"28", "3D"}


def sqlstate(error: BaseException) -> str:
    """Return the SQLSTATE of an error, or nothing."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(origin, "sqlstate", None) or "")
