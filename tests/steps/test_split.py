from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError as SpecError

from esb.errors import TooLargeError, ValidationError
from esb.message import BusinessKey, End, Message
from esb.steps import split

LINES = {"lines": [{"sku": "A"}, {"sku": "B"}, {"sku": "C"}]}
DEDUPE = {"deduplicate": {"key": "$.sku", "keep": "1d"}}


def test_without_steps_everything_that_follows_happens_to_each_part(bench: Any):
    result = bench.run([{"split": {"each": "$.lines"}}, {"to": "erp"}], bench.message(LINES))

    assert [send.message.body for send in result.sends] == [b'{"sku":"A"}', b'{"sku":"B"}', b'{"sku":"C"}']


def test_parts_carry_number_count_correlation_and_ids_of_their_own(bench: Any):
    order = bench.message(LINES, headers={"source": "shop"})

    parts = bench.outputs({"split": {"each": "$.lines[*]"}}, order)

    assert [part.headers["part-number"] for part in parts] == ["1", "2", "3"]
    assert {part.headers["part-count"] for part in parts} == {"3"}
    assert {part.headers["source"] for part in parts} == {"shop"}
    assert {part.correlation_id for part in parts} == {part.causation_id for part in parts} == {order.id}
    assert len({part.id for part in parts}) == 3


def test_a_redelivery_makes_the_same_parts(bench: Any):
    written = {"split": {"each": "$.lines"}}

    assert bench.outputs(written, bench.message(LINES)) == bench.outputs(written, bench.message(LINES))


def test_business_keys_are_read_again_from_each_part(bench: Any):
    bench.key_of = lambda message: (BusinessKey("sku", message.body["sku"]),)

    parts = bench.outputs({"split": {"each": "$.lines"}}, bench.message(LINES))

    assert [part.keys[0].value for part in parts] == ["A", "B", "C"]


def test_an_empty_list_ends_the_way_with_a_reason(bench: Any):
    order = bench.message({"lines": []})

    assert bench.outputs({"split": {"each": "$.lines"}}, order) == [End("filtered", "nothing to split", "split", order)]


def test_with_steps_and_join_the_bodies_of_the_parts_come_back_in_order(bench: Any):
    written = {
        "split": {
            "each": "$.lines",
            "steps": [
                {"filter": {"keep_if": "{{ body.sku != 'B' }}", "reason": "not ours"}},
                {"set": {"body": {"$.seen": "yes"}}},
            ],
            "join": {"into": "$.done"},
        }
    }

    outputs = bench.outputs(written, bench.message(LINES))

    assert [type(item) for item in outputs] == [End, Message]
    assert outputs[-1].body["done"] == [{"sku": "A", "seen": "yes"}, {"sku": "C", "seen": "yes"}]
    assert outputs[-1].id == "m1"


def test_an_empty_list_joins_to_an_empty_list(bench: Any):
    written = {"split": {"each": "$.lines", "steps": [{"log": "x"}], "join": {"into": "$.done"}}}

    assert bench.body(written, bench.message({"lines": []})) == {"lines": [], "done": []}


def test_with_steps_alone_the_whole_goes_on_once_as_it_was(bench: Any):
    order = bench.message(LINES)

    result = bench.run([{"split": {"each": "$.lines", "steps": [{"to": "wms"}]}}, {"to": "erp"}], order)

    assert [send.to for send in result.sends] == ["delivery/wms"] * 3 + ["delivery/erp"]


def test_each_part_may_ask_and_asks_under_its_own_name(bench: Any):
    written = {"split": {"each": "$.lines", "steps": [DEDUPE], "join": {"into": "$.lines"}}}

    body = bench.body(written, bench.message(LINES), b"first", b"duplicate", b"first")

    assert body == {"lines": [{"sku": "A"}, {"sku": "C"}]}
    assert len({asked.name for asked in bench.asked}) == 3


def test_parts_may_ask_in_the_rest_of_the_route_too(bench: Any):
    route = [{"split": {"each": "$.lines"}}, DEDUPE, {"to": "erp"}]

    result = bench.run(route, bench.message(LINES), b"first", b"duplicate", b"first")

    assert [send.message.body for send in result.sends] == [b'{"sku":"A"}', b'{"sku":"C"}']
    assert [end.outcome for end in result.ends] == ["duplicate"]


def test_what_is_no_list_is_an_error(bench: Any):
    with pytest.raises(ValidationError, match=r"\$.lines is not a list"):
        bench.outputs({"split": {"each": "$.lines"}}, bench.message({"lines": {"sku": "A"}}))


def test_too_many_parts_are_an_error_that_says_what_to_do(bench: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(split, "MOST_PARTS", 2)

    with pytest.raises(TooLargeError, match="3 parts, the limit is 2; cut it while it is read"):
        bench.outputs({"split": {"each": "$.lines"}}, bench.message(LINES))


def test_join_without_steps_is_refused(bench: Any):
    with pytest.raises(SpecError, match="nothing to join"):
        bench.spec({"split": {"each": "$.lines", "join": {"into": "$.lines"}}})


def test_lint_learns_the_steps_of_the_parts(bench: Any):
    ((name, steps),) = bench.spec({"split": {"each": "$.lines", "steps": [{"to": "wms"}]}}).branches()

    assert (name, [entry.name for entry in steps]) == ("each", ["to"])
    assert bench.spec({"split": {"each": "$.lines"}}).branches() == ()
