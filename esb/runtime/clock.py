"""The real clock: time, sleep and tasks of this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any


class SystemClock:
    """Wall time for stamps, the event loop's time for sleeping; keeps its tasks alive until they end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def now(self) -> float:
        """Return the POSIX time in seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Give way for so many seconds."""
        await asyncio.sleep(seconds)

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start a task that is not forgotten while it runs."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
