"""Turn: the right to poll an endpoint: one process on one machine at a time, of all that share a store."""

from __future__ import annotations

import asyncio
import fcntl
import os
from contextlib import suppress

from esb.errors import EndpointError, EsbError
from esb.specs import World

_TTL = 60.0
"""Seconds after which another machine goes on when the one that polls has died."""
_BEAT = 0.2
"""Part of that time between two renewals; a lease that was renewed as lately is not asked for again."""
_FAREWELL = 2.0
"""Seconds that giving it back may take; without that the others wait until it runs out."""


class Turn:
    """A lease in the store tells machines apart, a lock in the state folder the processes of one machine.

    So a process that is killed is followed at once by another one of its machine (the kernel frees the lock), and
    after a minute by one of another machine.
    """

    def __init__(self, world: World, name: str) -> None:
        self._world, self._name = world, f"poll/{name}"
        self._file = world.state / "polls" / f"{name}.lock"
        self._lock: int | None = None
        self._renewed = float("-inf")
        self._keeping: asyncio.Task[None] | None = None

    async def hold(self) -> bool:
        """Return whether it is ours, taking it if it is free.

        Raises:
            EndpointError: The state folder cannot be written to.
            StoreError: The store is out of reach and the lease has run out, or was never ours.
        """
        if self._lock is None:
            self._lock = await self._locked()
        if self._lock is None:
            return False
        if asyncio.get_running_loop().time() - self._renewed < _TTL * _BEAT:
            return True
        ours = await self._renew()
        if ours and self._keeping is None:
            self._keeping = asyncio.ensure_future(self._keep())
        return ours

    async def release(self) -> None:
        """Let others poll, at once."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.wait([keeping])
            with suppress(EsbError, TimeoutError):
                async with asyncio.timeout(_FAREWELL):
                    await self._world.lease(self._name, 0.0)
        self._renewed = float("-inf")
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _keep(self) -> None:
        """Renew it while a round lasts longer than the lease; who writes finds out if that failed for too long."""
        while True:
            await asyncio.sleep(_TTL * _BEAT)
            with suppress(EsbError):
                await self._renew()

    async def _renew(self) -> bool:
        began = asyncio.get_running_loop().time()
        ours = await self._world.lease(self._name, _TTL)
        self._renewed = began if ours else float("-inf")
        return ours

    async def _locked(self) -> int | None:
        try:
            return await asyncio.to_thread(self._take_lock)
        except OSError as error:
            raise EndpointError(f"cannot lock {self._file}: {error}; make the state folder usable") from error

    def _take_lock(self) -> int | None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor
