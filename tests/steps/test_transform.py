from __future__ import annotations

from typing import Any

from esb.message import BusinessKey


def test_body_and_format_come_from_the_transform(bench: Any):
    bench.transforms = {"to-csv": lambda message: (f"{message.body['a']};1", "csv")}

    (made,) = bench.outputs({"transform": "to-csv"}, bench.message({"a": "x"}))

    assert (made.body, made.format) == ("x;1", "csv")


def test_the_business_keys_are_read_again_from_the_new_body(bench: Any):
    bench.transforms = {"rename": lambda message: ({"number": message.body["po"]}, "json")}
    bench.key_of = lambda message: (BusinessKey("order", message.body["number"]),)

    (made,) = bench.outputs({"transform": "rename"}, bench.message({"po": "4711"}))

    assert made.keys == (BusinessKey("order", "4711"),)
