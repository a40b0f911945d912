from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from esb.stores import postgres, sqlite
from esb.stores.writer import RacedError, Writer


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    path = tmp_path / "store.db"
    sqlite.prepare(path)
    writing, reading = sqlite.engines(path)
    async with writing.begin() as connection:
        await connection.execute(text("CREATE TABLE seen (number INTEGER PRIMARY KEY, run INTEGER)"))
    yield writing
    await writing.dispose()
    await reading.dispose()


async def rows(engine: AsyncEngine) -> list[tuple[int, int]]:
    async with engine.begin() as connection:
        return [tuple(row) for row in await connection.execute(text("SELECT number, run FROM seen ORDER BY number"))]


def insert(number: int, transactions: list[object]):
    async def work(connection: AsyncConnection) -> int:
        transactions.append(connection.sync_connection.get_transaction())
        await connection.execute(text(f"INSERT INTO seen VALUES ({number}, {len(transactions)})"))
        return number

    return work


async def test_writes_that_wait_together_share_a_transaction(engine: AsyncEngine):
    writer, transactions = Writer(engine, 1, 64, sqlite.trouble), []

    results = await asyncio.gather(*(writer.run(insert(number, transactions)) for number in range(40)))

    assert results == list(range(40))
    assert len(await rows(engine)) == 40
    assert len({id(one) for one in transactions}) <= 3


async def test_a_write_that_fails_fails_alone(engine: AsyncEngine):
    writer, transactions = Writer(engine, 1, 64, sqlite.trouble), []
    numbers = [1, 2, 2, 3, 4]

    results = await asyncio.gather(*(writer.run(insert(n, transactions)) for n in numbers), return_exceptions=True)

    assert [type(result) if isinstance(result, Exception) else result for result in results].count(2) == 1
    assert sum(isinstance(result, Exception) for result in results) == 1
    assert [number for number, _ in await rows(engine)] == [1, 2, 3, 4]


async def test_a_caller_that_is_cancelled_does_not_disturb_those_it_shares_with(engine: AsyncEngine):
    writer, transactions = Writer(engine, 1, 64, sqlite.trouble), []
    calls = [asyncio.create_task(writer.run(insert(number, transactions))) for number in range(10)]
    await asyncio.sleep(0)

    for call in calls[::2]:
        call.cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    await writer.close()

    assert [result for result in results if isinstance(result, int)] == [1, 3, 5, 7, 9]
    assert {1, 3, 5, 7, 9} <= {number for number, _ in await rows(engine)}


async def test_a_lost_race_is_run_again_and_leaves_nothing_of_the_first_run(engine: AsyncEngine):
    writer, runs = Writer(engine, 1, 64, sqlite.trouble), []

    async def work(connection: AsyncConnection) -> int:
        runs.append(1)
        await connection.execute(text(f"INSERT INTO seen VALUES ({len(runs)}, 1)"))
        if len(runs) < 3:
            raise RacedError
        return len(runs)

    assert await writer.run(work) == 3
    assert await rows(engine) == [(3, 1)]


async def test_when_the_database_is_out_of_reach_those_that_wait_are_told_at_once():
    opened = []

    async def refuse() -> None:
        opened.append(1)
        raise ConnectionRefusedError("nobody there")

    engine = create_async_engine("postgresql+asyncpg://", async_creator=refuse)
    writer = Writer(engine, 1, 1, postgres.trouble)

    results = await asyncio.gather(*(writer.run(insert(n, [])) for n in range(50)), return_exceptions=True)

    assert {type(result) for result in results} == {ConnectionRefusedError}
    assert len(opened) == 1
    await engine.dispose()


async def test_a_writer_that_was_idle_writes_again(engine: AsyncEngine):
    writer, transactions = Writer(engine, 1, 64, sqlite.trouble), []

    for number in range(3):
        assert await writer.run(insert(number, transactions)) == number


async def test_closing_waits_for_what_was_handed_in(engine: AsyncEngine):
    writer, transactions = Writer(engine, 1, 64, sqlite.trouble), []
    calls = [asyncio.create_task(writer.run(insert(number, transactions))) for number in range(5)]
    await asyncio.sleep(0)

    await writer.close()

    assert all(call.done() or len(transactions) == 5 for call in calls)
    assert len(await rows(engine)) == 5
    await asyncio.gather(*calls)
