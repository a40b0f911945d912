"""The schema and its revisions: made in an empty database, checked at the start, upgraded on demand.

What runs revisions (Alembic) is imported when there is one to run: most processes only look which one is there.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.errors import StoreError
from esb.stores.database import Database

PREFIX = "esb_"
VERSION_TABLE = "esb_revision"
"""Our own, so that the store can live in a database that another program also migrates with Alembic."""
HEAD = "0003"
"""The newest of `migrations/versions`."""

# Any number of processes may find an empty database at once; one makes the schema, the others wait for it.
_LOCK = text("SELECT pg_advisory_xact_lock(5062371209432)")
_REVISION = text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - our own constant


async def upgrade(url: str) -> str:
    """Bring a store to the schema of this esb, making it if there is none; return the revision.

    Raises:
        StoreError: Out of reach, or written by a newer esb.
    """
    database = Database(url)
    try:
        database.prepare()
        await database.write(to_revision)
    finally:
        await database.close()
    return head()


async def ready(connection: AsyncConnection) -> None:
    """Make the schema in an empty database, or check that it is the one we know.

    Raises:
        StoreError: It is older (run `esb store upgrade`) or newer than this esb.
    """
    found = await revision(connection)
    if found is None:
        await to_revision(connection)
    elif found != head():
        raise StoreError(_differs(found))


async def to_revision(connection: AsyncConnection, target: str = "head") -> None:
    """Bring the schema to a revision, in the connection's transaction.

    Raises:
        StoreError: The database was written by a newer esb.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(_LOCK)
    found = await revision(connection)
    if found is not None and found not in known():
        raise StoreError(_differs(found))
    await connection.run_sync(_revisions().upgrade, target)


async def revision(connection: AsyncConnection) -> str | None:
    """Return the revision of the schema that is there; None if there is none."""
    if not await connection.run_sync(lambda sync: inspect(sync).has_table(VERSION_TABLE)):
        return None
    return (await connection.execute(_REVISION)).scalar_one_or_none()


def head() -> str:
    """Return the revision that this esb works with."""
    return HEAD


def known() -> set[str]:
    """Return every revision that this esb can upgrade from."""
    found: set[str] = _revisions().known()
    return found


def _revisions() -> Any:
    return import_module("esb.stores.revisions")


def _differs(found: str) -> str:
    if found in known():
        return f"store: its schema is at revision {found}, this esb needs {head()}; run `esb store upgrade`"
    return f"store: its schema (revision {found}) was made by a newer esb; upgrade esb, or restore an older backup"
