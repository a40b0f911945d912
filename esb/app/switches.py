"""Switches: what runs for an endpoint, started and stopped as its pause begins and ends, in every process alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from esb.app.standing import disabled
from esb.errors import StoreError
from esb.management.api import problem
from esb.management.pauses import Pause, keep, pauses
from esb.ports import Clock, Log, Store

LOOK = 2.0
"""Seconds between two looks at who is paused."""

Stop = Callable[[], Awaitable[None]]
Start = Callable[[], Stop]


class Switches:
    """Starts what runs for an endpoint, and stops it while the endpoint is paused, or disabled by its receiver.

    `state`: the folder with the marks of those that are disabled. Theirs is a pause, too: what waits for them must not
    use up its attempts meanwhile.
    """

    def __init__(self, store: Store, clock: Clock, log: Log, state: Path) -> None:
        self._store, self._clock, self._log, self._state = store, clock, log, state
        self._starts: dict[str, list[Start]] = {}
        self._running: dict[str, list[Stop]] = {}
        self.paused: Mapping[str, Pause] = {}

    async def look(self) -> None:
        """Look once who is paused, and act on it. A store that is out of reach changes nothing."""
        try:
            stopped = await pauses(self._store)
            await keep(self._store, self._clock, stopped)
        except StoreError as error:
            self._log.warning("pauses.unread", reason=str(error))
            return
        found = {**self._disabled(), **stopped}
        before, self.paused = self.paused, found
        for name in self._starts:
            if name in found and name in self._running:
                await self._stop(name)
            elif name not in found and name not in self._running:
                self._start(name)
        for name in found.keys() - before.keys():
            self._log.info("endpoint.paused", endpoint=name, reason=found[name].text)
        for name in before.keys() - found.keys():
            self._log.info("endpoint.resumed", endpoint=name)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self._clock.sleep(LOOK)
            await self.look()

    def add(self, endpoint: str, start: Start) -> None:
        """Take charge of something that runs for an endpoint; it is started now unless the endpoint is paused."""
        self._starts.setdefault(endpoint, []).append(start)
        if endpoint not in self.paused:
            self._running.setdefault(endpoint, []).append(start())

    def gate(self, endpoint: str, app: ASGIApp) -> ASGIApp:
        """Return an application that answers 503 while the endpoint is paused."""

        async def gated(scope: Scope, receive: Receive, send: Send) -> None:
            found = self.paused.get(endpoint)
            if found is None:
                await app(scope, receive, send)
                return
            answer = problem(503, "paused", "this endpoint is paused; send it again later")
            answer.headers["Retry-After"] = "60"
            await answer(scope, receive, send)

        return gated

    def _disabled(self) -> Mapping[str, Pause]:
        """Return those that their receiver disabled; one that was so before keeps its time."""
        now = self._clock.now()
        return {
            name: self.paused.get(name) or Pause(name, now, f"disabled: {said}", now)
            for name, said in disabled(self._state).items()
        }

    def _start(self, name: str) -> None:
        self._running[name] = [start() for start in self._starts[name]]

    async def _stop(self, name: str) -> None:
        stops = self._running.pop(name)
        await asyncio.gather(*(stop() for stop in stops))


def chosen(name: str, patterns: tuple[str, ...]) -> bool:
    """Return whether an endpoint is one of those that a process serves: `erp-*`, and `!erp-*` for all but these."""
    without = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    only = [pattern for pattern in patterns if not pattern.startswith("!")]
    if any(fnmatchcase(name, pattern) for pattern in without):
        return False
    return not only or any(fnmatchcase(name, pattern) for pattern in only)
