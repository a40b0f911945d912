"""Items: what a poller found, handed to the intake one by one. What can never be taken is put aside, not lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from esb.edge import Accepted, Receipt
from esb.endpoints.taking import TakingBugError, take
from esb.errors import EndpointError, MessageError
from esb.message import NOTHING, derive
from esb.ports import Intake
from esb.specs import World

_TRIES = 5
"""How often an item that meets a fault of ours is tried before it is put aside."""


@dataclass(frozen=True, slots=True)
class Item:
    """One document from outside. Its identity is the key it has there and its content: what changed is new."""

    key: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    @property
    def digest(self) -> str:
        """The SHA-256 of the content."""
        return sha256(self.body).hexdigest()


class Items:
    """Takes items for one endpoint, `together` at a time (1 keeps their order)."""

    def __init__(self, name: str, world: World, together: int = 16, partner: str = "") -> None:
        self._name, self._world, self._together, self._partner = name, world, together, partner

    async def take(self, items: Sequence[Item], intake: Intake) -> int:
        """Return when every item is durable (or put aside), and how many of them were new.

        Raises:
            EsbError: The bus cannot take them now; those that it has are recognised when they come again.
        """
        turn = asyncio.Semaphore(self._together)

        async def one(item: Item) -> bool:
            async with turn:
                return await self.take_one(item, intake)

        if self._together == 1:
            return sum([await self.take_one(item, intake) for item in items])
        done = await asyncio.gather(*(one(item) for item in items), return_exceptions=True)
        failures = [each for each in done if isinstance(each, BaseException)]
        if failures:
            raise failures[0]
        return sum(each is True for each in done)

    async def take_one(self, item: Item, intake: Intake) -> bool:
        """Take one item; return whether it was new."""
        try:
            accepted = await self.offer(item, intake)
        except (MessageError, TakingBugError) as error:
            await self.put_aside(item, str(error))
            return False
        return not accepted.repeated

    async def put_aside(self, item: Item, reason: str) -> None:
        """Keep an item that can never be taken in the state folder, with the reason beside it.

        Raises:
            EndpointError: The folder cannot be written to; the item stays where it came from.
        """
        folder = self._world.state / "refused" / self._name
        file = folder / derive(item.key, item.digest)[:16]
        text = f"{item.key}\nwas not taken by endpoint {self._name}: {reason}\n"
        try:
            await asyncio.to_thread(_keep, folder, {file: item.body, file.with_suffix(".error.txt"): text.encode()})
        except OSError as error:
            raise EndpointError(f"cannot put a refused item aside in {folder}: {error}") from error
        self._world.log.error("item.refused", endpoint=self._name, key=item.key[:200], reason=reason, kept=str(file))

    async def offer(self, item: Item, intake: Intake) -> Accepted:
        """Return the intake's answer: the item is durable.

        Raises:
            MessageError: It can never be taken.
            TakingBugError: It met a fault of ours, again and again.
            EsbError: The bus cannot take it now.
        """
        receipt = Receipt(
            endpoint=self._name,
            key=f"{item.key} {item.digest[:16]}",
            digest=item.digest,
            chunks=Content(item.body),
            headers=item.headers,
            partner=self._partner,
        )
        for _ in range(_TRIES - 1):
            try:
                return await take(intake, receipt, self._world.log)
            except TakingBugError:
                await self._world.clock.sleep(1.0)
        return await take(intake, receipt, self._world.log)


class Content:
    """A body as chunks, as often as it is read."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


def _keep(folder: Path, files: Mapping[Path, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        file.write_bytes(content)
