"""Group commit for callers: calls that arrive while one is under way go together in the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from esb.ports import Clock

Item = TypeVar("Item")
Given = TypeVar("Given")


class Coalesce(Generic[Item, Given]):
    """Wraps `work(items) -> results` so that many callers share one round trip; a failure fails all who shared it."""

    def __init__(self, clock: Clock, work: Callable[[Sequence[Item]], Awaitable[Sequence[Given]]], most: int) -> None:
        self._clock, self._work, self._most = clock, work, most
        self._waiting: list[tuple[Item, asyncio.Future[Given]]] = []
        self._busy = False

    async def __call__(self, item: Item) -> Given:
        """Return the result of one item."""
        future: asyncio.Future[Given] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if not self._busy:
            self._busy = True
            self._clock.spawn(self._flush(), "coalesce")
        return await future

    async def _flush(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._one(group)
        finally:
            self._busy = False

    async def _one(self, group: Sequence[tuple[Item, asyncio.Future[Given]]]) -> None:
        try:
            results: Sequence[Any] = await self._work([item for item, _ in group])
        except BaseException as error:
            for _, future in group:
                if not future.done():
                    future.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), result in zip(group, results, strict=True):
            if not future.done():
                future.set_result(result)
