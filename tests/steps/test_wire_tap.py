from __future__ import annotations

from typing import Any

from esb.message import Note, Send


def test_a_copy_is_sent_and_the_message_goes_on(bench: Any):
    order = bench.message({"qty": 1})

    sent, goes_on = bench.outputs({"wire_tap": "audit"}, order)

    assert isinstance(sent, Send)
    assert sent.to == "delivery/audit"
    assert goes_on is order


def test_without_its_condition_no_copy_is_sent(bench: Any):
    order = bench.message({"qty": 1})

    assert bench.outputs({"wire_tap": {"to": "audit", "when": "{{ body.qty > 5 }}"}}, order) == [order]


def test_a_copy_that_cannot_be_rendered_is_a_warning_and_the_message_goes_on(bench: Any):
    order = bench.message("unrenderable")

    note, goes_on = bench.outputs({"wire_tap": "audit"}, order)

    assert note == Note("wire_tap", "no copy was sent to delivery/audit: json: this cannot be rendered", "warning")
    assert goes_on is order


def test_lint_learns_the_address(bench: Any):
    assert bench.spec({"wire_tap": "audit"}).destinations() == ("delivery/audit",)
