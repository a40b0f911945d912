"""Hold: the message waits for a person, who lets it go on behind this step or discards it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from esb.expressions import scope_of
from esb.message import Message, Output, Park
from esb.ports import Step
from esb.specs import Condition, Resources, StepSpec, Value

QueueName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class Hold(StepSpec):
    """Parks the message for a person; released, it goes on with the next step."""

    verb: ClassVar[str] = "hold"
    waits: ClassVar[bool] = True
    when: Condition | None = Field(None, description="Hold only if this holds; default: always.")
    queue: QueueName = Field(description="The place where people look after it, e.g. credit-desk.")
    reason: Value = Field(description="What the person reads: why it waits.")

    def build(self, resources: Resources) -> Step:
        """Return the step that parks."""
        when, queue, reason, path = self.when, self.queue, self.reason, resources.path

        def step(message: Message) -> Sequence[Output]:
            scope = scope_of(message)
            if when is not None and not when(message.body, scope):
                return (message,)
            return (Park(queue, str(reason(message.body, scope)), path, message),)

        return step

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        condition = "" if self.when is None else f" if {self.when.source}"
        return f"holds it in {self.queue}{condition}, until a person releases it"
