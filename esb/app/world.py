"""The world that endpoints go live in: clock, log, folders, and secrets that are read when they are used."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from esb.app.logs import Redactor
from esb.app.machine import machine
from esb.app.secrets import Secrets
from esb.errors import StoreError
from esb.management.trace import is_moving, trace
from esb.ports import Clock, Log, Store
from esb.specs import SecretRef


class LiveWorld:
    """What endpoints find outside of themselves; `store` is set when it is open."""

    def __init__(self, clock: Clock, log: Log, project: Path, state: Path, redactor: Redactor) -> None:
        self.clock, self.log, self.project, self.state = clock, log, project, state
        self._redactor = redactor
        self.store: Store | None = None
        self._machine = ""
        folder = Path(os.environ.get("ESB_SECRETS", str(project / "secrets")))
        self._secrets = Secrets(clock, log, folder, os.environ)

    def secret(self, reference: SecretRef) -> str:
        """Return the value as it is now; it will never appear in a log line.

        Raises:
            DefinitionError: It is not there; names the reference only.
        """
        value = self._secrets.value(reference)
        self._redactor.add(value)
        return value

    def redacted(self, text: str) -> str:
        """Return a text without the values of secrets that were read so far."""
        return self._redactor.text(text)

    async def lease(self, name: str, ttl: float) -> bool:
        """Return whether this machine has a lease of the store."""
        if not self._machine:
            self._machine = await asyncio.to_thread(machine, self.state)
        return await self._open_store().lease(name, self._machine, self.clock.now(), ttl)

    async def remember(self, name: str, value: bytes) -> None:
        """Keep a value in the store."""
        await self._open_store().remember(name, value)

    async def recall(self, name: str) -> bytes | None:
        """Return a value of the store."""
        return await self._open_store().recall(name)

    def _open_store(self) -> Store:
        if self.store is None:
            raise StoreError("no store is open here")
        return self.store

    async def under_way(self, message_id: str) -> bool:
        """Return whether something of a message is still on its way; one that no history tells of yet is."""
        if self.store is None:
            return False
        return is_moving(await trace(self.store, message_id))
