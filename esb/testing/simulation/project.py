"""A random small project: routes from shapes, outside systems, policies; compiled into a plan for each release."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Literal, TypeAlias

from esb.edge import Part
from esb.envelope import ChannelSpec, Topology, decode_document, encode_document
from esb.errors import FormatError
from esb.pipeline import Route, sequence
from esb.plan import Breaker, DeadLetter, DeliveryPlan, Divert, Failure, IntakePlan, Plan, RetryAfter, Verdict
from esb.ports import Step
from esb.testing.simulation.shapes import (
    Building,
    Choose,
    Deduplicate,
    Enrich,
    Filter,
    Guard,
    Hold,
    Log,
    Need,
    Publish,
    Shape,
    Split,
    To,
    Transform,
    Unit,
    Walk,
)  # fmt: skip

Effect: TypeAlias = Literal["idempotency_key", "probe", "never_repeat"]
Naming: TypeAlias = Callable[[int, str], str]
"""What a step is called in paths, given its number and its id."""

TOPIC = "order.accepted"
CALL_LIMIT = 8.0
"""Seconds after which no call can be under way any more; the slowest here take four."""


def by_id(number: int, name: str) -> str:
    """Call a step by its id, as the runtime must."""
    return name


@dataclass(frozen=True, slots=True)
class Flow:
    """A route: `source` is an endpoint, or `event:TOPIC`."""

    name: str
    source: str
    shapes: tuple[Shape, ...]

    @property
    def topic(self) -> str:
        """The event it subscribes to; empty if it has an intake."""
        return self.source.removeprefix("event:") if self.source.startswith("event:") else ""


@dataclass(frozen=True, slots=True)
class Project:
    """What the integrator wrote. `receivers` says what each destination does about repeats."""

    flows: tuple[Flow, ...]
    receivers: Mapping[str, Effect]
    acknowledge: str = ""
    whole: bool = False
    """Documents leave only when their delivery is valid to its end."""
    release: str = "r1"
    attempts: int = 8
    diverts: Mapping[str, str] = field(default_factory=dict)
    """Where a destination's deliveries go when it was tried too often."""
    ordered: bool = False
    """Routes and destinations keep the order of the documents of a delivery."""

    @property
    def intakes(self) -> tuple[str, ...]:
        """The endpoints that senders may use."""
        return tuple(flow.source for flow in self.flows if not flow.topic)

    def deployed(self, random: Random) -> Project:
        """Return the next release: the same but for a harmless step inserted into every route."""
        flows = []
        for flow in self.flows:
            at = random.randrange(len(flow.shapes) + 1)
            shapes = (*flow.shapes[:at], Log("log"), *flow.shapes[at:])
            flows.append(replace(flow, shapes=shapes))
        return replace(self, flows=tuple(flows), release="r2")

    def needs(self, endpoint: str, document: Mapping[str, Any]) -> list[Need]:
        """Return what must come of a document that was accepted at an endpoint."""
        walk = Walk(lambda topic: [(flow.name, flow.shapes) for flow in self.flows if flow.topic == topic])
        for flow in self.flows:
            if flow.source == endpoint:
                walk.route(flow.name, flow.shapes, Unit(dict(document)))
        return walk.needs

    def upstream(self, route: str) -> frozenset[str]:
        """Return the routes whose exceptions explain why this route saw nothing: itself and who publishes for it."""
        if any(flow.name == route and flow.topic for flow in self.flows):
            return frozenset(flow.name for flow in self.flows if flow.name == route or not flow.topic)
        return frozenset((route,))

    def compile(self, named: Naming = by_id, stamped: bool = True) -> Plan:
        """Return the plan of this release. `stamped`: what is sent says which release sent it."""
        topology = Topology(
            channels=(
                *(ChannelSpec(f"route/{flow.name}", ordered=self.ordered) for flow in self.flows),
                *(ChannelSpec(f"delivery/{name}", ordered=self.ordered) for name in self.receivers),
            ),
            subscriptions=tuple((flow.topic, f"route/{flow.name}") for flow in self.flows if flow.topic),
        )
        return Plan(
            release=self.release,
            routes={
                flow.name: _route(flow, self.release if stamped else "", named, self.ordered) for flow in self.flows
            },
            policies={flow.name: self._decide for flow in self.flows},
            intakes={flow.source: self._intake(flow) for flow in self.flows if not flow.topic},
            deliveries={name: self._delivery(name, effect) for name, effect in self.receivers.items()},
            topology=topology,
            ordered_routes=frozenset(flow.name for flow in self.flows if self.ordered),
        )

    def _intake(self, flow: Flow) -> IntakePlan:
        return IntakePlan(
            endpoint=flow.source,
            route=flow.name,
            reader=lambda: LineReader(bool(self.acknowledge)),
            format="json",
            release="interchange" if self.whole else "set",
            acknowledge=self.acknowledge,
        )

    def _delivery(self, name: str, effect: Effect) -> DeliveryPlan:
        return DeliveryPlan(
            endpoint=name,
            policy=lambda failure: self._decide(failure, self.diverts.get(name, "")),
            effect=effect,
            concurrency=4,
            call_limit=CALL_LIMIT,
            breaker=Breaker(ratio=0.8, least=6, pause=3.0),
            ordered=self.ordered,
            owner=f"{name} desk",
        )

    def _decide(self, failure: Failure, divert: str = "") -> Verdict:
        if failure.failure_class in ("invalid", "rejected", "unknown"):
            return DeadLetter(failure.text)
        if divert and failure.attempt > 1:
            return Divert(divert, f"tried {failure.attempt} times")
        if failure.failure_class == "bug" or failure.attempt >= self.attempts:
            return DeadLetter(f"gave up after {failure.attempt} attempts: {failure.text}")
        return RetryAfter(failure.retry_after or min(0.5 * 2**failure.attempt, 10.0))


