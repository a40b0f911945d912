import re

from hypothesis import given
from hypothesis import strategies as st

from esb.routes.rules.flow import rings
from esb.routes.rules.names import topic_matches

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=5)
PATTERNS = st.lists(st.sampled_from(["a", "b", "c", "*", "#"]), min_size=1, max_size=5)


@given(PATTERNS, WORDS)
def test_a_topic_pattern_takes_what_amqp_says(pattern, words):
    expression = "".join({"*": r"[^.]+\.", "#": r"([^.]+\.)*"}.get(word, rf"{word}\.") for word in pattern)

    expected = re.fullmatch(expression, "".join(f"{word}." for word in words)) is not None

    assert topic_matches(".".join(pattern), ".".join(words)) is expected


def test_rings_are_found_once_and_begin_with_their_first_name():
    ways = {"c": ("a",), "a": ("b",), "b": ("c", "d"), "d": ("d",), "e": ("a",)}

    assert rings(ways) == [("a", "b", "c"), ("d",)]


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3).map(tuple)))
def test_a_ring_is_found_exactly_where_something_leads_back_to_itself(ways):
    found = {name for ring in rings(ways) for name in ring}

    expected = {name for name in ways if name in reached(ways, name)}
    assert found <= expected
    assert bool(found) == bool(expected)


def reached(ways, start):
    seen, stack = set(), [start]
    while stack:
        fresh = [name for name in ways.get(stack.pop(), ()) if name not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return seen
