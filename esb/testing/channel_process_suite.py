"""What a channel must do when processes come and go: checks with real processes that are really killed (SIGKILL)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

from esb.envelope import Ack, ChannelSpec
from esb.testing.channel_kit import (
    WITHIN,
    A,
    Backend,
    Check,
    draining,
    empty,
    fill,
    ids,
    lending,
    numbers,
    opened,
    take,
    until,
)
from esb.testing.channel_worker import READY

STARTING = 90.0
"""Seconds in which a process must have started and opened its channel; no check promises how fast that is."""


class Worker:
    """A process that holds, drains or fills a channel; `said` = the ids that it reported so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: list[str] = []
        self._started = False
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if line.strip() == READY:
                self._started = True
            elif line.endswith(b"\n"):  # the last one may be cut by the kill
                self.said.append(line.decode().strip())

    async def starts(self) -> None:
        """Wait until it has opened its channel."""
        await until(lambda: self._started or self._process.returncode is not None, STARTING)
        assert self._started, f"the worker ended with {self._process.returncode} before it was ready"

    async def kill(self) -> None:
        """Kill it; then `said` is complete."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def or_another_says(self, other: Worker, count: int) -> None:
        """Wait until both together reported so many ids."""
        await until(lambda: len(self.said) + len(other.said) >= count)

    async def says(self, count: int) -> None:
        """Wait until it reported so many ids."""
        await until(lambda: len(self.said) >= count or self._process.returncode is not None)
        assert len(self.said) >= count, f"the worker ended with {self._process.returncode} after {self.said}"


@asynccontextmanager
async def working(
    backend: Backend, verb: Literal["hold", "drain", "fill"], name: str = A, prefetch: int = 10
) -> AsyncIterator[Worker]:
    """A worker process, killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "esb.testing.channel_worker",
        verb,
        backend.where,
        backend.prefix,
        name,
        str(prefetch),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    worker = Worker(process)
    try:
        await worker.starts()
        yield worker
    finally:
        await worker.kill()


async def what_a_killed_consumer_held_is_lent_again(backend: Backend) -> None:
    """With the mark that it was lent before."""
    async with opened(backend) as channel:
        await fill(channel, A, 20)
        async with working(backend, "hold", prefetch=10) as worker:
            await worker.says(10)
            await worker.kill()

        async with lending(channel, A) as consumer:
            again = await take(consumer, 20)

        assert sorted(ids(again), key=int) == numbers(20)
        assert {delivery.packet.id for delivery in again if delivery.redelivered} == set(worker.said)


async def a_killed_holder_of_an_ordered_channel_is_succeeded_in_order(backend: Backend) -> None:
    """Nothing overtakes what it held."""
    async with opened(backend, ChannelSpec(A, ordered=True)) as channel:
        await fill(channel, A, 30)
        async with working(backend, "hold", prefetch=5) as worker:
            await worker.says(5)
            async with lending(channel, A) as consumer:
                first = asyncio.create_task(anext(consumer))
                await worker.kill()
                got = ids(await asyncio.wait_for(first, WITHIN))
                if len(got) < 30:
                    got += ids(await take(consumer, 30 - len(got)))

        assert got == numbers(30)


async def who_is_lent_an_ordered_channel_anew_can_tell(backend: Backend) -> None:
    """By the token: between deliveries of one tenure nobody else was lent any; so a successor has another one."""
    spec = ChannelSpec(A, ordered=True)
    async with opened(backend, spec) as channel, lending(channel, A, prefetch=2) as first:
        await fill(channel, A, 6)
        held = await take(first, 2)
        await channel.settle([Ack(delivery) for delivery in held])
        held += await take(first, 2)
        async with lending(channel, A) as second:
            await first.aclose()
            others = await take(second, 4)

        tenures = {id(delivery.token.tenure) for delivery in held}
        assert len(tenures) == 1
        assert tenures.isdisjoint(id(delivery.token.tenure) for delivery in others)


async def many_processes_compete_without_loss_and_without_twins(backend: Backend) -> None:
    """While all of them live, each packet goes to one of them."""
    async with opened(backend) as channel:
        async with working(backend, "drain") as one, working(backend, "drain") as two:
            published = 0
            while not (one.said and two.said and published >= 400):
                await fill(channel, A, 40, published)
                published += 40
                await one.or_another_says(two, published - 100)
            # Not just until the channel is empty: of what is lent, a broker tells each process its own part only.
            await one.or_another_says(two, published)
            await empty(channel, A)

        assert sorted(one.said + two.said, key=int) == numbers(published)


async def killed_competitors_lose_nothing(backend: Backend) -> None:
    """What they settled may have come twice by the width of their prefetch; nothing is missing."""
    async with opened(backend) as channel:
        await fill(channel, A, 400)
        said: set[str] = set()
        twins = 0
        for _ in range(2):
            async with working(backend, "drain", prefetch=8) as worker:
                await worker.says(40)
                await worker.kill()
            twins += len(said & set(worker.said))
            said.update(worker.said)
        async with lending(channel, A) as consumer, draining(channel, consumer) as got:
            await until(lambda: len(said.union(got)) >= 400)
            await empty(channel, A)
        twins += len(said.intersection(got))

        assert sorted(said.union(got), key=int) == numbers(400)
        assert twins <= 2 * 8


async def what_a_killed_publisher_was_promised_is_there(backend: Backend) -> None:
    """All that `publish` returned for; more may be there, in whole or in part of the last window."""
    async with opened(backend) as channel:
        async with working(backend, "fill") as worker:
            await worker.says(200)
            await worker.kill()
        promised = set(worker.said)
        async with lending(channel, A) as consumer, draining(channel, consumer) as stored:
            # What is on its way to this process counts as lent by nobody, so an empty channel is not enough.
            await until(lambda: promised <= set(stored))
            await empty(channel, A)

        assert promised <= set(stored)


async def what_kills_every_consumer_ends_among_the_dead(backend: Backend) -> None:
    """After as many deliveries as the channel allows."""
    async with opened(backend, ChannelSpec(A, delivery_limit=2)) as channel:
        await fill(channel, A, 1)
        for _ in range(2):
            async with working(backend, "hold") as worker:
                await worker.says(1)
                await worker.kill()

        async with lending(channel, A) as consumer, lending(channel, "dead") as dead:
            looking = asyncio.create_task(anext(consumer))
            (buried,) = await take(dead, 1)
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

        assert buried.packet.id == "0"
        assert dict(buried.packet.headers) == {"reason": "delivery_limit", "channel": A}


async def what_waited_while_workers_died_again_and_again_is_no_poison(backend: Backend) -> None:
    """A delivery limit counts it for all that a worker was lent; so it is wide unless it is said to be narrow."""
    async with opened(backend, ChannelSpec(A)) as channel:
        await fill(channel, A, 3)
        for _ in range(60):
            async with lending(channel, A) as consumer:
                await take(consumer, 3)

        async with lending(channel, A) as consumer:
            assert sorted(ids(await take(consumer, 3))) == numbers(3)


PROCESS_CHECKS: tuple[Check, ...] = (
    what_a_killed_consumer_held_is_lent_again,
    a_killed_holder_of_an_ordered_channel_is_succeeded_in_order,
    who_is_lent_an_ordered_channel_anew_can_tell,
    many_processes_compete_without_loss_and_without_twins,
    killed_competitors_lose_nothing,
    what_a_killed_publisher_was_promised_is_there,
    what_kills_every_consumer_ends_among_the_dead,
    what_waited_while_workers_died_again_and_again_is_no_poison,
)
