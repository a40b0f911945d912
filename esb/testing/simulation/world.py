"""A world: one seed decides the project, the weather, the senders, the crashes and the order of every step."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from esb.edge import Accepted, Receipt
from esb.plan import Plan
from esb.runtime.bus import Limits
from esb.testing.simulation.broker import Broker
from esb.testing.simulation.checker import Checker, Promises, Verdict
from esb.testing.simulation.crew import Crew, Surroundings
from esb.testing.simulation.faults import CALM, Faults, draw_weather
from esb.testing.simulation.loop import EndlessError, Keeper, SeededLoop
from esb.testing.simulation.mutants import RIGHT, Build
from esb.testing.simulation.outside import Directory, Receiver
from esb.testing.simulation.people import Person, draw_inputs, insist
from esb.testing.simulation.process import KilledError, Process
from esb.testing.simulation.project import CALL_LIMIT, draw_project

MOST_STRIKES = 12
LONGEST = 3600.0
"""Virtual seconds in which a world must come to rest once all faults have ended."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a world. `fingerprint` is equal whenever the same seed is run again.

    `needs` effects were owed for what was accepted, `seen` of them happened. `struck` counts the faults by kind.
    """

    seed: int
    violations: tuple[str, ...]
    fingerprint: int
    steps: int
    needs: int
    seen: int
    struck: Counter[str]


class World:
    """Everything that exists in one run. Made for one use.

    `crash_at`: no fault but one, the death of whichever process takes this step.
    """

    def __init__(self, seed: int, build: Build = RIGHT, tell: Tell | None = None, crash_at: int | None = None) -> None:
        self.seed, self._build, self._tell_to, self._crash_at = seed, build, tell, crash_at
        self._random = random = Random(seed)  # noqa: S311 - dice, not secrets
        self.loop = SeededLoop(random)
        weather = draw_weather(random)
        self.faults = Faults(random, weather if crash_at is None else CALM)
        self._partial = self.faults.weather.unconfirmed > 0
        self._agreeing = max(self.faults.weather.skews) < CALL_LIMIT
        self.memory = build.memory()
        self.broker = Broker(self.loop, self.faults, whisper=self._whisper if tell else None)
        self.project = draw_project(random)
        self.inputs = draw_inputs(random, self.project)
        self.pinned = random.random() < 0.7
        self.receivers = {
            name: Receiver(name, effect == "idempotency_key", self.loop, self.faults)
            for name, effect in self.project.receivers.items()
        }
        self._crew = Crew(self._surroundings(), self._compiled(), self.pinned, self.tell)
        self._person = Person(random, random.choice((0.0, 0.5, 1.0)))
        self._found: list[str] = []
        self._strikes = 0

    def _surroundings(self) -> Surroundings:
        random = self._random
        limits = Limits(
            prefetch=random.choice((2, 5, 10)),
            batches=random.choice((1, 3)),
            window=random.choice((1, 2, 50)),
            claim_bytes=random.choice((100, 1 << 18, 1 << 18)),
            drain=5.0,
        )
        directory = Directory(self.faults, random.choice((0.0, 0.0, 0.3)), random.choice((0.0, 0.2)))
        return Surroundings(
            self.loop,
            random,
            self.faults,
            self.broker,
            self.memory,
            self.receivers,
            directory,
            limits,
            self._build.channel,
        )

    def _compiled(self) -> dict[str, Plan]:
        """Return the plans by release. Sends are stamped with their release only where releases are pinned."""
        following = self.project.deployed(self._random)
        return {
            project.release: self._build.planned(project.compile(self._build.naming, stamped=self.pinned))
            for project in (self.project, following)
        }

    # --- the run

    def run(self) -> Outcome:
        """Play the world to its end and check what came of it."""
        try:
            with self._build.patched():
                self.loop.play(self._play())
        except EndlessError as error:
            self._found.append(f"stuck: {error}")
        found = [*self._found, *self._crew.found]
        verdict = Verdict()
        if not any(each.startswith("stuck") for each in found):
            verdict = self.checker().check()
        return Outcome(
            self.seed,
            (*found, *verdict.violations),
            self.loop.fingerprint,
            self.loop.steps,
            verdict.needs,
            verdict.seen,
            self.faults.struck,
        )

    def checker(self) -> Checker:
        """Return the checker of what is known now.

        Order begins with what was published: a broker that keeps the second of a window and loses the first has no way
        to know better, so worlds with such a broker promise none.
        """
        receivers = tuple(self.receivers.values())
        orderly = self.project.ordered and not self._partial
        decided = frozenset(self._person.decided)
        promises = Promises(self.pinned, orderly, self._agreeing, decided, self._person.wanted_again())
        return Checker(self.project, self.inputs, receivers, self.memory, promises)

    async def _play(self) -> None:
        self._crew.populate()
        self._next_strike()
        work = [insist(given, self._take, self._random, self._found) for given in self.inputs]
        tasks = [self.loop.create_task(each, name="sender") for each in work]
        if self._random.random() < 0.5:
            tasks.append(self.loop.create_task(self._deploy(), name="deploy"))
        person = self.loop.create_task(self._decide(), name="person")
        await asyncio.wait(tasks)
        await asyncio.sleep(self._random.random() * 20.0)
        self.tell("the faults end")
        self.faults.heal()
        if self._crash_at is None:
            self.loop.strike_at = -1
        await self._come_to_rest()
        person.cancel()
        self._crew.finish()

    async def _come_to_rest(self) -> None:
        """Wait until nothing is under way, twice in a row: what a lost consumer still does may bring new work."""
        quiet, until = 0, self.loop.time() + LONGEST
        while quiet < 2:
            if self.loop.time() > until:
                full = [name for name, queue in self.broker.queues.items() if queue.busy]
                self._found.append(f"stuck: {LONGEST:.0f} s after the last fault there is still work in {full}")
                return
            await asyncio.sleep(4.0)
            quiet = quiet + 1 if self.broker.idle() and not self.memory.owed else 0

    async def _deploy(self) -> None:
        await asyncio.sleep(self._random.random() * 4.0)
        await self._crew.deploy()

    # --- strikes

    def _next_strike(self) -> None:
        mean = self.faults.weather.strike
        if self._crash_at is not None:
            self.loop.strike, self.loop.strike_at = self._crash_whoever, self._crash_at
        elif mean and self._strikes < MOST_STRIKES:
            self._strikes += 1
            self.loop.strike = self._strike
            self.loop.strike_at = self.loop.steps + 1 + int(self._random.expovariate(1 / mean))

    def _crash_whoever(self, ran: Keeper | None) -> None:
        """Kill the process that took this step."""
        if isinstance(ran, Process) and ran.alive:
            self._crew.crash(ran.name)

    def _strike(self, ran: Keeper | None) -> None:
        """Something breaks now, between two awaits of whoever it hits: often of who just ran."""
        random, names, draw = self._random, self._crew.alive(), self._random.random()
        if draw < 0.15:
            self._outage(random.choice(("channel", "store", *self.receivers, "erp")))
        elif names and draw < 0.35:
            self._crew.disconnect(random.choice(names))
        elif names and draw < 0.42:
            self.loop.create_task(self._crew.drain(random.choice(names)), name="drain")
        elif draw < 0.75:
            self._crash_whoever(ran)
        elif names:
            self._crew.crash(random.choice(names))
        self._next_strike()

    def _outage(self, what: str) -> None:
        kind = what if what in ("channel", "store") else "endpoint"
        self.faults.struck[f"outage of {kind}"] += 1
        self.tell(f"{what} is out of reach")
        self.faults.down.add(what)
        if what == "channel":
            for name in self._crew.alive():
                self._crew.disconnect(name)
        self.loop.call_later(self._random.choice((0.5, 3.0, 15.0)), self.faults.down.discard, what)

    # --- senders and the person

    async def _take(self, receipt: Receipt) -> Accepted | Exception | None:
        """Hand a receipt to an intake process; the connection may break before the answer comes."""
        lives = [life for life in self._crew.lives.values() if life.process.alive and life.intaker is not None]
        if not lives:
            return None
        life = self._random.choice(lives)
        assert life.intaker is not None
        task = life.process.start(life.intaker.take(receipt), name=f"take {receipt.key}")
        await asyncio.wait((task,), timeout=5.0)
        if not task.done() or task.cancelled():
            return None
        error = task.exception()
        if isinstance(error, KilledError):
            return None
        answer: Accepted | Exception = error if isinstance(error, Exception) else task.result()
        self.tell(f"{life.process.name} answers {receipt.key}: {answer}")
        return None if self.faults.strikes("unanswered") else answer

    async def _decide(self) -> None:
        """Let the person look now and then."""
        while True:
            await asyncio.sleep(self._random.choice((1.0, 5.0, 20.0)))
            for life in self._crew.lives.values():
                if life.desk is not None and life.store is not None and life.process.alive:
                    looking = self._person.look(life.desk, life.store)
                    await asyncio.wait((life.process.start(looking, name="person"),))
                    break

    # --- the trace

    def tell(self, text: str) -> None:
        """Add a line to the trace; it is part of the fingerprint."""
        self.loop.mark(text)
        self._whisper(text)

    def _whisper(self, text: str) -> None:
        """Add a line to the trace, and leave the fingerprint as it is."""
        if self._tell_to is not None:
            self._tell_to(f"{self.loop.steps:6} {self.loop.time():9.3f}  {text}")


def simulate(seed: int, build: Build = RIGHT, tell: Tell | None = None, crash_at: int | None = None) -> Outcome:
    """Run the world of a seed and return what became of it; `tell` gets the trace, line by line."""
    return World(seed, build, tell, crash_at).run()
