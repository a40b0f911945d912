from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from esb.message import Send


def test_the_event_carries_the_body_and_the_message_goes_on(bench: Any):
    order = bench.message({"order": "4711"})

    assert bench.outputs({"publish": "order.accepted"}, order) == [
        Send("event/order.accepted", order, "publish"),
        order,
    ]


def test_the_event_may_carry_something_else(bench: Any):
    order = bench.message({"order": {"number": "4711"}})

    sent, goes_on = bench.outputs({"publish": {"event": "order.accepted", "body": "$.order"}}, order)

    assert sent.message.body == {"number": "4711"}
    assert goes_on is order


def test_a_pattern_is_no_event(bench: Any):
    with pytest.raises(ValidationError, match="names many events"):
        bench.spec({"publish": "order.*"})


def test_lint_learns_the_address(bench: Any):
    assert bench.spec({"publish": "order.accepted"}).destinations() == ("event/order.accepted",)
