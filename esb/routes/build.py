"""Build: a project becomes a plan, compiled and ready to run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Any

from msgspec.structs import replace

from esb import __version__
from esb.envelope import ChannelSpec, Topology
from esb.errors import DefinitionError, Diagnostic
from esb.message import Message
from esb.pipeline import Route
from esb.plan import BatchPlan, DeliveryPlan, IntakePlan, Plan, Policy
from esb.policies import POLICIES
from esb.ports import Format
from esb.routes.compiling import Compiler, keys_of
from esb.routes.definition import RouteSpec
from esb.routes.library import AbsentError, Library
from esb.routes.outcome import acknowledge_to, effect_of, never_repeating
from esb.routes.project import Project
from esb.routes.replying import replies
from esb.routes.rules.view import View
from esb.specs import EndpointSpec


def release_of(files: Mapping[str, bytes], engine: str = __version__) -> str:
    """Return the name of a release: a digest over its files and the engine's version (32 hex digits)."""
    digest = blake2b(digest_size=16)
    digest.update(engine.encode())
    for name in sorted(files):
        raw = files[name]
        digest.update(b"\0%d:%b%d:" % (len(name.encode()), name.encode(), len(raw)))
        digest.update(raw)
    return digest.hexdigest()


_MOST_BYTES = 1 << 30
"""The largest delivery of an endpoint that names no limit of its own."""


def compile_plan(project: Project, release: str = "") -> Plan:
    """Return the plan of a project; `release` names it where it is older than this engine.

    Raises:
        DefinitionError: A file could not be read, or a part cannot be built; `lint` says all of it with places.
    """
    errors = [finding for finding in project.findings if finding.severity == "error"]
    if errors:
        raise DefinitionError(str(errors[0]), errors)
    return Builder(project).plan(release or release_of(project.files))


