"""The checker sees what is wrong: evidence of a good world is tampered with, and it says so."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from msgspec.structs import replace as changed

from esb.testing.simulation.outside import Effect
from esb.testing.simulation.world import World


@cache
def _good_seed() -> int:
    """Return the seed of a world in fair weather where one document was enriched and arrived at several places."""
    for seed in range(2000):
        world = World(seed, crash_at=10**9)
        if len(world.project.flows) > 1 or not world.pinned:
            continue
        outcome = world.run()
        effects = [effect for receiver in world.receivers.values() for effect in receiver.effects]
        siblings = len({effect.body["ref"] for effect in effects}) == 1 < len(effects)
        if siblings and outcome.needs == outcome.seen and all(effect.body.get("facts") for effect in effects):
            return seed
    raise AssertionError("no such world")


@pytest.fixture
def world() -> World:
    world = World(_good_seed(), crash_at=10**9)
    world.run()
    return world


def _judge(world: World) -> set[str]:
    return {violation.partition(":")[0] for violation in world.checker().check().violations}


def _first(world: World) -> tuple[list[Effect], Effect]:
    effects = next(receiver.effects for receiver in world.receivers.values() if receiver.effects)
    return effects, effects[0]


def _tampered(effect: Effect, **changes: object) -> Effect:
    body = {**effect.body, **changes}
    return Effect(effect.to, effect.key, effect.message_id, body, effect.since, effect.at)


def _answered(effect: Effect, **changes: object) -> Effect:
    facts = {name: {**answer, **changes} for name, answer in effect.body["facts"].items()}
    return _tampered(effect, facts=facts)


def lose(world: World) -> None:
    effects, _ = _first(world)
    del effects[0]


def double(world: World) -> None:
    effects, effect = _first(world)
    again = effect.at + 10
    effects.append(Effect(effect.to, f"{effect.key}x", effect.message_id, effect.body, again, again))


def invent(world: World) -> None:
    effects, effect = _first(world)
    effects.append(_tampered(effect, ref="99.9"))


def misdirect(world: World) -> None:
    effects, effect = _first(world)
    effects.append(_tampered(effect, step="nowhere"))


def mix_up_answers(world: World) -> None:
    effects, effect = _first(world)
    effects[0] = _answered(effect, about="99.9")


def mix_releases(world: World) -> None:
    effects, effect = _first(world)
    effects[0] = _tampered(effect, release="r0")


def change_bytes(world: World) -> None:
    receiver = next(iter(world.receivers.values()))
    receiver.changed.append("a key")


def forget_history(world: World) -> None:
    world.memory.journal.clear()


def forget_a_receipt(world: World) -> None:
    name = next(name for name, line in world.memory.journal.items() if line.kind == "received" and line.child)
    del world.memory.journal[name]


def send_into_the_void(world: World) -> None:
    line = next(line for line in world.memory.journal.values() if line.kind == "sent")
    world.memory.journal["void"] = changed(line, id="void", child="nobody")


@pytest.mark.parametrize(
    ("tamper", "kind"),
    [
        (lose, "lost"),
        (double, "duplicated"),
        (invent, "unexpected"),
        (misdirect, "unexpected"),
        (mix_up_answers, "corrupt"),
        (mix_releases, "corrupt"),
        (change_bytes, "corrupt"),
        (forget_history, "journal"),
        (forget_a_receipt, "journal"),
        (send_into_the_void, "journal"),
    ],
    ids=lambda given: getattr(given, "__name__", given),
)
def test_the_checker_says_what_is_wrong(tamper: Callable[[World], None], kind: str, world: World):
    assert _judge(world) == set()

    tamper(world)

    assert kind in _judge(world)


def test_an_exception_without_an_owner_is_hidden_from_people():
    for seed in range(300):
        world = World(seed)
        world.run()
        if world.memory.parking:
            break
    name, row = next(iter(world.memory.parking.items()))

    world.memory.parking[name] = changed(row, owner="")

    assert "hidden" in _judge(world)
