"""Marks: small values that replace each other under a name, such as how far a poller came; they are never forgotten."""

from __future__ import annotations

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.errors import StoreError
from esb.stores.schema import marks

LARGEST = 16_000_000
"""Bytes of a value."""

_value = select(marks.c.value).where(marks.c.name == bindparam("name"))


async def remember(connection: AsyncConnection, name: str, value: bytes, at: float) -> None:
    """Keep a value in place of the one that was there. Raises StoreError if it is too long."""
    if len(value) > LARGEST:
        raise StoreError(f"store: the mark {name} has {len(value)} bytes, at most {LARGEST} can be kept")
    insert = postgres_insert if connection.dialect.name == "postgresql" else sqlite_insert
    kept = insert(marks).values(name=name, at=at, value=value)
    kept = kept.on_conflict_do_update(
        index_elements=["name"], set_={"at": kept.excluded.at, "value": kept.excluded.value}
    )
    await connection.execute(kept)


async def recall(connection: AsyncConnection, name: str) -> bytes | None:
    """Return the value that was kept last, or None if none was."""
    found = (await connection.execute(_value, {"name": name})).scalar_one_or_none()
    return None if found is None else bytes(found)
