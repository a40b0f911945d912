"""Schedules: when a timer is due. Pure: times are POSIX seconds, handed in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from cronsim import CronSim

Missed: TypeAlias = Literal["run_once", "skip", "run_all"]

LATE = 60.0
"""Seconds after which a time counts as missed even if the next one has not come."""
MOST = 10_000
"""Missed times that are caught up at once; the rest follows in the next round."""


class Schedule(Protocol):
    """Gives the times that are due."""

    def after(self, moment: float) -> Iterator[float]:
        """Yield the due times later than a moment, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Due at the multiples of a period since 1970, so that every start of every process gives the same times."""

    period: float

    def after(self, moment: float) -> Iterator[float]:
        """Yield the due times later than a moment, in order."""
        step = round(self.period * 1000)  # whole milliseconds: sums of floats would drift
        number = int(moment * 1000 // step)
        while True:
            number += 1
            if number * step / 1000 > moment:
                yield number * step / 1000


@dataclass(frozen=True, slots=True)
class Cron:
    """Due by a cron expression in a time zone; on days of clock change as Debian's cron does it."""

    expression: str
    zone: str = "UTC"

    def after(self, moment: float) -> Iterator[float]:
        """Yield the due times later than a moment, in order; it ends if the expression never comes true again."""
        zone = UTC if self.zone == "UTC" else ZoneInfo(self.zone)
        for due in CronSim(self.expression, datetime.fromtimestamp(moment, zone)):
            at = due.timestamp()
            if at > moment:
                yield at


def due(schedule: Schedule, last: float, now: float, missed: Missed) -> tuple[list[float], float]:
    """Return the times to run now, in order, and the moment up to which the schedule is settled with them.

    `last`: the moment up to which it was settled before. A time is missed if a later one is due too, or if it is more
    than LATE seconds ago: the process was down or asleep.
    """
    times: list[float] = []
    for at in schedule.after(last):
        if at > now or len(times) == MOST:
            break
        times.append(at)
    if not times:
        return [], last
    if missed == "run_all":
        return times, times[-1]
    if missed == "skip" and now - times[-1] > LATE:
        return [], times[-1]
    # More than MOST were missed: the one to run is the last of all, which a later round will find.
    return (times[-1:] if len(times) < MOST else []), times[-1]


def next_time(schedule: Schedule, moment: float) -> float | None:
    """Return the first due time after a moment, or None if there will be none."""
    return next(schedule.after(moment), None)
