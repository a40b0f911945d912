"""Replies: what is read from the JSON that answers a delivery: the receiver's own number, or a refusal behind a 200."""

from __future__ import annotations

from pydantic import Field

from esb.edge import Delivered
from esb.endpoints.http_out.answers import Answered, excerpt
from esb.endpoints.outgoing import rendered
from esb.envelope import decode_document
from esb.errors import ExpressionError, FormatError, RejectedError, UnknownOutcomeError
from esb.expressions import scope_of
from esb.message import Message
from esb.specs import Condition, Spec, Value

_LONGEST = 200


class AnswerSpec(Spec):
    """What is read from the JSON that answers a delivery."""

    reference: Value | None = Field(None, description="The receiver's own number, for the trace: $.order_id")
    refused: Condition | None = Field(None, description='It said no although the status is 2xx: "{{ not body.ok }}"')


class Replies:
    """Reads answers that mean done."""

    def __init__(self, spec: AnswerSpec) -> None:
        self._reference, self._refused = spec.reference, spec.refused

    def read(self, answered: Answered, message: Message, secrets: tuple[str, ...]) -> Delivered:
        """Return what was delivered, with the receiver's reference.

        Raises:
            RejectedError: The answer says that it was refused.
            UnknownOutcomeError: It should say whether, and cannot be read.
        """
        try:
            document = decode_document(answered.body)
        except FormatError as error:
            if self._refused is not None:
                said = f"answered {answered.title} with what is not JSON{excerpt(answered, secrets)}"
                raise UnknownOutcomeError(f"{said}; whether it was refused cannot be read") from error
            return Delivered(answered.title, answered.body)
        seen = message.with_body(document)
        if self._refused is not None and self._says_no(seen):
            raise RejectedError(f"answered {answered.title} and refused it{excerpt(answered, secrets)}")
        return Delivered(answered.title + self._named(seen), answered.body)

    def _says_no(self, seen: Message) -> bool:
        assert self._refused is not None
        try:
            return self._refused(seen.body, scope_of(seen))
        except ExpressionError as error:
            raise UnknownOutcomeError(f"whether it was refused cannot be read from the answer: {error}") from error

    def _named(self, seen: Message) -> str:
        """Return the reference; that there is none does not take back what was delivered."""
        if self._reference is None:
            return ""
        try:
            text = rendered(self._reference, seen, "answer.reference")
        except ExpressionError:
            return ""
        plain = "".join(each if each.isprintable() else " " for each in text).strip()
        return f": {plain[:_LONGEST]}" if plain else ""
