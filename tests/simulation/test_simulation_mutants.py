"""A runtime with a seeded mistake breaks its promise within the 500 worlds, where the right one keeps it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from esb.testing.simulation.mutants import MUTANTS
from esb.testing.simulation.world import Outcome, simulate


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("ack-first", {"lost"}),
        ("ack-anyway", {"lost"}),
        ("mark-first", {"lost"}),
        ("ask-without-route", {"lost", "corrupt", "duplicated"}),
        ("id-by-index", {"duplicated", "lost"}),
        ("order-ignored", {"disorder"}),
    ],
)
def test_the_checker_catches_a_seeded_mistake(name: str, kinds: set[str], played: Callable[[int], Outcome]):
    caught: set[str] = set()
    for seed in range(500):
        outcome = simulate(seed, MUTANTS[name])
        if outcome.violations and not played(seed).violations:
            caught = {violation.partition(":")[0] for violation in outcome.violations}
            if caught & kinds:
                break

    assert caught & kinds
