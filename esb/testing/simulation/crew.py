"""The crew: which processes there are, what roles they play, how they die, drain, come back and take a new release."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from esb.errors import ChannelError
from esb.management.exceptions import Desk
from esb.plan import Plan
from esb.ports import Answers
from esb.runtime.asking import KeyAnswers, NumberAnswers
from esb.runtime.bus import Bus, Limits
from esb.runtime.delivery import Deliverer
from esb.runtime.intake import Intaker
from esb.runtime.recorder import Recorder
from esb.runtime.router import Router
from esb.testing.simulation.broker import Broker
from esb.testing.simulation.channel import SimulatedChannel
from esb.testing.simulation.faults import Faults
from esb.testing.simulation.loop import SeededLoop
from esb.testing.simulation.memory import Memory
from esb.testing.simulation.outside import Directory, Receiver, SimulatedDirectory, SimulatedSink
from esb.testing.simulation.process import Process
from esb.testing.simulation.store import SimulatedStore

ROLES = ("intake", "router", "delivery", "recorder", "console")


class Deployed:
    """`esb.runtime.bus.Plans` of one process: what was current when it started, and what came before.

    With `pinned=False` an old release is gone, and the newest that the process has stands in for it.
    """

    def __init__(self, plans: Mapping[str, Plan], current: str, pinned: bool) -> None:
        self._plans, self._pinned = plans, pinned
        self.current = plans[current]

    async def get(self, release: str) -> Plan:
        return self._plans[release] if self._pinned else self.current


class Trace:
    """`esb.ports.Log` that writes into the trace of a world."""

    def __init__(self, tell: Callable[[str], None], name: str) -> None:
        self._tell, self._name = tell, name

    def info(self, event: str, **fields: Any) -> None:
        told = " ".join(f"{name}={value}" for name, value in fields.items() if name != "exc_info")
        self._tell(f"{self._name}: {event} {told}")

    warning = error = info


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process finds when it starts: all that outlives it."""

    loop: SeededLoop
    random: Random
    faults: Faults
    broker: Broker
    memory: Memory
    receivers: Mapping[str, Receiver]
    directory: Directory
    limits: Limits
    channel: type[SimulatedChannel]
    """What a process reaches the broker with; a mutant has a wrong one."""


@dataclass(slots=True)
class Life:
    """One life of a process and the roles that live in it."""

    process: Process
    intaker: Intaker | None = None
    desk: Desk | None = None
    store: SimulatedStore | None = None
    stops: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = ()


class Crew:
    """Starts processes and makes them die. `found` collects errors that ended a task and that nobody noticed."""

    def __init__(
        self, around: Surroundings, plans: Mapping[str, Plan], pinned: bool, tell: Callable[[str], None]
    ) -> None:
        self._around, self._plans, self._pinned, self._tell = around, plans, pinned, tell
        self._random = around.random
        self._release = next(iter(plans))
        self._starts: Counter[str] = Counter()
        self.lives: dict[str, Life] = {}
        self.found: list[str] = []

    def populate(self) -> None:
        """Start every role: all in one process, or each in one or two of its own."""
        if self._random.random() < 0.25:
            self.start("all")
            return
        for role in ROLES:
            for number in range(1, 2 + (role != "console" and self._random.random() < 0.4)):
                self.start(f"{role}-{number}")

    def alive(self) -> list[str]:
        """Return the processes that run."""
        return [name for name, life in self.lives.items() if life.process.alive]

    def start(self, name: str) -> None:
        """Start a process; its roles follow from its name."""
        self._starts[name] += 1
        around = self._around
        weather = around.faults.weather
        skew = self._random.choice(weather.skews)
        process = Process(around.loop, self._random, name, self._starts[name], weather.slow, skew)
        self._tell(f"{name} starts, life {process.life}, release {self._release}")
        life = Life(process)
        self.lives[name] = life
        process.start(self._boot(life, ROLES if name == "all" else (name.partition("-")[0],)))

    async def _boot(self, life: Life, roles: tuple[str, ...]) -> None:
        process, around = life.process, self._around
        plans = Deployed(self._plans, self._release, self._pinned)
        channel = around.channel(around.broker, process)
        life.store = SimulatedStore(around.memory, around.faults, process)
        answers: dict[str, Answers] = {"http": SimulatedDirectory(around.directory, process)}
        log = Trace(self._tell, process.name)
        bus = Bus(plans, channel, life.store, process.clock, log, answers, around.limits)
        answers["keys"], answers["numbers"] = KeyAnswers(bus), NumberAnswers(bus)
        while not await _declared(bus):
            await process.clock.sleep(0.5)
        self._take_roles(life, roles, bus, channel)

    def _take_roles(self, life: Life, roles: tuple[str, ...], bus: Bus, channel: SimulatedChannel) -> None:
        current, process = bus.plans.current, life.process
        working: list[Any] = []
        if "router" in roles:
            working += [Router(bus, route) for route in current.routes]
        if "delivery" in roles:
            for name in current.deliveries:
                sink = SimulatedSink(self._around.receivers[name], process, channel.lent_since)
                working.append(Deliverer(bus, name, sink))
        if "recorder" in roles:
            working.append(Recorder(bus, poll=3.0))
        for role in working:
            process.clock.spawn(role.run(), f"{process.name} {type(role).__name__}")
        life.stops = tuple(role.stop for role in working)
        if "intake" in roles:
            life.intaker = Intaker(bus)
        if "console" in roles:
            life.desk = Desk(bus.store, process.clock, current.release)

    # --- ends

    def crash(self, name: str) -> None:
        """Kill a process; it is started again after a while."""
        if self._end(name, "crash", "is killed"):
            pause = self._random.choice((0.01, 0.3, 3.0))
            self._around.loop.call_later(pause, self.start, name)

    def disconnect(self, name: str) -> None:
        """Break the connection of a process to the broker, which lends to others what it held."""
        self._around.faults.struck["connection"] += 1
        self._tell(f"{name} loses its connection to the broker")
        for gone in self.lives[name].process.connections:
            gone()

    async def drain(self, name: str) -> None:
        """Stop a process as SIGTERM does, then start it again."""
        life = self.lives[name]
        if not life.process.alive or not life.stops:
            return
        self._tell(f"{name} drains")
        await asyncio.wait([life.process.start(stop()) for stop in life.stops])
        if self.lives[name] is life and self._end(name, "drain", "has drained"):
            self._around.loop.call_later(0.3, self.start, name)

    async def deploy(self) -> None:
        """Deploy the next release: processes take it one after another, by dying or by draining."""
        self._release = tuple(self._plans)[-1]
        self._around.faults.struck["deploy"] += 1
        self._tell(f"release {self._release} is deployed")
        for name in tuple(self.lives):
            await asyncio.sleep(self._random.random())
            if self._random.random() < 0.5:
                await self.drain(name)
            else:
                self.crash(name)

    def finish(self) -> None:
        """End all processes for good."""
        for name in self.alive():
            self._end(name, "end", "ends")

    def _end(self, name: str, kind: str, text: str) -> bool:
        process = self.lives[name].process
        if not process.alive:
            return False
        self._around.faults.struck[kind] += 1
        self._tell(f"{name} {text}")
        process.kill()
        self.found += [f"fault: {fault}" for fault in process.faults()]
        return True


async def _declared(bus: Bus) -> bool:
    try:
        await bus.channel.declare(bus.plans.current.topology)
    except ChannelError:
        return False
    return True
