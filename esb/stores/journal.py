"""The journal: what happened to each message, inserted once, found by business key, id or file name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, Select, bindparam, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.message import BusinessKey, derive
from esb.records import Record
from esb.stores.rows import Bulk, clean, fold, one_of
from esb.stores.schema import intake_keys, journal, message_keys

_MOST = 5000
"""Records of one history: beyond that a person reads no more, and siblings of a huge file would fill the memory."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[BusinessKey, ...]).decode

_insert = Bulk(journal, "skip", omit="sequence", key="id")
_insert_keys = Bulk(message_keys, "skip")
_columns = [column for column in journal.columns if column.name != "sequence"]
# `+ 0`: SQLite would rather walk the whole journal in the order of `at` than sort the few rows that are wanted.
_newest = select(*_columns).order_by((journal.c.at + 0).desc(), journal.c.id.desc())
_of_messages = _newest.where(one_of(journal.c.message_id, "ids"))
_of_family = _newest.where(
    journal.c.sequence.in_(
        union(
            select(journal.c.sequence).where(one_of(journal.c.message_id, "ids")),
            select(journal.c.sequence).where(one_of(journal.c.correlation_id, "ids")),
        )
    )
)
_carriers = (
    select(message_keys.c.message_id, message_keys.c.value)
    .where(message_keys.c.folded == bindparam("folded"))
    .order_by(message_keys.c.at.desc(), message_keys.c.message_id)
)
_intakes = (
    select(intake_keys.c.message_id, intake_keys.c.key)
    .where(intake_keys.c.folded == bindparam("folded"))
    .order_by(intake_keys.c.at.desc(), intake_keys.c.id)
)
_begun = (
    select(journal.c.message_id)
    .distinct()
    .where(journal.c.message_id >= bindparam("first"), journal.c.message_id < bindparam("after"))
    .limit(bindparam("most"))
)
_BEGINNING = re.compile(r"[0-9a-f]{8,31}")
"""The beginning of an id, as tables show it: long enough to name few, too short to be one."""
_taken = select(intake_keys).where(one_of(intake_keys.c.message_id, "ids"))


async def append(connection: AsyncConnection, records: Sequence[Record]) -> None:
    """Insert the records that are not there yet."""
    await _insert.write(connection, sorted([_row(record) for record in records]))
    keys: dict[tuple[str, str, str], float] = {}
    for record in records:
        for term, message_id in _terms(record):
            keys.setdefault((fold(term), clean(term)[:200], message_id), record.at)
    await _insert_keys.write(connection, sorted([(*key, at) for key, at in keys.items()]))


async def search(connection: AsyncConnection, key: str, limit: int) -> list[Record]:
    """Return the newest `limit` records of messages known by this key: as it is written first, then in any case.

    Each of the two runs in the order of time. The key is a business key's value, the name or the sender's key of a
    delivery, a message id (or its beginning, if nothing else is called so) or a correlation id.
    """
    if not key or limit < 1:
        return []
    named = [
        (message_id, value == clean(key)[:200])
        for query in (_carriers, _intakes)
        for message_id, value in await connection.execute(query.limit(limit), {"folded": fold(key)})
    ]
    exact = {message_id for message_id, same in named if same} | {key}
    folded = {message_id for message_id, _ in named} | {key.lower()}
    found = await _family(connection, exact, limit)
    if len(found) < limit and folded - exact:
        seen = {record.id for record in found}
        more = [record for record in await _family(connection, folded - exact, limit) if record.id not in seen]
        found += more[-(limit - len(found)) :]
    if not found and _BEGINNING.fullmatch(key):
        begun = await connection.execute(_begun, {"first": key, "after": f"{key}g", "most": limit})
        found = await _family(connection, {row.message_id for row in begun}, limit)
    return found


