"""Recipient list: a copy of the message to each endpoint; the message itself goes on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import BeforeValidator, Field

from esb.message import Ask, Claim, Filing, Message, Output, Send
from esb.ports import Answer, Asking, Step
from esb.specs import EndpointName, Entry, Interchanges, Resources, StepSpec


def _listed(given: Any) -> Any:
    return given if isinstance(given, list | tuple) else [given]


Endpoints = Annotated[
    tuple[EndpointName, ...],
    BeforeValidator(_listed, json_schema_input_type=EndpointName | list[EndpointName]),
    Field(min_length=1),
]
"""One endpoint or a list of them."""

Way: TypeAlias = Callable[[Message], Send | Generator[Ask, Answer, Send]]
"""How a message leaves for one endpoint; as a generator it asks for control numbers first."""


class To(StepSpec):
    """Sends the message to one or several endpoints; it goes on to the next step too."""

    verb: ClassVar[str] = "to"
    scalar: ClassVar[str | None] = "endpoints"
    endpoints: Endpoints = Field(description="One endpoint, or a list; each has an outcome of its own.")

    def build(self, resources: Resources) -> Step:
        """Return the sender; the body is rendered here, so that a redelivery makes the same bytes."""
        path = resources.path
        ways = tuple((f"delivery/{name}", resources.outgoing(name)) for name in self.endpoints)
        numbered = {name: found for name in self.endpoints if (found := resources.interchanges(name)) is not None}
        if numbered:
            return _asking(tuple(_way(resources, name, numbered.get(name)) for name in self.endpoints))
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


def _asking(ways: Sequence[Way]) -> Step:
    """Return the sender to endpoints of which some want control numbers."""

    def step(message: Message) -> Asking:
        sends: list[Output] = []
        for way in ways:
            left = way(message)
            sends.append(left if isinstance(left, Send) else (yield from left))
        return [*sends, message]

    return step


def _way(resources: Resources, name: str, interchanges: Interchanges | None) -> Way:
    path, render = resources.path, resources.outgoing(name)

    def plain(message: Message) -> Send:
        return Send(f"delivery/{name}", render(message), path)

    if interchanges is None:
        return plain
    asked = _numbered if not interchanges.batched else _collected
    return lambda message: plain(message) if _is_written(message) else asked(message, name, path, interchanges)


def _is_written(message: Message) -> bool:
    """Return whether the body is bytes or text already: what others have written bears its numbers."""
    return isinstance(message.body, bytes | str | Claim)


def _numbered(message: Message, name: str, path: str, interchanges: Interchanges) -> Generator[Ask, Answer, Send]:
    """Write all, and only then take the numbers: what cannot be written takes none."""
    draft = interchanges.draft(message.body, message.received)
    numbers: Sequence[int] = ()
    if draft.wants:
        numbers = yield Ask("numbers", name, {"scopes": draft.wants}, stateful=True)
    written = draft.write(numbers)
    sent = message.with_body(written.body, interchanges.format).with_headers(written.headers)
    return Send(f"delivery/{name}", sent, path, Filing(written.numbers, interchanges.within, interchanges.calendar))


def _collected(message: Message, name: str, path: str, interchanges: Interchanges) -> Send:
    """Send the document to wait in its batch; what cannot be written is refused now."""
    draft = interchanges.draft(message.body, message.received)
    return Send(f"batch/{name}", message.with_headers({"batch": draft.kind}), path)
