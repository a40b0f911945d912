from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError as SpecError

from esb.errors import TooLargeError, ValidationError


def test_values_go_into_a_copy_of_the_body(bench: Any):
    body = {"order": {"number": "4711"}}

    made = bench.body({"set": {"body": {"$.order.total": "{{ 2 }}", "$.ship.zip": "0024"}}}, bench.message(body))

    assert made == {"order": {"number": "4711", "total": 2}, "ship": {"zip": "0024"}}
    assert body == {"order": {"number": "4711"}}


def test_every_value_sees_the_message_as_it_came(bench: Any):
    swap = {"set": {"body": {"$.a": "$.b", "$.b": "$.a"}}}

    assert bench.body(swap, bench.message({"a": "1", "b": "2"})) == {"a": "2", "b": "1"}


def test_headers_are_text_and_null_leaves_one_out(bench: Any):
    written = {"set": {"headers": {"qty": "$.qty", "gift": "$.gift", "note": "$.note"}}}
    order = bench.message({"qty": Decimal("1.50"), "gift": True, "note": None}, headers={"came": "before"})

    (made,) = bench.outputs(written, order)

    assert made.headers == {"came": "before", "qty": "1.50", "gift": "true"}
    assert made.body is order.body


@pytest.mark.parametrize("name", ["part-number", "esb-id", "x-esb-id", "authorization", "Order", "order type", ""])
def test_reserved_and_unfit_header_names_are_refused(bench: Any, name: str):
    with pytest.raises(SpecError):
        bench.spec({"set": {"headers": {name: "x"}}})


@pytest.mark.parametrize("value", ["two\r\nlines", "bell\x07", {"a": 1}, ["x"]])
def test_what_cannot_be_a_header_is_an_error(bench: Any, value: Any):
    with pytest.raises(ValidationError, match="the header note"):
        bench.outputs({"set": {"headers": {"note": "$.note"}}}, bench.message({"note": value}))


def test_a_header_has_a_limit(bench: Any):
    with pytest.raises(TooLargeError, match="has 1001 characters, the limit is 1000"):
        bench.outputs({"set": {"headers": {"note": "$.note"}}}, bench.message({"note": "x" * 1001}))


def test_a_path_to_many_nodes_is_refused(bench: Any):
    with pytest.raises(SpecError, match="can select many nodes"):
        bench.spec({"set": {"body": {"$.lines[*].qty": "1"}}})


def test_setting_nothing_is_refused(bench: Any):
    with pytest.raises(SpecError, match="nothing is set"):
        bench.spec({"set": {}})


def test_the_sentence_names_what_is_set(bench: Any):
    spec = bench.spec({"set": {"body": {"$.a": "1"}, "headers": {"kind": "x"}}})

    assert spec.sentence() == "sets $.a, the header kind"
