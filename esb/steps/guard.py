"""Guard: steps that may fail, what to do when they do, and what to do in any case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from pydantic import Field

from esb.errors import BusyError, ChannelError, FailureClass, StoreError
from esb.message import Message, Note, Output
from esb.pipeline import StepFailure
from esb.ports import Asking, Outputs, Step
from esb.specs import Entry, Resources, Spec, StepSpec
from esb.steps.nested import at_once, outputs_of

if TYPE_CHECKING:
    from esb.specs import AnyStep

NEVER_RECOVERED = (BusyError, StoreError, ChannelError)
"""Failures of the bus itself say nothing about the message; it comes again, and must find the guard as it was."""


class Recovery(Spec):
    """What to do when the guarded steps failed."""

    errors: list[FailureClass] | None = Field(None, min_length=1, description="For these classes; default: for any.")
    steps: list[AnyStep] = Field(
        min_length=1, description="They get the message as it came to the guard, and error.class, .text and .step."
    )


class Guard(StepSpec):
    """Runs steps that may fail; if they do, what they sent is dropped and a recovery takes over."""

    verb: ClassVar[str] = "guard"
    steps: list[AnyStep] = Field(min_length=1, description="What may fail.")
    recover: list[Recovery] = Field([], description="The first that names the class of the failure is taken.")
    always: list[AnyStep] | None = Field(
        None, min_length=1, description="Runs once behind either, with the message as it came; it changes nothing."
    )

    def branches(self) -> tuple[tuple[str, Sequence[Entry]], ...]:
        """Return `try`, `recover-1`, `recover-2` … and `always` with their steps."""
        recoveries = ((f"recover-{number}", each.steps) for number, each in enumerate(self.recover, 1))
        always = () if self.always is None else (("always", self.always),)
        return (("try", self.steps), *recoveries, *always)

    def build(self, resources: Resources) -> Step:
        """Return the guard. A failure that no recovery names, or that happens in one, fails the step."""
        flows = {name: resources.flow(name, steps) for name, steps in self.branches()}
        attempt, always = flows["try"], flows.get("always")
        recoveries = tuple((each.errors, flows[f"recover-{n}"]) for n, each in enumerate(self.recover, 1))
        path = resources.path

        def run(message: Message) -> Asking:
            seen = message
            try:
                out = yield from outputs_of(attempt, message)
            except StepFailure as failure:
                recovery = _recovery(recoveries, failure)
                if recovery is None:
                    raise
                seen = _with_error(message, failure)
                told = Note(path, f"recovers from {failure.failure_class}: {failure}", "warning")
                out = [told, *_without_error(message, (yield from outputs_of(recovery, seen)))]
            if always is None:
                return out
            last = yield from outputs_of(always, seen)
            return [*out, *(item for item in last if not isinstance(item, Message))]

        return lambda message: at_once(run(message))

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        classes = [" or ".join(each.errors) if each.errors else "any failure" for each in self.recover]
        recovers = f", recovers from {' and from '.join(classes)}" if classes else ""
        return f"runs steps that may fail{recovers}{', then others in any case' if self.always else ''}"


def _recovery(recoveries: Sequence[tuple[Sequence[FailureClass] | None, Step]], failure: StepFailure) -> Step | None:
    if isinstance(failure.cause, NEVER_RECOVERED):
        return None
    kind = failure.failure_class
    return next((flow for classes, flow in recoveries if classes is None or kind in classes), None)


def _with_error(message: Message, failure: StepFailure) -> Message:
    error = {"class": failure.failure_class, "text": str(failure.cause), "step": failure.step}
    return replace(message, scratch={**message.scratch, "error": error})


def _without_error(message: Message, outputs: Outputs) -> list[Output]:
    """Behind the guard the error is past: messages go on with the scratch they came with."""
    return [replace(item, scratch=message.scratch) if isinstance(item, Message) else item for item in outputs]
