"""Recipient list: a copy of the message to each endpoint; the message itself goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from esb.message import Message, Output, Send
from esb.ports import Step
from esb.specs import EndpointName, Entry, Resources, StepSpec


def _listed(given: Any) -> Any:
    return given if isinstance(given, list | tuple) else [given]


Endpoints = Annotated[
    tuple[EndpointName, ...],
    BeforeValidator(_listed, json_schema_input_type=EndpointName | list[EndpointName]),
    Field(min_length=1),
]
"""One endpoint or a list of them."""


class To(StepSpec):
    """Sends the message to one or several endpoints; it goes on to the next step too."""

    verb: ClassVar[str] = "to"
    scalar: ClassVar[str | None] = "endpoints"
    endpoints: Endpoints = Field(description="One endpoint, or a list; each has an outcome of its own.")

    def build(self, resources: Resources) -> Step:
        """Return the sender; the body is rendered here, so that a redelivery makes the same bytes."""
        path = resources.path
        ways = tuple((f"delivery/{name}", resources.outgoing(name)) for name in self.endpoints)
        if len(ways) == 1:
            ((address, render),) = ways
            return lambda message: (Send(address, render(message), path), message)

        def step(message: Message) -> Sequence[Output]:
            return [*(Send(address, render(message), path) for address, render in ways), message]

        return step

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        return f"sends it to {' and '.join(self.endpoints)}"

    def destinations(self) -> tuple[str, ...]:
        """Return the addresses it sends to."""
        return tuple(f"delivery/{name}" for name in self.endpoints)


class Sending(Entry):
    """A `to` step that stands for the short form of a branch: `to:` beside `when:`."""

    verb: ClassVar[str] = "to"
    verb_: To = Field(alias="to")
