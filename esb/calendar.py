"""Working time: when a partner is at work, and by when something must have come if only that time counts."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from msgspec import Struct

DAY = 86_400
_MOST_DAYS = 36_600
"""Days that are looked at, a hundred years: a deadline behind them is none."""


class Calendar(Struct, frozen=True):
    """When somebody works. `days`: 0 = Monday; `opens`, `closes`: seconds of the day, by the clocks of `zone`.

    `holidays` are dates; `yearly` are (month, day), every year.
    """

    days: frozenset[int] = frozenset(range(5))
    opens: int = 0
    closes: int = DAY
    zone: str = "UTC"
    holidays: frozenset[date] = frozenset()
    yearly: frozenset[tuple[int, int]] = frozenset()


def deadline(calendar: Calendar, at: float, within: float) -> float:
    """Return the moment (POSIX time) by which `within` seconds of working time have passed since `at`.

    A day on which clocks change has as many seconds as it really lasts. A deadline at the end of a working day is that
    end, not the next morning; what begins out of hours counts from when work begins.
    """
    zone: tzinfo = UTC if calendar.zone == "UTC" else ZoneInfo(calendar.zone)
    today, left = datetime.fromtimestamp(at, zone).date(), within
    for number in range(_MOST_DAYS):
        day = today + timedelta(days=number)
        if not works(calendar, day):
            continue
        begins, ends = max(at, _moment(day, calendar.opens, zone)), _moment(day, calendar.closes, zone)
        if left <= ends - begins:
            return begins + left
        left -= max(0.0, ends - begins)
    return at + _MOST_DAYS * DAY


def works(calendar: Calendar, day: date) -> bool:
    """Return whether it is a working day."""
    free = day in calendar.holidays or (day.month, day.day) in calendar.yearly
    return day.weekday() in calendar.days and not free


def _moment(day: date, seconds: int, zone: tzinfo) -> float:
    """Return when the clocks show a time of day; of two such moments the first, of none the one after the gap."""
    whole, rest = divmod(seconds, DAY)
    shown = time(rest // 3600, rest // 60 % 60, rest % 60)
    return datetime.combine(day + timedelta(days=whole), shown, zone).timestamp()
