"""Group commit: writes that wait at the same time share one transaction, and with it one fsync."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

Given = TypeVar("Given")
Work: TypeAlias = Callable[[AsyncConnection], Awaitable[Given]]
"""What is to be done inside a transaction. It may run more than once: only the run that commits counts."""
Trouble: TypeAlias = Literal["race", "down", "fault"]
"""What an error of a database means: lost a race, try again; out of reach for everyone; wrong for this write only."""

_TRIES = 20


class RacedError(Exception):
    """Another transaction wrote a row between our look and our write: look again."""


class Writer:
    """Runs writes on at most `lanes` connections; up to `most` that wait while all are busy go in one transaction.

    Where several transactions run at once, `most` must be 1: each write takes its rows in one order, and so they wait
    for each other but never in a ring; two writes in one transaction take them in two orders.
    The work runs in tasks of the writer: a caller that is cancelled never tears a transaction that others share.
    """

    def __init__(self, engine: AsyncEngine, lanes: int, most: int, trouble: Callable[[Exception], Trouble]) -> None:
        self._engine, self._lanes, self._most, self._trouble = engine, lanes, most, trouble
        self._waiting: deque[tuple[Work[Any], asyncio.Future[Any]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = 0

    async def run(self, work: Work[Given]) -> Given:
        """Return what `work` returned, once its transaction is committed."""
        future: asyncio.Future[Given] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if self._busy < self._lanes:
            self._busy += 1
            task = asyncio.create_task(self._drain(), name="store-writer")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def close(self) -> None:
        """Return when every write that was handed in has ended."""
        await asyncio.gather(*self._tasks)

    async def _drain(self) -> None:
        try:
            while self._waiting:
                count = min(len(self._waiting), self._most)
                taken = [self._waiting.popleft() for _ in range(count)]
                if group := [one for one in taken if not one[1].done()]:
                    await self._settle(group)
        finally:
            self._busy -= 1  # in the same breath as the look at the queue: nobody can hand in work in between

    async def _settle(self, group: list[tuple[Work[Any], asyncio.Future[Any]]]) -> None:
        try:
            await self._commit(group)
        except BaseException:
            for _, future in group:
                future.cancel()
            raise

    async def _commit(self, group: list[tuple[Work[Any], asyncio.Future[Any]]]) -> None:
        try:
            results = await self._transact([work for work, _ in group])
        except Exception as error:
            if self._trouble(error) == "down":  # for those that wait too: each would wait for its own time-out in turn
                group = [*group, *self._waiting]
                self._waiting.clear()
            elif len(group) > 1:  # one bad write must not fail its neighbours
                for one in group:
                    await self._commit([one])
                return
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(group, results, strict=True):
            if not future.done():
                future.set_result(result)

    async def _transact(self, works: list[Work[Any]]) -> list[Any]:
        for attempt in range(1, _TRIES + 1):
            try:
                async with self._engine.begin() as connection:
                    return [await work(connection) for work in works]
            except Exception as error:
                if attempt == _TRIES or not (isinstance(error, RacedError) or self._trouble(error) == "race"):
                    raise
                await asyncio.sleep(0.002 * attempt)  # twins that deadlocked must not meet in step again
        raise AssertionError("unreachable")
