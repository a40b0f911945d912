from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from esb.errors import BusyError, TooLargeError, ValidationError
from esb.message import Ask, End, ask_name

ONCE = {"deduplicate": {"key": "{{ body.number }}", "keep": "30d"}}


def test_the_key_is_asked_for_in_the_space_of_the_route(bench: Any):
    order = bench.message({"number": "4711"})

    bench.run([ONCE], order, b"first")

    (asked,) = bench.asked
    assert asked.ask == Ask("keys", "orders", {"key": "4711", "keep": 30 * 86400.0}, stateful=True)
    assert asked.name == ask_name("orders", order, "deduplicate", 0)


def test_routes_may_share_a_space(bench: Any):
    written = {"deduplicate": {"key": "$.number", "keep": "1d", "space": "all-orders"}}

    bench.run([written], bench.message({"number": "4711"}), b"first")

    assert bench.asked[0].ask.target == "all-orders"


def test_the_first_goes_on(bench: Any):
    order = bench.message({"number": "4711"})

    assert bench.outputs(ONCE, order, b"first") == [order]


def test_a_duplicate_ends_with_a_reason_that_names_the_key(bench: Any):
    order = bench.message({"number": "4711"})

    outputs = bench.outputs(ONCE, order, b"duplicate")

    assert outputs == [End("duplicate", "the key '4711' came before in orders", "deduplicate", order)]


def test_a_twin_under_way_is_waited_for(bench: Any):
    with pytest.raises(BusyError) as busy:
        bench.outputs(ONCE, bench.message({"number": "4711"}), b"wait")

    assert busy.value.retry_after == 1


@pytest.mark.parametrize(("key", "text"), [(7, "7"), (Decimal("7.0"), "7.0"), ("007", "007")])
def test_numbers_are_keys_as_they_are_written(bench: Any, key: Any, text: str):
    bench.outputs({"deduplicate": {"key": "$.n", "keep": "1d"}}, bench.message({"n": key}), b"first")

    assert bench.asked[0].request["key"] == text


@pytest.mark.parametrize("key", [None, "", True, {"a": 1}, ["x"]])
def test_what_is_no_key_is_an_error(bench: Any, key: Any):
    with pytest.raises(ValidationError, match="must be a text or a number"):
        bench.outputs({"deduplicate": {"key": "$.n", "keep": "1d"}}, bench.message({"n": key}))


def test_a_key_has_a_limit(bench: Any):
    with pytest.raises(TooLargeError, match="has 1001 characters"):
        bench.outputs({"deduplicate": {"key": "$.n", "keep": "1d"}}, bench.message({"n": "x" * 1001}))
