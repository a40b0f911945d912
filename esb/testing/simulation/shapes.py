"""Shapes of routes: each is built into steps for the runtime, and says by itself what must come of a document.

The two readings are written apart from each other and from the runtime: that is what makes the checker an oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from esb.errors import BusyError, ChannelError, StoreError, ValidationError
from esb.message import Ask, End, Message, Note, Park, Send
from esb.pipeline import Named, StepFailure, sequence
from esb.ports import Asking, Outputs, Step

PARKED = "parked"
"""The destination of a need that only an exception can meet: this document must fail."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a need depends on. `key`: only the first of a business key; `arm`: only if a guard took this arm."""

    kind: str
    place: str
    value: str
    arm: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """One effect that must be seen: at which destination, of which part of which document, sent by which step."""

    to: str
    ref: str
    part: int
    route: str
    step: str
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """A document, or a part of one, on its way through the shapes."""

    document: dict[str, Any]
    part: int = 0
    conditions: tuple[Condition, ...] = ()


class Failing(Exception):
    """The document cannot pass this step."""


class Walk:
    """Collects the needs of one document. `subscribers` gives the routes that an event reaches."""

    def __init__(self, subscribers: Callable[[str], Sequence[tuple[str, Sequence[Shape]]]]) -> None:
        self._subscribers = subscribers
        self.needs: list[Need] = []

    def route(self, name: str, shapes: Sequence[Shape], unit: Unit) -> None:
        """Walk a document through a route. A hold ends one run and begins another, which may fail apart."""
        units = [unit]
        while True:
            end = next((number for number, shape in enumerate(shapes) if isinstance(shape, Hold)), len(shapes))
            units = [passed for each in units for passed in self._run(name, shapes[:end], each)]
            if end == len(shapes):
                return
            shapes = shapes[end + 1 :]

    def _run(self, route: str, shapes: Sequence[Shape], unit: Unit) -> list[Unit]:
        """Walk one run: if it fails anywhere, nothing of it leaves and the message is an exception."""
        mark = len(self.needs)
        try:
            return self.flow(route, "", shapes, [unit])
        except Failing:
            del self.needs[mark:]
            conditions = _failed_under(unit, route, shapes)
            self.needs.append(Need(PARKED, unit.document["ref"], unit.part, route, "", conditions))
            return []

    def flow(self, route: str, prefix: str, shapes: Sequence[Shape], units: list[Unit]) -> list[Unit]:
        """Walk units through shapes; return those that pass the last."""
        for shape in shapes:
            passed: list[Unit] = []
            for unit in units:
                passed += shape.expect(self, route, f"{prefix}{shape.id}", unit)
            units = passed
        return units

    def event(self, topic: str, unit: Unit) -> None:
        """Walk a unit through every route that subscribes."""
        for name, shapes in self._subscribers(topic):
            self.route(name, shapes, unit)


def _failed_under(unit: Unit, route: str, shapes: Sequence[Shape]) -> tuple[Condition, ...]:
    """Return the conditions under which a run fails: a duplicate ends before it can."""
    keys = (shape.condition(route, unit) for shape in shapes if isinstance(shape, Deduplicate))
    return (*unit.conditions, *keys)


@dataclass(frozen=True, slots=True)
class Building:
    """What building needs to know. `stamp` is the release that a sent document names; `named` gives steps paths."""

    route: str
    prefix: str
    stamp: str
    named: Callable[[int, str], str]

    def within(self, path: str, branch: str) -> Building:
        """Return the same for the branch of a step."""
        return Building(self.route, f"{path}/{branch}/", self.stamp, self.named)

    def steps(self, shapes: Sequence[Shape]) -> list[Named]:
        """Return the steps of shapes, under their paths."""
        paths = [self.prefix + self.named(number, shape.id) for number, shape in enumerate(shapes)]
        return [(path, shape.build(self, path)) for path, shape in zip(paths, shapes, strict=True)]

    def flow(self, shapes: Sequence[Shape]) -> Step:
        """Return shapes as one step."""
        return sequence(self.route, self.steps(shapes))


