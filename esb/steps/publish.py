"""Publish: a business event for whoever subscribes; the message itself goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from esb.expressions import scope_of
from esb.message import Message, Output, Send
from esb.ports import Step
from esb.specs import EventName, Resources, StepSpec, Value


class Publish(StepSpec):
    """Publishes a business event; routes that subscribe to it get the body. The message goes on."""

    verb: ClassVar[str] = "publish"
    scalar: ClassVar[str | None] = "event"
    event: EventName = Field(description="The event in dotted words, what it is about first: order.accepted.")
    body: Value | None = Field(None, description="What the event carries; default: the body as it is.")

    @model_validator(mode="after")
    def _one_event(self) -> Self:
        if "*" in self.event or "#" in self.event:
            hint = "patterns with * and # are for subscribers; write the event's full name"
            raise PydanticCustomError("event", "'{event}' names many events", {"event": self.event, "help": hint})
        return self

    def build(self, resources: Resources) -> Step:
        """Return the publisher."""
        address, path, value = f"event/{self.event}", resources.path, self.body
        if value is None:
            return lambda message: (Send(address, message, path), message)

        def step(message: Message) -> Sequence[Output]:
            body = value(message.body, scope_of(message))
            told = message.with_body(body, "bytes" if isinstance(body, bytes) else "json")
            return Send(address, told, path), message

        return step

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        return f"publishes the event {self.event}"

    def destinations(self) -> tuple[str, ...]:
        """Return the addresses it sends to."""
        return (f"event/{self.event}",)
