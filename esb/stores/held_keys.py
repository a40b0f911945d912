"""Deduplicate keys in two phases: `reserved` by the message that came first, `done` once that one has passed.

A twin of a reserved key waits, because the first may still be discarded, which frees the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.records import KeyClaim
from esb.stores.answers import insert_answers, recorded
from esb.stores.rows import Bulk, clean, name_of, one_of
from esb.stores.schema import held_keys
from esb.stores.writer import RacedError

FIRST, DUPLICATE, WAIT = b"first", b"duplicate", b"wait"


class Held(Struct, frozen=True):
    """A row of the table, its fields in the order of the columns."""

    id: str
    space: str
    key: str
    owner: str
    message_id: str
    state: str
    at: float
    until: float


_select = select(held_keys).where(one_of(held_keys.c.id, "ids")).order_by(held_keys.c.id).with_for_update()
_insert = Bulk(held_keys, "skip")
_replace = Bulk(held_keys, "replace")
# Rows are locked in the order of their ids, as `claim` does it: two workers then wait for each other, never in a ring.
_reserved = held_keys.c.id.in_(
    select(held_keys.c.id)
    .where(one_of(held_keys.c.owner, "owners"), held_keys.c.state == "reserved")
    .order_by(held_keys.c.id)
    .with_for_update()
)
_confirm = update(held_keys).where(_reserved).values(state="done")
_free = delete(held_keys).where(_reserved)


async def claim(connection: AsyncConnection, claims: Sequence[KeyClaim]) -> list[bytes]:
    """Answer each claim as if one after another; keys and kept answers commit together."""
    told = await recorded(connection, [one.name for one in claims])
    ids = {_id(one) for one in claims if told.get(one.name) != DUPLICATE}
    if not ids:
        return [told[one.name] for one in claims]
    held = {row.id: Held(*row) for row in await connection.execute(_select, {"ids": sorted(ids)})}
    answers, changed, kept = plan_claim(told, held, claims)
    new = [astuple(changed[name]) for name in sorted(changed) if name not in held]
    if await _insert.write(connection, new) != len(new):
        raise RacedError
    await _replace.write(connection, [astuple(changed[name]) for name in sorted(changed) if name in held])
    rows = [(one.name, owner_message(one.owner), one.at, answer) for one, answer in kept]
    if await insert_answers.write(connection, sorted(rows)) != len(rows):
        raise RacedError
    return answers


def plan_claim(
    told: Mapping[str, bytes], held: Mapping[str, Held], claims: Sequence[KeyClaim]
) -> tuple[list[bytes], dict[str, Held], list[tuple[KeyClaim, bytes]]]:
    """Return the answers, the keys that change and the answers to keep, given what is there (pure)."""
    told, held = dict(told), dict(held)
    answers, changed, kept = list[bytes](), dict[str, Held](), list[tuple[KeyClaim, bytes]]()
    for one in claims:
        answer, name = told.get(one.name), _id(one)
        if answer is None or (answer == FIRST and not _still_first(held.get(name), one)):
            before, answer = answer, _judge(held.get(name), one)
            if answer == FIRST and (name not in held or held[name].owner != one.owner):
                held[name] = changed[name] = _row(name, one)
            if answer != WAIT and before is None:  # waiting is no answer: the twin asks again when the first has ended
                told[one.name] = answer
                kept.append((one, answer))
        answers.append(answer)
    return answers, changed, kept


async def confirm(connection: AsyncConnection, owners: Sequence[str]) -> None:
    """Say that these owners have passed: twins of their keys are duplicates from now on."""
    await connection.execute(_confirm, {"owners": owners})


async def free(connection: AsyncConnection, owners: Sequence[str]) -> None:
    """Let go of the keys that these owners reserved and will never confirm."""
    await connection.execute(_free, {"owners": owners})


def owner_message(owner: str) -> str:
    """Return the message id of an owner (`id.generation.route`)."""
    return owner.partition(".")[0]


def _still_first(row: Held | None, one: KeyClaim) -> bool:
    """Return whether a kept `first` still holds: what was freed, or taken over, must be claimed anew."""
    return row is not None and row.owner == one.owner


def _judge(row: Held | None, one: KeyClaim) -> bytes:
    if row is None or row.owner == one.owner:
        return FIRST
    if row.state == "reserved":
        anew = _started_anew(row.owner, one.owner)
        return WAIT if anew is None else FIRST if anew else DUPLICATE
    return DUPLICATE if one.at < row.until else FIRST


def _started_anew(held: str, claims: str) -> bool | None:
    """Return whether the claim is the same message started anew by a person (a later generation); None = another."""
    message, _, rest = held.partition(".")
    other, _, more = claims.partition(".")
    generation, _, route = rest.partition(".")
    later, _, same = more.partition(".")
    if (message, route) != (other, same) or not (generation.isdigit() and later.isdigit()):
        return None
    return int(later) > int(generation)


def _id(one: KeyClaim) -> str:
    return name_of(one.space, one.key)


def _row(name: str, one: KeyClaim) -> Held:
    return Held(
        id=name,
        space=clean(one.space),
        key=clean(one.key),
        owner=one.owner,
        message_id=owner_message(one.owner),
        state="reserved",
        at=one.at,
        until=one.at + one.keep,
    )
