"""Coverage: which written steps and branches the cases have passed, and which never."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from esb.testing.route_test.bench import Happened
from esb.testing.route_test.outline import Outline

Spot = tuple[str, str]
"""A route and the path of a step or branch in it."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What there is, and what was never passed."""

    steps: tuple[Spot, ...] = ()
    branches: tuple[Spot, ...] = ()
    steps_missed: tuple[Spot, ...] = ()
    branches_missed: tuple[Spot, ...] = ()

    @property
    def percent(self) -> int:
        """The share of steps and branches that were passed, rounded down: 100 means all."""
        every = len(self.steps) + len(self.branches)
        missed = len(self.steps_missed) + len(self.branches_missed)
        return 100 if not every else (every - missed) * 100 // every

    def sentence(self) -> str:
        """Return the figures: `coverage 93 %: 41 of 44 steps, 12 of 13 branches`."""
        steps = f"{len(self.steps) - len(self.steps_missed)} of {len(self.steps)} steps"
        ways = f"{len(self.branches) - len(self.branches_missed)} of {len(self.branches)} branches"
        return f"coverage {self.percent} %: {steps}{f', {ways}' if self.branches else ''}"


@dataclass(slots=True)
class Covering:
    """Gathers what was passed, case by case."""

    outline: Outline
    _passed: set[Spot] = field(default_factory=set)

    def add(self, happened: Happened) -> None:
        """Take note of the steps that ran."""
        self._passed.update(passage.written for ran in happened.ran for passage in ran.passages)

    def coverage(self, routes: Iterable[str]) -> Coverage:
        """Return the coverage of these routes; a step in a sub-route counts once, whoever called it."""
        names = sorted(routes)
        steps = tuple((name, visit.path) for name in names for visit in self.outline.steps(name))
        branches = tuple((name, path) for name in names for path in self.outline.branches(name))
        return Coverage(
            steps,
            branches,
            tuple(spot for spot in steps if spot not in self._passed),
            tuple(spot for spot in branches if not self._entered(spot)),
        )

    def _entered(self, branch: Spot) -> bool:
        route, path = branch
        return any(name == route and step.startswith(f"{path}/") for name, step in self._passed)
