from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from esb.plan import Failure
from esb.policies.retry import LONGEST_REQUEST, MOST_ATTEMPTS, Retry, pause_before_next, spell


def failed(attempt: int, retry_after: float | None = None, text: str = "503") -> Failure:
    return Failure("transient", text, attempt, retry_after)


@pytest.mark.parametrize(
    ("written", "pauses"),
    [
        ({"delays": ["1s", "10s", "1m"]}, (1, 10, 60)),
        ({"delays": ["1s", "10s"], "attempts": 5}, (1, 10, 10, 10)),
        ({"delays": ["1s", "10s"], "attempts": 2}, (1,)),
        ({"delays": ["1s", "10s"], "give_up_after": "35s"}, (1, 10, 10, 10)),
        ({"delays": ["1s", "10s"], "attempts": 3, "give_up_after": "1h"}, (1, 10)),
        ({"first": "1s", "attempts": 5}, (1, 2, 4, 8)),
        ({"first": "1s", "factor": "10", "longest": "1m", "attempts": 5}, (1, 10, 60, 60)),
        ({"first": "10s", "factor": "1", "give_up_after": "35s"}, (10, 10, 10)),
        ({"first": "1m", "give_up_after": "30s"}, ()),
        ({"first": "1s", "attempts": 1}, ()),
    ],
)
def test_the_pauses_are_what_was_written(written: dict[str, Any], pauses: tuple[float, ...]):
    retry = Retry.model_validate(written)

    assert retry.pauses() == pauses


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ({"first": "1s"}, "never ends"),
        ({"attempts": 3}, "either 'delays' or 'first'"),
        ({"delays": ["1s"], "first": "1s", "attempts": 3}, "either 'delays' or 'first'"),
        ({"delays": ["0s"]}, "would spin"),
        ({"first": "1s", "longest": "0s", "attempts": 3}, "would spin"),
        ({"first": "1s", "factor": "1", "give_up_after": "30d"}, f"more than {MOST_ATTEMPTS} times"),
        ({"first": "1s", "factor": "0.5", "attempts": 3}, "greater than or equal to 1"),
        ({"first": "1s", "attempts": 10_001}, "less than or equal to 10000"),
        ({"delays": ["soon"]}, "not a duration"),
    ],
)
def test_a_retry_that_cannot_work_is_refused_with_what_to_write(written: dict[str, Any], text: str):
    with pytest.raises(ValidationError) as refused:
        Retry.model_validate(written)

    assert text in str(refused.value)


def test_after_the_last_pause_there_is_no_next_attempt():
    pauses = (1.0, 10.0)

    assert [pause_before_next(pauses, 0, failed(attempt)) for attempt in (1, 2, 3, 4)] == [1.0, 10.0, None, None]


@pytest.mark.parametrize(("asked", "pause"), [(None, 10), (3, 10), (30, 30), (1e9, LONGEST_REQUEST), (-5, 10)])
def test_a_receiver_may_ask_for_a_longer_pause_but_not_for_more_than_a_day(asked: float | None, pause: float):
    assert pause_before_next((10.0,), 0, failed(1, retry_after=asked)) == pause


@given(st.text(), st.integers(1, 5))
def test_jitter_lengthens_by_its_share_at_most_and_is_the_same_each_time(text: str, attempt: int):
    pauses = (1.0, 10.0, 10.0, 60.0, 600.0)

    pause = pause_before_next(pauses, 0.2, failed(attempt, text=text))

    assert pause is not None
    assert pauses[attempt - 1] <= pause <= pauses[attempt - 1] * 1.2
    assert pause == pause_before_next(pauses, 0.2, failed(attempt, text=text))


def test_jitter_spreads_different_failures():
    pauses = {pause_before_next((100.0,), 0.5, failed(1, text=f"order {number}")) for number in range(50)}

    assert len(pauses) > 40


def test_the_sentence_says_how_often_and_how_long():
    retry = Retry.model_validate({"delays": ["1s", "10s", "1m", "10m", "1h"]})

    assert retry.sentence() == "6 attempts, gives up after 1h 11m"


def test_the_total_holds_the_longest_jitter():
    retry = Retry.model_validate({"delays": ["10s", "10s"], "jitter": "0.5"})

    assert retry.jitter == Decimal("0.5")
    assert retry.total() == 30


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.25, "250ms"),
        (11, "11s"),
        (60, "1m"),
        (4271, "1h 11m"),
        (3600, "1h"),
        (3601, "1h"),
        (259200, "3d"),
    ],
)
def test_durations_are_spelled_for_people(seconds: float, text: str):
    assert spell(seconds) == text
