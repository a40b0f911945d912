"""The simulated broker: queues, and what is in them, through every fault that a real one may show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from esb.channels.packets import BODY_LIMIT, buried, undelayed
from esb.channels.topics import matches
from esb.envelope import Ack, Addressed, ChannelSpec, Dead, Depth, Packet, Retry, Return, Settlement, Topology
from esb.errors import ChannelError, PublishError
from esb.testing.simulation.faults import Faults
from esb.testing.simulation.loop import SeededLoop
from esb.testing.simulation.process import EPOCH

DEAD, JOURNAL = "dead", "journal"


class Borrower(Protocol):
    """Whoever is lent packets: how many at once, and which it has now."""

    prefetch: int
    held: dict[int, Stored]
    queue: Queue

    def wake(self) -> None:
        """Look again whether there is something to lend."""
        ...


@dataclass(slots=True, frozen=True, eq=False)
class Token:
    """The right to settle: whose, and which."""

    consumer: Borrower
    seq: int

    @property
    def tenure(self) -> object:
        """What all deliveries share between which nobody else was lent any of an ordered channel."""
        return self.consumer


@dataclass(slots=True, eq=False)
class Stored:
    """A packet in a queue: its place, how often it was lent in vain, and who has it now."""

    seq: int
    packet: Packet
    entered: float
    lends: int = 0
    again: bool = False
    holder: Borrower | None = None


@dataclass(slots=True)
class Queue:
    """One channel: what may be lent (in order of `seq`), what is lent, what waits for its time."""

    spec: ChannelSpec
    ready: list[Stored] = field(default_factory=list)
    lent: dict[int, Stored] = field(default_factory=dict)
    delayed: dict[int, Stored] = field(default_factory=dict)
    consumers: list[Borrower] = field(default_factory=list)

    @property
    def busy(self) -> bool:
        """Whether something waits or is lent."""
        return bool(self.ready or self.lent or self.delayed)


class Broker:
    """What survives: queues and what is in them. All it does is instantaneous; the wires to it are not."""

    def __init__(
        self,
        loop: SeededLoop,
        faults: Faults,
        body_limit: int = BODY_LIMIT,
        whisper: Callable[[str], None] | None = None,
    ) -> None:
        self.loop, self.faults, self.body_limit, self._whisper = loop, faults, body_limit, whisper
        self.queues: dict[str, Queue] = {}
        self._subscriptions: list[tuple[str, str]] = []
        self._next = 0
        self.declare(Topology((ChannelSpec(DEAD, delivery_limit=0), ChannelSpec(JOURNAL))))

    def declare(self, topology: Topology) -> None:
        """Make channels exist with these subscriptions and no others."""
        declared = {spec.name for spec in topology.channels}
        for pattern, name in topology.subscriptions:
            if name not in declared | self.queues.keys():
                raise ChannelError(f"the subscription to {pattern} names channel {name}, which is not declared")
        for spec in topology.channels:
            if spec.name in self.queues:
                self.queues[spec.name].spec = spec
            else:
                self.queues[spec.name] = Queue(spec)
        kept = [(pattern, name) for pattern, name in self._subscriptions if name not in declared]
        self._subscriptions = list(dict.fromkeys([*kept, *topology.subscriptions]))

    def publish(self, sends: Sequence[Addressed]) -> None:
        """Store packets; faults may leave out some, and may say of stored ones that they are not."""
        self.check()
        if self.faults.strikes("refused"):
            raise PublishError(dict.fromkeys(range(len(sends)), "the channel did not answer"))
        failed: dict[int, str] = {}
        unconfirmed = self.faults.strikes("unconfirmed")
        for index, send in enumerate(sends):
            names = self._targets(send.to)
            missing = [name for name in names if name not in self.queues]
            if missing:
                failed[index] = f"no channel {missing[0]} is declared"
                continue
            if unconfirmed and self.faults.random.random() < 0.3:
                failed[index] = "no confirm in time; nothing was stored"
                continue
            for name in names:
                self._put(name, send.packet)
            if self._whisper:
                self._whisper(f"  stored {send.packet.id[:8]} in {send.to}")
            if unconfirmed and self.faults.random.random() < 0.5:
                failed[index] = "no confirm in time; it was stored"
        if failed:
            raise PublishError(failed)

    def _targets(self, address: str) -> Sequence[str]:
        if not address.startswith("event/"):
            return (address,)
        topic = address.removeprefix("event/")
        return tuple(dict.fromkeys(name for pattern, name in self._subscriptions if matches(pattern, topic)))

    def _put(self, name: str, packet: Packet) -> None:
        queue = self.queues[name]
        copies = 2 if not queue.spec.ordered and self.faults.strikes("doubled") else 1
        for _ in range(copies):
            self._next += 1
            stored = Stored(self._next, undelayed(packet), self.loop.time())
            if packet.due > EPOCH + self.loop.time():
                self._delay(queue, stored, packet.due - EPOCH - self.loop.time())
            else:
                queue.ready.append(stored)
        self.wake(queue)

    def lend(self, queue: Queue, consumer: Borrower) -> list[Stored]:
        """Lend what the consumer has room for; what was lent too often in vain goes to `dead`."""
        if queue.spec.ordered and queue.consumers[0] is not consumer:
            return []
        room = consumer.prefetch - len(consumer.held)
        count = min(room, len(queue.ready))
        if count > 1:
            count = 1 + int(self.faults.random.random() * count)
        lent: list[Stored] = []
        while len(lent) < count and queue.ready:
            at = 0
            if not queue.spec.ordered and len(queue.ready) > 1 and self.faults.strikes("shuffled"):
                at = int(self.faults.random.random() * len(queue.ready))
            stored = queue.ready.pop(at)
            stored.lends += 1
            if 0 < queue.spec.delivery_limit < stored.lends:
                self._bury(queue.spec.name, stored, {"reason": "delivery_limit"})
                continue
            queue.lent[stored.seq] = stored
            stored.holder = consumer
            consumer.held[stored.seq] = stored
            lent.append(stored)
            if self._whisper:
                self._whisper(f"  lent {stored.packet.id[:8]} of {queue.spec.name} (attempt {stored.packet.attempt})")
        return lent

    def settle(self, done: Sequence[Settlement]) -> None:
        """Do what was decided; about what the consumer does not hold any more nothing is done."""
        self.check()
        for settlement in done:
            delivery = settlement.delivery
            token: Token = delivery.token
            stored = token.consumer.held.pop(token.seq, None)
            if stored is None:
                continue
            queue = token.consumer.queue
            del queue.lent[stored.seq]
            stored.holder = None
            if self._whisper:
                what = type(settlement).__name__.lower()
                self._whisper(f"  {what} {stored.packet.id[:8]} of {queue.spec.name}")
            self._settle_one(queue, stored, settlement)
            self.wake(queue)

    def _settle_one(self, queue: Queue, stored: Stored, settlement: Settlement) -> None:
        match settlement:
            case Ack():
                return
            case Return():
                stored.lends -= 1
                self._back(queue, stored)
            case Retry(_, after, counted):
                stored.again, stored.lends = True, 0
                if counted:
                    stored.packet = replace(stored.packet, attempt=stored.packet.attempt + 1)
                if after > 0:
                    self._delay(queue, stored, after)
                else:
                    self._back(queue, stored)
            case Dead(_, headers):
                self._bury(queue.spec.name, stored, headers)

    def _back(self, queue: Queue, stored: Stored) -> None:
        stored.again, stored.holder = True, None
        place = next((index for index, other in enumerate(queue.ready) if other.seq > stored.seq), len(queue.ready))
        queue.ready.insert(place, stored)

    def _delay(self, queue: Queue, stored: Stored, seconds: float) -> None:
        queue.delayed[stored.seq] = stored
        self.loop.call_later(seconds, self._due, queue, stored)

    def _due(self, queue: Queue, stored: Stored) -> None:
        del queue.delayed[stored.seq]
        self._next += 1
        stored.seq = self._next if not queue.spec.ordered else stored.seq
        self._back(queue, stored)
        self.wake(queue)

    def _bury(self, name: str, stored: Stored, reasons: Mapping[str, str]) -> None:
        self._put(DEAD, buried(stored.packet, name, reasons))

    def drop(self, consumer: Borrower) -> None:
        """A consumer is gone: what it held is lent again, to whoever comes."""
        queue = consumer.queue
        if consumer in queue.consumers:
            queue.consumers.remove(consumer)
        for stored in consumer.held.values():
            queue.lent.pop(stored.seq, None)
            self._back(queue, stored)
        consumer.held.clear()
        self.wake(queue)

    def wake(self, queue: Queue) -> None:
        """Tell the consumers that there may be something to lend."""
        for consumer in queue.consumers:
            consumer.wake()

    def check(self) -> None:
        """Raise ChannelError while the broker is out of reach."""
        if "channel" in self.faults.down:
            raise ChannelError("the broker is out of reach")

    def idle(self) -> bool:
        """Return whether nothing waits and nothing is lent."""
        return not any(queue.busy for queue in self.queues.values())

    def depth(self, name: str) -> Depth:
        """Return how full a channel is."""
        queue = self.queues.get(name)
        if queue is None:
            return Depth(0)
        entered = [stored.entered for stored in (*queue.ready, *queue.lent.values(), *queue.delayed.values())]
        oldest = self.loop.time() - min(entered) if entered else None
        return Depth(len(queue.ready), len(queue.lent), len(queue.delayed), oldest)