def _route(flow: Flow, stamp: str, named: Naming, ordered: bool) -> Route:
    building = Building(flow.name, "", stamp, named)
    steps = building.steps(flow.shapes)
    entries: dict[str, Step] = {}
    for number, (path, _) in enumerate(steps):
        if isinstance(flow.shapes[number], Hold):
            entries[path] = sequence(flow.name, steps[number + 1 :])
    order_key = (lambda message: str(message.body["key"])) if ordered else None
    return Route(flow.name, sequence(flow.name, steps), entries, order_key=order_key, owner=f"{flow.name} desk")


class LineReader:
    """Reads one JSON document a line; a line that is none is a bad part. The acknowledgment counts the lines."""

    def __init__(self, acknowledges: bool) -> None:
        self._acknowledges, self._rest, self._parts = acknowledges, b"", 0
        self._name = ""

    def feed(self, data: bytes) -> Sequence[Part]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [self._part(line) for line in lines]

    def end(self) -> Sequence[Part]:
        parts = [self._part(self._rest)] if self._rest else []
        if self._acknowledges:
            body = encode_document({"ref": self._name, "part": 0, "route": "", "step": "ack", "count": self._parts})
            parts.append(Part(None, acknowledgment=True) if not self._name else Part(body, acknowledgment=True))
        return parts

    def _part(self, line: bytes) -> Part:
        self._parts += 1
        try:
            document = decode_document(line)
        except FormatError as error:
            return Part(None, raw=line, error=str(error))
        self._name = self._name or document["ref"].partition(".")[0]
        return Part(document)


def draw_project(random: Random) -> Project:
    """Return a project: one or two routes with an intake, none to two routes that subscribe to their event."""
    count = random.choice((1, 2, 2, 3))
    receivers: dict[str, Effect] = {
        f"out{number}": random.choice(("idempotency_key", "idempotency_key", "probe", "never_repeat"))
        for number in range(1, count + 1)
    }
    names = tuple(receivers)
    subscribers = random.choice((0, 0, 1, 2))
    flows = [
        Flow(f"main{number}", f"in{number}", _shapes(random, names, 0.25, publishes=bool(subscribers)))
        for number in range(1, random.choice((1, 1, 2)) + 1)
    ]
    flows += [
        Flow(f"sub{number}", f"event:{TOPIC}", _shapes(random, names, 0.1, publishes=False))
        for number in range(1, subscribers + 1)
    ]
    acknowledge = random.choice(("", "", names[0]))
    whole, ordered = random.random() < 0.2, random.random() < 0.15
    diverts = {names[0]: names[1]} if len(names) > 1 and random.random() < 0.15 else {}
    return Project(tuple(flows), receivers, acknowledge, whole, diverts=diverts, ordered=ordered)


def _shapes(random: Random, receivers: tuple[str, ...], splits: float, publishes: bool) -> tuple[Shape, ...]:
    """Return the steps of a route: some patterns, then what leaves. Ids repeat in every route, on purpose."""
    some = random.random
    shapes: list[Shape] = []
    if some() < 0.5:
        shapes.append(Transform("transform", strict=some() < 0.5))
    if some() < 0.2:
        shapes.append(Filter("filter"))
    if some() < 0.45:
        shapes.append(Deduplicate("deduplicate", random.choice(("key", "key", "ref"))))
    if some() < 0.25:
        shapes.append(Hold("hold"))
    if some() < splits:
        shapes.append(Split("split"))
    if some() < 0.4:
        shapes.append(Enrich("enrich", random.choice(("erp", "crm"))))
    if some() < 0.25:
        shapes.append(_guard(random, receivers))
    if some() < 0.25:
        one, other = (To(name, _some_of(random, receivers)) for name in ("first", "second"))
        shapes.append(Choose("choose", (one,), (other,)))
    shapes.append(To("to", _some_of(random, receivers)))
    if publishes:
        shapes.insert(random.choice((len(shapes), len(shapes) - 1)), Publish("publish", TOPIC))
    return tuple(shapes)


def _guard(random: Random, receivers: tuple[str, ...]) -> Guard:
    first = To("tried", _some_of(random, receivers))
    asked = Enrich("ask", random.choice(("erp", "crm")))
    risky: tuple[Shape, ...] = (first, asked) if random.random() < 0.5 else (asked, first)
    if random.random() < 0.3:
        risky = (*risky, Transform("check", strict=True))
    return Guard("guard", risky, (To("recovered", _some_of(random, receivers)),))


def _some_of(random: Random, receivers: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(random.sample(receivers, random.choice((1, 1, 2, 3)[: len(receivers) + 1])))
