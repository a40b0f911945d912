"""What both backends do to packets: check their size, and write on them why they were dead-lettered."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from esb.envelope import Addressed, Packet
from esb.errors import TooLargeError
from esb.ports import Clock

BODY_LIMIT = 16 * 1024 * 1024
"""Bytes of a body: what RabbitMQ 4 takes by default, so that the embedded channel promises no more."""

HEADER_LIMIT = 64 * 1024
"""Bytes of meta and headers: AMQP wants them in one frame (128 KiB), else the broker closes the connection."""

REASON_LIMIT = 2000
"""Characters of a dead-letter header: a long reason must not be what keeps a message from being dead-lettered."""


def refuse_oversized(sends: Sequence[Addressed], body_limit: int) -> None:
    """Check a window before any of it is published.

    Raises:
        TooLargeError: A body or the headers exceed their limit; says which send and what to do.
    """
    for number, send in enumerate(sends):
        packet = send.packet
        if len(packet.body) > body_limit:
            raise TooLargeError(
                f"{send.to}: the body of message {packet.id} (send #{number}) has {len(packet.body)} bytes, a channel "
                f"takes {body_limit}; store it in the blob store and send a claim"
            )
        size = _bytes(packet.meta) + sum(_bytes(name) + _bytes(text) for name, text in packet.headers.items())
        if size > HEADER_LIMIT:
            raise TooLargeError(
                f"{send.to}: meta and headers of message {packet.id} (send #{number}) have {size} "
                f"bytes, a channel takes {HEADER_LIMIT}; put large values into the body"
            )


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def buried(packet: Packet, channel: str, reasons: Mapping[str, str]) -> Packet:
    """Return the packet as it goes to `dead`: with the reasons, and with the channel that it died in."""
    short = {name: text if len(text) <= REASON_LIMIT else text[:REASON_LIMIT] + "…" for name, text in reasons.items()}
    return replace(packet, due=0.0, headers={**packet.headers, "channel": channel, **short})


def undelayed(packet: Packet) -> Packet:
    """Return the packet without its due time: whoever is lent it may pass it on at once."""
    return replace(packet, due=0.0) if packet.due else packet


def now_of(clock: Clock | None) -> float:
    """Return the POSIX time of the clock that was handed in, or of this machine."""
    return clock.now() if clock else time.time()
