"""Bench: a project whose routes are compiled to be watched; deliveries go in, and all that happens comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from msgspec.structs import replace as replace_message

from esb.envelope import Topology, decode_document, encode_document
from esb.errors import DefinitionError
from esb.message import Message
from esb.pipeline import Route
from esb.plan import IntakePlan, Plan
from esb.ports import Format, Reader
from esb.routes import Project, check, load, read_files, release_of
from esb.routes.build import Builder
from esb.testing.route_test.answering import Answerer, Keys
from esb.testing.route_test.arriving import Arrival, take
from esb.testing.route_test.outline import Outline
from esb.testing.route_test.running import Ran, Watched, run_message
from esb.testing.route_test.watching import Watch, WatchingCompiler
from esb.transforms import read_table


@dataclass(slots=True)
class Happened:
    """All that came of some deliveries: what each message did, bad documents, acknowledgments (endpoint, bytes)."""

    ran: list[Ran] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    acknowledgments: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def documents(self) -> int:
        """How many good documents were in what came."""
        return sum(not ran.at for ran in self.ran)


class Bench:
    """Runs deliveries through the routes of a project, in this process; nothing leaves it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.outline = Outline(project)
        self._builder = Builder(project)
        self._release = release_of(project.files)
        self._watched: dict[str, tuple[Watched, Plan, IntakePlan]] = {}

    @classmethod
    def of(cls, directory: Path) -> Bench:
        """Return the bench of a project folder. Raises DefinitionError with everything that is wrong in it."""
        project = load(read_files(directory))
        check(project)
        return cls(project)

    def with_tables(self, tables: Mapping[str, Any]) -> Bench:
        """Return a bench on which lookup tables have other rows: `{key: value}`, or a list of objects.

        Raises:
            DefinitionError: The rows are no table.
        """
        if not tables:
            return self
        files = dict(self.project.files)
        for name, rows in tables.items():
            file = self.project.places["table"][name]
            content = rows
            if isinstance(rows, list):
                content = {"keys": list(read_table(name, self.project.files).keys), "rows": rows}
            del files[file]
            files[f"{file.rpartition('.')[0]}.yaml"] = encode_document(content)
        return Bench(replace(self.project, files=files))

    def content(self, route: str, raw: bytes) -> Any:
        """Return what a file is to a route: bytes for its endpoint's format, else the JSON document in it.

        Raises:
            FormatError: The route has no endpoint, and the file is not JSON.
        """
        return raw if self.reads(route) else decode_document(raw)

    def reads(self, route: str) -> bool:
        """Return whether what comes to a route is read by an endpoint's format."""
        origin = self.project.routes[route].from_
        return origin is not None and origin.endpoint is not None

    def format(self, endpoint: str) -> Format:
        """Return the format of an endpoint."""
        return self._builder.library.format(endpoint)

    async def deliver(
        self,
        route: str,
        arrivals: Sequence[Arrival],
        answerer: Answerer,
        keys: Keys,
        release: Callable[[str], bool] = lambda place: False,
    ) -> Happened:
        """Deliver to a route, one after another; messages parked where `release` says so go on at once."""
        watched, plan, intake = self._route(route)
        happened = Happened()
        for arrival in arrivals:
            taken = await take(plan, intake, arrival)
            happened.bad += taken.bad
            happened.acknowledgments += taken.acknowledgments
            waiting = [(message, "") for message in taken.messages]
            while waiting:
                message, at = waiting.pop(0)
                ran = await run_message(watched, message, answerer, keys, at)
                happened.ran.append(ran)
                waiting[:0] = [(park.message, park.step) for park in ran.result.parks if release(park.place)]
        return happened

    def _route(self, name: str) -> tuple[Watched, Plan, IntakePlan]:
        if name not in self._watched:
            self._watched[name] = self._build(name)
        return self._watched[name]

    def _build(self, name: str) -> tuple[Watched, Plan, IntakePlan]:
        spec = self.project.routes[name]
        watch = Watch()
        made = WatchingCompiler(name, spec, self._builder.library, self.project.routes, watch).route()
        policy = self._builder.on_error(spec)
        intake = self._builder.intake(name) if self.reads(name) else _without_endpoint(name, made)
        plan = Plan(self._release, {name: made}, {name: policy}, {}, {}, Topology(()))
        return Watched(made, watch, policy), plan, intake


def _without_endpoint(name: str, route: Route) -> IntakePlan:
    """Return how a route takes documents that no endpoint gives it: one that subscribes, or that others call."""

    def with_keys(message: Message) -> Message:
        return replace_message(message, keys=route.keys(message))

    return IntakePlan("", name, _no_reader, "json", keys=with_keys)


def _no_reader() -> Reader:
    raise DefinitionError("this route has no endpoint whose format could read bytes; give it a document")
