"""What the checks of channels are made of: a place for one check, consumers that end, waiting for conditions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from esb.envelope import Ack, Addressed, ChannelSpec, Delivery, Packet, Topology
from esb.ports import Channel

WITHIN = 20.0
"""Seconds in which whatever is promised must have happened, on a busy machine too."""

QUIET = 0.3
"""Seconds in which nothing may happen where nothing is promised."""

A, B, DELIVERY = "route/a", "route/b", "delivery/d"


@dataclass(frozen=True)
class Backend:
    """A place of its own for one check. `make` gives a channel that is not open; each call reaches the same place.

    `where` and `prefix` reach it from another process (`esb.channels.open_channel`), if one can.
    """

    make: Callable[[], Channel]
    where: str = ""
    prefix: str = "esb"


Check: TypeAlias = Callable[[Backend], Awaitable[None]]


def name_of(check: Check) -> str:
    """Return the promise that a check checks."""
    return getattr(check, "__name__", str(check))


@asynccontextmanager
async def opened(backend: Backend, *specs: ChannelSpec, subscriptions: Any = ()) -> AsyncIterator[Channel]:
    """An open channel with these queues (`A`, `B` and `DELIVERY` if none are named)."""
    channel = backend.make()
    await channel.open()
    try:
        names = specs or (ChannelSpec(A), ChannelSpec(B), ChannelSpec(DELIVERY))
        await channel.declare(Topology(names, tuple(subscriptions)))
        yield channel
    finally:
        await channel.close()


@asynccontextmanager
async def lending(channel: Channel, name: str, prefetch: int = 100) -> AsyncIterator[Any]:
    """A consumer that is closed at the end."""
    consumer: Any = channel.consume(name, prefetch)
    try:
        yield consumer
    finally:
        await consumer.aclose()


async def fill(channel: Channel, name: str, count: int, start: int = 0) -> None:
    """Publish packets with the ids `start`, `start + 1` …"""
    await channel.publish([Addressed(name, Packet(str(start + number), b"{}")) for number in range(count)])


async def take(consumer: Any, count: int, within: float = WITHIN) -> list[Delivery]:
    """Return at least so many deliveries, as they come."""
    got: list[Delivery] = []
    async with asyncio.timeout(within):
        while len(got) < count:
            got.extend(await anext(consumer))
    return got


async def nothing(consumer: Any) -> None:
    """Check that nothing comes."""
    try:
        async with asyncio.timeout(QUIET):
            batch = await anext(consumer)
    except TimeoutError:
        return
    raise AssertionError(f"nothing was to come, but {ids(batch)} came")


@asynccontextmanager
async def draining(channel: Channel, *consumers: Any) -> AsyncIterator[list[str]]:
    """Settle what these consumers get; the list grows with the ids."""
    got: list[str] = []

    async def one(consumer: Any) -> None:
        async for batch in consumer:
            got.extend(ids(batch))
            await channel.settle([Ack(delivery) for delivery in batch])

    tasks = [asyncio.create_task(one(consumer)) for consumer in consumers]
    try:
        yield got
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def drain(channel: Channel, consumers: Sequence[Any], count: int) -> list[str]:
    """Settle what these consumers get, until they got so many together; return the ids."""
    async with draining(channel, *consumers) as got:
        await until(lambda: len(got) >= count)
    return got


async def until(condition: Callable[[], bool], within: float = WITHIN) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


async def empty(channel: Channel, name: str) -> None:
    """Wait until nothing is left in the channel."""
    async with asyncio.timeout(WITHIN):
        while (depth := (await channel.depth([name]))[name]).ready or depth.lent or depth.delayed:
            await asyncio.sleep(0.02)


def ids(deliveries: Sequence[Delivery]) -> list[str]:
    """Return the ids of the packets."""
    return [delivery.packet.id for delivery in deliveries]


def numbers(count: int) -> list[str]:
    """Return the ids that `fill` gives."""
    return [str(number) for number in range(count)]
