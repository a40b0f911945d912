"""The consumer of a foreign queue: a message is acknowledged there only when it is durable here."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from esb.endpoints.items import Item, Items
from esb.endpoints.queue.account import Account
from esb.endpoints.queue.arrivals import item_of
from esb.endpoints.queue.courier import Courier
from esb.endpoints.taking import TakingBugError
from esb.errors import EndpointError, EsbError, MessageError, TooLargeError
from esb.ports import Intake
from esb.specs import World

_TRIES = 5
_LONGEST_PAUSE = 60.0
_QUIET = 6
"""Ticks without an arrival after which a run that is to end takes the queue for empty."""


@dataclass(frozen=True, slots=True)
class Taking:
    """What is taken and how. `together` messages at once; `max_bytes` of one."""

    name: str
    queue: str
    prefetch: int = 100
    together: int = 16
    unnamed: Literal["content", "each"] = "content"
    refused: Literal["keep", "reject"] = "keep"
    max_bytes: int = 10_000_000
    partner: str = ""


class QueueSource:
    """The intake side of a queue at a foreign broker (Channel Adapter)."""

    def __init__(self, taking: Taking, account: Account, world: World) -> None:
        self._taking, self._account, self._world = taking, account, world
        self._items = Items(taking.name, world, partner=taking.partner)

    async def run(self, intake: Intake, once: bool) -> None:
        """Take until cancelled; with `once` until the queue is empty.

        Raises:
            EsbError: Only with `once`: the broker or the bus stayed out of reach; the messages stay there.
        """
        failures = 0
        while True:
            lent = _Lent(self._taking, self._account, self._items, intake, self._world, once)
            try:
                await lent.run()
                if once:
                    return
            except EsbError as error:
                failures = 1 if lent.taken else failures + 1
                if once and failures >= _TRIES:
                    raise
                pause = min(_LONGEST_PAUSE, 2.0 ** min(failures - 1, 6))
                self._world.log.warning(
                    "queue.lost", endpoint=self._taking.name, reason=str(error), failures=failures, again_in=pause
                )
                await self._world.clock.sleep(pause)

    async def check(self) -> str:
        """Connect, sign in, and look whether the queue is there. Raises EndpointError if not."""
        waiting = await asyncio.to_thread(self._look)
        return f"{self._account.shown} lets us in, and {self._taking.queue} has {waiting} waiting"

    def _look(self) -> int:
        account = self._account
        try:
            connection = account.connection()
        except Exception as error:
            raise account.trouble(error, "connect") from error
        try:
            found = connection.default_channel.queue_declare(self._taking.queue, passive=not account.is_redis)
            return int(found.message_count)
        except Exception as error:
            raise account.trouble(error, f"look at queue {self._taking.queue}") from error
        finally:
            with suppress(Exception):
                connection.release()


class _Lent:
    """The messages of one connection."""

    def __init__(
        self, taking: Taking, account: Account, items: Items, intake: Intake, world: World, once: bool
    ) -> None:
        self._taking, self._items, self._intake, self._world, self._once = taking, items, intake, world, once
        self._arrived: asyncio.Queue[Any] = asyncio.Queue()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._courier = Courier(account, taking.queue, taking.prefetch, self._arrived.put_nowait, self._end)
        self._under_way = 0
        self.taken = 0

    async def run(self) -> None:
        """Take until the connection is lost; with `once` until nothing arrives any more. Raises EsbError."""
        self._courier.start()
        try:
            async with asyncio.TaskGroup() as group:
                workers = [group.create_task(self._work()) for _ in range(self._taking.together)]
                await self._watch()
                for worker in workers:
                    worker.cancel()
        except BaseExceptionGroup as failures:  # workers fail alike: the first says it
            raise failures.exceptions[0] from None
        finally:
            await asyncio.shield(self._courier.stop())

    def _end(self, error: EndpointError | None) -> None:
        if self._ended.done():
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)
            self._ended.exception()  # looked at here, so that nobody complains when we were cancelled first

    async def _watch(self) -> None:
        """Return when a run that is to end has taken everything; raise when the connection is lost."""
        while not (self._once and self._courier.quiet >= _QUIET and not self._under_way and self._arrived.empty()):
            await asyncio.wait([self._ended], timeout=0.05 if self._once else None)
            if self._ended.done():
                self._ended.result()
                raise EndpointError(f"the broker ended the consumer of {self._taking.queue!r}")

    async def _work(self) -> None:
        while True:
            message = await self._arrived.get()
            self._under_way += 1
            try:
                await self._settle(message)
            finally:
                self._under_way -= 1

    async def _settle(self, message: Any) -> None:
        """Take one message and acknowledge it; while the bus cannot take it, it stays lent."""
        item, failures = item_of(message, self._taking.unnamed), 0
        while True:
            try:
                await self._take(item)
                self._courier.settle(message, "ack")
                self.taken += 1
                return
            except (MessageError, TakingBugError) as error:
                await self._refuse(message, item, str(error))
                return
            except EsbError as error:
                failures += 1
                if self._once and failures >= _TRIES:
                    raise
                self._world.log.warning("queue.postponed", endpoint=self._taking.name, reason=str(error))
                await self._world.clock.sleep(min(_LONGEST_PAUSE, 2.0 ** min(failures - 1, 6)))

    async def _take(self, item: Item) -> None:
        if len(item.body) > self._taking.max_bytes:
            raise TooLargeError(f"{len(item.body)} bytes, more than max_size ({self._taking.max_bytes} bytes)")
        accepted = await self._items.offer(item, self._intake)
        if accepted.repeated:
            self._world.log.info("queue.repeated", endpoint=self._taking.name, message=accepted.message_id)

    async def _refuse(self, message: Any, item: Item, reason: str) -> None:
        if self._taking.refused == "reject":
            self._world.log.error("item.rejected", endpoint=self._taking.name, key=item.key[:200], reason=reason)
            self._courier.settle(message, "reject")
            return
        await self._items.put_aside(item, reason)
        self._courier.settle(message, "ack")
