"""Wire Tap: a copy to an endpoint, for those who watch; whatever goes wrong with it, the route goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from esb.errors import EsbError
from esb.expressions import scope_of
from esb.message import Message, Note, Output, Send
from esb.ports import Step
from esb.specs import Condition, EndpointName, Resources, StepSpec


class WireTap(StepSpec):
    """Sends a copy to an endpoint that watches; it never stops or changes the message."""

    verb: ClassVar[str] = "wire_tap"
    scalar: ClassVar[str | None] = "to"
    to: EndpointName = Field(description="Who gets the copy.")
    when: Condition | None = Field(None, description="Copy only if this holds; default: always.")

    def build(self, resources: Resources) -> Step:
        """Return the tap; a copy that cannot be made becomes a warning in the trace."""
        address, render = f"delivery/{self.to}", resources.outgoing(self.to)
        when, path = self.when, resources.path

        def step(message: Message) -> Sequence[Output]:
            try:
                if when is not None and not when(message.body, scope_of(message)):
                    return (message,)
                return Send(address, render(message), path), message
            except EsbError as error:
                return Note(path, f"no copy was sent to {address}: {error}", "warning"), message

        return step

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        condition = "" if self.when is None else f" if {self.when.source}"
        return f"sends a copy to {self.to}{condition}"

    def destinations(self) -> tuple[str, ...]:
        """Return the addresses it sends to."""
        return (f"delivery/{self.to}",)
