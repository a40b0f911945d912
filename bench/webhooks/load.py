"""Load generator: keep-alive HTTP/1.1 on raw sockets, one request at a time on each connection.

python -m bench.webhooks.load PORT PATH COUNT CONNECTIONS START     prints JSON: seconds, latencies, statuses

It imports nothing of esb, so that a mistake of ours cannot hide itself.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator


def body(number: int) -> bytes:
    """Return an order of a shop; its number tells it from all others."""
    order = {
        "order": {
            "id": f"W{number:07d}",
            "customer_code": f"C-{number % 500:04d}",
            "currency": "USD",
            "warehouse": "MAIN",
            "ship_to": {"name": "A. Shopper", "street": "2 Elm Street", "city": "Oslo", "zip": "0024", "country": "NO"},
            "items": [
                {"sku": f"{number % 90000:05d}", "qty": 2, "unit_price": 12.5, "title": "Hex bolt, box of 100"},
                {"sku": "00042", "qty": 1, "unit_price": 99.95, "title": "Torque wrench"},
            ],
        }
    }
    return json.dumps(order, separators=(",", ":")).encode()


def request(path: str, number: int) -> bytes:
    """Return the bytes of one POST."""
    content = body(number)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Idempotency-Key: w-{number}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


class Connection(asyncio.Protocol):
    """Sends a request, waits for its answer, sends the next; `numbers` is shared by all connections."""

    def __init__(self, path: str, numbers: Iterator[int], ended: asyncio.Future[None]) -> None:
        self._path, self._numbers, self._ended = path, numbers, ended
        self._buffer = b""
        self._number, self._sent = 0, 0.0
        self.answers: list[tuple[int, int, float]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        """Take an answer that is complete."""
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        if len(rest) < length:
            return
        self.answers.append((self._number, int(head[9:12]), time.perf_counter() - self._sent))
        self._buffer = b""
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail loudly: a keep-alive connection that is closed under load is a fault of the server."""
        if not self._ended.done():
            self._ended.set_exception(ConnectionError(f"closed after {len(self.answers)} answers: {error}"))

    def _next(self) -> None:
        number = next(self._numbers, None)
        if number is None:
            self._ended.set_result(None)
            self._transport.close()
            return
        self._number, self._sent = number, time.perf_counter()
        self._transport.write(request(self._path, number))


async def load(port: int, path: str, count: int, connections: int, start: int) -> dict[str, object]:
    """Post `count` requests over so many connections, numbered from `start`."""
    loop = asyncio.get_running_loop()
    numbers = iter(range(start, start + count))
    started = time.perf_counter()
    running: list[Connection] = []
    endings: list[asyncio.Future[None]] = []
    for _ in range(connections):
        ended: asyncio.Future[None] = loop.create_future()
        running.append(Connection(path, numbers, ended))
        await loop.create_connection(lambda: running[-1], "127.0.0.1", port)
        endings.append(ended)
    await asyncio.gather(*endings)
    seconds = time.perf_counter() - started
    answers = [answer for one in running for answer in one.answers]
    return {
        "seconds": seconds,
        "latencies": sorted(latency for _, _, latency in answers),
        "accepted": sorted(number for number, status, _ in answers if status == 202),
        "others": sorted({status for _, status, _ in answers if status != 202}),
    }


def main() -> None:
    """Run and print."""
    port, path, count, connections, start = sys.argv[1:]
    print(json.dumps(asyncio.run(load(int(port), path, int(count), int(connections), int(start)))))


if __name__ == "__main__":
    main()
