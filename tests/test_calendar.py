"""Working time: weekends, holidays, nights and changes of the clock do not count."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esb.calendar import DAY, Calendar, deadline, works

H = 3600
OFFICE = Calendar(opens=8 * H, closes=17 * H)
BERLIN = Calendar(opens=8 * H, closes=17 * H, zone="Europe/Berlin")


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("calendar", "begins", "hours", "ends"),
    [
        (OFFICE, "2026-11-18 09:00", 2, "2026-11-18 11:00"),  # a Wednesday
        (OFFICE, "2026-11-18 16:00", 2, "2026-11-19 09:00"),  # over night
        (OFFICE, "2026-11-18 15:00", 2, "2026-11-18 17:00"),  # the end of a day is that end
        (OFFICE, "2026-11-18 03:00", 1, "2026-11-18 09:00"),  # before work begins
        (OFFICE, "2026-11-18 22:00", 1, "2026-11-19 09:00"),  # after it has ended
        (OFFICE, "2026-11-20 16:00", 2, "2026-11-23 09:00"),  # over a weekend
        (OFFICE, "2026-11-21 12:00", 1, "2026-11-23 09:00"),  # a Saturday
        (OFFICE, "2026-11-18 09:00", 18, "2026-11-20 09:00"),  # two working days
        (Calendar(), "2026-11-20 18:00", 24, "2026-11-23 18:00"),  # whole days, Monday to Friday
        (Calendar(days=frozenset(range(7))), "2026-11-20 18:00", 24, "2026-11-21 18:00"),
        (Calendar(holidays=frozenset({date(2026, 12, 24)})), "2026-12-23 12:00", 24, "2026-12-25 12:00"),
        (Calendar(yearly=frozenset({(12, 25), (12, 26)})), "2026-12-24 12:00", 24, "2026-12-28 12:00"),
    ],
)
def test_only_working_time_counts(calendar: Calendar, begins: str, hours: int, ends: str) -> None:
    assert deadline(calendar, at(begins), hours * H) == at(ends)


@pytest.mark.parametrize(
    ("begins", "hours", "ends"),
    [
        ("2026-03-27 16:00", 2, "2026-03-30 09:00"),  # clocks go forward in the night to Sunday
        ("2026-10-23 16:00", 2, "2026-10-26 09:00"),  # and back
        ("2026-07-01 16:00", 10, "2026-07-02 17:00"),
    ],
)
def test_hours_are_those_that_the_partner_s_clocks_show(begins: str, hours: int, ends: str) -> None:
    assert deadline(BERLIN, at(begins, "Europe/Berlin"), hours * H) == at(ends, "Europe/Berlin")


def test_a_day_on_which_clocks_change_lasts_as_long_as_it_lasts() -> None:
    always = Calendar(days=frozenset(range(7)), zone="Europe/Berlin")

    assert deadline(always, at("2026-03-28 12:00", "Europe/Berlin"), 24 * H) == at("2026-03-29 13:00", "Europe/Berlin")


def test_who_never_works_again_has_a_deadline_that_never_comes() -> None:
    assert deadline(Calendar(days=frozenset()), 0.0, 1.0) > 99 * 365 * DAY


CALENDARS = st.builds(
    Calendar,
    days=st.frozensets(st.integers(0, 6), min_size=1),
    opens=st.integers(0, 12 * H),
    closes=st.integers(12 * H + 1, DAY),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]),
    holidays=st.frozensets(st.dates(date(2026, 1, 1), date(2027, 1, 1)), max_size=20),
)
MOMENTS = st.floats(1_767_225_600, 1_800_000_000).map(round)


@given(CALENDARS, MOMENTS, st.integers(1, 20 * DAY))
def test_a_deadline_lies_in_working_time_and_no_earlier_than_all_time_would_say(
    calendar: Calendar, begins: int, within: int
) -> None:
    found = deadline(calendar, begins, within)

    zone = UTC if calendar.zone == "UTC" else ZoneInfo(calendar.zone)
    moment = datetime.fromtimestamp(found, zone) - timedelta(seconds=1)
    assert found >= begins + within
    assert works(calendar, moment.date())


@given(CALENDARS, MOMENTS, st.integers(1, 5 * DAY), st.integers(1, 5 * DAY))
def test_waiting_on_from_a_deadline_is_waiting_longer_from_the_start(
    calendar: Calendar, begins: int, first: int, second: int
) -> None:
    assert deadline(calendar, deadline(calendar, begins, first), second) == deadline(calendar, begins, first + second)
