"""The embedded channel: a SQLite file on one machine, for one or more processes, with no server to install.

What `publish` promised is on disk (WAL, synchronous=FULL); what a killed process held is lent again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from esb.channels.embedded_file import ChannelFile, Entry, Lent, Settled, encode_packet
from esb.channels.embedded_schema import depths
from esb.channels.embedded_writer import Job, Lender, Writer
from esb.channels.packets import BODY_LIMIT, buried, now_of, refuse_oversized, undelayed
from esb.envelope import Ack, Addressed, Dead, Delivery, Depth, Retry, Return, Settlement, Topology
from esb.errors import ChannelError, PublishError
from esb.ports import Clock


class EmbeddedChannel:
    """`esb.ports.Channel` on one file. `body_limit` in bytes."""

    def __init__(self, path: Path, clock: Clock | None = None, body_limit: int = BODY_LIMIT) -> None:
        self._path, self._clock, self._body_limit = path, clock, body_limit
        self._writer: Writer | None = None
        self._consumers: set[EmbeddedConsumer] = set()

    async def open(self) -> None:
        """Open the file and make it if it is not there.

        Raises:
            ChannelError: It cannot be opened, or this SQLite may not share it with the process that has it open.
        """
        if self._writer is not None:
            return
        writer = Writer(lambda: ChannelFile(self._path), self.now)
        writer.start()
        await writer.opened
        self._writer = writer

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        for consumer in tuple(self._consumers):
            consumer.end()
        writer.stop()
        await writer.ended

    def now(self) -> float:
        """Return the POSIX time that delays are counted by."""
        return now_of(self._clock)

    async def declare(self, topology: Topology) -> None:
        await self.run(lambda file: file.registry.declare(topology), durable=True)

    async def publish(self, sends: Sequence[Addressed]) -> None:
        refuse_oversized(sends, self._body_limit)
        if not sends:
            return
        now = self.now()
        entries = [_entry(send, now) for send in sends]
        try:
            failed = await self.run(lambda file: file.put(entries, now), durable=True)
        except ChannelError as error:
            raise PublishError(dict.fromkeys(range(len(sends)), str(error))) from error
        if failed:
            raise PublishError(failed)

    def consume(self, name: str, prefetch: int) -> EmbeddedConsumer:
        """Return the consumer: an iterator over batches, with `aclose`."""
        return EmbeddedConsumer(self, name, max(1, prefetch))

    async def settle(self, done: Sequence[Settlement]) -> None:
        """Settle. Acks are on their way when this returns; everything else is visible to all processes."""
        groups: dict[EmbeddedConsumer, list[Settlement]] = defaultdict(list)
        for settlement in done:
            token = settlement.delivery.token
            if token.consumer.take(token.seq):
                groups[token.consumer].append(settlement)
        if not groups:
            return
        now = self.now()
        settled = _settled([settlement for group in groups.values() for settlement in group], now)
        freed = {
            consumer.lender: [settlement.delivery.token.seq for settlement in group]
            for consumer, group in groups.items()
        }
        visible = None
        if settled.give_back or settled.delay or settled.bury:
            visible = asyncio.get_running_loop().create_future()
        writer = self.writer()
        writer.post(Job(lambda file: file.settle(settled, now), freed=freed))
        if visible is not None:
            # The settlement itself has no answer, so that it is repeated until it is done; this one says when.
            writer.post(Job(_nothing, _into(visible)))
            await visible

    async def depth(self, names: Sequence[str]) -> Mapping[str, Depth]:
        self.writer()
        found = await asyncio.to_thread(depths, self._path, names, self.now())
        return {name: Depth(*found[name]) if name in found else Depth(0) for name in names}

    # --- for consumers

    def writer(self) -> Writer:
        """Return the writer.

        Raises:
            ChannelError: The channel is not open.
        """
        if self._writer is None:
            raise ChannelError(f"the channel {self._path} is not open; open it before use")
        return self._writer

    async def run(self, work: Callable[[ChannelFile], Any], durable: bool = False) -> Any:
        """Have work done in the next transaction and return its result when that is committed."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.writer().post(Job(work, _into(future), durable))
        return await future

    def enrol(self, consumer: EmbeddedConsumer, active: bool) -> None:
        """Remember who has to be told when the channel closes."""
        (self._consumers.add if active else self._consumers.discard)(consumer)


