"""AMQP frames of one message, encoded beforehand so that a window of them is one write."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from struct import Struct
from typing import NoReturn

from pika import frame, spec

from esb.errors import TooLargeError

_OVERHEAD = spec.FRAME_HEADER_SIZE + spec.FRAME_END_SIZE
_END = bytes((spec.FRAME_END,))
_frame_start = Struct(">BHI").pack
_content_start, _CONTENT_START = Struct(">HHQ").pack, Struct(">HHQ").size


@lru_cache(maxsize=4096)
def publish_method(channel: int, exchange: str, key: str, mandatory: bool) -> bytes:
    """Return the method frame of a publish; a bus has few targets, so most of them are made once."""
    return bytes(frame.Method(channel, spec.Basic.Publish(0, exchange, key, mandatory)).marshal())


def refuse_wide(properties: Iterable[bytes], limit: int) -> None:
    """Check the properties of a whole window before anything of it leaves.

    Raises:
        TooLargeError: Some do not fit into one frame of `limit` bytes.
    """
    room = limit - _OVERHEAD
    for one in properties:
        if len(one) + _CONTENT_START > room:
            _refuse(len(one) + _CONTENT_START, room)


def content(channel: int, properties: bytes, body: bytes, limit: int) -> bytes:
    """Return header and body frames; the body is cut at `limit`, the negotiated size of a frame in bytes.

    Raises:
        TooLargeError: The properties do not fit into one frame.
    """
    header = _content_start(spec.BasicProperties.INDEX, 0, len(body)) + properties
    room = limit - _OVERHEAD
    if len(header) > room:
        _refuse(len(header), room)
    pieces = [_frame_start(spec.FRAME_HEADER, channel, len(header)), header, _END]
    for start in range(0, len(body), room):
        part = body[start : start + room]
        pieces += (_frame_start(spec.FRAME_BODY, channel, len(part)), part, _END)
    return b"".join(pieces)


def _refuse(size: int, room: int) -> NoReturn:
    raise TooLargeError(f"the headers of a message have {size} bytes, the broker takes {room}; shorten them")
