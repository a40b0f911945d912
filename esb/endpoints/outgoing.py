"""Outgoing: what a sink sends of a message, and texts that are rendered from it at the door."""

from __future__ import annotations

from esb.envelope import decode_document, encode_document
from esb.errors import ExpressionError, FormatError
from esb.expressions import Expression, scope_of
from esb.message import Claim, Message


def wire_bytes(message: Message) -> bytes:
    """Return the bytes that leave: what the route rendered, as it is; a document that was not rendered as JSON.

    Raises:
        FormatError: The body is a claim that nobody fetched.
    """
    body = message.body
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, Claim):
        raise FormatError(f"the body ({body.size} bytes) waits in the blob store and was not fetched")
    return encode_document(body)


def readable(message: Message) -> Message:
    """Return the message with a JSON body read, so that names and paths can be rendered from what it says.

    Bodies of other formats stay bytes: a sink knows no formats. Templates can use ids, headers and keys then.
    """
    if isinstance(message.body, bytes) and message.format.partition("/")[0] == "json":
        try:
            return message.with_body(decode_document(message.body))
        except FormatError:
            return message
    return message


def rendered(value: Expression, message: Message, what: str) -> str:
    """Return the text that a value gives for a (readable) message; `what` names it in the error.

    Raises:
        ExpressionError: It has no value, or one that is not a text or a whole number.
    """
    found = value(message.body, scope_of(message))
    if isinstance(found, str):
        return found
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    raise ExpressionError(f"{what} gives {type(found).__name__}, not a text")
