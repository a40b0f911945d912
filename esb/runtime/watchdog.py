"""Watchdog: a step that never returns costs its worker, not the bus."""

from __future__ import annotations

import os
import threading
import time

from esb.ports import Clock, Log


class Watchdog:
    """Ends the process if its event loop has not turned for `limit` seconds; what it held is lent again."""

    def __init__(self, clock: Clock, log: Log, limit: float = 30.0) -> None:
        self._clock, self._log, self._limit = clock, log, limit
        self._seen = time.monotonic()
        self._running = True

    def start(self) -> None:
        """Begin to watch, from a thread of its own."""
        self._clock.spawn(self._turn(), "watchdog")
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._running = False

    async def _turn(self) -> None:
        while self._running:
            self._seen = time.monotonic()
            await self._clock.sleep(min(1.0, self._limit / 3))

    def _watch(self) -> None:
        while self._running:
            time.sleep(min(1.0, self._limit / 3))
            if self._running and time.monotonic() - self._seen > self._limit:
                self._log.error("worker.stuck", seconds=self._limit, hint="a step does not return; the worker ends")
                os._exit(70)
