"""The simulated channel: `esb.ports.Channel` as one process has it, over a connection that may be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from esb.channels.packets import refuse_oversized
from esb.envelope import Addressed, Delivery, Depth, Settlement, Topology
from esb.errors import ChannelError, PublishError
from esb.testing.simulation.broker import Broker, Queue, Stored, Token
from esb.testing.simulation.process import Process, Wire


class SimulatedChannel:
    """`esb.ports.Channel`: the broker as one process sees it, over a connection that may be lost."""

    def __init__(self, broker: Broker, process: Process) -> None:
        self.broker, self._wire = broker, process.wire
        self._consumers: list[SimulatedConsumer] = []
        self._closed = False
        self._open: dict[str, dict[Token, int]] = {}
        process.connections.append(self.lose)

    async def open(self) -> None:
        self._closed = False
        await self._call(self.broker.check)

    async def close(self) -> None:
        self._closed = True
        for consumer in tuple(self._consumers):
            self._end(consumer)

    async def declare(self, topology: Topology) -> None:
        await self._call(lambda: self.broker.declare(topology))

    async def publish(self, sends: Sequence[Addressed]) -> None:
        """Publish; an outage is an unknown outcome, as a broken connection is with a real broker."""
        refuse_oversized(sends, self.broker.body_limit)
        if not sends:
            return
        try:
            await self._call(lambda: self.broker.publish(sends))
        except PublishError:
            raise
        except ChannelError as error:
            raise PublishError(dict.fromkeys(range(len(sends)), str(error))) from error

    def consume(self, name: str, prefetch: int) -> SimulatedConsumer:
        """Return the consumer: an iterator over batches, with `aclose`."""
        return SimulatedConsumer(self, name, max(1, prefetch))

    async def settle(self, done: Sequence[Settlement]) -> None:
        await self._call(lambda: self._settle(done))

    async def depth(self, names: Sequence[str]) -> Mapping[str, Depth]:
        found: Mapping[str, Depth] = await self._call(lambda: {name: self.broker.depth(name) for name in names})
        return found

    def lose(self) -> None:
        """Lose the connection: every consumer ends, and what they held is lent to others."""
        for consumer in tuple(self._consumers):
            self._end(consumer, "the connection to the broker was lost")

    def enrol(self, consumer: SimulatedConsumer) -> None:
        """Begin to lend to a consumer."""
        self._consumers.append(consumer)
        consumer.queue.consumers.append(consumer)

    def lent_since(self, packet_id: str) -> int:
        """Return the step at which this process was first lent a packet that it has not settled since."""
        return min(self._open.get(packet_id, {}).values(), default=self.broker.loop.steps)

    def note(self, deliveries: Sequence[Delivery]) -> None:
        """Take note of what was lent, and when."""
        for delivery in deliveries:
            self._open.setdefault(delivery.packet.id, {})[delivery.token] = self.broker.loop.steps

    def held(self, prefix: str) -> list[Delivery]:
        """Return what this process was lent from channels of this kind and has not settled."""
        return [
            Delivery(consumer.queue.spec.name, stored.packet, Token(consumer, stored.seq))
            for consumer in self._consumers
            if consumer.queue.spec.name.startswith(prefix)
            for stored in consumer.held.values()
        ]

    async def reach(self, act: Callable[[], None]) -> None:
        """Have something done at the broker (for consumers)."""
        await self._call(act)

    @property
    def wire(self) -> Wire:
        """The way to the broker."""
        return self._wire

    def _settle(self, done: Sequence[Settlement]) -> None:
        if self.broker.faults.strikes("unsettled"):
            self.lose()
            return
        self.broker.settle(done)
        for settlement in done:
            delivery = settlement.delivery
            self._open.get(delivery.packet.id, {}).pop(delivery.token, None)

    def _end(self, consumer: SimulatedConsumer, reason: str = "") -> None:
        if consumer in self._consumers:
            self._consumers.remove(consumer)
        consumer.end(reason)

    async def _call(self, act: Callable[[], Any]) -> Any:
        if self._closed:
            raise ChannelError("the channel is closed; open it again to use it")
        return await self._wire.call(act)


class SimulatedConsumer:
    """Batches of deliveries, as they come. A lost connection is a ChannelError; a closed channel is the end."""

    queue: Queue

    def __init__(self, channel: SimulatedChannel, name: str, prefetch: int) -> None:
        self._channel, self._name, self.prefetch = channel, name, prefetch
        self.held: dict[int, Stored] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._state = "new"
        self._reason = ""

    def __aiter__(self) -> SimulatedConsumer:
        """Return itself."""
        return self

    async def __anext__(self) -> Sequence[Delivery]:
        """Return the next batch; wait for it if need be.

        Raises:
            ChannelError: The channel is not declared, or the connection was lost.
        """
        if self._state == "new":
            await self._channel.reach(self._begin)
        while True:
            if self._state == "ended":
                if self._reason:
                    raise ChannelError(self._reason)
                raise StopAsyncIteration
            lent = self._channel.broker.lend(self.queue, self)
            if lent:
                batch = [Delivery(self._name, one.packet, Token(self, one.seq), one.again) for one in lent]
                self._channel.note(batch)
                return batch
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
            await self._channel.wire.pause()

    async def aclose(self) -> None:
        """Return what was not settled; the iteration ends."""
        if self._state == "open":
            await self._channel.wire.pause()
            self._channel.wire.check()
            self.end("")
        self._state = "ended"

    def wake(self) -> None:
        """Look again whether there is something to lend."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def end(self, reason: str) -> None:
        """End the iteration; what is held goes back."""
        if self._state == "open":
            self._channel.broker.drop(self)
        self._state, self._reason = "ended", reason
        self.wake()

    def _begin(self) -> None:
        self._channel.wire.check()  # who died while asking is no consumer
        self._channel.broker.check()
        queue = self._channel.broker.queues.get(self._name)
        if queue is None:
            raise ChannelError(f"no channel {self._name} is declared; declare the topology before consuming")
        self.queue = queue
        self._state = "open"
        self._channel.enrol(self)
