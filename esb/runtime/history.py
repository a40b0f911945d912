"""Journal records and exceptions as packets: history travels like any message and is written by the recorder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from esb.envelope import Addressed, Delivery, Packet, unpack
from esb.errors import FormatError
from esb.message import Message, derive
from esb.ports import Log
from esb.records import Parked, Record, RecordKind

_encode = msgspec.json.Encoder(enc_hook=dict).encode
_records = msgspec.json.Decoder(list[Record]).decode
_parked = msgspec.json.Decoder(Parked).decode
_VARYING = re.compile(r"[0-9][0-9a-f-]*|'[^']*'|\"[^\"]*\"")
_TEXT = 2000
_FAILURES = {"retry": "message.retry", "dead": "message.exception"}


def record(message: Message, kind: RecordKind, at: float, **fields: object) -> Record:
    """Return one line of history; its id derives from what it says, so a redelivery says it once."""
    place = str(fields.get("place", ""))
    attempt = fields.get("attempt", 1)
    child = str(fields.get("child", ""))
    text = str(fields.pop("text", ""))[:_TEXT]
    route = str(fields.pop("route", message.route))
    name = derive("record", message.id, message.generation, route, kind, place, str(attempt), child)
    return Record(
        id=name,
        kind=kind,
        message_id=message.id,
        at=at,
        generation=message.generation,
        text=text,
        route=route,
        correlation_id=message.correlation_id,
        partner=message.partner,
        keys=message.keys,
        **fields,  # type: ignore[arg-type]
    )


def journal(records: Sequence[Record]) -> Addressed:
    """Return the records as one packet for the journal channel."""
    return Addressed("journal", Packet(id=derive("journal", *(line.id for line in records)), body=_encode(records)))


def tell(log: Log, records: Sequence[Record]) -> None:
    """Say in the log what failed, for whoever watches the process; the history has the same lines."""
    for line in records:
        if line.kind in _FAILURES:
            log.warning(_FAILURES[line.kind], message=line.message_id, place=line.place, reason=line.text)


def read_journal(packet: Packet) -> list[Record]:
    """Return the records of a journal packet."""
    return _records(packet.body)


def fingerprint(failure: str, route: str, place: str, reason: str) -> str:
    """Return the group of an exception: where it failed and how, without the numbers that differ each time."""
    return derive(failure, route, place, _VARYING.sub("#", reason))[:12]


def exception(
    delivery: Delivery, message: Message, place: tuple[str, str], reason: str, at: float, kind: str
) -> Addressed:
    """Return a failed message as an exception on its way to the store; `place` = (where it failed, who must act).

    The packet is the original, so that a retry starts where the message was lent.
    """
    where, owner = place
    restarts = delivery.packet.headers.get("restarts", "0")
    return parked(
        Parked(
            id=derive("parked", message.id, message.generation, delivery.channel, where, restarts),
            place=where,
            reason=reason[:_TEXT],
            at=at,
            origin=delivery.channel,
            packet=delivery.packet,
            message_id=message.id,
            generation=message.generation,
            failure_class=kind,
            route=message.route,
            step=where,
            owner=owner,
            fingerprint=fingerprint(kind, message.route, where, reason),
            partner=message.partner,
            correlation_id=message.correlation_id,
            keys=message.keys,
        )
    )


def parked(row: Parked) -> Addressed:
    """Return a row for the parking table as a packet; `dead` is only its transport."""
    return Addressed("dead", Packet(id=row.id, body=_encode(row), content="bytes", headers={"parked": "1"}))


def parked_row(packet: Packet) -> Parked:
    """Return the row that a packet for `dead` carries."""
    return _parked(packet.body)


def held(delivery: Delivery, message: Message, why: tuple[str, str], at: float) -> Addressed:
    """Return a message that waits at its channel, unchanged; `why` = (the reason, who must act)."""
    restarts = delivery.packet.headers.get("restarts", "0")
    reason, owner = why
    return parked(
        Parked(
            id=derive("behind", message.id, message.generation, delivery.channel, restarts),
            place=delivery.channel,
            reason=reason,
            at=at,
            origin=delivery.channel,
            packet=delivery.packet,
            message_id=message.id,
            generation=message.generation,
            route=message.route,
            step=delivery.channel,
            owner=owner,
            partner=message.partner,
            correlation_id=message.correlation_id,
            keys=message.keys,
        )
    )


def read_parked(delivery: Delivery, at: float) -> Parked:
    """Return the row of a packet in `dead`: one of ours, or a packet that the channel itself gave up on."""
    packet = delivery.packet
    if packet.headers.get("parked"):
        return _parked(packet.body)
    try:
        message, _ = unpack(packet, read_body=False)
    except FormatError:
        message = Message(id=packet.id, body=packet.body, received=datetime.fromtimestamp(at, UTC))
    reason = packet.headers.get("reason") or "the channel gave up on it"
    origin = packet.headers.get("origin") or packet.headers.get("channel") or f"route/{message.route}"
    return Parked(
        id=derive("parked", message.id, message.generation, origin, reason, packet.headers.get("restarts", "0")),
        place=origin,
        reason=reason,
        at=at,
        origin=origin,
        packet=packet,
        message_id=message.id,
        generation=message.generation,
        failure_class="bug",
        route=message.route,
        step=origin,
        fingerprint=fingerprint("bug", message.route, origin, reason),
        partner=message.partner,
        correlation_id=message.correlation_id,
        keys=message.keys,
    )
