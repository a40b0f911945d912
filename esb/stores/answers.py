"""Recorded answers: the first answer to an ask is its answer for ever (the law of asks)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from esb.stores.rows import Bulk, one_of
from esb.stores.schema import answers

insert_answers = Bulk(answers, "skip")
_select = select(answers.c.name, answers.c.answer).where(one_of(answers.c.name, "names"))


async def recorded(connection: AsyncConnection, names: Sequence[str]) -> dict[str, bytes]:
    """Return the answers that are there, by ask name."""
    rows = await connection.execute(_select, {"names": names})
    return {name: bytes(answer) for name, answer in rows}


async def record(
    connection: AsyncConnection, given: Mapping[str, bytes], message_ids: Mapping[str, str], at: float
) -> dict[str, bytes]:
    """Keep the answers that are first under their name; return for every name the one that is kept."""
    rows = [(name, message_ids.get(name, ""), at, answer) for name, answer in sorted(given.items())]
    if await insert_answers.write(connection, rows) == len(rows):
        return dict(given)
    return await recorded(connection, list(given))
