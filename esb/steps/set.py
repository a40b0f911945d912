"""Content Enricher from within: values computed from the message go into its body and headers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from esb.errors import TooLargeError, ValidationError
from esb.expressions import scope_of
from esb.message import Message
from esb.ports import Step
from esb.specs import Resources, StepSpec, Value
from esb.steps.places import Place
from esb.steps.split import PART_COUNT, PART_NUMBER

LONGEST_HEADER: Final = 1000
"""Characters; headers travel with every message and are shown in lists."""
RESERVED: Final = frozenset(
    {PART_NUMBER, PART_COUNT, "authorization", "connection", "content-length", "content-type", "cookie", "host"}
    | {"idempotency-key", "set-cookie", "transfer-encoding"}
)
"""Names that the bus or a protocol gives a meaning to."""
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _header_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        hint = "write lower-case letters, digits, - and _, such as order-type"
        raise PydanticCustomError("header", "{name} is no header name", {"name": repr(name), "help": hint})
    if name in RESERVED or name.startswith(("esb-", "x-esb-")):
        raise PydanticCustomError(
            "header", "the header '{name}' is reserved", {"name": name, "help": "take another name, such as order-type"}
        )
    return name


HeaderName = Annotated[str, AfterValidator(_header_name)]


class Set(StepSpec):
    """Puts computed values into the body and the headers; every value sees the message as it came."""

    verb: ClassVar[str] = "set"
    body: dict[Place, Value] = Field({}, description="Path in the body: value. What is missing on the way is made.")
    headers: dict[HeaderName, Value] = Field({}, description="Header name: value; a value of null leaves it out.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.body and not self.headers:
            hint = 'write body: {"$.path": value} or headers: {name: value}'
            raise PydanticCustomError("set", "nothing is set", {"help": hint})
        return self

    def build(self, resources: Resources) -> Step:
        """Return the step. It raises ExpressionError, or ValidationError for what cannot be a header."""
        puts = tuple((path.put, value) for path, value in self.body.items())
        heads = tuple(self.headers.items())

        def step(message: Message) -> Sequence[Message]:
            seen, scope = message.body, scope_of(message)
            body = seen
            for put, value in puts:
                body = put(body, value(seen, scope))
            changed = message if body is seen else message.with_body(body)
            if not heads:
                return (changed,)
            headers = {name: _header(name, value(seen, scope)) for name, value in heads}
            return (changed.with_headers({name: text for name, text in headers.items() if text is not None}),)

        return step

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        names = [path.source for path in self.body] + [f"the header {name}" for name in self.headers]
        return f"sets {', '.join(names)}"


def _header(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | Decimal):
        raise ValidationError(f"the header {name} must be a text or a number, not a {type(value).__name__}")
    text = str(value)
    if len(text) > LONGEST_HEADER:
        raise TooLargeError(f"the header {name} has {len(text)} characters, the limit is {LONGEST_HEADER}")
    if _CONTROL.search(text):  # a line break would start another header at the receiver
        raise ValidationError(f"the header {name} holds a line break or another control character")
    return text
