"""Intake keys: what a sender sent under its own key, and how many of its documents are durable already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast

from msgspec import Struct
from msgspec.structs import astuple, replace
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.message import derive
from esb.records import IntakeKey, Reservation
from esb.stores.answers import recorded
from esb.stores.rows import Bulk, clean, fold, name_of, one_of
from esb.stores.schema import intake_keys
from esb.stores.writer import RacedError


class Kept(Struct, frozen=True):
    """A row of the table, its fields in the order of the columns."""

    id: str
    endpoint: str
    key: str
    folded: str
    digest: str
    message_id: str
    at: float
    until: float
    state: str
    position: int
    release: str


_select = select(intake_keys).where(one_of(intake_keys.c.id, "ids")).order_by(intake_keys.c.id).with_for_update()
_insert = Bulk(intake_keys, "skip")
_replace = Bulk(intake_keys, "replace")


async def reserve(connection: AsyncConnection, keys: Sequence[IntakeKey]) -> list[Reservation]:
    """Answer each key as if one after another; those that are new are reserved when the transaction commits."""
    known = await _find(connection, [_id(key) for key in keys])
    answers, changed = plan_reserve(known, keys)
    await _save(connection, known, changed)
    published = [answer.message_id for answer in answers if answer.state == "published"]
    replies = await recorded(connection, published) if published else {}
    return [
        replace(answer, answer=replies[answer.message_id].decode())
        if answer.state == "published" and answer.message_id in replies
        else answer
        for answer in answers
    ]


async def advance(connection: AsyncConnection, positions: Sequence[tuple[IntakeKey, int, bool]]) -> None:
    """Move positions on, never back; a key that another content has taken over since is left alone."""
    known = await _find(connection, [_id(key) for key, _, _ in positions])
    await _save(connection, known, plan_advance(known, positions))


def plan_reserve(known: Mapping[str, Kept], keys: Sequence[IntakeKey]) -> tuple[list[Reservation], dict[str, Kept]]:
    """Return the answers to the keys and the rows that change, given the rows that are there (pure)."""
    rows, changed, answers = dict(known), dict[str, Kept](), list[Reservation]()
    for key in keys:
        name = _id(key)
        row = rows.get(name)
        if row is None or key.at - row.at >= key.window:
            fresh = rows[name] = changed[name] = _row(name, key, row)
            answers.append(_reservation("new", fresh))
        elif row.digest != key.digest:
            answers.append(_reservation("conflict", row))
        else:
            answers.append(_reservation(cast("Literal['reserved', 'published']", row.state), row))
    return answers, changed


def plan_advance(known: Mapping[str, Kept], positions: Sequence[tuple[IntakeKey, int, bool]]) -> dict[str, Kept]:
    """Return the rows that change (pure)."""
    rows, changed = dict(known), dict[str, Kept]()
    for key, position, published in positions:
        name = _id(key)
        row = rows.get(name)
        if row is None or row.digest != key.digest:
            continue
        moved = replace(row, position=max(row.position, position), state="published" if published else row.state)
        if moved != row:
            rows[name] = changed[name] = moved
    return changed


async def _find(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Kept]:
    rows = await connection.execute(_select, {"ids": sorted(set(ids))})
    return {row.id: Kept(*row) for row in rows}


async def _save(connection: AsyncConnection, known: Mapping[str, Kept], changed: Mapping[str, Kept]) -> None:
    """Write rows: those that were there are locked by us, those that were not may have been inserted meanwhile."""
    new = [astuple(changed[name]) for name in sorted(changed) if name not in known]
    if await _insert.write(connection, new) != len(new):
        raise RacedError
    await _replace.write(connection, [astuple(changed[name]) for name in sorted(changed) if name in known])


def _id(key: IntakeKey) -> str:
    return name_of(key.endpoint, key.key)


def _reservation(state: Literal["new", "reserved", "published", "conflict"], row: Kept) -> Reservation:
    position = 0 if state in ("new", "conflict") else row.position
    return Reservation(state, row.message_id, position, at=row.at, release=row.release)


def _row(name: str, key: IntakeKey, before: Kept | None) -> Kept:
    """Return a new row; after the window of an old one its message gets an id that no ledger knows."""
    return Kept(
        id=name,
        endpoint=clean(key.endpoint),
        key=clean(key.key),
        folded=fold(key.key),
        digest=key.digest,
        message_id=key.message_id if before is None else derive(key.message_id, before.message_id),
        at=key.at,
        until=key.at + key.window,
        state="reserved",
        position=0,
        release=key.release,
    )
