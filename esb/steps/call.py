"""Call: the steps of another route run here, as if they were written in this place."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from esb.ports import Step
from esb.specs import Resources, RouteName, StepSpec


class Call(StepSpec):
    """Runs the steps of a sub-route (one without `from`) in this place."""

    verb: ClassVar[str] = "call"
    scalar: ClassVar[str | None] = "route"
    route: RouteName = Field(description="The sub-route: a file under routes/ that has no `from`.")

    def build(self, resources: Resources) -> Step:
        """Return the sub-route as one step; its paths hold this call site, so two calls never share an id."""
        return resources.call(self.route)

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        return f"runs the steps of the route {self.route}"
