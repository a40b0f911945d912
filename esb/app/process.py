"""One process of the bus: opens channel and store, starts its roles, and drains when it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from esb.app.answering import EndpointAnswers, StoredReplies
from esb.app.changes import Changes
from esb.app.doors import description, doors, replies_to
from esb.app.doors import sink as sink_of
from esb.app.listener import Listener
from esb.app.logs import Redactor, open_log
from esb.app.releases import Releases, usable
from esb.app.site import Site
from esb.app.switches import Stop, Switches, chosen
from esb.app.world import LiveWorld
from esb.channels import open_channel
from esb.errors import DefinitionError, EsbError
from esb.management.api import Api
from esb.management.edi import Resolver
from esb.management.metrics import Metrics
from esb.management.readers import Readers
from esb.ports import Answers, Channel, Log, Sink, Store
from esb.records import ParkedFilter
from esb.runtime.asking import KeyAnswers, NumberAnswers
from esb.runtime.batching import Batcher
from esb.runtime.bus import Bus, Limits
from esb.runtime.clock import SystemClock
from esb.runtime.delivery import Deliverer
from esb.runtime.intake import Intaker
from esb.runtime.recorder import Recorder
from esb.runtime.router import Router
from esb.runtime.suspects import Suspects
from esb.runtime.watchdog import Watchdog
from esb.settings import Settings
from esb.stores import open_store

_QUIET = 0.05


class Process:
    """All the roles that the settings name, in one event loop."""

    def __init__(self, settings: Settings, log: Log | None = None) -> None:
        self.settings = settings
        self._redactor = Redactor()
        self.log = log or open_log(settings, self._redactor)
        self.clock = SystemClock()
        self.world = LiveWorld(self.clock, self.log, settings.project, settings.state_dir, self._redactor)
        self.metrics = Metrics()
        self._sinks: dict[str, Sink] = {}
        self._sources: list[Any] = []
        self._roles: list[Any] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._pollers: list[asyncio.Task[Any]] = []
        self._stopping = asyncio.Event()
        self._switching: asyncio.Task[Any] | None = None
        self._failure: Exception | None = None
        self.listener: Listener | None = None

    async def open(self) -> None:
        """Check the project, open store and channel, declare what must exist.

        Raises:
            DefinitionError: The project has errors.
            ChannelError: The channel is out of reach, or differs from what is declared.
            StoreError: The store is out of reach or of another version.
        """
        project = usable(self.settings.project)
        self.settings.state_dir.mkdir(parents=True, exist_ok=True)
        self.store: Store = open_store(self.settings.store_url)
        await self.store.open()
        if self._is_site and not self.settings.store:
            self.store = Site(self.store)
        self.world.store = self.store
        self.releases = Releases(project, self.store)
        await self.releases.save()
        self.channel: Channel = open_channel(self.settings.channel_url, self.clock, self.log)
        await self.channel.open()
        if not self._is_site:
            # a site has no right to declare, and nothing to say about queues that are not its own
            await self.channel.declare(self.releases.current.topology)
        changes = Changes(self.store, self.clock, lambda name: self.releases.project.endpoints[name])
        self.answers: dict[str, Answers] = {"http": EndpointAnswers(self.sink, changes)}
        self.bus = Bus(
            plans=self.releases,
            channel=self.channel,
            store=self.store,
            clock=self.clock,
            log=self.log,
            answers=self.answers,
            limits=Limits(
                prefetch=self.settings.prefetch,
                claim_bytes=self.settings.claim,
                drain=self.settings.drain,
                history=self.settings.history,
            ),
            resolver=Resolver(self.store, self.clock),
            suspects=Suspects(self.settings.state_dir / "suspects"),
        )
        self.answers |= {"keys": KeyAnswers(self.bus), "numbers": NumberAnswers(self.bus)}
        self.intake = Intaker(self.bus)
        self.replies = StoredReplies(self.store, self.clock)
        self.switches = Switches(self.store, self.clock, self.log, self.settings.state_dir)
        await self.switches.look()

    def sink(self, endpoint: str) -> Sink:
        """Return the delivery side of an endpoint, built when it is first needed."""
        if endpoint not in self._sinks:
            with _named(endpoint):
                self._sinks[endpoint] = sink_of(self.releases.project, endpoint, self.world, self.replies)
        return self._sinks[endpoint]

    async def run(self, once: bool = False) -> None:
        """Start the roles and work until stopped; with `once`, until what was there has been processed.

        Raises:
            EsbError: A role could not go on; what was under way has been finished or returned.
        """
        watchdog = Watchdog(self.clock, self.log)
        watchdog.start()
        _spare_the_collector()
        try:
            self._start_roles()
            self._start_intake(once)
            self._switching = self._spawn(self.switches.run, "switches")
            self.log.info(
                "esb.started", roles=",".join(self.settings.roles), release=self.releases.current.release[:12]
            )
            if once:
                await self._finish_once()
            else:
                await self._stopping.wait()
        finally:
            watchdog.stop()
            await self._drain()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Ask the process to drain and end; safe to call from a signal handler, more than once."""
        self._stopping.set()

    async def close(self) -> None:
        """Close endpoints, channel and store."""
        for sink in self._sinks.values():
            await sink.close()
        if hasattr(self, "channel"):
            await self.channel.close()
        if hasattr(self, "store"):
            await self.store.close()

    @property
    def _is_site(self) -> bool:
        """Whether this process serves some endpoints only, and leaves the routes to others."""
        only = any(not pattern.startswith("!") for pattern in self.settings.endpoints)
        return only and "router" not in self.settings.roles

    def _is_ours(self, endpoint: str) -> bool:
        return chosen(endpoint, self.settings.endpoints)

    def _start_roles(self) -> None:
        plan, roles = self.releases.current, self.settings.roles
        if "router" in roles:
            for name in plan.routes:
                if self._has_channel(f"route/{name}"):
                    self._start(Router(self.bus, name))
        for name in filter(self._is_ours, plan.deliveries):
            # A reply belongs where its caller waits: with the listener.
            if ("intake" if replies_to(self.releases.project, name) else "delivery") in roles:
                self.switches.add(name, partial(self._deliver, name))
        if "delivery" in roles:
            for name in filter(self._is_ours, plan.batches):
                self._start(Batcher(self.bus, name))
        if "recorder" in roles:
            self._start(Recorder(self.bus, written=self.metrics.count))

    def _deliver(self, endpoint: str) -> Stop:
        return self._start(Deliverer(self.bus, endpoint, self.sink(endpoint)))

    def _start(self, role: Any) -> Stop:
        """Start a role; return what ends it alone."""
        task = self._spawn(role.run, type(role).__name__)
        self._roles.append(role)
        self._tasks.append(task)

        async def stop() -> None:
            await role.stop()
            self._roles.remove(role)
            await asyncio.wait({task}, timeout=self.settings.drain)
            task.cancel()
            self._tasks.remove(task)

        return stop

    def _poll(self, endpoint: str, once: bool) -> Stop:
        """Start a source of its own; return what ends it."""
        with _named(endpoint):
            source = self.releases.project.endpoints[endpoint].source(endpoint, self.world)
        task = self._spawn(partial(source.run, self.intake, once), f"poll {endpoint}")
        self._pollers.append(task)

        async def stop() -> None:
            task.cancel()
            await asyncio.wait({task}, timeout=self.settings.drain)
            self._pollers.remove(task)

        return stop

    def _has_channel(self, name: str) -> bool:
        return any(spec.name == name for spec in self.releases.current.topology.channels)

    def _start_intake(self, once: bool) -> None:
        """Start the pollers and, unless the run is to end by itself, the listener.

        A process without intake listens only where it is told to: for its health and its metrics.
        """
        routes: list[Any] = []
        senders: dict[str, Any] = {}
        takes = "intake" in self.settings.roles
        for name in filter(self._is_ours, self.releases.current.intakes if takes else ()):
            with _named(name):
                source: Any = self.releases.project.endpoints[name].source(name, self.world)
            if hasattr(source, "routes"):
                at = (self.releases.project, self.releases.current)
                mounted: list[Any] = doors(source, self.intake, name, at, self.replies)
                for door in mounted:
                    door.app = self.switches.gate(name, door.app)
                routes.extend(mounted)
                senders[name] = source.admit
                self._warn_if_open(name, source)
            else:
                self.switches.add(name, partial(self._poll, name, once))
        if not once and (takes or self.settings.listen != Settings().listen):
            checks = {"channel": self._channel_ready, "store": self._store_ready}
            api = Api(self.store, checks, self._scrape, Readers(senders))
            self.listener = Listener(
                [*routes, *api.routes(), description(self.releases.project)], self.settings.address
            )
            self.listener.bind()
            self._tasks.append(self._spawn(self.listener.serve, "listener"))
            self.log.info("esb.listening", port=self.listener.port)

    def _warn_if_open(self, name: str, source: Any) -> None:
        """Say so when anybody who reaches the listener may post."""
        host, _ = self.settings.address
        if not source.authenticated and host not in ("127.0.0.1", "::1", "localhost"):
            self.log.warning(
                "endpoint.open", endpoint=name, hint="it asks nobody who they are; write auth, or listen on loopback"
            )

    def _spawn(self, work: Callable[[], Any], name: str) -> asyncio.Task[Any]:
        return self.clock.spawn(self._guarded(work, name), name)

    async def _guarded(self, work: Callable[[], Any], name: str) -> None:
        """Run a role; one that ends by a failure takes the process with it, so that it is started again."""
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            known = isinstance(error, EsbError)
            self.log.error("role.failed", role=name, reason=str(error) if known else repr(error), exc_info=not known)
            self._failure = (
                error if known else EsbError(f"{name} failed by a fault of esb's own: {error!r}; see the log")
            )
            self._stopping.set()

    async def _finish_once(self) -> None:
        """Wait until the sources have nothing and the channels are empty but for what waits for a later try."""
        if self._pollers:
            await asyncio.wait(self._pollers)
        names = self._watched()
        quiet = 0
        while quiet < 2 and not self._stopping.is_set():
            depths = await self.channel.depth(names)
            busy = any(depth.ready + depth.lent for depth in depths.values())
            quiet = 0 if busy else quiet + 1
            await self.clock.sleep(_QUIET)

    def _watched(self) -> list[str]:
        """Return the channels that this process works on: not those of endpoints that are paused or others' matter."""
        names = ["journal", "dead"]
        for spec in self.releases.current.topology.channels:
            kind, _, name = spec.name.partition("/")
            ours = self._is_ours(name) and name not in self.switches.paused
            if (ours if kind == "delivery" else not self._is_site) and spec.name not in names:
                names.append(spec.name)
        return names

    async def _drain(self) -> None:
        """Stop intake first, then finish what is under way, inside the drain time."""
        if self._switching is not None:
            self._switching.cancel()
        if self.listener is not None:
            self.listener.stop()
        for poller in self._pollers:
            poller.cancel()
        recorders = [role for role in self._roles if isinstance(role, Recorder)]
        others = [role for role in self._roles if not isinstance(role, Recorder)]
        for group in (others, recorders):
            if group:
                stops = [self.clock.spawn(role.stop(), "stop") for role in group]
                await asyncio.wait(stops, timeout=self.settings.drain)
        self.replies.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.intake.settled(), self.settings.drain / 4)
        waiting = [task for task in (*self._tasks, *self._pollers) if not task.done()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=self.settings.drain / 4)
            for task in late:
                task.cancel()
            with contextlib.suppress(Exception):
                await asyncio.gather(*late, return_exceptions=True)

    async def _channel_ready(self) -> str:
        await self.channel.depth(["journal"])
        return "reachable"

    async def _store_ready(self) -> str:
        await self.store.parked(ParkedFilter(limit=1))
        return "reachable"

    async def _scrape(self) -> bytes:
        depths = await self.channel.depth(self._watched())
        breakers = {role.endpoint: role.breaker.state for role in self._roles if isinstance(role, Deliverer)}
        parked: dict[str, int] = {}
        for row in await self.store.parked(ParkedFilter(limit=10_000)):
            parked[row.failure_class] = parked.get(row.failure_class, 0) + 1
        return self.metrics.render(depths, breakers, parked)


@contextlib.contextmanager
def _named(endpoint: str) -> Iterator[None]:
    """Put an endpoint's file in front of what cannot be used of it: a missing secret does not say whose it is."""
    try:
        yield
    except DefinitionError as error:
        raise DefinitionError(f"endpoints/{endpoint}.yaml: {error}", error.diagnostics) from error


def _spare_the_collector() -> None:
    """Keep what lives as long as the process out of every collection, and collect less often.

    Messages are trees of dicts that die by reference counting; looking for rings among them costs 5 to 10 percent.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def serve(process: Process, once: bool = False) -> None:
    """Open, run and close a process; what it opened is closed whatever happens."""
    try:
        await process.open()
        await process.run(once)
    finally:
        with contextlib.suppress(EsbError):
            await process.close()
