"""The RabbitMQ channel: quorum queues, confirmed publishes, delays on shared rungs."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from esb.channels import topology as broker
from esb.channels.amqp_packets import properties
from esb.channels.link import Link
from esb.channels.packets import BODY_LIMIT, buried, now_of, refuse_oversized
from esb.channels.publisher import DEADLINE, Publisher
from esb.channels.rabbit_consumer import Divert, RabbitConsumer, Session
from esb.channels.topology import Difference, Names
from esb.channels.windows import Outgoing
from esb.envelope import Ack, Addressed, Dead, Delivery, Depth, Packet, Retry, Return, Settlement, Topology
from esb.errors import ChannelError, PublishError
from esb.ports import Clock, Log

OPEN_SECONDS = 30.0


class RabbitChannel:
    """`esb.ports.Channel` at a broker. `url`: `amqp://USER:PASSWORD@HOST:PORT/VHOST`, several nodes between `;`.

    `prefix` begins every name at the broker. `body_limit` in bytes, `deadline` of a publish in seconds.
    """

    def __init__(
        self,
        url: str,
        clock: Clock | None = None,
        log: Log | None = None,
        prefix: str = "esb",
        body_limit: int = BODY_LIMIT,
        deadline: float = DEADLINE,
    ) -> None:
        self._url, self._clock, self._names, self._body_limit = url, clock, Names(prefix), body_limit
        # A broker that is short of disk blocks publishers; on a connection of their own, consumers can still ack.
        self._publishing = Link(url, "publish", log)
        self._consuming = Link(url, "consume", log)
        self._publisher = Publisher(self._publishing, deadline, log)
        self._consumers: list[RabbitConsumer] = []
        self._opened = False

    async def open(self, patience: float = OPEN_SECONDS) -> None:
        """Connect, within `patience` seconds.

        Raises:
            ChannelError: No node answers, or the broker refuses the user or the virtual host.
        """
        if self._opened:
            return
        self._publishing.add(self._publisher)
        await self._publishing.open(patience)
        try:
            await self._consuming.open(patience)
        except BaseException:
            await self._publishing.close()
            raise
        self._opened = True

    async def close(self) -> None:
        """Return what was not settled, and disconnect when the broker has taken note of every ack."""
        self._opened = False
        consumers, self._consumers = self._consumers, []
        await asyncio.gather(*(consumer.aclose() for consumer in consumers))
        await self._consuming.close()
        await self._publishing.close()

    async def declare(self, topology: Topology) -> None:
        await asyncio.to_thread(broker.declare, self._url, self._names, topology)

    async def compare(self, topology: Topology) -> list[Difference]:
        """Return what is missing or other at the broker; changes nothing."""
        return await asyncio.to_thread(broker.compare, self._url, self._names, topology)

    async def publish(self, sends: Sequence[Addressed]) -> None:
        refuse_oversized(sends, self._body_limit)
        if not self._opened:
            raise PublishError(dict.fromkeys(range(len(sends)), "the channel is not open"))
        if sends:
            await self._publisher.publish([self._addressed(send) for send in sends])

    def consume(self, name: str, prefetch: int) -> RabbitConsumer:
        """Return the consumer: an iterator over batches, with `aclose`."""
        if not self._opened:
            raise ChannelError("the channel is not open; open it before use")
        self._consumers = [consumer for consumer in self._consumers if not consumer.ended]
        consumer = RabbitConsumer(self._consuming, self._names, name, max(1, prefetch), Divert(self._now, self._delay))
        self._consumers.append(consumer)
        return consumer

    async def settle(self, done: Sequence[Settlement]) -> None:
        """Settle. Acks are on their way when this returns; what is retried or dead is confirmed.

        Raises:
            PublishError: Some could not be retried or dead-lettered (indexes count these alone); they are lent still,
                so settle them again. Everything else is settled.
        """
        acks: dict[Session, list[int]] = defaultdict(list)
        returns: dict[Session, list[int]] = defaultdict(list)
        moves: list[Delivery] = []
        outgoing: list[Outgoing] = []
        for settlement in done:
            token = settlement.delivery.token
            if not token.session.alive or token.tag not in token.session.lent:
                continue  # lent by a connection that is gone: the broker lends it again
            match settlement:
                case Ack():
                    acks[token.session].append(token.tag)
                case Return():
                    returns[token.session].append(token.tag)
                case Retry() | Dead():
                    moves.append(settlement.delivery)
                    outgoing.append(self._moved(settlement))
        self._answer(acks, returns)
        if outgoing:
            await self._move(moves, outgoing)

    async def depth(self, names: Sequence[str]) -> Mapping[str, Depth]:
        """Return how full channels are. AMQP tells no age, and of what is lent only our own part is known."""
        queues = {self._names.queue(name): name for name in names}
        ready = await asyncio.to_thread(broker.depths, self._url, tuple(queues))
        lent: dict[str, int] = defaultdict(int)
        for consumer in self._consumers:
            lent[consumer.name] += consumer.lent
        return {name: Depth(ready.get(queue, 0), lent[name]) for queue, name in queues.items()}

    # --- settling

    def _answer(self, acks: Mapping[Session, Sequence[int]], returns: Mapping[Session, Sequence[int]]) -> None:
        connection = self._consuming.connection
        if connection is None:
            return
        with connection.corked():
            for session, tags in acks.items():
                session.ack(tags)
            for session, tags in returns.items():
                session.give_back(tags)

    async def _move(self, moves: Sequence[Delivery], outgoing: Sequence[Outgoing]) -> None:
        """Publish, then ack what was confirmed: a crash in between makes a twin, never a loss."""
        failed: Mapping[int, str] = {}
        try:
            await self._publisher.publish(outgoing)
        except PublishError as error:
            failed = error.failed
        acks: dict[Session, list[int]] = defaultdict(list)
        for index, delivery in enumerate(moves):
            if index not in failed:
                acks[delivery.token.session].append(delivery.token.tag)
        self._answer(acks, {})
        if failed:
            raise PublishError(failed)

    def _moved(self, settlement: Retry | Dead) -> Outgoing:
        delivery = settlement.delivery
        if isinstance(settlement, Dead):
            packet = buried(delivery.packet, delivery.channel, settlement.headers)
            return _outgoing("dead", self._names.exchange("dead"), delivery.channel, packet)
        packet = delivery.packet
        if settlement.counted:
            packet = replace(packet, attempt=packet.attempt + 1)
        due = self._now() + settlement.after if settlement.after > 0 else 0.0
        return self._delayed(delivery.channel, replace(packet, due=due))

    # --- publishing

    def _addressed(self, send: Addressed) -> Outgoing:
        exchange, key = self._names.target(send.to)
        return _outgoing(send.to, exchange, key, send.packet)

    def _delayed(self, channel: str, packet: Packet) -> Outgoing:
        """Return the packet on its way to the rung that it takes next, or straight back if it is due."""
        if not packet.due:
            return _outgoing(channel, self._names.exchange("return"), channel, packet, lent=True)
        rung = broker.rung_for(packet.due - self._now())
        return _outgoing(channel, self._names.exchange("retry"), channel, packet, rung=rung, lent=True)

    async def _delay(self, channel: str, packet: Packet) -> None:
        await self._publisher.publish([self._delayed(channel, packet)])

    def _now(self) -> float:
        return now_of(self._clock)


def _outgoing(to: str, exchange: str, key: str, packet: Packet, rung: str = "", lent: bool = False) -> Outgoing:
    # All topics leave by one outlet: who subscribes to several gets them in the order of their publishing.
    event = to.startswith("event/")
    outlet = f"retry/{rung}" if rung else "events" if event else to
    # An event without a subscriber is an outcome, not an error.
    return Outgoing(to, exchange, key, packet.id, properties(packet, rung, lent), packet.body, outlet, not event)
