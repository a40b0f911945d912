"""What left under a control number: the message that bore it, its bytes by digest, and what the partner said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.envelope import Packet
from esb.message import Scope
from esb.stores.journal import append
from esb.stores.parking import blob_of, park
from esb.stores.rows import Bulk, clean, name_of, one_of
from esb.stores.schema import filed, parked
from esb.stores.writer import RacedError
from esb.trading import Filed, FiledFilter, Judgment

_encode = msgspec.msgpack.Encoder(enc_hook=dict).encode
_decode = msgspec.msgpack.Decoder(Packet).decode
_lock = select(filed).where(one_of(filed.c.id, "ids")).order_by(filed.c.id).with_for_update()
_insert = Bulk(filed, "skip")
_replace = Bulk(filed, "replace")


async def file(connection: AsyncConnection, rows: Sequence[Filed]) -> None:
    """Keep what leaves; a number that another message bears by now (they wrap, they are reset) is that one's."""
    given = {id_of(row.scope, row.number): row for row in rows}
    known = await _locked(connection, list(given))
    changed = {name: row for name, row in given.items() if _is_new(known.get(name), row)}
    await _save(connection, known, changed)


async def find(connection: AsyncConnection, where: FiledFilter) -> list[Filed]:
    """Return the rows that match every field that is set, oldest first."""
    query, given = _query(where)
    return [_filed(row) for row in await connection.execute(query, given)]


async def judge(connection: AsyncConnection, judgments: Sequence[Judgment]) -> list[bool]:
    """Apply judgments one after another, each with its records and what it parks or closes."""
    known = await _locked(connection, [id_of(one.filed.scope, one.filed.number) for one in judgments])
    rows, applied = dict(known), list[bool]()
    for one in judgments:
        name = id_of(one.filed.scope, one.filed.number)
        row = rows.get(name)
        fits = row is not None and row.message_id == one.filed.message_id and row.state in one.before
        applied.append(fits)
        if fits:
            rows[name] = one.filed
    await _save(connection, known, {name: row for name, row in rows.items() if row != known[name]})
    chosen = [one for one, fits in zip(judgments, applied, strict=True) if fits]
    await park(connection, [one.exception for one in chosen if one.exception is not None])
    for one in sorted(chosen, key=lambda one: one.closes):
        if one.closes:
            over = update(parked).where(parked.c.id == one.closes, parked.c.state == "open")
            await connection.execute(over.values(state="discarded", decided=one.filed.told_at))
    await append(connection, [record for one in chosen for record in one.records])
    return applied


def id_of(scope: Scope, number: int) -> str:
    """Return the id of something that bears a number."""
    return name_of(scope.dialect, scope.level, scope.ours, scope.partner, scope.kind, number)


def _is_new(known: Filed | None, row: Filed) -> bool:
    return known is None or known.message_id != row.message_id


async def _locked(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Filed]:
    return {row.id: _filed(row) for row in await connection.execute(_lock, {"ids": sorted(set(ids))})}


async def _save(connection: AsyncConnection, known: Mapping[str, Filed], changed: Mapping[str, Filed]) -> None:
    new = [_row(name, changed[name]) for name in sorted(changed) if name not in known]
    if await _insert.write(connection, new) != len(new):
        raise RacedError
    await _replace.write(connection, [_row(name, changed[name]) for name in sorted(changed) if name in known])


def _query(where: FiledFilter) -> tuple[Select[Any], dict[str, Any]]:
    query = select(filed).order_by(filed.c.at, filed.c.id).limit(where.limit)
    given: dict[str, Any] = {}
    if where.numbers:
        query = query.where(one_of(filed.c.id, "ids"))
        given["ids"] = [id_of(scope, number) for scope, number in where.numbers]
    if where.message_ids:
        query = query.where(one_of(filed.c.message_id, "messages"))
        given["messages"] = where.message_ids
    if where.answers:
        query = query.where(filed.c.answers == where.answers)
    if where.state is not None:
        query = query.where(filed.c.state == where.state)
    if where.due is not None:
        query = query.where(filed.c.due <= where.due)
    return query, given


def _row(name: str, row: Filed) -> tuple[Any, ...]:
    scope = row.scope
    return (
        name,
        scope.dialect,
        scope.level,
        clean(scope.ours),
        clean(scope.partner),
        clean(scope.kind),
        row.number,
        clean(row.endpoint),
        row.message_id,
        row.answers,
        blob_of(row.packet) or "",
        _encode(row.packet),
        row.at,
        row.due,
        row.state,
        clean(row.told),
        row.told_at,
    )


def _filed(row: Row[Any]) -> Filed:
    return Filed(
        scope=Scope(row.dialect, row.level, row.ours, row.theirs, row.kind),
        number=row.number,
        endpoint=row.endpoint,
        message_id=row.message_id,
        packet=_decode(row.packet),
        at=row.at,
        answers=row.answers,
        due=row.due,
        state=row.state,
        told=row.told,
        told_at=row.told_at,
    )
