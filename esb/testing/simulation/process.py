"""Simulated processes: tasks that die together, between any two awaits, and connections that die with them."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from random import Random
from types import coroutine
from typing import Any

from esb.errors import EsbError
from esb.testing.simulation.loop import SeededLoop, keeper

EPOCH = 1_700_000_000.0
"""POSIX time at which every world begins."""


class KilledError(BaseException):
    """The process is dead: no `except Exception` of the runtime may catch this, as none catches a kill -9."""


@coroutine
def turn() -> Any:
    """Give way once: whoever the seed chooses runs next."""
    yield


class Wire:
    """The way from a process to something outside it: a request takes a while, and so does the answer.

    What a process has sent may arrive although the process died meanwhile; what it has not sent never does.
    """

    def __init__(self, loop: SeededLoop, random: Random, slow: float) -> None:
        self._loop, self._random, self._slow = loop, random, slow
        self.under_way: dict[int, Callable[[], Any]] = {}
        self._number = 0
        self.alive = True

    async def call(self, act: Callable[[], Any]) -> Any:
        """Have something done at the far end and return its result, as an error or a value.

        Raises:
            KilledError: This process is dead.
        """
        self.check()
        self._number += 1
        number = self._number
        self.under_way[number] = act
        await self.pause()
        self.check()
        del self.under_way[number]
        try:
            result = act()
        except Exception:
            await self.pause()
            self.check()
            raise
        await self.pause()
        self.check()
        return result

    async def pause(self) -> None:
        """Take the time that a message takes on a network, now and then a long one."""
        draw = self._random.random()
        if draw < self._slow:
            await asyncio.sleep(self._random.choice((0.002, 0.05, 0.3, 1.0)))
        else:
            await turn()

    def check(self) -> None:
        """Raise KilledError if the process is dead."""
        if not self.alive:
            raise KilledError

    def cut(self) -> None:
        """The process died: of what was under way, some arrives later, some never."""
        self.alive = False
        for act in self.under_way.values():
            if self._random.random() < 0.3:
                self._loop.call_later(self._random.random() * 2.0, _arrive, act)
        self.under_way.clear()


def _arrive(act: Callable[[], Any]) -> None:
    try:
        act()
    except (Exception, KilledError):  # the far end refused, and who asked is dead
        return


class Process:
    """One life of one process. `name` is its role and number, `life` counts its starts.

    `slow` is the share of its messages that take long; `skew` are the seconds that its wall clock is wrong by.
    """

    def __init__(
        self, loop: SeededLoop, random: Random, name: str, life: int, slow: float = 0.0, skew: float = 0.0
    ) -> None:
        self.name, self.life = name, life
        self.wire = Wire(loop, random, slow)
        self.clock = SimulatedClock(loop, self, skew)
        self.connections: list[Callable[[], None]] = []
        """What happens at the far ends when the process is gone."""
        self._loop = loop
        self._tasks: list[asyncio.Task[Any]] = []
        self._context = contextvars.copy_context()
        self._context.run(keeper.set, self)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.wire.alive

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Take note of a task that it started."""
        self._tasks.append(task)
        if not self.alive:
            task.cancel()

    def start(self, work: Coroutine[Any, Any, Any], name: str = "") -> asyncio.Task[Any]:
        """Start a task of this process from outside."""
        return self._context.run(self._loop.create_task, work, name=name or self.name)

    def kill(self) -> None:
        """End it between two awaits. Its tasks are unwound, but they reach nothing any more."""
        if not self.alive:
            return
        self.wire.cut()
        for gone in self.connections:
            gone()
        for task in self._tasks:
            if not task.done():
                task.cancel()

    def faults(self) -> list[str]:
        """Return the errors that ended tasks of this process and that nobody took note of."""
        found = []
        for task in self._tasks:
            if task.done() and not task.cancelled() and getattr(task, "_log_traceback", False):
                error = task.exception()
                if error is not None and not isinstance(error, KilledError | EsbError | StopAsyncIteration):
                    found.append(f"{self.name}: task {task.get_name()} ended with {type(error).__name__}: {error}")
        return found


class SimulatedClock:
    """`esb.ports.Clock` of one process, on virtual time."""

    def __init__(self, loop: SeededLoop, process: Process, skew: float) -> None:
        self._loop, self._process, self._skew = loop, process, skew

    def now(self) -> float:
        """Return the POSIX time in seconds."""
        return EPOCH + self._loop.time() + self._skew

    async def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        self._process.wire.check()
        await asyncio.sleep(seconds)
        self._process.wire.check()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start a task that dies with its process."""
        return self._loop.create_task(work, name=name)
