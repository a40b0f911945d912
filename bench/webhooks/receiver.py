"""The system that orders are delivered to: counts what it gets, by order number and by idempotency key."""

from __future__ import annotations

import asyncio
import re
from collections import Counter

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_KEY = re.compile(rb"\r\nidempotency-key: *(\S+)", re.IGNORECASE)
_ORDER = re.compile(rb'"number":"W0*(\d+)"')
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Receiver:
    """A small HTTP server on the loopback."""

    def __init__(self) -> None:
        self.orders: Counter[int] = Counter()
        self.keys: dict[bytes, int] = {}
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Receiver:
        """Listen."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Call(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        assert self._server is not None
        self._server.close()

    def take(self, head: bytes, content: bytes) -> None:
        """Apply an effect, unless its key came before."""
        key, order = _KEY.search(head), _ORDER.search(content)
        assert key is not None, "a delivery without an Idempotency-Key"
        assert order is not None, content
        if key[1] not in self.keys:
            self.keys[key[1]] = int(order[1])
            self.orders[int(order[1])] += 1


class _Call(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver, self._buffer = receiver, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take every request that is complete."""
        self._buffer += data
        while True:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            found = _LENGTH.search(head)
            if not separator or found is None or len(rest) < int(found[1]):
                return
            self._receiver.take(head, rest[: int(found[1])])
            self._buffer = rest[int(found[1]) :]
            self._transport.write(_OK)
