from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from esb.message import Note
from esb.steps.log import LONGEST_LINE, line


def test_the_line_goes_into_the_trace_and_the_message_goes_on(bench: Any):
    order = bench.message({"number": "4711"})

    outputs = bench.outputs({"log": {"text": "order {{ body.number }}", "level": "warning"}}, order)

    assert outputs == [Note("log", "order 4711", "warning"), order]


def test_a_bare_text_is_an_info_line(bench: Any):
    assert bench.outputs({"log": "got here"}, bench.message({}))[0] == Note("log", "got here", "info")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("two\nlines", "two lines"),
        ({"price": Decimal("12.10")}, '{"price":12.10}'),
        (None, "null"),
        (b"\x00secret", "(7 bytes)"),
    ],
)
def test_any_value_becomes_one_line(value: Any, text: str):
    assert line(value) == text


def test_a_long_line_is_cut_and_says_so():
    assert line("x" * 2000) == "x" * LONGEST_LINE + "… (2000 characters)"
