from __future__ import annotations

from types import GeneratorType
from typing import Any

from esb.errors import EndpointError
from esb.message import Ask, Note
from esb.ports import Asking, Outputs
from esb.steps.nested import at_once, then

NOTE = Note("a", "x")


def asking() -> Asking:
    try:
        answer = yield Ask("http", "erp", {})
    except EndpointError:
        answer = "none"
    return [Note("a", answer)]


def silent() -> Asking:
    return [NOTE]
    yield Ask("http", "erp", {})


def doubled(outputs: Outputs) -> Outputs:
    return [*outputs, *outputs]


def finish(given: Any, answer: Any) -> Any:
    next(given)
    try:
        return given.throw(answer) if isinstance(answer, Exception) else given.send(answer)
    except StopIteration as stop:
        return stop.value


def test_what_comes_after_a_plain_flow_is_plain():
    assert then([NOTE], doubled) == [NOTE, NOTE]


def test_what_comes_after_an_asking_flow_waits_for_the_answer():
    assert finish(then(asking(), doubled), "y") == [Note("a", "y"), Note("a", "y")]


def test_a_run_that_asks_nothing_is_plain():
    assert at_once(silent()) == [NOTE]


def test_a_run_that_asks_goes_on_where_it_stands():
    given = at_once(asking())

    assert isinstance(given, GeneratorType)
    assert finish(given, "y") == [Note("a", "y")]


def test_a_failed_ask_is_thrown_into_the_run():
    assert finish(at_once(asking()), EndpointError("down")) == [Note("a", "none")]
