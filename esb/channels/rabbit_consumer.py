"""Consuming from RabbitMQ: one AMQP channel per consumer, opened again whenever it is lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from pika.exceptions import AMQPError, ChannelClosedByBroker
from pika.spec import BasicProperties

from esb.channels.amqp_packets import death, read
from esb.channels.corked import Corked
from esb.channels.link import CLOSE_SECONDS, Link
from esb.channels.packets import undelayed
from esb.channels.topology import Names
from esb.envelope import Delivery, Packet
from esb.errors import ChannelError

EARLY = 0.1
"""Seconds that a delayed packet may be lent before it is due: the broker's clock and ours are not one."""

_NOT_FOUND, _REFUSED = 404, 403
_REOPEN_SECONDS = 1.0


class Session:
    """One life of a consumer's AMQP channel. What it lent dies with it: the broker lends that again."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.lent: dict[int, None] = {}
        """Delivery tags that were not settled, rising."""

    @property
    def alive(self) -> bool:
        """Whether tags of this session still mean something to the broker."""
        return bool(self.channel.is_open)

    def ack(self, tags: Iterable[int]) -> None:
        """Acknowledge; as many as possible, from the oldest on, in one frame."""
        if not self.alive:
            return
        done = {tag for tag in tags if tag in self.lent}
        last = 0
        for tag in tuple(self.lent):
            if tag not in done:
                break
            del self.lent[tag]
            done.remove(tag)
            last = tag
        if last:
            self.channel.basic_ack(last, multiple=True)
        for tag in sorted(done):
            del self.lent[tag]
            self.channel.basic_ack(tag)

    def give_back(self, tags: Iterable[int]) -> None:
        """Have the broker lend these to somebody else."""
        if not self.alive:
            return
        for tag in tags:
            if tag in self.lent:
                del self.lent[tag]
                self.channel.basic_nack(tag, requeue=True)


class Token(Struct, frozen=True, eq=False):
    """The right to settle: in which session, and which delivery."""

    session: Session
    tag: int

    @property
    def tenure(self) -> object:
        """What all deliveries share between which nobody else was lent any of an ordered channel."""
        return self.session


class Divert(Struct, frozen=True):
    """How a consumer tells what is not due, and where it sends that."""

    now: Callable[[], float]
    delay: Callable[[str, Packet], Awaitable[None]]


class RabbitConsumer:
    """Batches of deliveries: what one read of the socket brought. Ends when it or the channel is closed."""

    def __init__(self, link: Link, names: Names, name: str, prefetch: int, divert: Divert) -> None:
        self.name = name
        self._link, self._names, self._prefetch, self._divert = link, names, min(prefetch, 65535), divert
        self._session: Session | None = None
        self._buffer: deque[Delivery] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = self._ended = False
        self._error: ChannelError | None = None

    def __aiter__(self) -> RabbitConsumer:
        """Return itself."""
        return self

    async def __anext__(self) -> Sequence[Delivery]:
        """Return the next batch; wait for it if need be, also while the connection is made anew.

        Raises:
            ChannelError: There is no such queue, or the user may not read it.
        """
        if not self._started and not self._ended:
            self._started = True
            self._link.add(self)
        while not self._buffer:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        batch = tuple(self._buffer)
        self._buffer.clear()
        return batch

    async def aclose(self) -> None:
        """Return what was not settled; the iteration ends.

        The AMQP channel is closed, nothing is requeued one by one: only so the order is kept.
        """
        if self._ended:
            return
        self._ended = True
        self._link.remove(self)
        self._buffer.clear()
        self._wake()
        for task in tuple(self._tasks):
            task.cancel()
        session, self._session = self._session, None
        if session is not None and session.alive:
            closed = asyncio.Event()
            session.channel.add_on_close_callback(lambda *_: closed.set())
            # pika would cancel the consumer first. Then the broker lends the next ones to somebody else before it gets
            # these back, and an ordered channel is out of order.
            session.channel._consumers.clear()
            session.channel.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await closed.wait()

    @property
    def ended(self) -> bool:
        """Whether it was closed."""
        return self._ended

    @property
    def lent(self) -> int:
        """How many deliveries this consumer holds."""
        return len(self._session.lent) if self._session is not None else 0

    # --- what the link and the broker say

    def up(self, connection: Corked) -> None:
        """Open the AMQP channel and consume."""
        connection.channel(on_open_callback=self._opened)

    def down(self, reason: str) -> None:
        """Forget what was lent: the broker lends it again."""
        self._session = None
        self._buffer.clear()

    def _opened(self, channel: Any) -> None:
        if self._ended:
            channel.close()
            return
        session = Session(channel)
        self._session = session
        channel.add_on_close_callback(lambda _, reason: self._closed(session, reason))
        channel.add_on_cancel_callback(lambda _: channel.is_open and channel.close())  # the queue moved or is gone
        channel.basic_qos(prefetch_count=self._prefetch)
        channel.basic_consume(
            self._names.queue(self.name),
            lambda _, method, properties, body: self._take(session, method, properties, body),
        )

    def _closed(self, session: Session, reason: Any) -> None:
        """Open another AMQP channel if this one alone was closed, unless that cannot help."""
        if self._session is not session or self._ended:
            return
        self._session = None
        self._buffer.clear()
        code = reason.reply_code if isinstance(reason, ChannelClosedByBroker) else 0
        if code in (_NOT_FOUND, _REFUSED):
            self._error = ChannelError(
                f"channel {self.name} cannot be consumed: {reason.reply_text}; declare the topology before consuming"
            )
            self._link.remove(self)
            self._wake()
            return
        connection = self._link.connection
        if connection is not None and connection.is_open:
            connection.ioloop.call_later(_REOPEN_SECONDS, self._reopen, connection)

    def _reopen(self, connection: Corked) -> None:
        if self._link.connection is connection and connection.is_open and self._session is None and not self._ended:
            self.up(connection)

    def _take(self, session: Session, method: Any, properties: BasicProperties, body: bytes) -> None:
        tag = method.delivery_tag
        session.lent[tag] = None
        packet, again = read(properties, body, method.redelivered)
        if self.name == "dead" and (why := death(properties, method.routing_key, self._names)):
            packet = replace(packet, headers={**packet.headers, **why})
        delivery = Delivery(self.name, packet, Token(session, tag), again)
        if packet.due and packet.due - self._divert.now() > EARLY:
            self._spawn(self._delay(delivery))
            return
        self._buffer.append(replace(delivery, packet=undelayed(packet)) if packet.due else delivery)
        self._wake()

    # --- packets that are not due

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _delay(self, delivery: Delivery) -> None:
        """Send a packet to the next rung; until that is confirmed it stays ours."""
        session: Session = delivery.token.session
        while session.alive:
            with suppress(ChannelError, AMQPError):
                await self._divert.delay(delivery.channel, delivery.packet)
                session.ack((delivery.token.tag,))
                return
            await asyncio.sleep(_REOPEN_SECONDS)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
