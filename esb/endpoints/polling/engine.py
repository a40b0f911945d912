"""The polling engine: list, claim, read, take, and only then move the file away. The one state machine for files.

States of a file: in the inbox -> claimed -> taken (durable in the bus) -> moved to `ok`, or to `failed` with a text
that says why. Each is re-entrant: after a crash at any line the same file goes on with the same ids.
"""

from __future__ import annotations

import asyncio

from esb.endpoints.polling.claims import Claims
from esb.endpoints.polling.files import Entry, Files, Spot
from esb.endpoints.polling.names import logged
from esb.endpoints.polling.readiness import Readiness
from esb.endpoints.polling.taker import CutError, Polling, Taker, UnreadableError, UnstableError
from esb.endpoints.taking import TakingBugError
from esb.errors import EndpointError, EsbError
from esb.ports import Intake
from esb.specs import World

_TRIES = 5
"""How often a file that cannot be read (or that meets a bug of ours) is tried before it is put aside."""
_LONGEST_PAUSE = 60.0
_PROBE = Spot("claims", "probe/check")
"""What a check writes: it is no claim, and nobody's file."""


class Poller:
    """The intake side of every endpoint where files appear (a Source)."""

    def __init__(self, polling: Polling, files: Files, world: World) -> None:
        self._polling = polling
        self._files = files
        self._clock = world.clock
        self._log = world.log
        self._claims = Claims(files, polling.ready)
        self._taker = Taker(polling, files, self._claims, world)
        self._readiness = Readiness(polling.ready)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._tries: dict[str, int] = {}
        self._told: set[str] = set()
        self._failures = 0
        self._trouble: EsbError | None = None
        self._snapshot: set[str] | None = None

    async def run(self, intake: Intake, once: bool) -> None:
        """Poll until cancelled; with `once` until what was there at the first look has been dealt with.

        Raises:
            EsbError: Only with `once`: the place or the bus stayed out of reach; files stay where they are.
        """
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._round(group, intake, once)
                    if once and await self._finished():
                        break
                    await self._clock.sleep(self._pause(once))
        finally:
            await self._files.close()
        if self._trouble is not None:
            raise self._trouble

    async def check(self) -> str:
        """List the inbox, write and delete a probe beside the claims. Raises EndpointError saying what is refused."""
        try:
            held = await self._files.hold()
            listing = await self._files.walk("inbox", self._polling.recursive)
            if held:  # while another process polls, whatever it needs it has
                await self._files.write(_PROBE, b"esb endpoint check\n")
                await self._files.remove(_PROBE)
        finally:
            await self._files.close()
        ours = sum(not entry.fault and self._polling.ready.meant(entry.path) for entry in listing)
        waiting = f"{ours} file{'' if ours == 1 else 's'} of ours in it"
        return f"the inbox can be listed ({waiting}) and " + ("written to" if held else "is polled by another process")

    async def _round(self, group: asyncio.TaskGroup, intake: Intake, once: bool) -> None:
        """Look once and start work on what is complete, as many files at a time as the endpoint allows."""
        self._trouble = None
        try:
            work = await self._work(once)
        except EndpointError as error:
            self._postpone(error)
            return
        for path, claimed in work.items():
            while len(self._under_way) >= (1 if self._polling.ordered else self._polling.together):
                await asyncio.wait(self._under_way.values(), return_when=asyncio.FIRST_COMPLETED)
            if self._trouble is not None:
                return
            task = group.create_task(self._one(path, claimed, intake), name=f"file {self._polling.name}")
            self._under_way[path] = task

    async def _work(self, once: bool) -> dict[str, bool]:
        """Return the paths to work on and whether each is claimed already: claims first, then what is complete."""
        if not await self._files.hold():
            self._tell("", "file.idle", "another process polls this place")
            return {}
        held = dict.fromkeys(await self._claims.held(), True)
        listing = await self._files.walk("inbox", self._polling.recursive)
        if once and self._snapshot is None:
            self._snapshot = {entry.path for entry in listing}
        fit = [entry for entry in listing if self._fit(entry)]
        ready = self._readiness.look(fit, self._clock.now())
        self._told &= {entry.path for entry in listing}
        found = {**{entry.path: False for entry in ready if entry.path not in held}, **held}
        order = [*held, *(path for path in found if path not in held)]
        return {path: found[path] for path in order if path not in self._under_way}

    def _fit(self, entry: Entry) -> bool:
        if entry.fault:
            self._tell(entry.path, "file.left", entry.fault)
        return not entry.fault and (self._snapshot is None or entry.path in self._snapshot)

    def _tell(self, path: str, event: str, reason: str) -> None:
        """Log something about a file that stays where it is: once, not at every look."""
        if path not in self._told:
            self._told.add(path)
            self._log.warning(event, endpoint=self._polling.name, file=logged(path), reason=reason)

    async def _one(self, path: str, claimed: bool, intake: Intake) -> None:
        """Deal with one file; nothing that goes wrong with it may reach its siblings."""
        try:
            if claimed or await self._claims.claim(path):
                await self._try(path, intake)
            self._failures = 0
        except EsbError as error:
            self._postpone(error)
        finally:
            del self._under_way[path]

    async def _try(self, path: str, intake: Intake) -> None:
        try:
            await self._taker.take(path, intake)
            self._tries.pop(path, None)
        except UnstableError as error:
            self._log.info("file.unstable", endpoint=self._polling.name, file=logged(path), reason=str(error))
            self._readiness.forget(path)
            await self._claims.give_back(path)
        except CutError as error:
            await self._wait_for_end(path, error)
        except (TakingBugError, UnreadableError) as error:
            await self._count(path, error)

    async def _wait_for_end(self, path: str, error: CutError) -> None:
        """Put back a file whose end is missing; one whose writer never comes to it, or says it has, is put aside."""
        if self._polling.ready.marker or self._readiness.cut(error.entry, self._clock.now()):
            await self._taker.refuse(path, f"{error}; ask the sender to send it again, whole")
            return
        self._tell(path, "file.cut", str(error))
        await self._claims.give_back(path)

    async def _count(self, path: str, error: EsbError) -> None:
        """Count a failure that belongs to this one file; after some it is put aside with the reason."""
        tries = self._tries[path] = self._tries.get(path, 0) + 1
        if tries >= _TRIES:
            await self._taker.refuse(path, f"{error} (tried {tries} times)")
            del self._tries[path]
        else:
            self._log.warning("file.again", endpoint=self._polling.name, file=logged(path), reason=str(error))

    def _postpone(self, error: EsbError) -> None:
        """Stop starting files for a while: the place or the bus is out of reach.

        One outage that many files meet at once is one failure: the pause grows with rounds, not with files.
        """
        self._failures += self._trouble is None
        self._trouble = error
        self._log.warning("file.postponed", endpoint=self._polling.name, reason=str(error), failures=self._failures)

    def _pause(self, once: bool) -> float:
        """Return the seconds until the next look: longer after each failure, shorter when a run is to end soon."""
        if self._trouble is not None:
            return min(_LONGEST_PAUSE, self._polling.poll * 2.0 ** min(self._failures, 16))
        waiting = self._readiness.waiting.values()
        return min([self._polling.poll, *waiting]) if once else self._polling.poll

    async def _finished(self) -> bool:
        """Return whether a run that ends may end: nothing under way, nothing left that may still be complete."""
        while self._under_way:
            await asyncio.wait(self._under_way.values())
        if self._trouble is not None:
            return self._failures >= _TRIES
        return not self._tries and not self._readiness.waiting
