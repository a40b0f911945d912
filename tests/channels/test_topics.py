from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esb.channels.topics import matches

WORDS = st.lists(st.sampled_from(["a", "b", "order"]), min_size=1, max_size=5)
PATTERNS = st.lists(st.sampled_from(["a", "b", "*", "#"]), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [
        ("order.accepted", "order.accepted", True),
        ("order.accepted", "order", False),
        ("order.*", "order.accepted", True),
        ("order.*", "order", False),
        ("order.*", "order.a.b", False),
        ("order.#", "order", True),
        ("order.#", "order.a.b", True),
        ("#", "anything.at.all", True),
        ("#.late", "late", True),
        ("a.#.z", "a.z", True),
        ("a.#.z", "a.b.z.c.z", True),
        ("a.#.z", "a.b.z.c", False),
        ("orde.accepted", "order.accepted", False),
    ],
)
def test_a_pattern_matches_as_amqp_says(pattern: str, topic: str, expected: bool) -> None:
    assert matches(pattern, topic) is expected


@given(PATTERNS, WORDS)
def test_matching_agrees_with_a_regular_expression(pattern: list[str], words: list[str]) -> None:
    parts = {"*": r"[^.]+\.", "#": r"([^.]+\.)*"}
    expression = "".join(parts.get(part, rf"{part}\.") for part in pattern)

    expected = re.fullmatch(expression, "".join(f"{word}." for word in words)) is not None

    assert matches(".".join(pattern), ".".join(words)) is expected
