from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from esb.envelope import Ack, Addressed, Delivery, pack
from esb.errors import ChannelError, StoreError
from esb.message import Message
from esb.runtime.lending import Lending

NAME = "route/orders"


def packets(count: int) -> list[Addressed]:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    return [Addressed(NAME, pack(Message(id=f"{n:032}", body={"n": n}, received=now))) for n in range(count)]


async def worked(rig: Any, work: Any, done: Any, parallel: int = 1, prefetch: int = 0) -> None:
    """Lend to `work` until `done` says so, then stop."""
    lending = Lending(rig.bus, NAME, work, parallel, prefetch)
    running = asyncio.create_task(lending.run())
    async with asyncio.timeout(20):
        while not done():
            await asyncio.sleep(0.01)
    await lending.stop()
    await asyncio.wait_for(running, 10)


async def test_a_batch_that_fails_is_lent_again(rigged: Any):
    rig, tries = await rigged(), []

    async def work(batch: Sequence[Delivery]) -> tuple[()]:
        tries.append([delivery.packet.id for delivery in batch])
        if len(tries) == 1:
            raise StoreError("away")
        await rig.bus.channel.settle([Ack(delivery) for delivery in batch])
        return ()

    await rig.bus.channel.publish(packets(3))
    await worked(rig, work, lambda: sum(map(len, tries)) >= 6)

    assert sorted(name for batch in tries[1:] for name in batch) == [f"{n:032}" for n in range(3)]
    assert await rig.ready(NAME) == 0


async def test_a_fault_of_ours_costs_a_pause_and_not_what_the_batch_holds(rigged: Any):
    rig, tries = await rigged(), []

    async def work(batch: Sequence[Delivery]) -> tuple[()]:
        tries.append(len(batch))
        if len(tries) == 1:
            raise KeyError("a bug")
        await rig.bus.channel.settle([Ack(delivery) for delivery in batch])
        return ()

    await rig.bus.channel.publish(packets(1))
    await worked(rig, work, lambda: len(tries) == 2)

    assert "batch.failed" in [event for event, _ in rig.bus.log.events]


async def test_no_more_batches_run_at_once_than_there_are_slots(rigged: Any):
    rig, now, most, seen = await rigged(), 0, 0, 0

    async def work(batch: Sequence[Delivery]) -> tuple[()]:
        nonlocal now, most, seen
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        seen += len(batch)
        await rig.bus.channel.settle([Ack(delivery) for delivery in batch])
        return ()

    await rig.bus.channel.publish(packets(20))
    await worked(rig, work, lambda: seen == 20, parallel=2, prefetch=4)

    assert most == 2


async def test_a_stop_waits_for_what_is_under_way_and_returns_the_rest(rigged: Any):
    rig, started, ended = await rigged(), [], []

    async def work(batch: Sequence[Delivery]) -> tuple[()]:
        started.append(len(batch))
        await asyncio.sleep(0.2)
        await rig.bus.channel.settle([Ack(delivery) for delivery in batch])
        ended.append(len(batch))
        return ()

    await rig.bus.channel.publish(packets(20))
    await worked(rig, work, lambda: started, prefetch=4)

    depth = (await rig.bus.channel.depth([NAME]))[NAME]
    assert ended == started
    assert (depth.ready, depth.lent) == (20 - sum(ended), 0)


async def test_a_channel_that_was_lost_is_consumed_again(rigged: Any):
    rig, seen = await rigged(), []
    consume, calls = rig.bus.channel.consume, []

    def broken_once(name: str, prefetch: int) -> Any:
        calls.append(name)
        return broken() if len(calls) == 1 else consume(name, prefetch)

    async def broken() -> Any:
        raise ChannelError("the connection was lost")
        yield

    async def work(batch: Sequence[Delivery]) -> tuple[()]:
        seen.extend(batch)
        await rig.bus.channel.settle([Ack(delivery) for delivery in batch])
        return ()

    rig.bus.channel.consume = broken_once
    await rig.bus.channel.publish(packets(2))
    await worked(rig, work, lambda: len(seen) == 2)

    assert len(calls) == 2
    assert "channel.lost" in [event for event, _ in rig.bus.log.events]
