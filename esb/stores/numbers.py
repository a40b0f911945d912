"""Control numbers: each line of them rises by one, and a number is taken with the name of who bears it.

The number and the answer that tells it commit together: whoever asks again gets the number it had, and no other ever
gets that one, whatever was killed in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.message import Scope
from esb.records import Record
from esb.stores.answers import insert_answers, recorded
from esb.stores.journal import append
from esb.stores.rows import Bulk, clean, name_of, one_of
from esb.stores.schema import numbers
from esb.stores.writer import RacedError
from esb.trading import Counter, NumberClaim

_select = select(numbers).where(one_of(numbers.c.id, "ids")).order_by(numbers.c.id).with_for_update()
_every = select(numbers).order_by(
    numbers.c.dialect, numbers.c.partner, numbers.c.ours, numbers.c.level.desc(), numbers.c.kind
)
_insert = Bulk(numbers, "skip")
_replace = Bulk(numbers, "replace")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[int, ...]).decode


async def take(connection: AsyncConnection, claims: Sequence[NumberClaim]) -> list[tuple[int, ...]]:
    """Answer each claim as if one after another; counters and kept answers commit together."""
    told = {name: _decode(kept) for name, kept in (await recorded(connection, [one.name for one in claims])).items()}
    missing = [one for one in claims if one.name not in told]
    if not missing:
        return [told[one.name] for one in claims]
    ids = sorted({id_of(scope) for one in missing for scope in one.scopes})
    known = {row.id: _counter(row) for row in await connection.execute(_select, {"ids": ids})}
    told, changed = plan_take(told, known, missing)
    await _save(connection, known, changed)
    fresh = {one.name: (one.name, one.message_id, one.at, _encode(told[one.name])) for one in missing}
    rows = sorted(fresh.values())
    if await insert_answers.write(connection, rows) != len(rows):
        raise RacedError
    return [told[one.name] for one in claims]


def plan_take(
    told: Mapping[str, tuple[int, ...]], known: Mapping[str, Counter], claims: Sequence[NumberClaim]
) -> tuple[dict[str, tuple[int, ...]], dict[str, Counter]]:
    """Return what each name is told and the counters that change, given what is there (pure)."""
    told, changed = dict(told), dict[str, Counter]()
    for one in claims:
        if one.name in told:
            continue
        taken = []
        for scope in one.scopes:
            name = id_of(scope)
            counter = changed.get(name) or known.get(name)
            number = counter.next if counter is not None else 1
            taken.append(number)
            changed[name] = Counter(scope, 1 if number >= 10**scope.width - 1 else number + 1, one.at)
        told[one.name] = tuple(taken)
    return told, changed


async def every(connection: AsyncConnection) -> list[Counter]:
    """Return all counters, those of one partner together."""
    return [_counter(row) for row in await connection.execute(_every)]


async def put(connection: AsyncConnection, counter: Counter, record: Record) -> None:
    """Set what the next number is; who did it and why commits with it."""
    name = id_of(counter.scope)
    known = {row.id: _counter(row) for row in await connection.execute(_select, {"ids": [name]})}
    await _save(connection, known, {name: counter})
    await append(connection, [record])


def id_of(scope: Scope) -> str:
    """Return the id of a line of numbers; its width is no part of it."""
    return name_of(scope.dialect, scope.level, scope.ours, scope.partner, scope.kind)


async def _save(connection: AsyncConnection, known: Mapping[str, Counter], changed: Mapping[str, Counter]) -> None:
    new = [_row(changed[name]) for name in sorted(changed) if name not in known]
    if await _insert.write(connection, new) != len(new):
        raise RacedError
    await _replace.write(connection, [_row(changed[name]) for name in sorted(changed) if name in known])


def _row(counter: Counter) -> tuple[Any, ...]:
    scope = counter.scope
    parties = clean(scope.ours), clean(scope.partner), clean(scope.kind)
    return (id_of(scope), scope.dialect, scope.level, *parties, scope.width, counter.next, counter.at)


def _counter(row: Row[Any]) -> Counter:
    scope = Scope(row.dialect, row.level, row.ours, row.partner, row.kind, row.width)
    return Counter(scope, row.next, row.at)
