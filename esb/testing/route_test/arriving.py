"""Arriving: what is given to a route becomes messages by the bus's own intake; only channel and store are stand-ins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from esb.edge import Part, Receipt
from esb.envelope import Addressed, Delivery, encode_document, unpack
from esb.errors import MessageError
from esb.message import Message
from esb.plan import IntakePlan, Plan
from esb.records import IntakeKey, Reservation
from esb.runtime.bus import Bus, Limits
from esb.runtime.clock import SystemClock
from esb.runtime.history import read_parked
from esb.runtime.intake import Intaker
from esb.testing.route_test.instants import DEFAULT

_CHUNK: Final = 64 * 1024
_UNLIMITED: Final = 1 << 40


@dataclass(frozen=True, slots=True)
class Arrival:
    """What comes in: bytes are read by the endpoint's format, a document is one message already.

    `number` tells deliveries with the same name and content apart, which are two to their senders.
    """

    body: Any
    number: int = 1
    name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    partner: str = ""
    at: datetime = DEFAULT


@dataclass(slots=True)
class Taken:
    """What the intake made of it: messages, reasons of bad documents, and (endpoint, bytes) of acknowledgments."""

    messages: list[Message] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    acknowledgments: list[tuple[str, bytes]] = field(default_factory=list)


async def take(plan: Plan, intake: IntakePlan, arrival: Arrival) -> Taken:
    """Return what the intake makes of an arrival; a delivery that it refuses as a whole is one bad document."""
    raw = arrival.body
    if not isinstance(raw, bytes):
        document = raw
        raw = encode_document(document)
        intake = replace(intake, reader=lambda: _Whole(document))
    intake = replace(intake, scanner=lambda: None, numbered=False)  # there is no store that knows what came before
    channel = _Channel()
    digest = sha256(raw).hexdigest()
    receipt = Receipt(
        endpoint=intake.endpoint,
        key=_key(arrival, digest),
        digest=digest,
        chunks=_Chunks(raw),
        name=arrival.name,
        headers=arrival.headers,
        partner=arrival.partner,
    )
    try:
        await Intaker(_bus(replace(plan, intakes={intake.endpoint: intake}), channel, arrival)).take(receipt)
    except MessageError as error:
        channel.taken.bad.append(str(error))
    return channel.taken


def _key(arrival: Arrival, digest: str) -> str:
    name = arrival.name or digest
    return name if arrival.number == 1 else f"{name}#{arrival.number}"


def _bus(plan: Plan, channel: _Channel, arrival: Arrival) -> Bus:
    """Return a bus with as much of a channel and a store as the intake uses; bodies never become claims."""
    ports: dict[str, Any] = {"plans": _Plans(plan), "channel": channel, "store": _Store(), "log": _Log()}
    return Bus(clock=_FrozenClock(arrival.at), limits=Limits(claim_bytes=_UNLIMITED), **ports)


class _Whole:
    """Reads nothing: it gives a document that was read already."""

    def __init__(self, document: Any) -> None:
        self._document = document

    def feed(self, data: bytes) -> Sequence[Part]:
        return ()

    def end(self) -> Sequence[Part]:
        return (Part(self._document),)


class _Chunks:
    """The bytes in pieces, as often as they are asked for, as an endpoint gives them."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._raw), _CHUNK):
            yield self._raw[start : start + _CHUNK]


class _Plans:
    """The one plan there is."""

    def __init__(self, plan: Plan) -> None:
        self.current = plan

    async def get(self, release: str) -> Plan:
        return self.current


class _FrozenClock(SystemClock):
    """It is always the same time."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self._at = at.timestamp()

    def now(self) -> float:
        """Return the POSIX time in seconds."""
        return self._at


class _Channel:
    """Keeps what the intake publishes."""

    def __init__(self) -> None:
        self.taken = Taken()

    async def publish(self, sends: Sequence[Addressed]) -> None:
        for send in sends:
            room, _, name = send.to.partition("/")
            if room == "route":
                self.taken.messages.append(unpack(send.packet)[0])
            elif room == "dead":
                self.taken.bad.append(read_parked(Delivery("dead", send.packet, None), 0.0).reason)
            elif room == "delivery":
                self.taken.acknowledgments.append((name, send.packet.body))


class _Store:
    """Has seen no delivery before; whether a document came before is the business of deduplicate steps."""

    async def reserve(self, keys: Sequence[IntakeKey]) -> Sequence[Reservation]:
        return [Reservation("new", key.message_id) for key in keys]

    async def advance(self, positions: Sequence[tuple[IntakeKey, int, bool]]) -> None:
        return None


class _Log:
    """Says nothing."""

    def info(self, event: str, **fields: Any) -> None:
        return None

    warning = error = info