@dataclass(frozen=True, slots=True)
class Transform:
    """Changes the body, the same way each time; refuses a document that is bad if it is strict."""

    id: str
    strict: bool = False

    def build(self, building: Building, path: str) -> Step:
        """Return the step."""
        name, strict = self.id, self.strict

        def step(message: Message) -> Outputs:
            if strict and message.body["bad"]:
                raise ValidationError("the document is bad")
            return (message.with_body({**message.body, name: 1}),)

        return step

    def expect(self, walk: Walk, route: str, path: str, unit: Unit) -> list[Unit]:
        """Say that a bad document fails."""
        if self.strict and unit.document["bad"]:
            raise Failing
        return [unit]


@dataclass(frozen=True, slots=True)
class Log:
    """Says something and changes nothing: what a harmless deploy inserts."""

    id: str

    def build(self, building: Building, path: str) -> Step:
        """Return the step."""
        return lambda message: (Note(path, "seen"), message)

    def expect(self, walk: Walk, route: str, path: str, unit: Unit) -> list[Unit]:
        """Let everything pass."""
        return [unit]


@dataclass(frozen=True, slots=True)
class Filter:
    """Ends documents that are to be dropped."""

    id: str

    def build(self, building: Building, path: str) -> Step:
        """Return the step."""

        def step(message: Message) -> Outputs:
            return (End("filtered", "it is to be dropped", path, message),) if message.body["drop"] else (message,)

        return step

    def expect(self, walk: Walk, route: str, path: str, unit: Unit) -> list[Unit]:
        """Say which documents pass."""
        return [] if unit.document["drop"] else [unit]


@dataclass(frozen=True, slots=True)
class Split:
    """Cuts a document into its lines; part 2 of part 1 is part 12."""

    id: str

    def build(self, building: Building, path: str) -> Step:
        """Return the step."""

        def step(message: Message) -> Outputs:
            return [
                message.part(path, number, {**message.body, "part": message.body["part"] * 10 + number})
                for number in range(1, message.body["lines"] + 1)
            ]

        return step

    def expect(self, walk: Walk, route: str, path: str, unit: Unit) -> list[Unit]:
        """Say which parts there are."""
        first = unit.part * 10 + 1
        return [Unit(unit.document, first + line, unit.conditions) for line in range(unit.document["lines"])]


@dataclass(frozen=True, slots=True)
class Deduplicate:
    """Lets the first document with a value pass; each part of a document has a value of its own."""

    id: str
    field: str

    def build(self, building: Building, path: str) -> Step:
        """Return the step."""
        space, field = f"{building.route}/{self.id}", self.field

        def step(message: Message) -> Asking:
            answer = yield Ask(
                "keys", space, {"key": f"{message.body[field]}.{message.body['part']}", "keep": 1e6}, stateful=True
            )
            if answer == b"first":
                return (message,)
            if answer == b"wait":
                raise BusyError("a twin is under way", retry_after=1.0)
            return (End("duplicate", "it came before", path, message),)

        return step

    def expect(self, walk: Walk, route: str, path: str, unit: Unit) -> list[Unit]:
        """Say that what follows happens for the first only."""
        return [Unit(unit.document, unit.part, (*unit.conditions, self.condition(route, unit)))]

    def condition(self, route: str, unit: Unit) -> Condition:
        """Return what depends on being the first."""
        return Condition("key", f"{route}/{self.id}", f"{unit.document[self.field]}.{unit.part}")


@dataclass(frozen=True, slots=True)
class Enrich:
    """Asks a system that answers differently each time, and puts the answer into the body."""

    id: str
    target: str

    def build(self, building: Building, path: str) -> Step:
        """Return the step."""
        target, route = self.target, building.route
        name = f"{route}/{self.id}"

        def step(message: Message) -> Asking:
            answer = yield Ask("http", target, {"method": "GET", "path": f"/{route}", "body": message.body["ref"]})
            return (message.with_body({**message.body, "facts": {**message.body["facts"], name: answer}}),)

        return step

    def expect(self, walk: Walk, route: str, path: str, unit: Unit) -> list[Unit]:
        """Let everything pass; a refusal is an exception, or the other arm of a guard."""
        return [unit]


