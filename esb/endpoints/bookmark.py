"""Bookmark: how far a poller came, kept in the store for whichever process polls next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from esb.endpoints.turn import Turn
from esb.errors import EndpointError
from esb.specs import World


class Bookmark:
    """A small document, the mark `poll/NAME` of the store; only who has the turn moves it."""

    def __init__(self, world: World, name: str, turn: Turn) -> None:
        self._world, self._name, self._turn = world, f"poll/{name}", turn

    async def read(self) -> dict[str, Any]:
        """Return what was written last, or nothing.

        Raises:
            EndpointError: It cannot be read: going on without it would take everything again.
            StoreError: The store is out of reach.
        """
        kept = await self._world.recall(self._name)
        if kept is None:
            return {}
        try:
            found = json.loads(kept)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise EndpointError(f"the bookmark {self._name} in the store is damaged; restore the table esb_marks")
        return found

    async def write(self, document: Mapping[str, Any]) -> None:
        """Replace it; durable when this returns.

        Raises:
            EndpointError: The turn was lost: another process goes on from where the bookmark stands.
            StoreError: The store is out of reach.
        """
        if not await self._turn.hold():
            raise EndpointError("another process polls now, because this one was too slow to keep its turn")
        await self._world.remember(self._name, json.dumps(dict(document)).encode())
