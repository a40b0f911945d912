"""The delivery ledger: how far each (endpoint, output, generation) came; `done` is final."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.records import LedgerEntry, LedgerKey
from esb.stores.rows import Bulk, clean, name_of, one_of
from esb.stores.schema import ledger
from esb.stores.writer import RacedError

_select = select(ledger).where(one_of(ledger.c.id, "ids"))
_lock = _select.order_by(ledger.c.id).with_for_update()
_insert = Bulk(ledger, "skip")
_replace = Bulk(ledger, "replace")


async def intend(connection: AsyncConnection, entries: Sequence[LedgerEntry]) -> list[LedgerEntry | None]:
    """Write what is about to be sent; return for each what was known before, None for a first attempt."""
    known = await _locked(connection, entries)
    before, after = plan_intend(known, entries)
    await _save(connection, known, after)
    return before


async def conclude(connection: AsyncConnection, entries: Sequence[LedgerEntry]) -> None:
    """Write how deliveries ended."""
    known = await _locked(connection, entries)
    await _save(connection, known, plan_conclude(known, entries))


async def find(connection: AsyncConnection, keys: Sequence[LedgerKey]) -> dict[LedgerKey, LedgerEntry]:
    """Return what is known of these deliveries."""
    rows = await connection.execute(_select, {"ids": [_id(key) for key in keys]})
    found = {row.id: _entry(row) for row in rows}
    return {key: found[_id(key)] for key in keys if _id(key) in found}


def plan_intend(
    known: Mapping[LedgerKey, LedgerEntry], entries: Sequence[LedgerEntry]
) -> tuple[list[LedgerEntry | None], dict[LedgerKey, LedgerEntry]]:
    """Return the entries before and those that change, as if one after another (pure)."""
    rows, changed, before = dict(known), dict[LedgerKey, LedgerEntry](), list[LedgerEntry | None]()
    for entry in entries:
        row = rows.get(entry.key)
        before.append(row)
        if row is None or not (row.state == "done" or _is_under_way(row, entry.at, entry.lease)):
            rows[entry.key] = changed[entry.key] = LedgerEntry(
                entry.key, "intent", entry.attempt, entry.at, entry.detail
            )
    return before, changed


def _is_under_way(row: LedgerEntry, now: float, lease: float) -> bool:
    """Return whether an intent may still be somebody's call: it is not noted as failed, and it is young."""
    return row.state == "intent" and not row.detail and abs(now - row.at) < lease


def plan_conclude(
    known: Mapping[LedgerKey, LedgerEntry], entries: Sequence[LedgerEntry]
) -> dict[LedgerKey, LedgerEntry]:
    """Return the entries that change (pure): what is done stays done, however late another worker's word comes.

    A failure noted before somebody intended anew says nothing about that later attempt and is ignored.
    """
    rows, changed = dict(known), dict[LedgerKey, LedgerEntry]()
    for entry in entries:
        row = rows.get(entry.key)
        if row is None or (row.state != "done" and (entry.state == "done" or entry.at >= row.at)):
            rows[entry.key] = changed[entry.key] = entry
    return changed


async def _locked(connection: AsyncConnection, entries: Sequence[LedgerEntry]) -> dict[LedgerKey, LedgerEntry]:
    keys = {_id(entry.key): entry.key for entry in entries}
    rows = await connection.execute(_lock, {"ids": sorted(keys)})
    return {keys[row.id]: _entry(row) for row in rows}


async def _save(
    connection: AsyncConnection,
    known: Mapping[LedgerKey, LedgerEntry],
    changed: Mapping[LedgerKey, LedgerEntry],
) -> None:
    new = [_row(entry) for key, entry in changed.items() if key not in known]
    if await _insert.write(connection, sorted(new)) != len(new):
        raise RacedError
    await _replace.write(connection, sorted(_row(entry) for key, entry in changed.items() if key in known))


def _id(key: LedgerKey) -> str:
    return name_of(key.endpoint, key.message_id, key.generation)


def _row(entry: LedgerEntry) -> tuple[Any, ...]:
    key = entry.key
    return (
        _id(key),
        clean(key.endpoint),
        key.message_id,
        key.generation,
        entry.state,
        entry.attempt,
        entry.at,
        clean(entry.detail),
    )


def _entry(row: Row[Any]) -> LedgerEntry:
    key = LedgerKey(row.endpoint, row.message_id, row.generation)
    return LedgerEntry(key, row.state, row.attempt, row.at, row.detail)
