from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from esb.runtime.clock import SystemClock
from esb.runtime.coalesce import Coalesce


async def test_calls_that_arrive_while_one_is_under_way_go_together():
    groups: list[list[int]] = []
    gate = asyncio.Event()

    async def work(items: Sequence[int]) -> Sequence[int]:
        groups.append(list(items))
        await gate.wait()
        return [item * 10 for item in items]

    together = Coalesce[int, int](SystemClock(), work, 100)
    calls = [asyncio.create_task(together(number)) for number in range(5)]
    while not groups:
        await asyncio.sleep(0)
    calls += [asyncio.create_task(together(number)) for number in range(5, 8)]
    gate.set()
    answers = await asyncio.gather(*calls)

    assert answers == [number * 10 for number in range(8)]
    assert len(groups) <= 3


async def test_a_failure_fails_those_who_shared_the_trip_and_nobody_after():
    broken = True

    async def work(items: Sequence[int]) -> Sequence[int]:
        if broken:
            raise ConnectionError("down")
        return list(items)

    together = Coalesce[int, int](SystemClock(), work, 100)
    failed = await asyncio.gather(together(1), together(2), return_exceptions=True)
    broken = False

    assert all(isinstance(error, ConnectionError) for error in failed)
    assert await together(3) == 3


async def test_no_group_is_larger_than_it_may_be():
    sizes: list[int] = []

    async def work(items: Sequence[int]) -> Sequence[int]:
        sizes.append(len(items))
        await asyncio.sleep(0)
        return list(items)

    together = Coalesce[int, int](SystemClock(), work, 3)
    await asyncio.gather(*(together(number) for number in range(10)))

    assert max(sizes) <= 3
    assert sum(sizes) == 10


async def test_a_caller_that_gave_up_does_not_disturb_the_others():
    gate = asyncio.Event()

    async def work(items: Sequence[int]) -> Sequence[int]:
        await gate.wait()
        return list(items)

    together = Coalesce[int, int](SystemClock(), work, 10)
    left, stayed = asyncio.create_task(together(1)), asyncio.create_task(together(2))
    await asyncio.sleep(0)
    left.cancel()
    gate.set()

    assert await stayed == 2
    with pytest.raises(asyncio.CancelledError):
        await left
