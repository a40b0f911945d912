"""Packets as AMQP 0-9-1 messages, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pika.spec import BasicProperties

from esb.channels.topology import RUNG_HEADER, Names
from esb.envelope import Packet
from esb.message import NOTHING, derive

PERSISTENT = 2
LENT_HEADER = "esb-lent"
_OURS = "esb-h-"
_PACKET_TYPE = "esb.packet.1"
_CONTENT_TYPES = {"json": "application/json", "bytes": "application/octet-stream", "claim": "application/vnd.esb.claim"}
_CONTENTS: Mapping[str, Literal["json", "bytes", "claim"]] = {
    "application/json": "json",
    "application/octet-stream": "bytes",
    "application/vnd.esb.claim": "claim",
}


def properties(packet: Packet, rung: str = "", lent: bool = False) -> BasicProperties:
    """Return the properties of a packet. `rung`: the delay it takes next. `lent`: it was lent before."""
    headers: dict[str, Any] = {"esb-meta": packet.meta, "esb-attempt": packet.attempt}
    if packet.due:
        headers["esb-due"] = round(packet.due * 1000)  # milliseconds: AMQP libraries disagree about floats
    if packet.order_key:
        headers["esb-order-key"] = packet.order_key
    if rung:
        headers[RUNG_HEADER] = rung
    if lent:
        headers[LENT_HEADER] = 1
    for name, text in packet.headers.items():
        headers[_OURS + name] = text
    return BasicProperties(
        content_type=_CONTENT_TYPES[packet.content],
        delivery_mode=PERSISTENT,
        message_id=packet.id,
        type=_PACKET_TYPE,
        headers=headers,
    )


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
