"""pika's asyncio connection with a cork: what a batch writes leaves in one piece, and reads are large.

A stock connection calls the socket once for every frame and reads 4 KiB at a time. That costs us a third of our time,
and it costs the broker more: it handles thousands of tiny packets and writes its log in tiny pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pika import frame
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.adapters.utils import io_services_utils
from pika.exceptions import StreamLostError

READ_BYTES = 256 * 1024

_NEEDED = ("_on_data_available", "_process_frame", "_adapter_emit_data", "_output_marshaled_frames")
_READ_SIZE = "_MAX_RECV_BYTES"

CORKABLE = all(hasattr(AsyncioConnection, name) for name in _NEEDED) and hasattr(
    io_services_utils._AsyncTransportBase, _READ_SIZE
)
"""Whether pika is built as this file believes. If not, nothing is corked and all works as pika made it."""


class Corked(AsyncioConnection):  # type: ignore[misc]  # pika has no types
    """A connection whose writes can be held back and joined."""

    _held: list[bytes] | None = None
    _frame_buffer: bytes

    @contextmanager
    def corked(self) -> Iterator[None]:
        """Hold back what is written and write it at the end, in one piece."""
        if self._held is not None or not CORKABLE:
            yield
            return
        held: list[bytes] = []
        self._held = held
        try:
            yield
        finally:
            self._held = None
            if held and self._transport is not None:
                super()._adapter_emit_data(b"".join(held))

    def emit(self, frames: Sequence[bytes]) -> None:
        """Write frames that were encoded beforehand."""
        self._output_marshaled_frames(frames)

    def abandon(self, reason: str) -> None:
        """Give the connection up without asking the broker, which does not answer."""
        if not self.is_closed:
            self._terminate_stream(StreamLostError(reason))

    def _proto_connection_made(self, transport: Any) -> None:
        if CORKABLE:
            setattr(transport, _READ_SIZE, READ_BYTES)
        super()._proto_connection_made(transport)

    def _adapter_emit_data(self, data: bytes) -> None:
        if self._held is None:
            super()._adapter_emit_data(data)
        else:
            self._held.append(data)

    def _on_data_available(self, data_in: bytes) -> None:
        """Decode all complete frames; pika's own loop copies what remains once for each frame."""
        if not CORKABLE:
            super()._on_data_available(data_in)
            return
        data = self._frame_buffer + data_in if self._frame_buffer else data_in
        self._frame_buffer = b""
        offset, size = 0, len(data)
        with self.corked():
            while size - offset >= frame.spec.FRAME_HEADER_SIZE + 1:
                length = int.from_bytes(data[offset + 3 : offset + 7], "big") + frame.spec.FRAME_HEADER_SIZE + 1
                if data[offset : offset + 4] == b"AMQP":
                    length = 8  # a protocol header: the broker speaks another version
                if offset + length > size:
                    break
                used, value = frame.decode_frame(data[offset : offset + length])
                if value is None:
                    break
                offset += used
                self.bytes_received += used
                self._process_frame(value)
            self._frame_buffer = data[offset:]
