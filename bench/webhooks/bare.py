"""Contestant: the least that a webhook can be. A Starlette handler that publishes to RabbitMQ and awaits the confirm.

python -m bench.webhooks.bare URL QUEUE PORT     serves POST /in/shop until it is terminated

It keeps no key, so the same request twice is two messages; it writes no history and checks nothing.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pika
import uvicorn
import uvloop
from pika.adapters.asyncio_connection import AsyncioConnection
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_DURABLE = pika.BasicProperties(delivery_mode=2, content_type="application/json")


class Publisher:
    """One connection and channel; the n-th publish waits for the n-th confirm."""

    def __init__(self, queue: str) -> None:
        self._queue = queue
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._first, self._next = 1, 1
        self._channel: Any = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connect(self, url: str) -> None:
        """Connect, declare the quorum queue and ask for confirms."""
        self._connection = AsyncioConnection(
            pika.URLParameters(url),
            on_open_callback=lambda opened: opened.channel(on_open_callback=self._opened),
            on_open_error_callback=lambda _, error: sys.exit(f"cannot connect: {error}"),
        )

    async def publish(self, body: bytes) -> None:
        """Return when the broker has it."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[self._next] = future
        self._next += 1
        self._channel.basic_publish("", self._queue, body, _DURABLE, mandatory=True)
        await future

    def _opened(self, channel: Any) -> None:
        self._channel = channel
        declared = {"x-queue-type": "quorum"}
        channel.queue_declare(self._queue, durable=True, arguments=declared, callback=lambda _: self._declared())

    def _declared(self) -> None:
        self._channel.confirm_delivery(self._confirmed, callback=lambda _: self.ready.set_result(None))

    def _confirmed(self, frame: Any) -> None:
        tag = frame.method.delivery_tag
        tags = range(self._first, tag + 1) if frame.method.multiple else (tag,)
        for each in tags:
            future = self._waiting.pop(each, None)
            if future is not None:
                future.set_result(None)
        if frame.method.multiple:
            self._first = tag + 1


async def serve(url: str, queue: str, port: int) -> None:
    """Serve until terminated."""
    publisher = Publisher(queue)
    publisher.connect(url)
    await publisher.ready

    async def take(request: Request) -> Response:
        await publisher.publish(await request.body())
        return Response(b"{}", 202, media_type="application/json")

    async def ready(request: Request) -> Response:
        return Response(b"ready\n")

    application = Starlette(
        routes=[Route("/in/shop", take, methods=["POST"]), Route("/readyz", ready, methods=["GET"])]
    )
    config = uvicorn.Config(
        application, port=port, loop="none", http="httptools", lifespan="off", log_config=None, access_log=False
    )
    await uvicorn.Server(config).serve()


def main() -> None:
    """Run."""
    url, queue, port = sys.argv[1:]
    uvloop.run(serve(url, queue, int(port)))


if __name__ == "__main__":
    main()