async def history(connection: AsyncConnection, message_id: str) -> list[Record]:
    """Return what happened to a message, to what was derived from it and to its siblings, in the order of time."""
    found = await _descend(connection, {message_id})
    related = {record.correlation_id for record in found.values() if record.correlation_id} | {message_id}
    for record in await _family(connection, related, _MOST):
        found.setdefault(record.id, record)
    return sorted(found.values(), key=_by_time)


async def _descend(connection: AsyncConnection, ids: set[str]) -> dict[str, Record]:
    """Return the records of messages and of their children, children's children and so on."""
    found: dict[str, Record] = {}
    seen: set[str] = set()
    while ids and len(found) < _MOST:
        seen |= ids
        records = await _with_intakes(connection, await _fetch(connection, _of_messages, ids, _MOST), ids)
        found.update((record.id, record) for record in records)
        ids = {record.child for record in records if record.child} - seen
    return found


async def _family(connection: AsyncConnection, ids: Iterable[str], limit: int) -> list[Record]:
    """Return the newest records whose message or correlation is one of these, oldest of them first."""
    found = await _with_intakes(connection, await _fetch(connection, _of_family, ids, limit), ids)
    return sorted(found, key=_by_time)[-limit:]


async def _fetch(connection: AsyncConnection, query: Select[Any], ids: Iterable[str], limit: int) -> list[Record]:
    rows = await connection.execute(query.limit(limit), {"ids": sorted(clean(one) for one in ids)})
    return [_record(row) for row in rows]


async def _with_intakes(connection: AsyncConnection, records: list[Record], ids: Iterable[str]) -> list[Record]:
    """Add the intake key as the first line of a delivery that the recorder has not written down yet.

    So that a message that was just accepted is always found, however far behind the recorder is.
    """
    written = {record.message_id for record in records if record.kind == "received"}
    rows = await connection.execute(_taken, {"ids": sorted(clean(one) for one in ids)})
    return records + [_first_line(row) for row in rows if row.message_id not in written]


def encode_keys(keys: tuple[BusinessKey, ...]) -> str:
    """Return business keys as one text."""
    if not keys:
        return "[]"
    try:
        return _encode(keys).decode()
    except UnicodeEncodeError:  # half a surrogate pair, from a file name or a broken sender
        return _encode([BusinessKey(clean(key.kind), clean(key.value), clean(key.scope)) for key in keys]).decode()


def decode_keys(text: str) -> tuple[BusinessKey, ...]:
    """Return the business keys of a text."""
    return _decode(text) if text != "[]" else ()


def _terms(record: Record) -> Iterable[tuple[str, str]]:
    """Return what a person may know a message by, and which message.

    What a delivery is told to hold has its keys for itself: order 1 of a file must not find the file's other orders.
    """
    received = record.kind == "received"
    for key in record.keys:
        yield key.value, record.child if received and record.child else record.message_id
    if received and record.text:
        yield record.text, record.message_id  # the name of the file


def _by_time(record: Record) -> tuple[float, str]:
    return record.at, record.id


def _first_line(row: Row[Any]) -> Record:
    return Record(
        id=derive("intake", row.id, row.message_id),
        kind="received",
        message_id=row.message_id,
        at=row.at,
        place=row.endpoint,
        text=row.key,
    )


def _row(record: Record) -> tuple[Any, ...]:
    return (
        record.id,
        record.kind,
        record.message_id,
        record.at,
        record.generation,
        record.attempt,
        clean(record.route),
        clean(record.place),
        clean(record.text),
        record.child,
        clean(record.correlation_id),
        clean(record.partner),
        encode_keys(record.keys),
    )


def _record(row: Row[Any]) -> Record:
    return Record(
        id=row.id,
        kind=row.kind,
        message_id=row.message_id,
        at=row.at,
        generation=row.generation,
        attempt=row.attempt,
        route=row.route,
        place=row.place,
        text=row.text,
        child=row.child,
        correlation_id=row.correlation_id,
        partner=row.partner,
        keys=decode_keys(row.keys),
    )
