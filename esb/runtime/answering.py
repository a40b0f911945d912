"""Answering rounds: the runs of a batch are resumed together; those whose answers are late go on alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from types import GeneratorType
from typing import Any

from esb.errors import EsbError, StoreError
from esb.message import NamedAsk
from esb.pipeline import Result
from esb.runtime.asking import ask_outside, may_be_kept, recall
from esb.runtime.bus import Bus
from esb.runtime.item import Item

Waiting = tuple[Item, Generator[NamedAsk, Any, Result], NamedAsk]


def begin(item: Item, given: Result | Generator[NamedAsk, Any, Result], waiting: list[Waiting]) -> None:
    """Take the result of a run, or run on to its first ask."""
    if type(given) is not GeneratorType:
        item.result = given  # type: ignore[assignment]
        return
    try:
        waiting.append((item, given, next(given)))
    except StopIteration as stop:
        item.result = stop.value
    except Exception as error:  # the consumer's broad catch: it ends in a verdict
        item.error = error


def resume(entry: Waiting, answer: Any, waiting: list[Waiting]) -> None:
    """Hand an answer in: the run ends, fails, or asks again."""
    item, generator, asked = entry
    try:
        if isinstance(answer, Exception):
            if isinstance(answer, EsbError) and may_be_kept(answer) and not asked.ask.stateful:
                item.refusals[asked.name] = (asked.message_id, answer)
            following = generator.throw(answer)
        else:
            following = generator.send(answer)
    except StopIteration as stop:
        item.result = stop.value
    except Exception as error:  # the consumer's broad catch: it ends in a verdict
        item.error = error
    else:
        waiting.append((item, generator, following))


class Answering:
    """Answers the asks of many runs: stateful ones in one transaction, those from outside side by side."""

    def __init__(self, bus: Bus, settle: Callable[[Sequence[Item]], Awaitable[None]]) -> None:
        self._bus, self._settle = bus, settle

    async def rounds(self, waiting: list[Waiting], patient: bool = False) -> dict[int, Any]:
        """Resume until nothing waits; return the late items (by identity) with the tasks that settle them alone.

        With `patient` nobody is late: the round lasts as long as its slowest answer.
        """
        late: dict[int, Any] = {}
        while waiting:
            stateful = [entry for entry in waiting if entry[2].ask.stateful]
            outside = [entry for entry in waiting if not entry[2].ask.stateful]
            waiting = []
            for kind in dict.fromkeys(entry[2].ask.kind for entry in stateful):
                await self._stateful(kind, [entry for entry in stateful if entry[2].ask.kind == kind], waiting)
            if outside:
                await self._outside(outside, waiting, None if patient else late)
        return late

    async def _stateful(self, kind: str, entries: Sequence[Waiting], waiting: list[Waiting]) -> None:
        asks = [asked for _, _, asked in entries]
        store = self._bus.answers.get(kind)
        try:
            answers = (
                [StoreError(f"no store answers {kind}")] * len(asks) if store is None else await store.answer(asks)
            )
        except EsbError as error:
            answers = [error] * len(asks)
        for entry, answer in zip(entries, answers, strict=True):
            if kind == "keys":
                entry[0].owners.add(entry[2].owner)
            resume(entry, answer, waiting)

    async def _outside(self, entries: Sequence[Waiting], waiting: list[Waiting], late: dict[int, Any] | None) -> None:
        try:
            kept = await self._bus.store.recorded([asked.name for _, _, asked in entries])
        except EsbError as error:
            for entry in entries:
                resume(entry, error, waiting)
            return
        tasks: dict[Any, Waiting] = {}
        for entry in entries:
            asked = entry[2]
            if asked.name in kept:
                resume(entry, recall(kept[asked.name]), waiting)
            else:
                tasks[self._bus.clock.spawn(ask_outside(self._bus, asked), "ask")] = entry
        if not tasks:
            return
        done, _ = await asyncio.wait(tasks, timeout=None if late is None else self._bus.limits.grace)
        for task, entry in tasks.items():
            if late is None or task in done:
                resume(entry, task.result(), waiting)
            else:
                late[id(entry[0])] = self._bus.clock.spawn(self._alone(task, entry), "late")

    async def _alone(self, task: Any, entry: Waiting) -> None:
        """Settle one late message apart from its batch."""
        waiting: list[Waiting] = []
        resume(entry, await task, waiting)
        later = await self.rounds(waiting)
        if later:
            await asyncio.gather(*later.values())
        else:
            await self._settle([entry[0]])
