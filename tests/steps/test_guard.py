from __future__ import annotations

from typing import Any

import pytest

from esb.errors import BusyError, EndpointError, RejectedError, StoreError
from esb.message import Note
from esb.pipeline import StepFailure

ASK = {"enrich": {"ask": "erp", "get": "/customers/7", "into": "$.customer"}}
FAILS = {"choose": [{"when": "$.never", "to": "nowhere"}]}
TELL = {"set": {"body": {"$.error": "{{ error }}"}}}


def sent(result: Any) -> list[tuple[str, bytes]]:
    return [(send.to.partition("/")[2], send.message.body) for send in result.sends]


def test_steps_that_pass_are_as_if_there_were_no_guard(bench: Any):
    guard = {"guard": {"steps": [{"to": "wms"}], "recover": [{"steps": [{"to": "ops"}]}]}}

    result = bench.run([guard, {"to": "erp"}], bench.message({}))

    assert sent(result) == [("wms", b"{}"), ("erp", b"{}")]


def test_what_failed_steps_sent_is_dropped_and_the_recovery_takes_over(bench: Any):
    guard = {"guard": {"steps": [{"to": "wms"}, FAILS], "recover": [{"steps": [{"to": "ops"}]}]}}

    result = bench.run([guard, {"to": "erp"}], bench.message({}))

    assert sent(result) == [("ops", b"{}"), ("erp", b"{}")]
    assert [note.level for note in result.notes] == ["warning"]


def test_the_recovery_gets_the_message_as_it_came_and_the_error_as_data(bench: Any):
    steps = [{"set": {"body": {"$.changed": "yes"}}}, FAILS]
    guard = {"guard": {"steps": steps, "recover": [{"errors": ["invalid"], "steps": [TELL]}]}}

    body = bench.body(guard, bench.message({"n": "1"}))

    error = body.pop("error")
    assert body == {"n": "1"}
    assert (error["class"], error["step"]) == ("invalid", "guard/try/choose")
    assert "no branch matched" in error["text"]


def test_behind_the_guard_the_error_is_past(bench: Any):
    guard = {"guard": {"steps": [FAILS], "recover": [{"steps": [{"log": "{{ error.text }}"}]}]}}

    result = bench.run([guard, {"log": "{{ error is none }}"}], bench.message({}))

    assert result.notes[-1] == Note("log", "true")


def test_the_first_recovery_that_names_the_class_is_taken(bench: Any):
    recover = [
        {"errors": ["transient"], "steps": [{"to": "later"}]},
        {"errors": ["rejected", "invalid"], "steps": [{"to": "desk"}]},
        {"steps": [{"to": "ops"}]},
    ]
    route = [{"guard": {"steps": [ASK], "recover": recover}}]

    assert sent(bench.run(route, bench.message({}), RejectedError("no"))) == [("desk", b"{}")]
    assert sent(bench.run(route, bench.message({}), EndpointError("down"))) == [("later", b"{}")]


def test_a_failure_that_no_recovery_names_keeps_its_place(bench: Any):
    route = [{"guard": {"steps": [FAILS], "recover": [{"errors": ["transient"], "steps": [{"to": "ops"}]}]}}]

    with pytest.raises(StepFailure) as failure:
        bench.run(route, bench.message({}))

    assert failure.value.step == "guard/try/choose"


def test_a_failure_in_the_recovery_is_a_failure_there(bench: Any):
    route = [{"guard": {"steps": [FAILS], "recover": [{"steps": [{"id": "again", **FAILS}]}]}}]

    with pytest.raises(StepFailure) as failure:
        bench.run(route, bench.message({}))

    assert failure.value.step == "guard/recover-1/again"


@pytest.mark.parametrize("trouble", [BusyError("a twin"), StoreError("down")])
def test_troubles_of_the_bus_are_never_recovered_from(bench: Any, trouble: Exception):
    route = [{"guard": {"steps": [ASK], "recover": [{"steps": [{"to": "ops"}]}]}}]

    with pytest.raises(StepFailure) as failure:
        bench.run(route, bench.message({}), trouble)

    assert failure.value.cause is trouble


def test_always_runs_once_behind_either_and_changes_nothing(bench: Any):
    always = [{"set": {"body": {"$.changed": "yes"}}}, {"to": "audit"}]
    guard = {"guard": {"steps": [ASK], "recover": [{"steps": [{"to": "ops"}]}], "always": always}}

    passed = bench.run([guard, {"to": "erp"}], bench.message({}), {"name": "Ann"})
    recovered = bench.run([guard, {"to": "erp"}], bench.message({}), RejectedError("no"))

    assert sent(passed) == [("audit", b'{"changed":"yes"}'), ("erp", b'{"customer":{"name":"Ann"}}')]
    assert sent(recovered) == [("ops", b"{}"), ("audit", b'{"changed":"yes"}'), ("erp", b"{}")]


def test_always_does_not_run_when_nothing_recovers(bench: Any):
    route = [{"guard": {"steps": [FAILS], "always": [{"to": "audit"}]}}]

    with pytest.raises(StepFailure):
        bench.run(route, bench.message({}))


def test_asks_inside_keep_their_names(bench: Any):
    bench.run([{"guard": {"steps": [{"id": "customer", **ASK}]}}], bench.message({}), {})
    inside = bench.asked[0].name
    bench.asked.clear()

    bench.run([{"guard": {"steps": [{"id": "customer", **ASK}, {"to": "erp"}], "always": [{"log": "x"}]}}],
              bench.message({}), {})  # fmt: skip

    assert bench.asked[0].name == inside


def test_recovery_and_always_may_ask_too(bench: Any):
    again = {"id": "again", **ASK}
    guard = {"guard": {"steps": [ASK], "recover": [{"steps": [again]}], "always": [{"id": "last", **ASK}]}}

    body = bench.body(guard, bench.message({}), RejectedError("no"), {"name": "Ann"}, {"name": "Eve"})

    assert body == {"customer": {"name": "Ann"}}
    assert len({asked.name for asked in bench.asked}) == 3


def test_guards_nest_and_the_inner_one_recovers_first(bench: Any):
    inner = {"guard": {"steps": [ASK], "recover": [{"errors": ["rejected"], "steps": [{"to": "inner"}]}]}}
    outer = {"guard": {"steps": [inner], "recover": [{"steps": [{"to": "outer"}]}]}}

    assert sent(bench.run([outer], bench.message({}), RejectedError("no")))[0][0] == "inner"
    assert sent(bench.run([outer], bench.message({}), EndpointError("down")))[0][0] == "outer"


def test_lint_learns_the_flows_inside(bench: Any):
    spec = bench.spec({"guard": {"steps": [ASK], "recover": [{"steps": [FAILS]}], "always": [{"log": "x"}]}})

    assert [name for name, _ in spec.branches()] == ["try", "recover-1", "always"]
    assert spec.sentence() == "runs steps that may fail, recovers from any failure, then others in any case"
