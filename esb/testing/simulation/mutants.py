"""Seeded mistakes: a runtime that makes one of them must be caught by the checker, or the checker is worth nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from esb import pipeline
from esb.envelope import Ack, Addressed, Settlement
from esb.errors import PublishError
from esb.message import Message, derive
from esb.plan import Plan
from esb.records import KeyClaim
from esb.testing.simulation.channel import SimulatedChannel
from esb.testing.simulation.memory import KeyRow, Memory
from esb.testing.simulation.project import Naming, by_id


class AckFirst(SimulatedChannel):
    """Acknowledges what a batch was lent before its sends are published."""

    async def publish(self, sends: Sequence[Addressed]) -> None:
        """Ack all that is held by the routes of this process, then publish."""
        done: list[Settlement] = [Ack(delivery) for delivery in self.held("route/")]
        if done:
            await self.settle(done)
        await super().publish(sends)


class AckAnyway(SimulatedChannel):
    """Takes a failed publish for a success, so that its caller acknowledges."""

    async def publish(self, sends: Sequence[Addressed]) -> None:
        """Publish, and say nothing of what failed."""
        try:
            await super().publish(sends)
        except PublishError:
            return


class MarkFirst(Memory):
    """Marks a deduplicate key as done when it is claimed, and keeps no answer: a redelivery is its own duplicate."""

    def claim(self, claims: Sequence[KeyClaim]) -> list[bytes]:
        """Say `first` once, and `duplicate` ever after."""
        answers = []
        for one in claims:
            answers.append(b"duplicate" if (one.space, one.key) in self.keys else b"first")
            self.keys.setdefault((one.space, one.key), KeyRow(one.owner, "done", one.at + one.keep))
        return answers


def by_index(number: int, name: str) -> str:
    """Call a step by its number: a step inserted before it renames it."""
    return str(number)


def _ask_name(route: str, message: Message, path: str, index: int) -> str:
    return derive("ask", message.id, message.generation, path, index)


@contextmanager
def _nameless() -> Iterator[None]:
    """Name asks without their route: two routes that take the same event share their answers."""
    names = vars(pipeline)
    right, names["ask_name"] = names["ask_name"], _ask_name
    try:
        yield
    finally:
        names["ask_name"] = right


def _as_it_is(plan: Plan) -> Plan:
    return plan


def _unordered(plan: Plan) -> Plan:
    """Work ordered channels as if their order did not matter."""
    deliveries = {name: replace(delivery, ordered=False) for name, delivery in plan.deliveries.items()}
    return replace(plan, ordered_routes=frozenset(), deliveries=deliveries)


@dataclass(frozen=True, slots=True)
class Build:
    """The parts that a world is built from; a mutant is a build with one part wrong."""

    channel: type[SimulatedChannel] = SimulatedChannel
    memory: type[Memory] = Memory
    naming: Naming = by_id
    planned: Callable[[Plan], Plan] = field(default=_as_it_is)
    patched: Callable[[], AbstractContextManager[None]] = field(default=nullcontext)


RIGHT = Build()

MUTANTS: dict[str, Build] = {
    "ack-first": Build(channel=AckFirst),
    "ack-anyway": Build(channel=AckAnyway),
    "mark-first": Build(memory=MarkFirst),
    "ask-without-route": Build(patched=_nameless),
    "id-by-index": Build(naming=by_index),
    "order-ignored": Build(planned=_unordered),
}
