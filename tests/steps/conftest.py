"""A workbench for steps: builds them as a route does, and runs messages through them with answers as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import GeneratorType
from typing import Any

import pytest
from pydantic import TypeAdapter

from esb.envelope import encode_document
from esb.errors import FormatError
from esb.message import BusinessKey, Message, NamedAsk, Output
from esb.pipeline import Result, Route, run, sequence
from esb.ports import Contract, Step, Transform
from esb.specs import Entry, Interchanges, Table
from esb.steps import STEP

READ: TypeAdapter[Any] = TypeAdapter(STEP)
RECEIVED = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)


def message(body: Any, **more: Any) -> Message:
    return Message(**{"id": "m1", "body": body, "received": RECEIVED, "route": "orders", **more})


def render_json(given: Message) -> Message:
    if given.body == "unrenderable":
        raise FormatError("json: this cannot be rendered")
    return given.with_body(encode_document(given.body), "json")


@dataclass
class Bench:
    """Resources that hold what a test puts in; `asked` collects the asks of all runs."""

    route: str = "orders"
    path: str = ""
    transforms: Mapping[str, Transform] = field(default_factory=dict)
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    routes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    asked: list[NamedAsk] = field(default_factory=list)
    numbered: dict[str, Interchanges] = field(default_factory=dict)
    key_of: Callable[[Message], tuple[BusinessKey, ...]] = lambda given: given.keys

    message = staticmethod(message)

    def at(self, path: str) -> Bench:
        return Bench(
            self.route,
            path,
            self.transforms,
            self.contracts,
            self.tables,
            self.routes,
            self.asked,
            self.numbered,
            self.key_of,
        )

    def line(self, entries: Iterable[Entry], before: str = "") -> Step:
        paths = [(before + entry.name, entry) for entry in entries]
        return sequence(self.route, [(path, entry.spec.build(self.at(path))) for path, entry in paths])

    def flow(self, name: str, steps: Sequence[Any]) -> Step:
        return self.line(steps, f"{self.path}/{name}/")

    def call(self, route: str) -> Step:
        return self.line([READ.validate_python(step) for step in self.routes[route]], f"{self.path}/{route}/")

    def transform(self, name: str) -> Transform:
        return self.transforms[name]

    def contract(self, name: str) -> Contract:
        return self.contracts[name]

    def table(self, name: str) -> Table:
        return self.tables[name]

    def outgoing(self, endpoint: str) -> Callable[[Message], Message]:
        return render_json

    def interchanges(self, endpoint: str) -> Interchanges | None:
        return self.numbered.get(endpoint)

    def keys(self, given: Message) -> tuple[BusinessKey, ...]:
        return self.key_of(given)

    def spec(self, written: Mapping[str, Any]) -> Any:
        """Return the spec of one step, as YAML would give it."""
        return READ.validate_python(written).spec

    def step(self, written: Mapping[str, Any]) -> Step:
        """Return one live step on its own; its path is its id."""
        entry = READ.validate_python(written)
        built: Step = entry.spec.build(self.at(entry.name))
        return built

    def outputs(self, written: Mapping[str, Any], given: Message, *answers: Any) -> list[Output]:
        """Return what one step gives, a list; answers that are exceptions are thrown."""
        return list(self.settle(self.step(written)(given), answers))

    def body(self, written: Mapping[str, Any], given: Message, *answers: Any) -> Any:
        """Return the body of the one message that goes on."""
        (goes_on,) = [item for item in self.outputs(written, given, *answers) if isinstance(item, Message)]
        return goes_on.body

    def run(self, steps: Sequence[Mapping[str, Any]], given: Message, *answers: Any) -> Result:
        """Return the result of a route of these steps."""
        route = Route(self.route, self.line([READ.validate_python(step) for step in steps]))
        result: Result = self.settle(run(route, given), answers)
        return result

    def run_with(self, steps: Sequence[Mapping[str, Any]], given: Message, answer: Callable[[NamedAsk], Any]) -> Result:
        """Return the result of a route whose asks are answered by a function."""
        route = Route(self.route, self.line([READ.validate_python(step) for step in steps]))
        result: Result = self.answered(run(route, given), answer)
        return result

    def settle(self, given: Any, answers: Sequence[Any]) -> Any:
        left = list(answers)
        found = self.answered(given, lambda asked: left.pop(0))
        assert not left, "more answers than asks"
        return found

    def answered(self, given: Any, answer: Callable[[NamedAsk], Any]) -> Any:
        if not isinstance(given, GeneratorType):
            return given
        try:
            asked = next(given)
            while True:
                self.asked.append(asked)
                found = answer(asked)
                asked = given.throw(found) if isinstance(found, Exception) else given.send(found)
        except StopIteration as stop:
            return stop.value


@pytest.fixture
def bench() -> Bench:
    return Bench()