class Token(Struct, frozen=True, eq=False):
    """The right to settle: whose, and which."""

    consumer: EmbeddedConsumer
    seq: int

    @property
    def tenure(self) -> object:
        """What all deliveries share between which nobody else was lent any of an ordered channel."""
        return self.consumer


class EmbeddedConsumer:
    """Batches of deliveries, as they come. Ends when it or the channel is closed."""

    def __init__(self, channel: EmbeddedChannel, name: str, prefetch: int) -> None:
        self._channel, self._name = channel, name
        self.lender = Lender(name, prefetch, self._deliver)
        self._buffer: deque[Lent] = deque()
        self._held: set[int] = set()
        self._waiter: asyncio.Future[None] | None = None
        self._opened = self._ended = False

    def __aiter__(self) -> EmbeddedConsumer:
        """Return itself."""
        return self

    async def __anext__(self) -> Sequence[Delivery]:
        """Return the next batch; wait for it if need be.

        Raises:
            ChannelError: The channel is not declared, not open, or its writer failed.
        """
        if not self._opened and not self._ended:
            self._opened = True
            self._channel.enrol(self, active=True)
            writer = self._channel.writer()
            await self._channel.run(lambda file: writer.add(self.lender, file))
        while not self._buffer:
            if self._ended:
                raise StopAsyncIteration
            await self._something()
        batch = [self._buffer.popleft() for _ in range(min(len(self._buffer), self.lender.chunk))]
        return [Delivery(self._name, one.packet, Token(self, one.seq), one.again) for one in batch]

    async def aclose(self) -> None:
        """Return what was not settled; the iteration ends."""
        if self._ended:
            return
        self.end()
        if not self._opened:
            return
        with suppress(ChannelError):  # a writer that has ended gave back everything when it closed the file
            writer = self._channel.writer()
            await self._channel.run(lambda file: writer.remove(self.lender, file))

    def end(self) -> None:
        """End the iteration; the writer returns what is held, now or when it closes the file."""
        self._ended = True
        self._buffer.clear()
        self._held.clear()
        self._channel.enrol(self, active=False)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take(self, seq: int) -> bool:
        """Return whether this may be settled still, and take note that it is."""
        if seq not in self._held:
            return False
        self._held.remove(seq)
        return True

    def _deliver(self, batch: Sequence[Lent]) -> None:
        if self._ended:
            return
        self._buffer.extend(batch)
        self._held.update(one.seq for one in batch)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _something(self) -> None:
        """Wait for a delivery or the end; a writer that failed is an error here."""
        ended = self._channel.writer().ended
        self._waiter = asyncio.get_running_loop().create_future()
        await asyncio.wait((self._waiter, ended), return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and not self._ended:
            raise ended.result() or ChannelError("the channel was closed")


def _entry(send: Addressed, now: float) -> Entry:
    packet = send.packet
    due = packet.due if packet.due > now else 0.0
    return Entry(send.to, due, packet.attempt, encode_packet(undelayed(packet)))


def _settled(done: Sequence[Settlement], now: float) -> Settled:
    forget: list[int] = []
    give_back: list[int] = []
    delay: list[tuple[int, float, int]] = []
    bury = []
    for settlement in done:
        delivery = settlement.delivery
        seq = delivery.token.seq
        match settlement:
            case Ack():
                forget.append(seq)
            case Return():
                give_back.append(seq)
            case Retry(_, after, counted):
                delay.append((seq, now + after if after > 0 else 0.0, int(counted)))
            case Dead(_, headers):
                bury.append((seq, buried(delivery.packet, delivery.channel, headers)))
    return Settled(forget, give_back, delay, bury)


def _into(future: asyncio.Future[Any]) -> Callable[[Any], None]:
    def answer(result: Any) -> None:
        if future.done():
            return
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)

    return answer


def _nothing(_: ChannelFile) -> None:
    return None
