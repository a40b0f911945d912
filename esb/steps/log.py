"""Log: a line in the trace of the message; long values are cut, bytes are counted, not shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final, Literal

from pydantic import Field

from esb.envelope import encode_document
from esb.expressions import scope_of
from esb.message import Message, Note, Output
from esb.ports import Step
from esb.specs import Resources, StepSpec, Value

LONGEST_LINE: Final = 500
"""Characters. A trace is no place for whole bodies: it lives longer and is read by more people than they are."""


class Log(StepSpec):
    """Writes a line into the trace of the message."""

    verb: ClassVar[str] = "log"
    scalar: ClassVar[str | None] = "text"
    text: Value = Field(description="The line, with {{ expressions }}; more than 500 characters are cut.")
    level: Literal["debug", "info", "warning"] = Field("info", description="How much it matters.")

    def build(self, resources: Resources) -> Step:
        """Return the step."""
        text, level, path = self.text, self.level, resources.path

        def step(message: Message) -> Sequence[Output]:
            return Note(path, line(text(message.body, scope_of(message))), level), message

        return step

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        return f"writes into the trace: {self.text.source}"


def line(value: Any) -> str:
    """Return a value as one line of at most 500 characters that says how much was cut."""
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    text = " ".join((value if isinstance(value, str) else encode_document(value).decode()).split())
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}… ({len(text)} characters)"
