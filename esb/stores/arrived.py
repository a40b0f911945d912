"""Interchanges that came: a number that comes again is a retransmission if all of it is the same, else a duplicate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.edge import Interchange
from esb.message import derive
from esb.stores.rows import Bulk, clean, name_of, one_of
from esb.stores.schema import arrived
from esb.stores.writer import RacedError
from esb.trading import Arrival, Meeting


class Kept(Struct, frozen=True):
    """A row of the table, its fields in the order of the columns."""

    id: str
    base: str
    content: str
    dialect: str
    sender: str
    receiver: str
    number: str
    digest: str
    endpoint: str
    owner: str
    state: str
    at: float
    until: float


_lock = select(arrived).where(one_of(arrived.c.id, "ids")).order_by(arrived.c.id).with_for_update()
_alike = select(arrived).where(one_of(arrived.c.content, "contents")).order_by(arrived.c.at, arrived.c.id).limit(1000)
_insert = Bulk(arrived, "skip")
_replace = Bulk(arrived, "replace")
_finish = (
    update(arrived)
    .where(
        arrived.c.id.in_(
            select(arrived.c.id)
            .where(one_of(arrived.c.base, "bases"), arrived.c.state == "open")
            .order_by(arrived.c.id)
            .with_for_update()
        )
    )
    .values(state="done")
)


async def meet(connection: AsyncConnection, arrivals: Sequence[Arrival]) -> list[Meeting]:
    """Say of each interchange whether it came before, as if one after another; what is new is remembered."""
    ids = sorted({_id(one.interchange) for one in arrivals})
    known = {row.id: Kept(*row) for row in await connection.execute(_lock, {"ids": ids})}
    contents = sorted({_content(one.interchange) for one in arrivals})
    alike = [Kept(*row) for row in await connection.execute(_alike, {"contents": contents})]
    met, changed = plan_meet(known, alike, arrivals)
    new = [astuple(changed[name]) for name in sorted(changed) if name not in known]
    if await _insert.write(connection, new) != len(new):
        raise RacedError
    await _replace.write(connection, [astuple(changed[name]) for name in sorted(changed) if name in known])
    return met


async def finish(connection: AsyncConnection, bases: Sequence[str]) -> None:
    """Note that all of these interchanges is durable: from now on they are only answered."""
    await connection.execute(_finish, {"bases": bases})


def plan_meet(
    known: Mapping[str, Kept], alike: Sequence[Kept], arrivals: Sequence[Arrival]
) -> tuple[list[Meeting], dict[str, Kept]]:
    """Return what is said of each and the rows that change, given what is there (pure).

    One that was cut before it was durable is taken up by whoever brings it: it makes the same messages again.
    """
    rows, changed, met = dict(known), dict[str, Kept](), list[Meeting]()
    for one in arrivals:
        name = _id(one.interchange)
        row = rows.get(name)
        if row is None or one.at - row.at >= one.window:
            fresh = rows[name] = changed[name] = _row(name, one, row)
            met.append(Meeting("new", fresh.base, one.at, _copy_of(fresh, [*alike, *changed.values()])))
        elif row.digest != one.interchange.digest:
            met.append(Meeting("other", row.base, row.at))
        elif row.state == "open" or row.owner == one.owner:
            met.append(Meeting("new", row.base, row.at, _copy_of(row, [*alike, *changed.values()])))
        else:
            met.append(Meeting("again", row.base, row.at))
    return met, changed


def _copy_of(row: Kept, others: Sequence[Kept]) -> str:
    """Return the number under which the same content came before, if it did."""
    before = (one for one in others if one.content == row.content and one.id != row.id and one.at <= row.at)
    return next((one.number for one in before), "")


def _id(one: Interchange) -> str:
    return name_of(one.dialect, one.sender, one.receiver, one.number)


def _content(one: Interchange) -> str:
    return name_of(one.dialect, one.sender, one.receiver, one.content)


def _row(name: str, one: Arrival, before: Kept | None) -> Kept:
    """Return a new row; after the window of an old one its messages get ids that no ledger knows."""
    came = one.interchange
    parts = (came.dialect, came.sender, came.receiver, came.number, came.digest)
    return Kept(
        id=name,
        base=derive("interchange", *parts, *(() if before is None else (before.base,))),
        content=_content(came),
        dialect=came.dialect,
        sender=clean(came.sender),
        receiver=clean(came.receiver),
        number=clean(came.number),
        digest=came.digest,
        endpoint=clean(one.endpoint),
        owner=one.owner,
        state="open",
        at=one.at,
        until=one.at + one.window,
    )
