"""AMQP frames of one message, encoded beforehand so that a window of them is one write."""

from __future__ import annotations

import struct

from pika import frame, spec

_FRAME_OVERHEAD = spec.FRAME_HEADER_SIZE + spec.FRAME_END_SIZE


def content(
    channel: int, method: spec.Basic.Publish, properties: spec.BasicProperties, body: bytes, limit: int
) -> bytes:
    """Return method, header and body frames; the body is cut at `limit`, the negotiated size of a frame in bytes."""
    pieces = [frame.Method(channel, method).marshal(), frame.Header(channel, len(body), properties).marshal()]
    room = limit - _FRAME_OVERHEAD
    for start in range(0, len(body), room):
        part = body[start : start + room]
        pieces += (struct.pack(">BHI", spec.FRAME_BODY, channel, len(part)), part, bytes((spec.FRAME_END,)))
    return b"".join(pieces)
