"""Outline: the steps that are written in a project, and those that a message of a route can pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from esb.routes import Project
from esb.routes.visit import Visit, steps_of
from esb.steps.call import Call


@dataclass(slots=True)
class Outline:
    """What stands in the routes of a project. A step is written once, however many routes call the one it is in."""

    project: Project
    _visits: dict[str, tuple[Visit, ...]] = field(default_factory=dict)

    def steps(self, route: str) -> tuple[Visit, ...]:
        """Return the steps of a route, those of its branches too, not those of routes that it calls."""
        if route not in self._visits:
            self._visits[route] = tuple(steps_of(self.project.routes[route].steps))
        return self._visits[route]

    def branches(self, route: str) -> Iterator[str]:
        """Return the paths of the branches of a route: `choose/when-1`, `guard/recover-1` …"""
        for visit in self.steps(route):
            yield from (f"{visit.path}/{name}" for name, _ in visit.spec.branches())

    def called(self, route: str) -> set[str]:
        """Return a route and the routes that it calls, directly or not."""
        found: set[str] = set()
        waiting = [route]
        while waiting:
            name = waiting.pop()
            if name not in found and name in self.project.routes:
                found.add(name)
                waiting += [visit.spec.route for visit in self.steps(name) if isinstance(visit.spec, Call)]
        return found

    def step_names(self, route: str) -> set[str]:
        """Return what steps that a message can pass may be called: their ids, and their paths with call sites."""
        names: set[str] = set()
        for path in self._paths(route):
            names |= {path, path.rpartition("/")[2]}
        return names

    def _paths(self, route: str, above: tuple[str, ...] = ()) -> Iterator[str]:
        """Return the paths of the steps that a message can pass; a ring of calls, which lint reports, ends here."""
        above = (*above, route)
        for visit in self.steps(route):
            yield visit.path
            called = visit.spec.route if isinstance(visit.spec, Call) else ""
            if called in self.project.routes and called not in above:
                yield from (f"{visit.path}/{inner}" for inner in self._paths(called, above))

    def events(self, route: str) -> set[str]:
        """Return the events that a message of a route can publish."""
        specs = (visit.spec for name in self.called(route) for visit in self.steps(name))
        addresses = (address for spec in specs for address in spec.destinations())
        return {address.removeprefix("event/") for address in addresses if address.startswith("event/")}
