"""Packets as AMQP 0-9-1 messages, and back."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import Any, Literal

from pika.spec import BasicProperties

from esb.channels.topology import RUNG_HEADER, Names
from esb.envelope import Packet
from esb.errors import TooLargeError
from esb.message import NOTHING, derive

LENT_HEADER = "esb-lent"
_OURS = "esb-h-"
_CONTENT_TYPES = {"json": "application/json", "bytes": "application/octet-stream", "claim": "application/vnd.esb.claim"}
_CONTENTS: Mapping[str, Literal["json", "bytes", "claim"]] = {
    "application/json": "json",
    "application/octet-stream": "bytes",
    "application/vnd.esb.claim": "claim",
}


_size, _int, _int64 = Struct(">I").pack, Struct(">i").pack, Struct(">q").pack


def _short(text: str) -> bytes:
    raw = text.encode()
    if len(raw) > 255:
        raise TooLargeError(f"{text[:40]!r}… has {len(raw)} bytes, AMQP allows 255 for an id or a name; shorten it")
    return bytes((len(raw),)) + raw


def _long(text: str) -> bytes:
    raw = text.encode()
    return _size(len(raw)) + raw


# AMQP 0-9-1, 4.2.6.1: content type, headers, delivery mode, message id and type are there, in this order.
_FLAGS = b"\xb0\xa0"
_STARTS = {content: _FLAGS + _short(content_type) for content, content_type in _CONTENT_TYPES.items()}
_PERSISTENT = b"\x02"
_TYPE = _short("esb.packet.1")
_META, _ORDER_KEY, _RUNG = (_short(name) + b"S" for name in ("esb-meta", "esb-order-key", RUNG_HEADER))
_ATTEMPT, _LENT = (_short(name) + b"I" for name in ("esb-attempt", LENT_HEADER))
_DUE = _short("esb-due") + b"l"


def properties(packet: Packet, rung: str = "", lent: bool = False) -> bytes:
    """Return the encoded properties of a packet. `rung`: the delay it takes next. `lent`: it was lent before.

    Written by hand: pika's encoder, which must take any value, costs more than all the rest of a publish.

    Raises:
        TooLargeError: The id or the name of a header is longer than AMQP allows.
    """
    table = [_META, _long(packet.meta), _ATTEMPT, _int(packet.attempt)]
    if packet.due:
        table += (_DUE, _int64(round(packet.due * 1000)))  # milliseconds: AMQP libraries disagree about floats
    if packet.order_key:
        table += (_ORDER_KEY, _long(packet.order_key))
    if rung:
        table += (_RUNG, _long(rung))
    if lent:
        table += (_LENT, _int(1))
    for name, text in packet.headers.items():
        table += (_short(_OURS + name), b"S", _long(text))
    headers = b"".join(table)
    return b"".join((_STARTS[packet.content], _size(len(headers)), headers, _PERSISTENT, _short(packet.id), _TYPE))


def read(properties: BasicProperties, body: bytes, redelivered: bool) -> tuple[Packet, bool]:
    """Return the packet and whether it was lent before.

    A message that somebody else put into the queue becomes a packet too: how else could it be dead-lettered?
    """
    headers = properties.headers or {}
    packet = Packet(
        id=properties.message_id or derive("foreign", body.hex()),
        body=body,
        content=_CONTENTS.get(properties.content_type or "", "bytes"),
        meta=_text(headers.get("esb-meta", "{}")),
        attempt=_number(headers.get("esb-attempt"), 1),
        due=_number(headers.get("esb-due"), 0) / 1000,
        order_key=_text(headers.get("esb-order-key", "")),
        headers={name[len(_OURS) :]: _text(value) for name, value in headers.items() if name.startswith(_OURS)}
        or NOTHING,
    )
    again = redelivered or LENT_HEADER in headers or _number(headers.get("x-delivery-count"), 0) > 0
    return packet, again


def death(properties: BasicProperties, routing_key: str, names: Names) -> dict[str, str]:
    """Return why the broker itself dead-lettered a message (`reason`, `channel`); nothing if we did."""
    headers = properties.headers or {}
    reason = _text(headers.get("x-first-death-reason", ""))
    if not reason or _OURS + "reason" in headers:
        return {}
    if reason == "expired":  # a delay was over and the channel that it should return to is gone
        return {"reason": "no_channel", "channel": routing_key}
    return {"reason": reason, "channel": names.channel(_text(headers.get("x-first-death-queue", "")))}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _number(value: Any, default: int) -> int:
    return value if isinstance(value, int) else default
