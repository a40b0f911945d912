"""The plan: a project, compiled and ready to run. `routes` makes it, `runtime` obeys it, neither knows the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from esb.calendar import Calendar
from esb.edge import Draft, Scanner
from esb.envelope import Topology
from esb.errors import FailureClass
from esb.message import Document, Message
from esb.pipeline import Route
from esb.ports import Reader


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Stop trying: it becomes an exception with this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """It waits for a person in `place`."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Divert:
    """It goes to another endpoint instead."""

    endpoint: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """The failure is an outcome; the trace says so."""

    reason: str


Verdict: TypeAlias = RetryAfter | DeadLetter | Hold | Divert | Ignore


@dataclass(frozen=True, slots=True)
class Failure:
    """What a policy is asked about. `attempt` counts from 1; `retry_after` = what the receiver asked for, seconds.

    `key` is the message's id: it spreads the jitter of failures that are alike.
    """

    failure_class: FailureClass
    text: str
    attempt: int
    retry_after: float | None = None
    key: str = ""


Policy: TypeAlias = Callable[[Failure], Verdict]
"""Pure: the same failure always gets the same verdict."""


@dataclass(frozen=True, slots=True)
class IntakePlan:
    """How what an endpoint receives becomes messages of a route.

    `release`: when documents leave: as each is read, or when the interchange is valid to its end. `acknowledge`: the
    endpoint that gets the acknowledgments the reader makes. `window`: seconds in which one key is one delivery.
    `max_bytes` bounds a delivery. `scanner` finds its interchanges; one that came before within `duplicates` seconds is
    not processed again. `numbered`: acknowledgments get control numbers from the store.
    """

    endpoint: str
    route: str
    reader: Callable[[], Reader]
    format: str
    partner: str = ""
    release: Literal["set", "interchange"] = "set"
    acknowledge: str = ""
    window: float = 7 * 86400.0
    max_bytes: int = 1 << 30
    keys: Callable[[Message], Message] = lambda message: message
    scanner: Callable[[], Scanner | None] = lambda: None
    duplicates: float = 0.0
    numbered: bool = False
    resolve: bool = False
    """Partners' acknowledgments are resolved against what was sent, and do not reach the route."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """Trips when `ratio` of at least `least` calls fail; pauses `pause` seconds, then lets one call probe.

    Also trips when `refusals` calls in a row are refused for one reason: such a receiver has changed, and is asked
    every `slowly` seconds until it takes something. Else one change would make an exception of all that waits.
    """

    ratio: float = 0.5
    least: int = 10
    pause: float = 30.0
    refusals: int = 10
    slowly: float = 5.0


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """How an endpoint is served. `effect` says what happens when an outcome is unknown (DESIGN §6)."""

    endpoint: str
    policy: Policy
    effect: Literal["idempotency_key", "probe", "never_repeat"] = "idempotency_key"
    concurrency: int = 16
    rate: tuple[float, float] | None = None
    """(calls, seconds), shared by one process"""
    breaker: Breaker = field(default_factory=Breaker)
    ordered: bool = False
    owner: str = ""
    call_limit: float = 60.0
    """Seconds after which a call cannot be under way any more (the endpoint's own time limit is shorter)."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """How documents for an endpoint leave together: when the first has waited `every` seconds, or `most` wait.

    `draft` writes an interchange of a list of documents but for its numbers; `within` and `calendar` as in `Filing`.
    """

    endpoint: str
    every: float
    most: int
    draft: Callable[[list[Document], datetime], Draft]
    format: str
    within: float = 0.0
    owner: str = ""
    calendar: Calendar | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One release of a project, compiled."""

    release: str
    routes: Mapping[str, Route]
    policies: Mapping[str, Policy]
    """By route: what to do when a step fails."""
    intakes: Mapping[str, IntakePlan]
    deliveries: Mapping[str, DeliveryPlan]
    topology: Topology
    ordered_routes: frozenset[str] = frozenset()
    batches: Mapping[str, BatchPlan] = field(default_factory=dict)
