"""Contestant: the least that pika can do. Consume, publish the same bytes with a confirm, then ack; no route.

python -m bench.relay.bare_pika URL QUEUE EXCHANGE KEY COUNT SERVER_PID     prints one line of JSON

SelectConnection, pipelined confirms, prefetch 200; inputs are acknowledged together up to the last one whose output
is confirmed with all before it.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import deque
from typing import Any

import pika

from bench.machine import cpu_seconds

PREFETCH = 200


def own_cpu() -> float:
    """Return the processor time of this process in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Relay:
    """One connection, one channel. The n-th publish is the n-th delivery, so one queue of tags is enough."""

    def __init__(self, queue: str, target: tuple[str, str], count: int, server: int) -> None:
        self._queue, (self._exchange, self._key), self._count, self._server = queue, target, count, server
        self._waiting: deque[list[int]] = deque()
        self._by_number: dict[int, list[int]] = {}
        self._published = self._acknowledged = 0
        self._channel: Any = None
        self.found: dict[str, float] = {}

    def run(self, url: str) -> dict[str, float]:
        """Relay until the last input is acknowledged."""
        connection = pika.SelectConnection(
            pika.URLParameters(url),
            on_open_callback=lambda opened: opened.channel(on_open_callback=self._opened),
            on_open_error_callback=lambda _, error: sys.exit(f"cannot connect: {error}"),
            on_close_callback=lambda closed, _: closed.ioloop.stop(),
        )
        connection.ioloop.start()
        return self.found

    def _opened(self, channel: Any) -> None:
        self._channel = channel
        channel.confirm_delivery(self._confirmed, callback=lambda _: self._consume())

    def _consume(self) -> None:
        self._channel.basic_qos(prefetch_count=PREFETCH)
        self._started, self._cpu, self._broker = time.perf_counter(), own_cpu(), cpu_seconds(self._server)
        self._channel.basic_consume(self._queue, self._delivered)

    def _delivered(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self._published += 1
        entry = [method.delivery_tag, 0]
        self._waiting.append(entry)
        self._by_number[self._published] = entry
        channel.basic_publish(self._exchange, self._key, body, properties)

    def _confirmed(self, frame: Any) -> None:
        number, numbers = frame.method.delivery_tag, [frame.method.delivery_tag]
        if not isinstance(frame.method, pika.spec.Basic.Ack):
            sys.exit("the broker refused a message")
        if frame.method.multiple:
            numbers = [one for one in self._by_number if one <= number]
        for one in numbers:
            self._by_number.pop(one)[1] = 1
        last = 0
        while self._waiting and self._waiting[0][1]:
            last = self._waiting.popleft()[0]
            self._acknowledged += 1
        if last:
            self._channel.basic_ack(last, multiple=True)
        if self._acknowledged == self._count:
            self._finish()

    def _finish(self) -> None:
        self.found = {
            "seconds": time.perf_counter() - self._started,
            "cpu": own_cpu() - self._cpu,
            "broker_cpu": cpu_seconds(self._server) - self._broker,
        }
        # Closing the channel first makes the broker take note of the last acks before the connection goes.
        self._channel.add_on_close_callback(lambda *_: self._channel.connection.close())
        self._channel.close()


def main() -> None:
    """Run and print."""
    url, queue, exchange, key, count, server = sys.argv[1:]
    print(json.dumps(Relay(queue, (exchange, key), int(count), int(server)).run(url)))


if __name__ == "__main__":
    main()
