from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pytest

from esb.testing.simulation.world import Outcome, simulate

Played = Callable[[int], Outcome]


@pytest.fixture(scope="session")
def played() -> Played:
    """Return the outcome of a seed; each world is played once for all tests."""
    return lru_cache(maxsize=None)(simulate)
