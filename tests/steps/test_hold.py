from __future__ import annotations

from typing import Any

from esb.message import Park

CREDIT = {"hold": {"when": "{{ body.total > body.limit }}", "queue": "credit-desk", "reason": "over {{ body.limit }}"}}


def test_a_message_is_parked_for_a_person_with_the_reason(bench: Any):
    order = bench.message({"total": 11, "limit": 10})

    assert bench.outputs(CREDIT, order) == [Park("credit-desk", "over 10", "hold", order)]


def test_without_its_condition_the_message_goes_on(bench: Any):
    order = bench.message({"total": 9, "limit": 10})

    assert bench.outputs(CREDIT, order) == [order]


def test_a_hold_without_condition_always_holds(bench: Any):
    outputs = bench.outputs({"hold": {"queue": "ops", "reason": "look at it"}}, bench.message({}))

    assert [type(item) for item in outputs] == [Park]


def test_a_hold_waits_and_the_route_can_be_entered_behind_it(bench: Any):
    assert bench.spec(CREDIT).waits
