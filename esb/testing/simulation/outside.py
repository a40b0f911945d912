"""The systems outside: receivers that apply effects, and a directory that never answers the same twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from esb.edge import Delivered
from esb.envelope import decode_document
from esb.errors import EndpointError, RejectedError, ThrottledError, UnknownOutcomeError
from esb.message import Message, NamedAsk
from esb.testing.simulation.faults import Faults
from esb.testing.simulation.loop import SeededLoop
from esb.testing.simulation.process import Process


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that happened at a receiver.

    `since` = the step at which the process that called got hold of the message; `at` = when it took effect.
    """

    to: str
    key: str
    message_id: str
    body: Mapping[str, Any]
    since: int
    at: int


class Receiver:
    """A system that takes deliveries. With `honours` it drops what comes again under a key that it knows."""

    def __init__(self, name: str, honours: bool, loop: SeededLoop, faults: Faults) -> None:
        self.name, self.honours, self.loop = name, honours, loop
        self._faults = faults
        self.effects: list[Effect] = []
        self.bodies: dict[str, bytes] = {}
        """By key: what came first under it."""
        self.changed: list[str] = []
        """Keys under which something else came later."""
        self.calls = 0

    def take(self, message: Message, key: str, since: int) -> Delivered:
        """Apply a delivery, or fail in the way that the dice say."""
        self.calls += 1
        if self.name in self._faults.down:
            raise EndpointError(f"{self.name} is down")
        if self._faults.strikes("failing"):
            raise ThrottledError("slow down", 1.0) if self.calls % 2 else EndpointError("try later")
        body = decode_document(message.body)
        if body.get("unwanted") == self.name:
            raise RejectedError(f"{self.name} does not want this")
        known = self.bodies.setdefault(key, message.body)
        if known != message.body:
            self.changed.append(key)
        if not (self.honours and any(effect.key == key for effect in self.effects)):
            self.effects.append(Effect(self.name, key, message.id, body, since, self.loop.steps))
            self.loop.mark(f"{self.name} {key}")
        if self._faults.strikes("unanswered"):
            raise UnknownOutcomeError(f"{self.name} did not answer")
        return Delivered()

    def has(self, key: str) -> bool:
        """Return whether an effect happened (what a probe asks)."""
        if self.name in self._faults.down or self._faults.strikes("failing"):
            raise EndpointError(f"{self.name} does not answer the probe")
        return any(effect.key == key for effect in self.effects)


class SimulatedSink:
    """`esb.ports.Sink`: the way of one process to a receiver. `lent_since` says when it got hold of a message."""

    def __init__(self, receiver: Receiver, process: Process, lent_since: Callable[[str], int]) -> None:
        self._receiver, self._wire, self._lent_since = receiver, process.wire, lent_since

    async def deliver(self, message: Message, key: str) -> Delivered:
        since = self._lent_since(message.id)
        given: Delivered = await self._wire.call(lambda: self._receiver.take(message, key, since))
        return given

    async def applied(self, message: Message, key: str) -> bool | None:
        found: bool = await self._wire.call(lambda: self._receiver.has(key))
        return found

    async def check(self) -> str:
        return "simulated"

    async def close(self) -> None:
        return


class Directory:
    """Systems that enrich steps ask: each answer is new, some are refusals, and some come late."""

    def __init__(self, faults: Faults, refusing: float, late: float) -> None:
        self._faults, self._refusing, self._late = faults, refusing, late
        self._asked = 0

    def late(self) -> bool:
        """Return whether this answer takes long."""
        return self._faults.random.random() < self._late

    def ask(self, target: str, path: str, about: str) -> dict[str, Any]:
        """Return a new answer, or fail in the way that the dice say."""
        self._asked += 1
        if target in self._faults.down or self._faults.strikes("failing"):
            raise EndpointError(f"{target} is down")
        if self._faults.random.random() < self._refusing:
            raise RejectedError(f"{target} knows nothing about {about} (said at question {self._asked})")
        return {"target": target, "path": path, "about": about, "number": self._asked}


class SimulatedDirectory:
    """`esb.ports.Answers` for asks of kind `http`, as one process reaches them."""

    def __init__(self, directory: Directory, process: Process) -> None:
        self._directory, self._wire = directory, process.wire

    async def answer(self, asks: Sequence[NamedAsk]) -> Sequence[Any]:
        return [await self._one(asked) for asked in asks]

    async def _one(self, asked: NamedAsk) -> Any:
        if self._directory.late():
            await asyncio.sleep(0.7)
        target, request = asked.ask.target, asked.ask.request
        try:
            return await self._wire.call(lambda: self._directory.ask(target, request["path"], request["body"]))
        except (EndpointError, RejectedError) as error:
            return error
