"""Rounds: the loop of every poller that keeps a bookmark: look, take, advance, rest; longer after a failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from esb.endpoints.bookmark import Bookmark
from esb.endpoints.turn import Turn
from esb.errors import EsbError
from esb.specs import World

_TRIES = 5
"""Failed rounds after which a run that is to end gives up."""
_LONGEST_PAUSE = 60.0


class Rounds:
    """Runs rounds of one endpoint, `poll` seconds apart, in one process at a time."""

    def __init__(self, name: str, world: World, poll: float) -> None:
        self.name, self.world, self._poll = name, world, poll
        self._turn = Turn(world, name)
        self.bookmark = Bookmark(world, name, self._turn)
        self._idle = False

    async def run(self, one: Callable[[], Awaitable[None]], once: bool) -> None:
        """Run rounds until cancelled; with `once` until one has passed.

        Raises:
            EsbError: Only with `once`: round after round failed; nothing is lost, it goes on there the next time.
        """
        failures = 0
        try:
            while True:
                pause = self._poll
                try:
                    if await self._ours():
                        await one()
                    if once:
                        return
                    failures = 0
                except EsbError as error:
                    failures += 1
                    if once and failures >= _TRIES:
                        raise
                    pause = self._postponed(error, failures)
                await self.world.clock.sleep(pause)
        finally:
            await self._turn.release()

    def another(self, name: str) -> Bookmark:
        """Return one more bookmark that moves with the same rounds."""
        return Bookmark(self.world, f"{self.name}/{name}", self._turn)

    async def _ours(self) -> bool:
        ours = await self._turn.hold()
        if not ours and not self._idle:
            self.world.log.info("poll.idle", endpoint=self.name, reason="another process polls")
        self._idle = not ours
        return ours

    def _postponed(self, error: EsbError, failures: int) -> float:
        """Return how long to rest after a failure: growing, and at least as long as the far side asks for."""
        asked = getattr(error, "retry_after", None) or 0.0
        pause: float = max(asked, min(_LONGEST_PAUSE, min(self._poll, 5.0) * 2.0 ** min(failures - 1, 16)))
        self.world.log.warning(
            "poll.postponed", endpoint=self.name, reason=str(error), failures=failures, again_in=round(pause, 1)
        )
        return pause
