"""Message Filter: what nobody wants ends here, with the rule that ended it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from esb.expressions import scope_of
from esb.message import End, Message, Output
from esb.ports import Step
from esb.specs import Condition, Resources, StepSpec


class Filter(StepSpec):
    """Lets a message go on only if a condition holds; any other ends as `filtered`, with the reason."""

    verb: ClassVar[str] = "filter"
    keep_if: Condition = Field(description="Messages for which this holds go on.")
    reason: str = Field(min_length=1, max_length=500, description="Why the others end here; the trace shows it.")

    def build(self, resources: Resources) -> Step:
        """Return the filter."""
        keep, reason, path = self.keep_if.test, self.reason, resources.path

        def step(message: Message) -> Sequence[Output]:
            if keep(message.body, scope_of(message)):
                return (message,)
            return (End("filtered", reason, path, message),)

        return step

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        return f"lets it go on if {self.keep_if.source}; else it ends: {self.reason}"
