"""Leases: of many workers that could poll a server, one does. Kept at the server: they need not know each other.

A lease is a file `lease-N` that its holder writes to again and again. Who finds the newest lease unchanged for the
whole time of a lease, counted on its *own* clock, may make `lease-N+1`, which only one can: it is created exclusively.
The holder stops in time by its own clock, too, so that no two clocks are ever compared. N only grows: a slow worker
that still believes in an old lease finds that its number was given out, or that there is a higher one.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from contextlib import suppress

from esb.endpoints.polling.files import OutOfReachError
from esb.endpoints.remote.place import MissingError, RemotePlace
from esb.errors import EndpointError

_NAME = "lease-"
_LENGTH = 96
_FREE = b"free".ljust(_LENGTH)
_BEAT, _SLOWEST, _VALID = 0.2, 0.2, 0.7
"""Parts of a lease's time: between renewals, for one of them at most, and from its beginning until we stop. The last
two together are less than the whole: a renewal that comes late never overlaps with a successor."""


class Lease:
    """The right to poll one place. `seconds`: how long a holder that died keeps the others waiting."""

    def __init__(self, place: RemotePlace, folder: str, seconds: float) -> None:
        self._place = place
        self._folder = folder
        self._seconds = seconds
        host = socket.gethostname()[:40].encode("ascii", "replace").decode()
        self._me = f"{host} {os.getpid()} {secrets.token_hex(6)} "
        self._number = 0
        self._beats = 0
        self._until = 0.0
        self._keeping: asyncio.Task[None] | None = None
        self._watched: tuple[int, bytes] = (-1, b"")
        self._since = 0.0

    @property
    def held(self) -> bool:
        """Whether it is ours now."""
        return asyncio.get_running_loop().time() < self._until

    async def hold(self) -> bool:
        """Return whether it is ours, taking it if it is free or its holder shows no sign of life.

        Raises:
            EndpointError: The server is out of reach or does not let us write there.
        """
        if self.held:
            return True
        await self._stop()
        newest = await self._newest()
        now = asyncio.get_running_loop().time()
        if newest != self._watched:
            self._watched, self._since = newest, now
        number, content = newest
        free = not number or content == _FREE or content.startswith(self._me.encode())
        if not free and now - self._since < self._seconds:
            return False
        return await self._take(number + 1)

    async def close(self) -> None:
        """Let others have it at once."""
        held = self.held
        await self._stop()
        if held:
            with suppress(EndpointError, TimeoutError):
                async with asyncio.timeout(self._seconds * _SLOWEST):
                    await self._place.notes.renew(self._path(self._number), _FREE)

    async def _take(self, number: int) -> bool:
        """Make the next lease; False if another worker was faster, or went on meanwhile."""
        began = asyncio.get_running_loop().time()
        content = self._content()
        try:
            await self._place.notes.make(self._path(number), content)
        except OutOfReachError:
            raise
        except EndpointError:
            if await self._place.stat(self._path(number)) is None:
                raise  # nobody else has it: the server does not let us
            return False
        leases = await self._leases()
        if leases[-1] != number or await self._read(number) != content:
            return False
        for old in leases[:-1]:
            await self._place.notes.remove(self._path(old))
        self._number = number
        self._until = began + self._seconds * _VALID
        self._keeping = asyncio.ensure_future(self._keep())
        return self.held

    async def _keep(self) -> None:
        """Renew it until it is lost: by being late, or because there is a newer one."""
        while self.held:
            await asyncio.sleep(self._seconds * _BEAT)
            began = asyncio.get_running_loop().time()
            if not self.held:
                return
            try:
                async with asyncio.timeout(self._seconds * _SLOWEST):
                    ours = await self._renew()
            except (TimeoutError, EndpointError):
                continue
            self._until = began + self._seconds * _VALID if ours else 0.0

    async def _renew(self) -> bool:
        """Give a sign of life; return whether the lease is still the newest one."""
        try:
            await self._place.notes.renew(self._path(self._number), self._content())
        except MissingError:
            return False
        return await self._place.stat(self._path(self._number + 1)) is None

    async def _stop(self) -> None:
        keeping, self._keeping, self._until = self._keeping, None, 0.0
        if keeping is not None:
            keeping.cancel()
            await asyncio.wait([keeping])

    async def _newest(self) -> tuple[int, bytes]:
        """Return the number of the newest lease, 0 if there is none, and what is written in it."""
        leases = await self._leases()
        return (leases[-1], await self._read(leases[-1])) if leases else (0, b"")

    async def _leases(self) -> list[int]:
        try:
            names = [name.removeprefix(_NAME) for name, _ in await self._place.listing(self._folder)]
        except MissingError:
            return []
        return sorted(int(name) for name in names if name.isdecimal() and len(name) < 19)

    async def _read(self, number: int) -> bytes:
        return await self._place.notes.read(self._path(number), _LENGTH)

    def _content(self) -> bytes:
        self._beats += 1
        return f"{self._me}{self._beats}".encode().ljust(_LENGTH)

    def _path(self, number: int) -> str:
        return f"{self._folder}/{_NAME}{number}"
