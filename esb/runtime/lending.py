"""Lending: consume a channel, hand batches to a worker, so many at once, and stop without losing the thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeAlias

from esb.envelope import Delivery, Return
from esb.errors import ChannelError, StoreError
from esb.runtime.bus import Bus

Work: TypeAlias = Callable[[Sequence[Delivery]], Awaitable[Iterable[Any]]]
"""Takes a batch and returns the tasks that go on with parts of it; until they end the batch counts as under way."""


class Lending:
    """Competing Consumer of one channel. A batch that fails as a whole is returned: nothing was acknowledged."""

    def __init__(self, bus: Bus, channel: str, work: Work, parallel: int, prefetch: int = 0) -> None:
        self._bus, self._channel, self._work = bus, channel, work
        self._slots = asyncio.Semaphore(parallel)
        self._prefetch = prefetch or bus.limits.prefetch
        self._under_way: set[Any] = set()
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Work until stopped; a channel that fails is consumed again after a while."""
        try:
            while not self._stopping.is_set():
                try:
                    await self._consume()
                except ChannelError as error:
                    self._bus.log.warning("channel.lost", channel=self._channel, reason=str(error))
                    await self._bus.clock.sleep(1.0)
        finally:
            self._stopped.set()

    async def stop(self) -> None:
        """Take no more batches and wait for those under way, `drain` seconds at most."""
        self._stopping.set()
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=self._bus.limits.drain)

    async def _consume(self) -> None:
        batches = self._bus.channel.consume(self._channel, self._prefetch)
        halt = self._bus.clock.spawn(self._stopping.wait(), "halt")
        try:
            while True:
                await self._slots.acquire()
                following = self._bus.clock.spawn(anext(batches), "lend")  # type: ignore[arg-type]
                await asyncio.wait((following, halt), return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    following.cancel()
                    self._slots.release()
                    return
                try:
                    batch = following.result()
                except BaseException as ended:
                    self._slots.release()
                    if isinstance(ended, StopAsyncIteration):
                        return
                    raise
                task = self._bus.clock.spawn(self._one(batch), f"batch {self._channel}")
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
        finally:
            halt.cancel()
            if self._under_way:
                await asyncio.wait(set(self._under_way), timeout=self._bus.limits.drain)
            await batches.aclose()  # type: ignore[attr-defined]

    async def _one(self, batch: Sequence[Delivery]) -> None:
        try:
            for task in await self._work(batch):
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
        except (ChannelError, StoreError) as error:
            self._bus.log.warning("batch.returned", channel=self._channel, count=len(batch), reason=str(error))
            await self._give_back(batch)
        except Exception as error:  # a fault of ours must cost a pause, not what the batch holds
            self._bus.log.error(
                "batch.failed", channel=self._channel, count=len(batch), error=repr(error), exc_info=True
            )
            await self._give_back(batch)
        finally:
            self._slots.release()

    async def _give_back(self, batch: Sequence[Delivery]) -> None:
        """Return a batch after a pause; a channel that is gone lends it again by itself."""
        await self._bus.clock.sleep(1.0)
        try:
            await self._bus.channel.settle([Return(delivery) for delivery in batch])
        except ChannelError as error:
            self._bus.log.warning("return.failed", channel=self._channel, reason=str(error))
