"""Arrivals: what a foreign message is to us: bytes, an identity, and headers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import uuid4

from esb.endpoints.items import Item

_MOST_HEADERS = 64
_LONGEST = 1000
_PROPERTIES = {
    "message_id": "message-id",
    "correlation_id": "correlation-id",
    "content_type": "content-type",
    "content_encoding": "content-encoding",
    "type": "message-type",
    "app_id": "app-id",
    "reply_to": "reply-to",
}


def item_of(message: Any, unnamed: Literal["content", "each"]) -> Item:
    """Return the item of a message that a broker lent.

    Its key is the sender's message id; without one its content is its identity (`content`), or each is new (`each`).
    """
    name = _text((message.properties or {}).get("message_id"))
    if not name and unnamed == "each":
        name = uuid4().hex
    return Item(name, _bytes(message), _headers(message))


def _bytes(message: Any) -> bytes:
    body = message.body
    if isinstance(body, str):
        try:
            return body.encode(message.content_encoding or "utf-8")
        except (LookupError, UnicodeEncodeError):
            return body.encode("utf-8", "surrogatepass")
    return bytes(body or b"")


def _headers(message: Any) -> Mapping[str, str]:
    """Return properties and headers as short printable texts; what is longer or of another kind is left out."""
    properties: Mapping[str, Any] = message.properties or {}
    given = {
        "content_type": message.content_type,
        "content_encoding": message.content_encoding,
        **{name: properties.get(name) for name in _PROPERTIES if name in properties},
    }
    found = {_PROPERTIES[name]: _text(value) for name, value in given.items()}
    found["routing-key"] = _text((message.delivery_info or {}).get("routing_key"))
    for name, value in (message.headers or {}).items():
        text = _text(name).lower()
        if text and text not in found:
            found[text] = _text(value)
    return dict([(name, text) for name, text in found.items() if text][:_MOST_HEADERS])


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str | int) or isinstance(value, bool):
        return ""
    text = str(value)
    return text if len(text) <= _LONGEST and text.isprintable() else ""
