"""The publisher to a foreign broker: a message is delivered when the broker has confirmed that it has it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from esb.edge import Delivered
from esb.endpoints.outgoing import readable, rendered, wire_bytes
from esb.endpoints.queue.account import Account, is_missing, reason_of
from esb.endpoints.queue.client import producer_of
from esb.errors import EsbError, RejectedError, UnknownOutcomeError
from esb.expressions import Expression
from esb.message import Message

_LONGEST_KEY = 255
_TYPES = {
    "json": "application/json",
    "xml": "application/xml",
    "csv": "text/csv",
    "text": "text/plain",
    "x12": "application/edi-x12",
    "edifact": "application/edifact",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where messages go: to a queue (the default exchange), or to an exchange with a routing key."""

    queue: str
    exchange: str
    routing_key: Expression | None
    headers: Mapping[str, Expression]
    content_type: str
    threads: int


@dataclass(frozen=True, slots=True)
class _Parcel:
    body: bytes
    routing_key: str
    headers: Mapping[str, str]
    content_type: str
    name: str
    correlation: str


class QueueSink:
    """Publishes messages. The client blocks: each of a few threads owns a connection of its own."""

    def __init__(self, target: Target, account: Account) -> None:
        self._target, self._account = target, account
        self._threads = ThreadPoolExecutor(target.threads, thread_name_prefix="publish")
        self._own = threading.local()
        self._open: set[Any] = set()
        self._closed = False

    async def deliver(self, message: Message, key: str) -> Delivered:
        """Publish the message's bytes, persistent, with `key` as its message id.

        Raises:
            RejectedError: No queue takes it, or a name cannot be rendered.
            UnknownOutcomeError: It left and was not confirmed.
            EndpointError: The broker is out of reach, or refused it.
        """
        target, seen = self._target, readable(message)
        routing_key = rendered(target.routing_key, seen, "routing_key") if target.routing_key else target.queue
        if len(routing_key.encode()) > _LONGEST_KEY or not routing_key.isprintable():
            raise RejectedError(f"the routing key {routing_key[:100]!r} is longer than 255 bytes or not printable")
        headers = {name: rendered(value, seen, name) for name, value in target.headers.items()}
        kind = target.content_type or _TYPES.get(message.format.partition("/")[0], "application/octet-stream")
        parcel = _Parcel(wire_bytes(message), routing_key, headers, kind, key, message.correlation_id)
        await self._call(lambda connection: self._publish(connection, parcel))
        return Delivered(f"confirmed by {self._account.shown} ({target.exchange or 'queue'} {routing_key})")

    async def applied(self, message: Message, key: str) -> bool | None:
        """Return that nobody can say: a queue cannot be asked."""
        return None

    async def check(self) -> str:
        """Connect, sign in, and look whether the queue or exchange is there. Raises EndpointError if not."""
        await self._call(self._look)
        where = self._target.exchange or self._target.queue
        return f"{self._account.shown} lets us in" + ("" if self._account.is_redis else f" and has {where}")

    async def close(self) -> None:
        """Close the connections, each in a thread where nobody uses it any more."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._close)

    async def _call(self, work: Callable[[Any], None]) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._with_connection, work)

    def _with_connection(self, work: Callable[[Any], None]) -> None:
        """Work on this thread's connection; one that failed is not used again."""
        connection = getattr(self._own, "connection", None) or self._connected()
        try:
            work(connection)
        except BaseException:
            self._own.connection = None
            self._forget(connection)
            raise

    def _connected(self) -> Any:
        try:
            connection = self._account.connection()
            connection.default_channel  # noqa: B018 - opens it: Redis connects here
        except Exception as error:
            raise self._account.trouble(error, "connect") from error
        self._own.connection = connection
        self._open.add(connection)
        return connection

    def _publish(self, connection: Any, parcel: _Parcel) -> None:
        returned: list[Any] = []
        channel = connection.default_channel
        heard = None if self._account.is_redis else lambda *given: returned.append(given)
        producer = producer_of(channel, auto_declare=False, on_return=heard)
        try:
            producer.publish(
                parcel.body,
                exchange=self._target.exchange,
                routing_key=parcel.routing_key,
                content_type=parcel.content_type,
                content_encoding="binary",
                headers=dict(parcel.headers),
                message_id=parcel.name,
                correlation_id=parcel.correlation or None,
                delivery_mode=2,
                mandatory=True,
                retry=False,
                confirm_timeout=self._account.timeout,
            )
        except Exception as error:
            raise self._failure(error) from error
        finally:
            _forget_returns(channel)
        if returned:
            raise RejectedError(f"{self._account.shown}: no queue takes the routing key {parcel.routing_key!r}")

    def _failure(self, error: Exception) -> EsbError:
        """Return what a failed publish means; what was refused by name was not applied."""
        if is_missing(error):
            return RejectedError(f"{self._account.shown}: {reason_of(error)}")
        refused = type(error).__name__ in {"MessageNacked", "ResponseError", "OutOfMemoryError", "ReadOnlyError"}
        if refused or getattr(error, "code", None):
            return self._account.trouble(error, "publish")
        return UnknownOutcomeError(
            f"{self._account.shown}: {reason_of(error)} after the message was sent; the broker may have it"
        )

    def _look(self, connection: Any) -> None:
        try:
            channel = connection.channel()
            if not self._account.is_redis and self._target.exchange:
                channel.exchange_declare(self._target.exchange, "", passive=True)
            elif not self._account.is_redis:
                channel.queue_declare(self._target.queue, passive=True)
            channel.close()
        except Exception as error:
            raise self._account.trouble(error, "look") from error

    def _forget(self, connection: Any) -> None:
        self._open.discard(connection)
        with contextlib.suppress(Exception):  # it may be broken already, and nobody else knows it
            connection.collect(1.0)

    def _close(self) -> None:
        self._threads.shutdown(wait=True)
        for connection in list(self._open):
            self._forget(connection)


def _forget_returns(channel: Any) -> None:
    """Take our listener off the channel; it belonged to one message."""
    events = getattr(channel, "events", None)
    if isinstance(events, dict) and "basic_return" in events:
        events["basic_return"].clear()
