"""The trading part of the simulated store: each method one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from esb.records import Record
from esb.testing.simulation.memory import Memory
from esb.trading import Arrival, Batch, Closing, Collected, Counter, Filed, FiledFilter, Judgment, Meeting, NumberClaim


class SimulatedTrading:
    """`esb.trading.Trading` on a memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    async def take(self, claims: Sequence[NumberClaim]) -> Sequence[tuple[int, ...]]:
        taken: list[tuple[int, ...]] = await self._call(lambda: self.memory.take(claims))
        return taken

    async def counters(self) -> Sequence[Counter]:
        found: list[Counter] = await self._call(self.memory.book.every)
        return found

    async def set_counter(self, counter: Counter, record: Record) -> None:
        await self._call(lambda: self.memory.set_counter(counter, record))

    async def meet(self, arrivals: Sequence[Arrival]) -> Sequence[Meeting]:
        met: list[Meeting] = await self._call(lambda: self.memory.book.meet(arrivals))
        return met

    async def finish(self, bases: Sequence[str]) -> None:
        await self._call(lambda: self.memory.book.finish(bases))

    async def file(self, rows: Sequence[Filed]) -> None:
        await self._call(lambda: self.memory.book.file(rows))

    async def filed(self, where: FiledFilter) -> Sequence[Filed]:
        found: list[Filed] = await self._call(lambda: self.memory.book.find(where))
        return found

    async def judge(self, judgments: Sequence[Judgment]) -> Sequence[bool]:
        applied: list[bool] = await self._call(lambda: self.memory.judge(judgments))
        return applied

    async def collect(self, rows: Sequence[Collected]) -> None:
        await self._call(lambda: self.memory.book.collect(rows))

    async def gather(self, endpoint: str, most: int, before: float) -> Sequence[Batch]:
        found: list[Batch] = await self._call(lambda: self.memory.book.gather(endpoint, most, before))
        return found

    async def close_batch(self, closing: Closing) -> bool:
        closed: bool = await self._call(lambda: self.memory.close_batch(closing))
        return closed

    async def collected(self) -> Sequence[tuple[str, str, int, float]]:
        found: list[tuple[str, str, int, float]] = await self._call(self.memory.book.depths)
        return found

    async def _call(self, transaction: Callable[[], Any]) -> Any:
        return transaction()
