"""The seeded event loop: virtual time, no sockets, no threads, and a seed that decides who runs next."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, NoReturn, Protocol, TypeVar
from zlib import crc32

Given = TypeVar("Given")

LONGEST_RUN = 400_000
"""Steps after which a world is taken for one that will never end: an ordinary one takes a few thousand."""


class Keeper(Protocol):
    """Whoever must know which tasks are its own: a simulated process, which takes them along when it dies."""

    def adopt(self, task: asyncio.Task[Any]) -> None: ...


keeper: contextvars.ContextVar[Keeper | None] = contextvars.ContextVar("keeper", default=None)
"""The process on whose behalf the code runs; tasks inherit it from the task that made them."""


class EndlessError(AssertionError):
    """The world went on and on; the seed is a finding."""


class SeededLoop(asyncio.BaseEventLoop):
    """Runs what is ready in an order that the seed decides, and jumps to the next timer when nothing is.

    Real loops are fair, but what becomes ready first depends on disks and networks; so any order may happen.
    `strike` is called after step `strike_at`, with the process that took it: there faults strike, between two awaits.
    """

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._draw = random.random
        self._virtual = 0.0
        self._queue: list[asyncio.Handle] = []
        self.steps = 0
        self.fingerprint = 0
        self.strike_at = -1
        self.strike: Callable[[Keeper | None], None] = _nothing
        self.limit = LONGEST_RUN
        self.set_exception_handler(_silent)

    def time(self) -> float:
        """Return the virtual time in seconds since the world began."""
        return self._virtual

    def mark(self, event: str) -> None:
        """Mix an event into the fingerprint of this run."""
        self.fingerprint = crc32(event.encode(), self.fingerprint)

    def play(self, work: Coroutine[Any, Any, Given]) -> Given:
        """Run work to its end, and close the loop."""
        try:
            return self.run_until_complete(work)
        finally:
            self._clear()
            self.close()

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None) -> asyncio.Task[Any]:
        """Start a task that belongs to the process that started it."""
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name, context=context)
        owner = keeper.get()
        if owner is not None:
            owner.adopt(task)
        return task

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        """Have something run in one of the next steps; which one, the seed decides."""
        handle = asyncio.Handle(callback, args, self, context)
        self._queue.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment] # there are no threads

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> NoReturn:  # type: ignore[override]
        """Refuse: a thread would bring its own time and order."""
        raise RuntimeError(f"the simulation has no threads; {func} must not leave the event loop")

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: there is no network either."""
        raise RuntimeError("the simulation has no network")

    def _run_once(self) -> None:
        queue, timers = self._queue, self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        if not queue and timers:
            self._virtual = max(self._virtual, timers[0]._when)
        while timers and timers[0]._when <= self._virtual:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            queue.append(timer)
        if not queue:
            raise EndlessError(f"everything waits and nothing will come (virtual time {self._virtual:.1f} s)")
        last = len(queue) - 1
        at = int(self._draw() * (last + 1))
        queue[at], queue[last] = queue[last], queue[at]
        handle = queue.pop()
        if handle._cancelled:
            return
        self.fingerprint = (self.fingerprint * 1000003 ^ (last << 8) ^ at) & 0xFFFFFFFF
        handle._run()
        self.steps += 1
        if self.steps == self.strike_at:
            self.strike(handle._context.get(keeper))  # type: ignore[attr-defined]
        elif self.steps > self.limit:
            raise EndlessError(f"still running after {self.steps} steps (virtual time {self._virtual:.1f} s)")

    def _clear(self) -> None:
        """End every task that is left, so that nothing of this world is collected in the next one."""
        self.strike_at, self.limit = -1, self.steps + LONGEST_RUN
        left = sorted(asyncio.all_tasks(self), key=lambda task: task.get_name())
        for task in left:
            task.cancel()
        if left:
            self.run_until_complete(asyncio.wait(left, timeout=1e6))

    def _process_events(self, event_list: Any) -> None:
        raise RuntimeError("the simulation has no selector")

    def _write_to_self(self) -> None:
        return


def _nothing(ran: Keeper | None) -> None:
    return


def _silent(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say nothing about tasks that died with their process: that is what processes are here for."""
