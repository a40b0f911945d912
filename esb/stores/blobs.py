"""Bodies too large to travel, releases, and leases: things that are known by a name and written as a whole."""

from __future__ import annotations

from hashlib import sha256

import msgspec
from sqlalchemy import Table, bindparam, select
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.errors import StoreError, TooLargeError
from esb.records import Bundle
from esb.stores.rows import Bulk
from esb.stores.schema import blobs, leases, releases

LIMIT = 512 * 1024 * 1024
"""Bytes of one body: both databases hold a gigabyte in a field, and need copies of it in memory to take it."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, bytes]).decode
_insert_release = Bulk(releases, "skip")
_blob = select(blobs.c.body).where(blobs.c.digest == bindparam("name"))
_release = select(releases).where(releases.c.digest == bindparam("name"))


async def put(connection: AsyncConnection, digest: str, body: bytes, at: float) -> None:
    """Keep a body under its digest; one that is there becomes as young as the message that claims it now."""
    given = _insert(connection, blobs).values(digest=digest, at=at, body=body)
    await connection.execute(given.on_conflict_do_update(index_elements=["digest"], set_={"at": given.excluded.at}))


def check_size(digest: str, body: bytes) -> None:
    """Refuse a body that no row can hold.

    Raises:
        TooLargeError: It is larger than LIMIT.
    """
    if len(body) > LIMIT:
        raise TooLargeError(
            f"store: body {digest[:12]} has {len(body)} bytes, the limit is {LIMIT}; let the route split it at intake"
        )


async def get(connection: AsyncConnection, digest: str) -> bytes:
    """Return a body.

    Raises:
        StoreError: It is not there, or is not what was put there.
    """
    body = (await connection.execute(_blob, {"name": digest})).scalar_one_or_none()
    if body is None:
        raise StoreError(
            f"store: there is no body {digest}; it was forgotten, or the store was restored from an older backup"
        )
    # The bus names bodies by SHA-256; a disk that changed a bit must not change an order.
    if len(digest) == 64 and sha256(body).hexdigest() != digest:
        raise StoreError(
            f"store: body {digest} was damaged on the disk; restore a backup, or take the message in again"
        )
    return bytes(body)


async def save_release(connection: AsyncConnection, bundle: Bundle, at: float) -> None:
    """Keep a release under its digest."""
    await _insert_release.write(connection, [(bundle.digest, bundle.engine, at, _encode(dict(bundle.files)))])


async def release(connection: AsyncConnection, digest: str) -> Bundle | None:
    """Return a release, or None if it is not there."""
    row = (await connection.execute(_release, {"name": digest})).one_or_none()
    return None if row is None else Bundle(row.digest, _decode(row.files), row.engine)


async def lease(connection: AsyncConnection, name: str, owner: str, now: float, ttl: float) -> bool:
    """Return whether `owner` has the lease until now + ttl: it was free, has run out, or was theirs already."""
    taken = _insert(connection, leases).values(name=name, owner=owner, until=now + ttl)
    taken = taken.on_conflict_do_update(
        index_elements=["name"],
        set_={"owner": taken.excluded.owner, "until": taken.excluded.until},
        where=(leases.c.owner == owner) | (leases.c.until <= now),
    )
    return (await connection.execute(taken.returning(leases.c.name))).one_or_none() is not None


def _insert(connection: AsyncConnection, table: Table) -> PostgresInsert | SqliteInsert:
    return postgres_insert(table) if connection.dialect.name == "postgresql" else sqlite_insert(table)
