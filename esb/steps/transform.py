"""Message Translator: the body becomes what a transform of the project makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec.structs import replace
from pydantic import Field

from esb.message import Message
from esb.ports import Step
from esb.specs import Resources, StepSpec, TransformName


class Transform(StepSpec):
    """Turns the body into another document by a transform under transforms/."""

    verb: ClassVar[str] = "transform"
    scalar: ClassVar[str | None] = "name"
    name: TransformName = Field(description="The transform: its path under transforms/ without the ending.")

    def build(self, resources: Resources) -> Step:
        """Return the translator; the business keys are read again, for the new body may show more of them."""
        apply, keys = resources.transform(self.name), resources.keys

        def step(message: Message) -> Sequence[Message]:
            body, format_ = apply(message)
            made = replace(message, body=body, format=format_)
            return (replace(made, keys=keys(made)),)

        return step

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        return f"turns the body into what the transform {self.name} makes of it"
