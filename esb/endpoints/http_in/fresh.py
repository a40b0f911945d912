"""A guard whose secrets may change while it stands: they are looked at again every few seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from esb.endpoints.http_in.guards import Guard
from esb.errors import DefinitionError
from esb.specs import SecretRef, World

_LOOK = 5.0
"""Seconds between two looks."""


class FreshGuard:
    """Guards as another guard does, which is built anew when one of its secrets has another value.

    A secret that cannot be read any more changes nothing: who could come in still can, and the log says so.
    """

    def __init__(self, build: Callable[[], Guard], secrets: Sequence[SecretRef], world: World) -> None:
        self._build, self._secrets, self._world = build, secrets, world
        self._guard = build()
        self._seen, self._at = self._values(), world.clock.now()

    @property
    def challenge(self) -> str:
        """What a 401 says."""
        return self._guard.challenge

    async def admit(self, headers: Mapping[str, str]) -> str:
        """Return the name of the client. Raises SecurityError."""
        self._look()
        return await self._guard.admit(headers)

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Raise SecurityError if what the body must prove is wrong."""
        self._guard.verify(headers, body, now)

    def _look(self) -> None:
        now = self._world.clock.now()
        if now - self._at < _LOOK:
            return
        self._at = now
        try:
            seen = self._values()
            if seen != self._seen:
                self._guard, self._seen = self._build(), seen
                self._world.log.info("secret.changed", secrets=", ".join(map(str, self._secrets)))
        except DefinitionError as error:
            self._world.log.warning("secret.unread", reason=str(error), hint="the old values are used")

    def _values(self) -> list[bytes]:
        return [sha256(self._world.secret(each).encode()).digest() for each in self._secrets]
