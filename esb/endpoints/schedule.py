"""Schedules: when a timer is due. Pure: times are POSIX seconds, handed in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Literal, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from cronsim import CronSim

Missed: TypeAlias = Literal["run_once", "skip", "run_all"]

LATE = 60.0
"""Seconds after which a time counts as missed even if the next one has not come."""
MOST = 10_000
"""Missed times that are caught up in one round; the rest follows in the next."""


class Schedule(Protocol):
    """Gives the times that are due."""

    def after(self, moment: float) -> Iterator[float]:
        """Yield the due times later than a moment, in order."""
        ...

    def latest(self, moment: float) -> float | None:
        """Return the last due time that is not later than a moment."""
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

    def latest(self, moment: float) -> float | None:
        """Return the last due time that is not later than a moment."""
        step = round(self.period * 1000)
        return int(moment * 1000 // step) * step / 1000


@dataclass(frozen=True, slots=True)
class Cron:
    """Due by a cron expression in a time zone; on days of clock change as Debian's cron does it."""

    expression: str
    zone: str = "UTC"

    def after(self, moment: float) -> Iterator[float]:
        """Yield the due times later than a moment, in order; it ends if the expression never comes true again."""
        for at in self._times(moment, reverse=False):
            if at > moment:
                yield at

    def latest(self, moment: float) -> float | None:
        """Return the last due time that is not later than a moment, or None if there was none for 50 years."""
        # A second more, for a moment that is itself due: the iteration begins behind where it stands.
        return next((at for at in self._times(moment + 1, reverse=True) if at <= moment), None)

    def _times(self, moment: float, reverse: bool) -> Iterator[float]:
        zone = UTC if self.zone == "UTC" else ZoneInfo(self.zone)
        for found in CronSim(self.expression, datetime.fromtimestamp(moment, zone), reverse=reverse):
            yield found.timestamp()


def due(schedule: Schedule, settled: float, now: float, missed: Missed) -> tuple[list[float], float]:
    """Return the times to run now, in order, and the moment up to which the schedule is settled with them.

    `settled`: up to when it was settled before. A time is missed if a later one is due too, or if it is more than
    LATE seconds ago: the process was down or asleep. With `run_all` there may be more than the MOST that are returned.
    """
    latest = schedule.latest(now)
    if latest is None or latest <= settled:
        return [], settled
    if missed == "run_all":
        times = list(islice(takewhile(lambda at: at <= now, schedule.after(settled)), MOST))
        return times, times[-1] if times else latest
    if missed == "skip" and now - latest > LATE:
        return [], latest
    return [latest], latest


def next_time(schedule: Schedule, moment: float) -> float | None:
    """Return the first due time after a moment, or None if there will be none."""
    return next(schedule.after(moment), None)
