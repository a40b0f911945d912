"""Durations, sizes and rates carry units."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from esb.specs import read_duration, read_rate, read_size


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("30s", 30), ("1h30m", 5400), ("7d", 604_800), ("0s", 0), ("1.5h", 5400)]
)
def test_a_duration_is_a_number_of_seconds(text, seconds):
    assert read_duration(text) == seconds


@pytest.mark.parametrize(("text", "count"), [("64KB", 64_000), ("10MiB", 10 * 2**20), ("1 GB", 10**9), ("17B", 17)])
def test_a_size_is_a_number_of_bytes(text, count):
    assert read_size(text) == count


@pytest.mark.parametrize(("text", "rate"), [("50/s", (50, 1)), ("600/m", (600, 60)), ("1/d", (1, 86_400))])
def test_a_rate_is_calls_in_seconds(text, rate):
    assert read_rate(text) == rate


@pytest.mark.parametrize("read", [read_duration, read_size, read_rate])
@pytest.mark.parametrize("given_value", ["", "30", 30, None, True, "s30", "30 parsecs", "-1s", "30s ", "0/s", ["30s"]])
def test_anything_else_says_what_to_write(read, given_value):
    with pytest.raises(PydanticCustomError) as refused:
        read(given_value)

    assert refused.value.context["help"].startswith("write ")


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from(["ms", "s", "m", "h", "d"])), min_size=1, max_size=4))
def test_a_duration_of_parts_is_the_sum_of_its_parts(parts):
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}

    seconds = read_duration("".join(f"{count}{unit}" for count, unit in parts))

    assert seconds == pytest.approx(sum(count * units[unit] for count, unit in parts))
