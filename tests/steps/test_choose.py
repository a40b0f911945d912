from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError as SpecError

from esb.errors import ValidationError
from esb.message import Message, Note, Send

BY_QTY = {
    "choose": [
        {"when": "{{ body.qty > 100 }}", "to": "pallets"},
        {"when": "{{ body.qty > 10 }}", "steps": [{"set": {"body": {"$.big": "yes"}}}, {"to": "boxes"}]},
        {"otherwise": None, "to": ["letters", "audit"]},
    ]
}


@pytest.mark.parametrize(
    ("qty", "destinations", "branch"),
    [
        (500, ["delivery/pallets"], "when-1"),
        (50, ["delivery/boxes"], "when-2"),
        (5, ["delivery/letters", "delivery/audit"], "otherwise"),
    ],
)
def test_the_first_branch_that_matches_is_taken_and_the_trace_says_which(
    bench: Any, qty: int, destinations: list[str], branch: str
):
    result = bench.run([BY_QTY], bench.message({"qty": qty}))

    assert [send.to for send in result.sends] == destinations
    assert result.notes == [Note("choose", f"took {branch}")]


def test_the_message_goes_on_behind_the_choice_as_the_branch_left_it(bench: Any):
    outputs = bench.outputs(BY_QTY, bench.message({"qty": 50}))

    assert [item.body for item in outputs if isinstance(item, Message)] == [{"qty": 50, "big": "yes"}]


def test_the_paths_of_the_steps_hold_the_branch(bench: Any):
    outputs = bench.outputs(BY_QTY, bench.message({"qty": 500}))

    assert [item.step for item in outputs if isinstance(item, Send)] == ["choose/when-1/to"]


def test_a_branch_that_asks_is_asked(bench: Any):
    dedupe = {"deduplicate": {"key": "$.id", "keep": "1d"}}
    choose = {"choose": [{"when": "$.id", "steps": [dedupe, {"to": "erp"}]}, {"otherwise": None, "to": "ops"}]}

    result = bench.run([choose], bench.message({"id": "7"}), b"first")

    assert [send.to for send in result.sends] == ["delivery/erp"]
    assert result.notes == [Note("choose", "took when-1")]


def test_a_message_that_no_branch_takes_is_an_error_not_lost(bench: Any):
    choose = {"choose": [{"when": "$.missing", "to": "erp"}]}

    with pytest.raises(ValidationError, match="no branch matched"):
        bench.outputs(choose, bench.message({}))


@pytest.mark.parametrize(
    ("branches", "text"),
    [
        ([{"to": "erp"}], "either 'when' or 'otherwise'"),
        ([{"when": "$.a", "otherwise": None, "to": "erp"}], "either 'when' or 'otherwise'"),
        ([{"when": "$.a"}], "either 'to' or 'steps'"),
        ([{"when": "$.a", "to": "erp", "steps": [{"to": "erp"}]}], "either 'to' or 'steps'"),
        ([{"otherwise": None, "to": "erp"}, {"when": "$.a", "to": "erp"}], "never taken"),
        ([{"otherwise": "erp"}], "None"),
        ([], "at least 1 item"),
    ],
)
def test_a_choice_that_cannot_work_is_refused(bench: Any, branches: Any, text: str):
    with pytest.raises(SpecError, match=text):
        bench.spec({"choose": branches})


def test_lint_learns_branches_and_whether_one_takes_the_rest(bench: Any):
    spec, open_ended = bench.spec(BY_QTY), bench.spec({"choose": [{"when": "$.a", "to": "erp"}]})

    assert [(name, [entry.name for entry in steps]) for name, steps in spec.branches()] == [
        ("when-1", ["to"]),
        ("when-2", ["set", "to"]),
        ("otherwise", ["to"]),
    ]
    assert (spec.complete, open_ended.complete) == (True, False)
