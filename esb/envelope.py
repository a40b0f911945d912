"""What travels in a channel: packets, how a message becomes one and back, and how a delivery is settled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from esb.errors import FormatError
from esb.message import NOTHING, BusinessKey, Claim, Message


class Packet(Struct, frozen=True):
    """A message as a channel sees it. `headers` are short ASCII-safe texts; `due` is a POSIX time, 0 = at once.

    `attempt` counts from 1 and is ours (never the broker's counter); `content` says how `body` is read back:
    `json` (a document), `bytes`, or `claim` (the body waits in the blob store).
    """

    id: str
    body: bytes
    content: Literal["json", "bytes", "claim"] = "json"
    meta: str = "{}"
    attempt: int = 1
    due: float = 0.0
    order_key: str = ""
    headers: Mapping[str, str] = NOTHING


class Addressed(Struct, frozen=True):
    """A packet and where it goes: `route/NAME`, `delivery/NAME`, `event/TOPIC`, `dead`, `journal`."""

    to: str
    packet: Packet


class Delivery(Struct, frozen=True):
    """A packet lent by a channel. `token` is the channel's own; `redelivered` is true if it was lent before."""

    channel: str
    packet: Packet
    token: Any
    redelivered: bool = False


class Ack(Struct, frozen=True):
    """Done: the channel forgets it."""

    delivery: Delivery


class Return(Struct, frozen=True):
    """Not touched: lend it to someone else (shutdown only; it may lose its place in the order)."""

    delivery: Delivery


class Retry(Struct, frozen=True):
    """Lend it again after `after` seconds; `counted` raises its attempt, waiting for a turn does not."""

    delivery: Delivery
    after: float
    counted: bool = True


class Dead(Struct, frozen=True):
    """To the dead-letter exchange, with `headers` added: the reason, the place and who must act."""

    delivery: Delivery
    headers: Mapping[str, str]


Settlement: TypeAlias = Ack | Return | Retry | Dead


class ChannelSpec(Struct, frozen=True):
    """A queue to declare. `ordered` = one active consumer, deliveries in order; `limit` = deliveries before dead.

    The limit is a net for what no other guard catches. It is wide, because it counts for all that a worker was lent,
    also for what only waited there: a worker that dies again and again must not make exceptions of hundreds of others.
    """

    name: str
    ordered: bool = False
    delivery_limit: int = 100


class Topology(Struct, frozen=True):
    """All that must exist: channels, and for each business event the channels that subscribe to it."""

    channels: tuple[ChannelSpec, ...]
    subscriptions: tuple[tuple[str, str], ...] = ()
    """(topic pattern as AMQP has it: words, `*` one word, `#` any; channel name)"""


class Depth(Struct, frozen=True):
    """How full a channel is: `ready` to lend, `lent` and not settled, `delayed`, age in seconds of the oldest."""

    ready: int
    lent: int = 0
    delayed: int = 0
    oldest: float | None = None


class _Meta(Struct, frozen=True, omit_defaults=True):
    received: datetime
    format: str = "json"
    generation: int = 0
    route: str = ""
    endpoint: str = ""
    partner: str = ""
    correlation_id: str = ""
    causation_id: str = ""
    release: str = ""
    headers: dict[str, str] = {}
    keys: tuple[BusinessKey, ...] = ()
    at: str = ""


def _refuse(value: Any) -> Any:
    raise FormatError(f"a {type(value).__name__} cannot travel in a message; render it first")


_documents = msgspec.json.Encoder(decimal_format="number", enc_hook=_refuse)
_metas = msgspec.json.Encoder()
_read_document = msgspec.json.Decoder(float_hook=Decimal).decode
_read_meta = msgspec.json.Decoder(_Meta).decode
_read_claim = msgspec.json.Decoder(Claim).decode


def encode_document(document: Any) -> bytes:
    """Return the JSON of a document, decimals as they are (`12.10` stays `12.10`)."""
    return _documents.encode(document)


def decode_document(raw: bytes) -> Any:
    """Return the document of JSON bytes, numbers with a point as Decimal.

    Raises:
        FormatError: The bytes are not JSON; says at which byte.
    """
    try:
        return _read_document(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"json: {error}") from error


def pack(message: Message, at: str = "", order_key: str = "", headers: Mapping[str, str] = NOTHING) -> Packet:
    """Return the packet of a message; `at` makes it enter its route behind that step (release, replay)."""
    body = message.body
    content: Literal["json", "bytes", "claim"]
    if type(body) is bytes:
        content, raw = "bytes", body
    elif type(body) is Claim:
        content, raw = "claim", _metas.encode(body)
    else:
        content, raw = "json", _documents.encode(body)
    meta = _Meta(
        received=message.received,
        format=message.format,
        generation=message.generation,
        route=message.route,
        endpoint=message.endpoint,
        partner=message.partner,
        correlation_id=message.correlation_id,
        causation_id=message.causation_id,
        release=message.release,
        headers=dict(message.headers),
        keys=message.keys,
        at=at,
    )
    return Packet(
        id=message.id,
        body=raw,
        content=content,
        meta=_metas.encode(meta).decode(),
        order_key=order_key,
        headers=headers,
    )


def unpack(packet: Packet, read_body: bool = True) -> tuple[Message, str]:
    """Return the message of a packet and the step it enters at (`""` = the beginning).

    With `read_body=False` a JSON body stays bytes: a sink sends it as it is.

    Raises:
        FormatError: The packet is not one that `pack` made, or its body is not what it says.
    """
    try:
        meta = _read_meta(packet.meta)
        body: Any = _read_claim(packet.body) if packet.content == "claim" else packet.body
    except msgspec.MsgspecError as error:
        raise FormatError(f"packet {packet.id}: it is not one of ours: {error}") from error
    if packet.content == "json" and read_body:
        body = decode_document(packet.body)
    message = Message(
        id=packet.id,
        body=body,
        received=meta.received,
        format=meta.format,
        generation=meta.generation,
        route=meta.route,
        endpoint=meta.endpoint,
        partner=meta.partner,
        correlation_id=meta.correlation_id,
        causation_id=meta.causation_id,
        release=meta.release,
        headers=meta.headers,
        keys=meta.keys,
    )
    return message, meta.at


def restart(packet: Packet, generation: int | None = None, release: str | None = None) -> Packet:
    """Return a packet as a person starts it anew: first attempt, perhaps a new generation and today's release.

    The header `restarts` counts how often: what fails again is a new exception, not the one that was decided.
    """
    meta = _read_meta(packet.meta)
    if generation is not None:
        meta = msgspec.structs.replace(meta, generation=generation)
    if release is not None:
        meta = msgspec.structs.replace(meta, release=release)
    headers = {**packet.headers, "restarts": str(int(packet.headers.get("restarts", "0")) + 1)}
    return msgspec.structs.replace(packet, meta=_metas.encode(meta).decode(), attempt=1, due=0.0, headers=headers)