@dataclass(frozen=True, slots=True)
class Hold:
    """Parks every document for a person. It stands at the top of a route only."""

    id: str

    def build(self, building: Building, path: str) -> Step:
        """Return the step."""
        return lambda message: (Park("desk", "a person must look", path, message),)

    def expect(self, walk: Walk, route: str, path: str, unit: Unit) -> list[Unit]:
        """Say nothing: routes are walked from hold to hold."""
        raise TypeError("a hold is no part of a run")


@dataclass(frozen=True, slots=True)
class Choose:
    """Takes one of two branches, then goes on."""

    id: str
    one: tuple[Shape, ...]
    other: tuple[Shape, ...]

    def build(self, building: Building, path: str) -> Step:
        """Return the step."""
        one = building.within(path, "one").flow(self.one)
        other = building.within(path, "other").flow(self.other)
        return lambda message: (one if message.body["branch"] else other)(message)

    def expect(self, walk: Walk, route: str, path: str, unit: Unit) -> list[Unit]:
        """Walk the branch that is taken."""
        name, shapes = ("one", self.one) if unit.document["branch"] else ("other", self.other)
        return walk.flow(route, f"{path}/{name}/", shapes, [unit])


@dataclass(frozen=True, slots=True)
class Guard:
    """Tries some steps; when they fail, what they sent is dropped and others run instead."""

    id: str
    attempt: tuple[Shape, ...]
    recover: tuple[Shape, ...]

    def build(self, building: Building, path: str) -> Step:
        """Return the step."""
        attempt = building.within(path, "try").flow(self.attempt)
        recover = building.within(path, "recover").flow(self.recover)

        def step(message: Message) -> Asking:
            try:
                return (yield from _outputs(attempt, message))
            except StepFailure as failure:
                if isinstance(failure.cause, BusyError | ChannelError | StoreError):
                    raise
            return (yield from _outputs(recover, message))

        return step

    def expect(self, walk: Walk, route: str, path: str, unit: Unit) -> list[Unit]:
        """Walk both arms, each under the condition that it was the one, unless the first is sure to fail."""
        mark = len(walk.needs)
        place = f"{route}/{self.id}"
        value = f"{unit.document['ref']}.{unit.part}"
        taken = Unit(unit.document, unit.part, (*unit.conditions, Condition("arm", place, value, "try")))
        given = Unit(unit.document, unit.part, (*unit.conditions, Condition("arm", place, value, "recover")))
        try:
            walk.flow(route, f"{path}/try/", self.attempt, [taken])
        except Failing:
            del walk.needs[mark:]
            walk.flow(route, f"{path}/recover/", self.recover, [unit])
            return [unit]
        walk.flow(route, f"{path}/recover/", self.recover, [given])
        return [unit]


def _outputs(step: Step, message: Message) -> Generator[Any, Any, Outputs]:
    given: Any = step(message)
    outputs: Outputs = given if isinstance(given, list | tuple) else (yield from given)
    return outputs


@dataclass(frozen=True, slots=True)
class To:
    """Sends a copy to each destination."""

    id: str
    destinations: tuple[str, ...]

    def build(self, building: Building, path: str) -> Step:
        """Return the step."""
        origin = {"route": building.route, "step": self.id, "release": building.stamp}

        def step(message: Message) -> Outputs:
            rendered = message.with_body({**message.body, **origin})
            return [*(Send(f"delivery/{name}", rendered, path) for name in self.destinations), message]

        return step

    def expect(self, walk: Walk, route: str, path: str, unit: Unit) -> list[Unit]:
        """Say that each destination must see it."""
        for name in self.destinations:
            walk.needs.append(Need(name, unit.document["ref"], unit.part, route, self.id, unit.conditions))
        return [unit]


@dataclass(frozen=True, slots=True)
class Publish:
    """Publishes an event."""

    id: str
    topic: str

    def build(self, building: Building, path: str) -> Step:
        """Return the step."""
        return lambda message: (Send(f"event/{self.topic}", message, path), message)

    def expect(self, walk: Walk, route: str, path: str, unit: Unit) -> list[Unit]:
        """Walk what subscribers do."""
        walk.event(self.topic, unit)
        return [unit]


Shape: TypeAlias = (
    Transform | Log | Filter | Split | Deduplicate | Enrich | Hold | Choose | Guard | To | Publish
)  # fmt: skip
