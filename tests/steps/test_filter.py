from __future__ import annotations

from typing import Any

from esb.message import End

KEEP = {"filter": {"keep_if": "{{ body.qty > 0 }}", "reason": "nothing ordered"}}


def test_a_message_for_which_the_condition_holds_goes_on(bench: Any):
    order = bench.message({"qty": 1})

    assert bench.outputs(KEEP, order) == [order]


def test_any_other_ends_as_filtered_with_the_reason(bench: Any):
    order = bench.message({"qty": 0})

    assert bench.outputs(KEEP, order) == [End("filtered", "nothing ordered", "filter", order)]


def test_the_sentence_names_condition_and_reason(bench: Any):
    spec = bench.spec({"filter": {"keep_if": "$.lines[*]", "reason": "no lines"}})

    assert spec.sentence() == "lets it go on if $.lines[*]; else it ends: no lines"
