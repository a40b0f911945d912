"""The simulated store keeps the promises of every store."""

from __future__ import annotations

from random import Random

import pytest

from esb.testing.simulation.faults import CALM, Faults
from esb.testing.simulation.loop import SeededLoop
from esb.testing.simulation.memory import Memory
from esb.testing.simulation.process import Process
from esb.testing.simulation.store import SimulatedStore
from esb.testing.store_suite import CHECKS, Check


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_simulated_store_keeps_its_promise(check: Check) -> None:
    random = Random(7)
    loop = SeededLoop(random)
    store = SimulatedStore(Memory(), Faults(random, CALM), Process(loop, random, "test", 1, slow=0.0))

    loop.play(check(store))
