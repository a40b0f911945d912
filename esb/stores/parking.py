"""Parked messages and the outbox: what waits for a person, and the sends that a person's decision owes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, Select, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.envelope import Addressed, Packet
from esb.message import Claim
from esb.records import Parked, ParkedFilter, Record
from esb.stores.journal import append, decode_keys, encode_keys
from esb.stores.rows import Bulk, clean, fold, one_of
from esb.stores.schema import outbox, parked, parked_keys

_encode = msgspec.msgpack.Encoder(enc_hook=dict).encode
_decode = msgspec.msgpack.Decoder(Packet).decode
_claim = msgspec.json.Decoder(Claim).decode

_insert = Bulk(parked, "skip")
_insert_keys = Bulk(parked_keys, "skip")
_decide = update(parked).where(parked.c.id == bindparam("name"), parked.c.state == bindparam("expected"))
_owed = select(outbox.c.id, outbox.c.address, outbox.c.packet).order_by(outbox.c.id)


async def park(connection: AsyncConnection, rows: Sequence[Parked]) -> None:
    """Insert the rows that are not there; a row that a person has decided on since stays decided."""
    await _insert.write(connection, sorted({row.id: _row(row) for row in rows}.values()))
    keys = {(fold(key.value), row.id) for row in rows for key in row.keys}
    await _insert_keys.write(connection, sorted(keys))


async def find(connection: AsyncConnection, where: ParkedFilter) -> list[Parked]:
    """Return the rows that match every field that is set, oldest first."""
    query, given = _query(where)
    return [_parked(row) for row in await connection.execute(query, given)]


async def decide(
    connection: AsyncConnection, row: Parked, state: str, send: Addressed | None, record: Record, at: float
) -> bool:
    """Decide once: open to `state`, or discarded back to open; the send and the record commit with it."""
    expected = "discarded" if state == "open" else "open"
    decided = None if state == "open" else at
    query = _decide.values(state=state, decided=decided)
    if not (await connection.execute(query, {"name": row.id, "expected": expected})).rowcount:
        return False
    if send is not None:
        await owe(connection, send, at)
    await append(connection, [record])
    return True


async def owe(connection: AsyncConnection, send: Addressed, at: float) -> None:
    """Put a send into the outbox: it leaves once the transaction has committed."""
    packet = send.packet
    row = {"at": at, "address": send.to, "blob": blob_of(packet), "packet": _encode(packet)}
    await connection.execute(insert(outbox), row)


async def owed(connection: AsyncConnection, limit: int) -> list[tuple[int, Addressed]]:
    """Return sends that no channel has confirmed yet, oldest first."""
    rows = await connection.execute(_owed.limit(limit))
    return [(number, Addressed(address, _decode(packet))) for number, address, packet in rows]


async def sent(connection: AsyncConnection, ids: Sequence[int]) -> None:
    """Forget sends that a channel has confirmed."""
    await connection.execute(delete(outbox).where(outbox.c.id.in_(ids)))


def blob_of(packet: Packet) -> str | None:
    """Return the digest of the body that a packet only claims, if it does."""
    return _claim(packet.body).digest if packet.content == "claim" else None


def _query(where: ParkedFilter) -> tuple[Select[Any], dict[str, Any]]:
    columns = {"state": where.state, "place": where.place, "route": where.route, "failure_class": where.failure_class}
    query = select(parked).order_by(parked.c.at, parked.c.id).limit(where.limit)
    for name, value in columns.items():
        if value is not None:
            query = query.where(parked.c[name] == value)
    given: dict[str, Any] = {}
    if where.ids:
        either = or_(one_of(parked.c.id, "ids"), one_of(parked.c.message_id, "ids"))
        query, given = query.where(either), {"ids": where.ids}
    if where.key is not None:
        named = select(func.count()).where(
            parked_keys.c.folded == fold(where.key), parked_keys.c.parked_id == parked.c.id
        )
        query = query.where(named.scalar_subquery() > 0)
    return query, given


def _row(row: Parked) -> tuple[Any, ...]:
    return (
        row.id,
        row.state,
        clean(row.place),
        clean(row.route),
        clean(row.step),
        clean(row.reason),
        row.failure_class,
        row.fingerprint,
        clean(row.owner),
        clean(row.partner),
        row.at,
        None,
        clean(row.origin),
        row.message_id,
        row.generation,
        clean(row.correlation_id),
        encode_keys(row.keys),
        blob_of(row.packet),
        _encode(row.packet),
    )


def _parked(row: Row[Any]) -> Parked:
    return Parked(
        id=row.id,
        place=row.place,
        reason=row.reason,
        at=row.at,
        origin=row.origin,
        packet=_decode(row.packet),
        message_id=row.message_id,
        generation=row.generation,
        state=row.state,
        failure_class=row.failure_class,
        route=row.route,
        step=row.step,
        owner=row.owner,
        fingerprint=row.fingerprint,
        partner=row.partner,
        correlation_id=row.correlation_id,
        keys=decode_keys(row.keys),
    )
