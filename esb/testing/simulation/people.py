"""Who stands around the bus: senders that insist until they are accepted, and a person who decides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from esb.edge import Accepted, Receipt
from esb.envelope import encode_document
from esb.errors import ConflictError, EsbError, MessageError, StoreError
from esb.management.exceptions import Decision, Desk
from esb.message import derive
from esb.ports import Store
from esb.records import Parked, ParkedFilter
from esb.testing.simulation.project import Project


@dataclass(slots=True)
class Input:
    """What a sender sends under one key: documents (None = a line that is no document), and what became of it."""

    endpoint: str
    key: str
    documents: list[dict[str, Any] | None]
    rival: bool = False
    """Another sender used the key first for something else, or will."""
    accepted: Accepted | None = None
    refused: str = ""

    @property
    def raw(self) -> bytes:
        """The bytes: one document a line."""
        lines = [b"broken" if document is None else encode_document(document) for document in self.documents]
        return b"\n".join(lines)

    @property
    def digest(self) -> str:
        """The digest of the bytes."""
        return derive(self.raw.decode())

    @property
    def base(self) -> str:
        """The id that the delivery must have."""
        return derive("intake", self.endpoint, self.key, self.digest)

    def receipt(self) -> Receipt:
        """Return what the endpoint hands to the intake."""
        return Receipt(self.endpoint, self.key, self.digest, Chunks(self.raw), name=f"{self.key}.jsonl")


class Chunks:
    """Bytes in pieces, which may be read more than once."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces."""
        half = len(self._raw) // 2
        yield self._raw[:half]
        yield self._raw[half:]


def draw_inputs(random: Random, project: Project) -> list[Input]:
    """Return what is sent in a world: a few documents, some of them twins under the same business key."""
    inputs: list[Input] = []
    number = 0
    for _ in range(random.randint(1, 4)):
        endpoint = random.choice(project.intakes)
        documents: list[dict[str, Any] | None] = []
        number += 1
        for line in range(1, random.choice((1, 1, 2, 2, 3)) + 1):
            broken = random.random() < 0.04 and line > 1
            documents.append(None if broken else _document(random, f"{number}.{line}", project))
        inputs.append(Input(endpoint, f"k{number}", documents))
    if random.random() < 0.15:
        number += 1
        victim = random.choice(inputs)
        victim.rival = True
        other = _document(random, f"{number}.1", project)
        inputs.append(Input(victim.endpoint, victim.key, [other], rival=True))
    return inputs


def _document(random: Random, ref: str, project: Project) -> dict[str, Any]:
    return {
        "ref": ref,
        "part": 0,
        "key": f"b{random.randint(1, 3)}",
        "branch": random.random() < 0.5,
        "bad": random.random() < 0.08,
        "drop": random.random() < 0.2,
        "lines": random.randint(1, 2),
        "unwanted": random.choice(tuple(project.receivers)) if random.random() < 0.08 else "",
        "facts": {},
    }


Take = Callable[[Receipt], Awaitable[Accepted | Exception | None]]
"""Hands a receipt to some intake process; None = the connection broke and nobody knows."""


async def insist(given: Input, take: Take, random: Random, found: list[str]) -> None:
    """Send until accepted or refused for good; sometimes ask again after that, as a sender does who lost the 202."""
    await asyncio.sleep(random.random() * 3.0)
    again = random.choice((0, 0, 1))
    while True:
        answer = await take(given.receipt())
        if isinstance(answer, Accepted):
            if given.accepted is not None and given.accepted.message_id != answer.message_id:
                found.append(
                    f"identity: {given.key} was accepted as {given.accepted.message_id} and {answer.message_id}"
                )
            given.accepted = answer
            if not again:
                return
            again -= 1
        elif isinstance(answer, MessageError):
            given.refused = str(answer)
            if isinstance(answer, ConflictError) and not given.rival:
                found.append(f"unexpected: {given.key} was refused although nobody else used its key")
            return
        elif isinstance(answer, Exception) and not isinstance(answer, EsbError):
            found.append(f"fault: the intake answered {given.key} with {type(answer).__name__}: {answer}")
            return
        await asyncio.sleep(random.choice((0.1, 0.5, 2.0)))


@dataclass(slots=True)
class Person:
    """Looks after what waits, and decides about some of it. `decided` maps rows to what was decided."""

    random: Random
    generous: float
    """The chance that a row is acted on each time it is seen."""
    patience: int = 6
    """Decisions before the person goes home: what is retried may come back, again and again."""
    decided: dict[str, str] = field(default_factory=dict)

    def wanted_again(self) -> frozenset[str]:
        """Return the rows that were to be tried again, whether or not the store took the word."""
        return frozenset(name for name, verb in self.decided.items() if verb == "retry")

    async def look(self, desk: Desk, store: Store) -> None:
        """Go through what is open once."""
        try:
            rows = await store.parked(ParkedFilter())
            for row in rows:
                if len(self.decided) >= self.patience:
                    return
                if self.random.random() < self.generous and row.id not in self.decided:
                    await self._decide(desk, row)
        except StoreError:
            return

    async def _decide(self, desk: Desk, row: Parked) -> None:
        draw = self.random.random()
        verb = "leave" if draw < 0.15 else "discard" if draw < 0.3 else "release" if not row.failure_class else "retry"
        if verb == "retry" and row.place.startswith("intake/"):
            verb = "discard"  # what was never read cannot be started again
        self.decided[row.id] = verb
        decision = Decision("the person", "so it shall be")
        if verb == "discard":
            await desk.discard(row, decision)
        elif verb == "release":
            await desk.release(row, decision)
        elif verb == "retry":
            await desk.retry(row, decision)
