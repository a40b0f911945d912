from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from esb.plan import Breaker as Plan
from esb.runtime.breaker import Breaker, Rate

PLAN = Plan(ratio=0.5, least=4, pause=10.0)


def test_it_stays_closed_below_the_least_number_of_calls():
    breaker = Breaker(PLAN)

    for _ in range(3):
        breaker.failed(0.0)

    assert breaker.state == "closed"
    assert breaker.wait(0.0) == 0.0


def test_it_trips_on_the_ratio_and_lets_one_probe_go_after_the_pause():
    breaker = Breaker(PLAN)
    for _ in range(4):
        breaker.failed(0.0)

    assert breaker.state == "open"
    assert breaker.wait(0.25) == 0.75
    assert breaker.wait(1.0) == 0.0
    assert breaker.state == "probing"
    assert breaker.wait(1.0) > 0.0


def test_a_probe_that_passed_closes_it_and_one_that_failed_opens_it_again():
    breaker = Breaker(PLAN)
    for _ in range(4):
        breaker.failed(0.0)
    breaker.wait(1.0)
    breaker.failed(1.0)
    still_open = breaker.wait(2.0)
    breaker.wait(3.0)
    breaker.passed()

    assert still_open == 1.0
    assert breaker.state == "closed"
    assert breaker.wait(20.0) == 0.0


def test_as_many_refusals_in_a_row_as_no_message_explains_open_it_for_seconds_only():
    breaker = Breaker(Plan(refusals=3, slowly=4.0))
    states, pauses, now = [], [], 0.0
    for _ in range(3):
        breaker.refused(now, "401")
        states.append(breaker.state)
    for _ in range(4):
        pauses.append(breaker.wait(now))
        now += pauses[-1]
        assert breaker.wait(now) == 0.0
        breaker.refused(now, "401")

    assert states == ["closed", "closed", "open"]
    assert pauses == [1.0, 2.0, 4.0, 4.0]


def test_a_refusal_for_another_reason_is_about_its_message_and_begins_a_new_row():
    breaker = Breaker(Plan(refusals=3))
    for reason in ("401", "401", "no such customer", "401", "401"):
        breaker.refused(0.0, reason)
    before = breaker.state
    breaker.refused(0.0, "401")

    assert (before, breaker.state) == ("closed", "open")


def test_one_call_that_is_taken_ends_a_row_of_refusals():
    breaker = Breaker(Plan(refusals=3))
    for _ in range(3):
        breaker.refused(0.0, "401")
    breaker.wait(1.0)
    breaker.passed()
    for _ in range(2):
        breaker.refused(1.0, "401")

    assert breaker.state == "closed"
    assert breaker.wait(1.0) == 0.0


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 30)), max_size=200))
def test_whatever_happens_a_call_is_let_go_within_two_pauses(calls: list[tuple[bool, float]]):
    breaker, now = Breaker(PLAN), 0.0
    for good, later in calls:
        now += later
        if breaker.wait(now) == 0.0:
            if good:
                breaker.passed()
            else:
                breaker.failed(now)
    waited = 0.0
    while (seconds := breaker.wait(now + waited)) > 0.0:
        waited += seconds

    assert waited <= 2 * PLAN.pause


@given(st.integers(1, 50), st.lists(st.floats(0, 0.5), min_size=1, max_size=300))
def test_a_rate_never_lets_more_through_than_it_says(calls: int, gaps: list[float]):
    rate, now, times = Rate(calls, 1.0), 100.0, []
    for gap in gaps:
        now += gap
        times.append(now + rate.wait(now))

    for start in times:
        assert sum(start <= at < start + 1.0 for at in times) <= 2 * calls


def test_a_receiver_that_asks_for_a_pause_gets_it():
    rate = Rate(100, 1.0)
    rate.pause(60.0)

    assert rate.wait(50.0) >= 10.0