@dataclass(slots=True)
class Builder:
    """Builds the pieces of a plan; each piece can be built alone, so that lint finds the faults of all of them."""

    project: Project
    library: Library = field(init=False)
    view: View = field(init=False)
    policies: dict[str, Policy] = field(init=False)

    def __post_init__(self) -> None:
        self.library, self.view = Library(self.project), View(self.project)
        self.policies = {}

    def pieces(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Return what can be built, and the file that it comes from; what others use comes first."""
        library, places = self.library, self.project.places
        for kind, build in (("table", library.table), ("contract", library.contract), ("transform", library.transform)):
            for name, file in places[kind].items():
                yield file, partial(build, name)
        for name in self.project.endpoints:
            yield places["endpoint"][name], partial(library.format, name)
            yield places["endpoint"][name], partial(self.delivery, name)
            yield places["endpoint"][name], partial(self.batch, name)
        for name, route in self.project.routes.items():
            yield places["route"][name], partial(self.route, name)
            if route.from_ is not None and route.from_.endpoint is not None:
                yield places["route"][name], partial(self.intake, name)

    def route(self, name: str) -> Route:
        """Return a compiled route."""
        spec = self.project.routes[name]
        owner = spec.owner or self.project.spec.defaults.owner
        route = Compiler(name, spec, self.library, self.project.routes).route()
        return Route(name, route.entry, route.entries, route.keys, route.order_key, owner)

    def policy(self, name: str) -> Policy:
        """Return a policy of the project or of the house."""
        if name not in self.policies:
            spec = self.project.spec.policies.get(name) or POLICIES.get(name)
            if spec is None:
                raise AbsentError(f"policy {name!r} does not exist")
            self.policies[name] = spec.build()
        return self.policies[name]

    def on_error(self, spec: RouteSpec) -> Policy:
        """Return what a route does about its failures."""
        given = spec.on_error or self.project.spec.defaults.on_error
        # Only a call of a step whose repeat nobody would recognise comes here with an unknown outcome.
        return never_repeating(self.policy(given) if isinstance(given, str) else given.build())

    def intake(self, route: str) -> IntakePlan:
        """Return how what the endpoint of a route receives becomes its messages.

        Raises:
            DefinitionError: The format cannot cut what `each` names.
        """
        spec = self.project.routes[route]
        origin = spec.from_
        assert origin is not None
        assert origin.endpoint is not None
        endpoint = self.library.endpoint(origin.endpoint)
        made, each, keys = self.intake_format(spec), origin.each, spec.key
        try:
            made.reader(each)  # what it cannot cut is said now, not with the first delivery
        except DefinitionError as error:
            place = self.project.documents[self.project.places["route"][route]].place(("from", "each"))
            raise DefinitionError(str(error), [Diagnostic("E715", str(error), place)]) from error

        def with_keys(message: Message) -> Message:
            found = keys_of(keys, message)
            return message if found == message.keys else replace(message, keys=found)

        return IntakePlan(
            endpoint=origin.endpoint,
            route=route,
            reader=lambda: made.reader(each),
            format=made.name,
            partner=endpoint.partner,
            release=origin.release,
            acknowledge=acknowledge_to(self.project, origin),
            window=endpoint.duplicates,
            max_bytes=getattr(endpoint, "max_size", _MOST_BYTES),
            keys=with_keys,
            scanner=getattr(made, "scanner", lambda: None),
            duplicates=getattr(made, "duplicates", 0.0),
            numbered=getattr(made, "numbered", False),
            resolve=getattr(made, "resolve", False),
        )

    def intake_format(self, spec: RouteSpec) -> Format:
        """Return the format that reads for a route: that of its endpoint, making the acknowledgment it asks for.

        A route that asks for none gets none made: the answer to 250,000 sets would be held until they have all come.
        """
        origin = spec.from_
        assert origin is not None
        name = origin.endpoint or ""
        given = self.library.format_spec(name)
        if not hasattr(given, "acknowledge"):
            return self.library.format(name)
        kind = origin.acknowledge.kind.lower() if origin.acknowledge is not None else "none"
        return given.model_copy(update={"acknowledge": kind}).build(self.project.files)

    def delivery(self, name: str) -> DeliveryPlan:
        """Return how an endpoint is served."""
        spec = self.library.endpoint(name)
        partner, defaults = self.project.partners.get(spec.partner), self.project.spec.defaults
        named = spec.retry or (partner.retry if partner is not None else None) or defaults.retry
        policy, effect = self.policy(named), effect_of(spec)
        return DeliveryPlan(
            endpoint=name,
            policy=never_repeating(policy) if effect == "never_repeat" else policy,
            effect=effect,
            concurrency=1 if spec.ordered else spec.concurrency,
            rate=None if replies(self.project, name) else spec.limit,  # there it counts what comes in
            ordered=spec.ordered,
            owner=self.owner(spec),
        )

    def owner(self, spec: EndpointSpec) -> str:
        """Return who must act when an endpoint fails: whom it names, else its partner's owner, else the project's."""
        partner = self.project.partners.get(spec.partner)
        return spec.owner or (partner.owner if partner is not None else "") or self.project.spec.defaults.owner

    def batch(self, name: str) -> BatchPlan | None:
        """Return how documents for an endpoint leave together, or None if each leaves alone."""
        spec = self.library.endpoint(name)
        interchanges = self.library.interchanges(name)
        if spec.batch is None or interchanges is None:
            return None
        return BatchPlan(
            endpoint=name,
            every=spec.batch.every,
            most=spec.batch.max,
            draft=interchanges.draft,
            format=interchanges.format,
            within=interchanges.within,
            owner=self.owner(spec),
            calendar=interchanges.calendar,
        )

    def batches(self) -> dict[str, BatchPlan]:
        """Return the endpoints whose documents leave together."""
        return {name: plan for name in self.served() if (plan := self.batch(name)) is not None}

    def served(self) -> list[str]:
        """Return the endpoints that are delivered to: all that can, but for those that only feed a route.

        One that nothing is sent to today may still get messages that were taken in under an older release.
        """
        named = [(file, name) for file, name in self.view.used if name.kind == "endpoint"]
        feeding = {name.name for _, name in named if name.loc == ("from", "endpoint")}
        sent = {name.name for _, name in named if name.loc != ("from", "endpoint")}
        able = [name for name, spec in self.project.endpoints.items() if spec.delivers]
        replying = [name for name in feeding if replies(self.project, name)]
        return sorted([*(name for name in able if name in sent or name not in feeding), *replying])

    def topology(self) -> Topology:
        """Return the channels of every route with messages of its own and of every endpoint that is delivered to."""
        routes = self.project.routes
        own = {name: spec for name, spec in routes.items() if spec.from_ is not None}
        channels = [ChannelSpec(f"route/{name}", spec.order_by is not None) for name, spec in sorted(own.items())]
        channels += [ChannelSpec(f"delivery/{name}", self.library.endpoint(name).ordered) for name in self.served()]
        channels += [ChannelSpec(f"batch/{name}") for name in self.batches()]
        events = [
            (spec.from_.event, f"route/{name}")
            for name, spec in sorted(own.items())
            if spec.from_ is not None and spec.from_.event is not None
        ]
        return Topology(tuple(channels), tuple(events))

    def plan(self, release: str) -> Plan:
        """Return the plan. Raises DefinitionError for the first piece that cannot be built."""
        routes = self.project.routes
        intakes = [self.intake(name) for name, spec in routes.items() if spec.from_ is not None and spec.from_.endpoint]
        return Plan(
            release=release,
            routes={name: self.route(name) for name in routes},
            policies={name: self.on_error(spec) for name, spec in routes.items()},
            intakes={plan.endpoint: plan for plan in intakes},
            deliveries={name: self.delivery(name) for name in self.served()},
            topology=self.topology(),
            batches=self.batches(),
            ordered_routes=frozenset(name for name, spec in routes.items() if spec.order_by is not None),
        )
