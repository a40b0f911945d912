"""Control numbers in every world: whatever is killed or comes again, a message bears one number of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from types import GeneratorType
from typing import Any

import msgspec
import pytest

from esb.message import Ask, Message, Scope, Send
from esb.pipeline import Route, sequence
from esb.plan import Plan
from esb.ports import Asking, Step
from esb.testing.simulation.memory import Memory
from esb.testing.simulation.mutants import RIGHT
from esb.testing.simulation.world import World
from esb.trading import NumberClaim

LINE = Scope("x12", "interchange", "HOUSE", "EVERYBODY")
AT_ONCE = 25


def numbered(plan: Plan) -> Plan:
    """Return the plan with a number in the body of everything that its routes deliver."""
    return replace(plan, routes={name: _route(route) for name, route in plan.routes.items()})


def _route(route: Route) -> Route:
    entries = {path: _named(route, f"{path}-numbers", step) for path, step in route.entries.items()}
    return replace(route, entry=_named(route, "numbers", route.entry), entries=entries)


def _named(route: Route, path: str, step: Step) -> Step:
    return sequence(route.name, [(path, _numbering(step))])


def _numbering(step: Step) -> Step:
    def run(message: Message) -> Asking:
        given: Any = step(message)
        outputs: Sequence[Any] = (yield from given) if isinstance(given, GeneratorType) else given
        left: list[Any] = []
        for item in outputs:
            left.append((yield from _bearing(item)) if _leaves(item) else item)
        return left

    return run


def _leaves(item: Any) -> bool:
    return isinstance(item, Send) and item.to.startswith("delivery/")


def _bearing(send: Send) -> Any:
    (number,) = yield Ask("numbers", "edi", {"scopes": (LINE,)}, stateful=True)
    body = {**send.message.body, "number": number}
    return msgspec.structs.replace(send, message=send.message.with_body(body))


@pytest.mark.parametrize("first", range(0, 150, AT_ONCE))
def test_every_message_that_arrives_bears_a_number_of_its_own_and_always_the_same(first: int):
    build = replace(RIGHT, planned=numbered)
    total = 0
    for seed in range(first, first + AT_ONCE):
        world = World(seed, build)
        outcome = world.run()
        bearers: dict[int, set[str]] = defaultdict(set)
        numbers: dict[str, set[int]] = defaultdict(set)
        for receiver in world.receivers.values():
            for effect in receiver.effects:
                if "number" in effect.body:
                    bearers[effect.body["number"]].add(effect.key)
                    numbers[effect.key].add(effect.body["number"])
        total += len(bearers)
        taken = world.memory.book.every()

        assert outcome.violations == ()
        assert [number for number, who in bearers.items() if len(who) > 1] == []
        assert [who for who, borne in numbers.items() if len(borne) > 1] == []
        assert max(bearers, default=0) < (taken[0].next if taken else 1)
    assert total > 100


class Forgetful(Memory):
    """Gives out a new number whenever it is asked, and keeps none."""

    def take(self, claims: Sequence[NumberClaim]) -> list[tuple[int, ...]]:
        return [tuple(msgspec.json.decode(self.book.take(one))) for one in claims]


def test_a_store_that_forgets_whom_it_gave_a_number_is_caught():
    worlds = (World(seed, replace(RIGHT, planned=numbered, memory=Forgetful)) for seed in range(60))

    assert any(world.run().violations for world in worlds)
