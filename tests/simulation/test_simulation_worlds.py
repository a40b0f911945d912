"""The runtime keeps its promise in every world; the worlds are rough enough to mean something."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

import pytest

from esb.testing.simulation.shapes import Deduplicate, Enrich, Guard, Hold, Split
from esb.testing.simulation.world import Outcome, World, simulate

Played = Callable[[int], Outcome]

WORLDS = int(os.environ.get("ESB_SIMULATION_WORLDS", "500"))
"""How many; `python -m esb.testing.simulation --worlds N` plays more without pytest."""
AT_ONCE = 50


@pytest.mark.parametrize("first", range(0, WORLDS, AT_ONCE))
def test_nothing_is_lost_doubled_or_unexpected_in_any_world(first: int, played: Played):
    outcomes = [played(seed) for seed in range(first, min(first + AT_ONCE, WORLDS))]

    broken = [
        f"{violation}\n  reproduce: python -m esb.testing.simulation --seed {outcome.seed} --trace"
        for outcome in outcomes
        for violation in outcome.violations
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(("seed", "every"), [(10, 1), (31, 1), (29, 5), (93, 5)])
def test_a_process_may_die_at_any_step(seed: int, every: int):
    steps = simulate(seed, crash_at=10**9).steps

    broken = {}
    for step in range(1, steps, every):
        outcome = simulate(seed, crash_at=step)
        if outcome.violations:
            broken[step] = outcome.violations

    assert broken == {}


def test_every_kind_of_fault_strikes_often(played: Played):
    struck = sum((played(seed).struck for seed in range(120)), Counter())

    rare = {kind: count for kind, count in struck.items() if count < 10}
    assert rare == {}
    assert set(struck) >= {
        "connection", "crash", "deploy", "doubled", "drain", "failing", "outage of channel", "outage of endpoint",
        "outage of store", "refused", "shuffled", "unanswered", "uncertain", "unconfirmed", "unsettled",
    }  # fmt: skip


def test_most_of_what_is_owed_is_seen_and_not_explained_away(played: Played):
    """What is not seen fell to a twin, to another arm of a guard, or lies with a person on purpose."""
    outcomes = [played(seed) for seed in range(200)]

    assert sum(outcome.seen for outcome in outcomes) > 0.5 * sum(outcome.needs for outcome in outcomes)


def test_in_fair_weather_without_holds_and_twins_everything_arrives():
    """Then nothing can be explained away: the oracle and the runtime must agree on every single effect."""
    owed = 0
    for seed in range(300):
        world = World(seed, crash_at=10**9)
        kinds = {type(shape) for flow in world.project.flows for shape in flow.shapes}
        faultless = not any(
            document is None or document["unwanted"] for given in world.inputs for document in given.documents
        )
        if not faultless or kinds & {Hold, Deduplicate, Guard, Enrich}:
            continue
        outcome = world.run()

        assert outcome.violations == ()
        assert outcome.seen == outcome.needs, f"seed {seed}"
        owed += outcome.needs
    assert owed > 100


def test_every_pattern_occurs_in_many_worlds():
    kinds = Counter(type(shape) for seed in range(100) for flow in World(seed).project.flows for shape in flow.shapes)

    assert {kind.__name__: kinds[kind] for kind in (Deduplicate, Enrich, Guard, Hold, Split) if kinds[kind] < 20} == {}


def test_what_is_ordered_arrives_in_its_order():
    worlds = [World(seed, crash_at=10**9) for seed in range(600)]
    ordered = [world for world in worlds if world.project.ordered]

    broken = {world.seed: violations for world in ordered if (violations := world.run().violations)}

    assert len(ordered) > 50
    assert broken == {}
