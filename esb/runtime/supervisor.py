"""Supervisor: worker processes that are started again when they die, and stopped in time when it is asked to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from esb.ports import Clock, Log

_FIRST, _LONGEST = 0.5, 30.0
_HOPELESS = (64, 78)
"""Exit codes of wrong usage and of an unusable project: starting again would only say the same again."""


class Supervisor:
    """Runs `commands` as child processes. A child that dies by itself comes back after a growing pause.

    `environment` is what they get beside ours: addresses with passwords do not belong in a process list.
    """

    def __init__(
        self, commands: Sequence[Sequence[str]], environment: Mapping[str, str], clock: Clock, log: Log, drain: float
    ) -> None:
        self._commands, self._clock, self._log, self._drain = commands, clock, log, drain
        self._environment = {**os.environ, **environment}
        self._children: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        """Work until stopped and return 0; or until a child says that no start can succeed, and return its code."""
        keepers = [
            self._clock.spawn(self._keep(slot, line), f"worker {slot}") for slot, line in enumerate(self._commands)
        ]
        codes: list[int] = await asyncio.gather(*keepers)
        return max(codes)

    def stop(self) -> None:
        """Ask every child to drain; the ones that do not end in time are killed."""
        self._stopping.set()
        for child in self._children.values():
            if child.returncode is None:
                child.send_signal(signal.SIGTERM)

    async def _keep(self, slot: int, line: Sequence[str]) -> int:
        pause = _FIRST
        while not self._stopping.is_set():
            started = self._clock.now()
            child = await asyncio.create_subprocess_exec(sys.executable, "-m", "esb", *line, env=self._environment)
            self._children[slot] = child
            self._log.info("worker.started", slot=slot, pid=child.pid)
            if self._stopping.is_set():
                child.send_signal(signal.SIGTERM)  # the stop came while it was being made
            code = await self._wait(child)
            if self._stopping.is_set():
                return 0
            self._log.error("worker.died", slot=slot, pid=child.pid, code=code)
            if code in _HOPELESS:
                self.stop()
                return code
            pause = _FIRST if self._clock.now() - started > _LONGEST else min(pause * 2, _LONGEST)
            await self._pause(pause)
        return 0

    async def _wait(self, child: asyncio.subprocess.Process) -> int:
        ended = self._clock.spawn(child.wait(), "child")
        halt = self._clock.spawn(self._stopping.wait(), "halt")
        await asyncio.wait((ended, halt), return_when=asyncio.FIRST_COMPLETED)
        halt.cancel()
        if not ended.done():
            await asyncio.wait((ended,), timeout=self._drain + 5)
        if not ended.done():
            self._log.error("worker.killed", pid=child.pid, reason="it did not stop in time")
            child.kill()
        return int(await ended)

    async def _pause(self, seconds: float) -> None:
        halt = self._clock.spawn(self._stopping.wait(), "halt")
        await asyncio.wait((halt,), timeout=seconds)
        halt.cancel()
