"""Idempotent Receiver: what came before under the same key ends here, however often it comes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, Final

from pydantic import Field

from esb.errors import BusyError, TooLargeError, ValidationError
from esb.expressions import scope_of
from esb.message import Ask, End, Message
from esb.ports import Asking, Step
from esb.specs import Duration, Resources, StepSpec, Value

LONGEST_KEY: Final = 1000
"""Characters; a longer key is a document by mistake."""


class Deduplicate(StepSpec):
    """Lets the first message with a key go on; others with this key end as `duplicate`."""

    verb: ClassVar[str] = "deduplicate"
    key: Value = Field(description='What makes two messages the same, e.g. "{{ partner }}/{{ body.order.number }}".')
    keep: Duration = Field(description="How long a key is remembered, e.g. 30d.")
    space: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9_./-]{0,63}$",
        description="Who shares a space shares keys; default: the route.",
    )

    def build(self, resources: Resources) -> Step:
        """Return the receiver. The step raises BusyError while a twin with this key is still under way."""
        value, keep, path = self.key, self.keep, resources.path
        space = self.space or resources.route

        def step(message: Message) -> Asking:
            key = _text(value(message.body, scope_of(message)))
            answer = yield Ask("keys", space, {"key": key, "keep": keep}, stateful=True)
            if answer == b"first":
                return (message,)
            if answer == b"wait":
                raise BusyError(f"a message with the key {key!r} is still under way in {space}", retry_after=1.0)
            return (End("duplicate", f"the key {key!r} came before in {space}", path, message),)

        return step

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        return f"ends what came before with the same key {self.key.source}"


def _text(key: Any) -> str:
    if key is None or key == "" or isinstance(key, bool) or not isinstance(key, str | int | Decimal):
        raise ValidationError(f"the key of deduplicate is {_kind(key)}; it must be a text or a number")
    text = str(key)
    if len(text) > LONGEST_KEY:
        raise TooLargeError(f"the key of deduplicate has {len(text)} characters, the limit is {LONGEST_KEY}")
    return text


def _kind(key: Any) -> str:
    return "empty" if key is None or key == "" else f"a {type(key).__name__}"
