"""Batches: documents that wait for others of their kind, and the one send that carries them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.envelope import Packet
from esb.message import derive
from esb.stores import filing, journal
from esb.stores.parking import blob_of, owe, park
from esb.stores.rows import Bulk, clean, one_of
from esb.stores.schema import batched
from esb.trading import Batch, Closing, Collected

_encode = msgspec.msgpack.Encoder(enc_hook=dict).encode
_decode = msgspec.msgpack.Decoder(Packet).decode
_insert = Bulk(batched, "skip", omit="sequence", key="id")
_of_endpoint = (batched.c.endpoint == bindparam("endpoint_"),)
_groups = (
    select(batched.c.kind, func.count().label("many"), func.min(batched.c.at).label("oldest"))
    .where(*_of_endpoint, batched.c.state == "waiting")
    .group_by(batched.c.kind)
    .order_by(batched.c.kind)
)
_first = (
    select(batched.c.id)
    .where(*_of_endpoint, batched.c.state == "waiting", batched.c.kind == bindparam("kind_"))
    .order_by(batched.c.sequence)
    .limit(bindparam("most"))
    .with_for_update()
)
_closing = (
    select(batched.c.batch, batched.c.kind, batched.c.id, batched.c.at, batched.c.packet)
    .where(*_of_endpoint, batched.c.state == "closing")
    .order_by(batched.c.sequence)
)
_mark = update(batched).where(one_of(batched.c.id, "ids"), batched.c.state == "waiting")
_close = update(batched).where(batched.c.batch == bindparam("batch_"), batched.c.state == "closing")
_depths = (
    select(batched.c.endpoint, batched.c.kind, func.count().label("many"), func.min(batched.c.at).label("oldest"))
    .where(batched.c.state != "sent")
    .group_by(batched.c.endpoint, batched.c.kind)
    .order_by(batched.c.endpoint, batched.c.kind)
)


async def collect(connection: AsyncConnection, rows: Sequence[Collected]) -> None:
    """Let documents wait; one that waits or has left already does not join again."""
    await _insert.write(connection, [_row(row) for row in rows])


async def gather(connection: AsyncConnection, endpoint: str, most: int, before: float) -> list[Batch]:
    """Return the batches to be closed: those begun, and of each kind the documents of one that is full or old enough.

    What is begun is so for good: its members and its id never change again.
    """
    for kind, count, oldest in (await connection.execute(_groups, {"endpoint_": endpoint})).all():
        if count >= most or oldest <= before:
            await _begin(connection, endpoint, kind, most)
    found: dict[str, tuple[str, list[Collected]]] = {}
    for row in await connection.execute(_closing, {"endpoint_": endpoint}):
        packet = _decode(row.packet)
        member = Collected(row.id, endpoint, row.kind, row.at, packet)
        found.setdefault(row.batch, (row.kind, []))[1].append(member)
    return [Batch(name, endpoint, kind, tuple(members)) for name, (kind, members) in found.items()]


async def close(connection: AsyncConnection, closing: Closing) -> bool:
    """Close a batch once: its send, its history and its number in the files commit with it."""
    done = await connection.execute(_close.values(state="sent", packet=b"", blob=None), {"batch_": closing.batch})
    if not done.rowcount:
        return False
    for send in closing.sends:
        await owe(connection, send, closing.at)
    await filing.file(connection, closing.filed)
    await park(connection, closing.exceptions)
    await journal.append(connection, closing.records)
    return True


async def depths(connection: AsyncConnection) -> list[tuple[str, str, int, float]]:
    """Return what waits: endpoint, kind, how many, and since when the oldest of them."""
    return [(row.endpoint, row.kind, row.many, row.oldest) for row in await connection.execute(_depths)]


async def _begin(connection: AsyncConnection, endpoint: str, kind: str, most: int) -> None:
    given = {"endpoint_": endpoint, "kind_": kind, "most": most}
    ids = list((await connection.execute(_first, given)).scalars())
    if ids:
        name = derive("batch", endpoint, kind, ids[0])
        await connection.execute(_mark.values(state="closing", batch=name), {"ids": ids})


def _row(row: Collected) -> tuple[Any, ...]:
    packet = row.packet
    place = clean(row.endpoint), clean(row.kind)
    return (row.id, *place, "", "waiting", row.at, packet.id, blob_of(packet), _encode(packet))
