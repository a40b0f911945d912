from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from esb.channels import open_channel
from esb.edge import Accepted, Delivered, Receipt
from esb.envelope import Ack
from esb.management.edi import Resolver
from esb.message import Message, NamedAsk
from esb.plan import Plan
from esb.records import Parked, ParkedFilter, Record
from esb.routes import compile_plan, load
from esb.runtime.asking import KeyAnswers, NumberAnswers
from esb.runtime.bus import Bus, Limits
from esb.runtime.clock import SystemClock
from esb.runtime.delivery import Deliverer
from esb.runtime.intake import Intaker
from esb.runtime.recorder import Recorder
from esb.runtime.router import Router
from esb.stores import open_store

FILES = {
    "esb.yaml": "defaults: { owner: desk }\n",
    "endpoints/inbox.yaml": "type: http_in\nauth: none\npartner: acme\nformat: json\n",
    "endpoints/erp.yaml": "type: http_out\nurl: http://127.0.0.1:1/x\neffect: { never_repeat: true }\n",
    "schemas/partners/acme.yaml": "description: a partner\n",
    "routes/orders.yaml": 'from: { endpoint: inbox, each: "$[*]" }\nkey: { order: $.n }\nsteps:\n  - to: erp\n',
}


class Lines:
    """A log that keeps what it was told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **fields: Any) -> None:
        self.events.append((event, fields))

    warning = error = info


@dataclass
class Plans:
    """Releases by digest, as `app` has them."""

    current: Plan
    older: dict[str, Plan] = field(default_factory=dict)

    async def get(self, release: str) -> Plan:
        return self.older.get(release, self.current)


@dataclass
class Sink:
    """A receiver in memory; `fails` is raised, in turn, before it takes anything."""

    fails: list[Exception] = field(default_factory=list)
    taken: list[tuple[Message, str]] = field(default_factory=list)
    found: bool | None = None
    probes: int = 0

    async def deliver(self, message: Message, key: str) -> Delivered:
        if self.fails:
            raise self.fails.pop(0)
        self.taken.append((message, key))
        return Delivered("taken")

    async def applied(self, message: Message, key: str) -> bool | None:
        self.probes += 1
        return self.found

    async def check(self) -> str:
        return "fine"

    async def close(self) -> None:
        pass


class Http:
    """Answers asks from a table, after `seconds`; `asked` counts."""

    def __init__(self, answers: Mapping[str, Any], seconds: float = 0.0) -> None:
        self._answers, self._seconds = answers, seconds
        self.asked: list[str] = []

    async def answer(self, asks: Sequence[NamedAsk]) -> Sequence[Any]:
        paths = [one.ask.request["path"] for one in asks]
        self.asked += paths
        if any(self._answers[path] != "at once" for path in paths):
            await asyncio.sleep(self._seconds)
        return [self._answers[path] for path in paths]


class Rig:
    """A bus with a real channel and a real store, and the roles that a test asks for."""

    def __init__(self, bus: Bus, answers: dict[str, Any]) -> None:
        self.bus, self.answers = bus, answers
        self.sink = Sink()

    async def take(self, body: bytes, key: str = "", name: str = "", endpoint: str = "inbox") -> Accepted:
        digest = sha256(body).hexdigest()
        return await Intaker(self.bus).take(Receipt(endpoint, key or digest, digest, Chunks(body), name=name))

    async def work(self, *roles: Any) -> None:
        """Let the roles (default: all) work until nothing is ready or lent."""
        roles = roles or (self.router(), self.deliverer(), self.recorder())
        tasks = [asyncio.create_task(role.run()) for role in roles]
        try:
            async with asyncio.timeout(20):
                while not await self._quiet(*roles):
                    await asyncio.sleep(0.01)
        finally:
            await asyncio.gather(*(role.stop() for role in roles))
            await asyncio.wait(tasks, timeout=5)

    async def _quiet(self, *roles: Any) -> bool:
        if await self.bus.store.outbox(1):  # first, for what is owed goes from here into a channel
            return False
        names = {name for role in roles for name in CHANNELS[type(role).__name__]}
        for _ in range(2):
            depths = await self.bus.channel.depth(sorted(names))
            if any(depth.ready + depth.lent for depth in depths.values()):
                return False
            await asyncio.sleep(0.03)
        return True

    def router(self, route: str = "orders") -> Router:
        return Router(self.bus, route)

    def deliverer(self, endpoint: str = "erp") -> Deliverer:
        return Deliverer(self.bus, endpoint, self.sink)

    def recorder(self) -> Recorder:
        return Recorder(self.bus, poll=0.01)

    async def lent(self, name: str) -> list[Any]:
        """Take what waits in a channel out of it, packets in order."""
        batches = self.bus.channel.consume(name, 100)
        found: list[Any] = []
        while (await self.bus.channel.depth([name]))[name].ready:
            batch = await anext(batches)
            found += [delivery.packet for delivery in batch]
            await self.bus.channel.settle([Ack(delivery) for delivery in batch])
        await batches.aclose()
        return found

    async def parked(self, state: str | None = "open") -> list[Parked]:
        return list(await self.bus.store.parked(ParkedFilter(state=state, limit=1000)))

    async def history(self, identity: str) -> list[Record]:
        return list(await self.bus.store.history(identity))

    async def ready(self, name: str) -> int:
        return (await self.bus.channel.depth([name]))[name].ready


CHANNELS = {
    "Router": ("route/orders",),
    "Deliverer": ("delivery/erp",),
    "Recorder": ("journal", "dead"),
    "Batcher": ("batch/erp",),
}


class Chunks:
    """The bytes of a receipt, as often as they are asked for."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), 50_000):
            yield self._body[start : start + 50_000]


def plan_of(files: Mapping[str, str]) -> Plan:
    return compile_plan(load({name: text.encode() for name, text in {**FILES, **files}.items()}))


Open = Callable[..., Any]


@pytest.fixture
async def rigged(tmp_path: Path) -> AsyncIterator[Open]:
    """Return what opens a rig on these definitions; all is closed at the end."""
    opened: list[Rig] = []

    async def open_rig(files: Mapping[str, str] | None = None, limits: Limits | None = None) -> Rig:
        plans, clock = Plans(plan_of(files or {})), SystemClock()
        store = open_store(f"sqlite:{tmp_path}/store.db")
        channel = open_channel(f"embedded:{tmp_path}/channel.db", clock)
        await store.open()
        await channel.open()
        await channel.declare(plans.current.topology)
        answers: dict[str, Any] = {}
        bus = Bus(plans, channel, store, clock, Lines(), answers, limits or Limits(), resolver=Resolver(store, clock))
        answers["keys"], answers["numbers"] = KeyAnswers(bus), NumberAnswers(bus)
        opened.append(Rig(bus, answers))
        return opened[-1]

    yield open_rig
    for rig in opened:
        await rig.bus.channel.close()
        await rig.bus.store.close()


def later(rig: Rig, files: Mapping[str, str]) -> None:
    """Deploy other definitions; messages under way keep those they came in under."""
    plans = rig.bus.plans
    assert isinstance(plans, Plans)
    plans.older[plans.current.release] = plans.current
    plans.current = plan_of(files)


@pytest.fixture
def deploy() -> Callable[[Rig, Mapping[str, str]], None]:
    return later


def with_limits(rig: Rig, **limits: Any) -> None:
    rig.bus = replace(rig.bus, limits=replace(rig.bus.limits, **limits))


@pytest.fixture
def http() -> type[Http]:
    return Http
