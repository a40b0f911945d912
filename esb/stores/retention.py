"""Forgetting: rows whose time is over, in small transactions, and nothing that an open parked message needs."""

from __future__ import annotations

from sqlalchemy import Column, ColumnElement, Delete, Table, and_, delete, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.stores.schema import (
    answers,
    arrived,
    batched,
    blobs,
    filed,
    held_keys,
    intake_keys,
    journal,
    leases,
    ledger,
    message_keys,
    outbox,
    parked,
)

CHUNK = 2000
"""Rows of one transaction: writers wait no longer for it than for each other."""


def expired(before: float) -> list[Delete]:
    """Return what bounds the twins of a message: answers, keys, deliveries that are done, decisions carried out."""
    return [
        _some(answers, answers.c.name, answers.c.at < before, _unneeded(answers.c.message_id)),
        _some(intake_keys, intake_keys.c.id, intake_keys.c.until <= before, _unneeded(intake_keys.c.message_id)),
        _some(
            held_keys,
            held_keys.c.id,
            held_keys.c.until <= before,
            held_keys.c.state == "done",
            _unneeded(held_keys.c.message_id),
        ),
        _some(ledger, ledger.c.id, ledger.c.at < before, ledger.c.state == "done", _unneeded(ledger.c.message_id)),
        _some(parked, parked.c.id, parked.c.decided < before, parked.c.state.in_(["released", "retried"])),
        _some(arrived, arrived.c.id, arrived.c.until <= before),
        _some(batched, batched.c.id, batched.c.at < before, batched.c.state == "sent"),
        _some(leases, leases.c.name, leases.c.until < before),
    ]


def historical(before: float) -> list[Delete]:
    """Return what people may still look up: history, large bodies, discarded messages, deliveries in doubt."""
    pinned = or_(
        *(_has(table, table.c.blob == blobs.c.digest) for table in (parked, outbox, batched, filed)),
    )
    return [
        _some(parked, parked.c.id, parked.c.decided < before, parked.c.state == "discarded"),
        _some(
            ledger,
            ledger.c.id,
            ledger.c.at < before,
            ledger.c.state.in_(["intent", "unknown"]),
            _unneeded(ledger.c.message_id),
        ),
        _some(
            journal,
            journal.c.sequence,
            journal.c.at < before,
            _unneeded(journal.c.message_id),
            or_(journal.c.correlation_id == "", _unneeded(journal.c.correlation_id, parked.c.correlation_id)),
        ),
        _some(
            message_keys, message_keys.c.message_id, message_keys.c.at < before, _unneeded(message_keys.c.message_id)
        ),
        _some(filed, filed.c.id, filed.c.at < before, _unneeded(filed.c.message_id)),
        _some(blobs, blobs.c.digest, blobs.c.at < before, ~pinned),
    ]


async def chunk(connection: AsyncConnection, query: Delete) -> int:
    """Remove some rows; return how many."""
    return (await connection.execute(query)).rowcount


def _some(table: Table, key: Column[object], *conditions: ColumnElement[bool]) -> Delete:
    # The first condition is the age. It stands outside too, because a key may have younger rows beside the old ones.
    return delete(table).where(conditions[0], key.in_(select(key).where(and_(*conditions)).limit(CHUNK)))


def _unneeded(message_id: Column[str], wanted: Column[str] = parked.c.message_id) -> ColumnElement[bool]:
    return ~_has(parked, wanted == message_id, parked.c.state == "open")


def _has(table: Table, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(select(table.c.id).where(*conditions))
