"""timer: a message at fixed times, by a period or a cron expression."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import Field, field_validator, model_validator

from esb.edge import Receipt
from esb.endpoints.schedule import Cron, Every, Missed, Schedule, due, next_time
from esb.endpoints.taking import take
from esb.envelope import encode_document
from esb.errors import EndpointError, EsbError, MessageError
from esb.ports import Intake, Source
from esb.specs import Duration, EndpointSpec, World

_LONGEST_SLEEP = 60.0
"""Seconds: the clock is read at least so often, for it may be set while we sleep."""
_LONGEST_PAUSE = 60.0


class Timer(EndpointSpec):
    """Makes a message at fixed times."""

    receives: ClassVar[bool] = True
    type: Literal["timer"]
    every: Duration | None = Field(None, ge=0.1, description="A period: 15m. Times are its multiples since 1970.")
    cron: str | None = Field(None, description='A cron expression: "0 6 * * MON-FRI".')
    timezone: str = Field("UTC", description="The zone of the cron expression: Europe/Berlin.")
    missed: Missed = Field("run_once", description="What happens with times that passed while nothing ran.")
    overlap: Literal["queue", "forbid"] = Field(
        "queue", description="A time that comes while the last one's work is under way: made all the same, or skipped."
    )

    @field_validator("cron")
    @classmethod
    def _readable(cls, cron: str | None) -> str | None:
        try:
            if cron is not None:
                next(CronSim(cron, datetime.now(UTC)))
        except CronSimError as error:
            raise ValueError(f"{error}; write minute hour day month weekday") from error
        except StopIteration:
            raise ValueError("this date never comes") from None
        return cron

    @field_validator("timezone")
    @classmethod
    def _known(cls, timezone: str) -> str:
        if timezone not in available_timezones():
            raise ValueError("unknown time zone; write its IANA name: Europe/Berlin, UTC")
        return timezone

    @model_validator(mode="after")
    def _one_schedule(self) -> Timer:
        if (self.every is None) == (self.cron is None):
            raise ValueError("write either every or cron")
        return self

    def source(self, name: str, world: World) -> Source:
        """Return what makes the messages."""
        schedule = Cron(self.cron, self.timezone) if self.cron is not None else Every(self.every or 0.0)
        zone = self.timezone if self.cron is not None else "UTC"
        return TimerSource(Timing(name, schedule, self.missed, zone, self.partner, self.overlap == "forbid"), world)


@dataclass(frozen=True, slots=True)
class Timing:
    """What a timer does."""

    name: str
    schedule: Schedule
    missed: Missed
    zone: str = "UTC"
    partner: str = ""
    alone: bool = False
    """Whether a time is skipped while something of the last one is still on its way."""


class TimerSource:
    """Makes a message for each due time. Its key is that time: twins in other processes are recognised by the intake.

    How far it came is written down after each take; a crash in between runs the same time again with the same key.
    """

    def __init__(self, timing: Timing, world: World) -> None:
        self._timing = timing
        self._world = world
        self._failures = 0
        self._last = ""
        """The message of the last time."""

    async def run(self, intake: Intake, once: bool) -> None:
        """Run until cancelled; with `once` until nothing is left of what was due at the start.

        Raises:
            EsbError: Only with `once`: the bus could not take it.
        """
        start, settled = self._world.clock.now(), self._settled()
        while True:
            before = settled
            settled = await self._run_due(intake, settled, start if once else self._world.clock.now(), once)
            if not once:
                await self._world.clock.sleep(self._pause(settled))
            elif settled == before:
                return

    async def check(self) -> str:
        """Say when it runs next. Raises EndpointError if it never will."""
        at = next_time(self._timing.schedule, self._world.clock.now())
        if at is None:
            raise EndpointError("its time never comes again; write another schedule")
        zone = UTC if self._timing.zone == "UTC" else ZoneInfo(self._timing.zone)
        return f"runs next at {datetime.fromtimestamp(at, zone).isoformat(timespec='seconds')}"

    async def _run_due(self, intake: Intake, settled: float, now: float, once: bool) -> float:
        """Run what is due by now and return the moment up to which all is settled."""
        timing = self._timing
        times, reached = due(timing.schedule, settled, now, timing.missed)
        try:
            for at in times:
                if not await self._overlaps(at):
                    await self._emit(intake, at)
                settled = at
                self._write(settled)
        except EsbError as error:
            if once:
                raise
            self._failures += 1
            self._world.log.warning("timer.postponed", endpoint=timing.name, reason=str(error))
            return settled
        self._failures = 0
        if reached > settled:
            self._write(reached)
        return reached

    async def _overlaps(self, at: float) -> bool:
        """Return whether a time is to be skipped because the work of the last one is not done."""
        if not (self._timing.alone and self._last) or not await self._world.under_way(self._last):
            return False
        text = datetime.fromtimestamp(at, UTC).isoformat()
        self._world.log.warning("timer.skipped", endpoint=self._timing.name, scheduled_at=text, message=self._last)
        return True

    async def _emit(self, intake: Intake, at: float) -> None:
        zone = UTC if self._timing.zone == "UTC" else ZoneInfo(self._timing.zone)
        text = datetime.fromtimestamp(at, zone).isoformat()
        body = encode_document({"scheduled_at": text, "name": self._timing.name})
        receipt = Receipt(
            endpoint=self._timing.name,
            key=datetime.fromtimestamp(at, UTC).isoformat(),
            digest=sha256(body).hexdigest(),
            chunks=_Document(body),
            partner=self._timing.partner,
        )
        try:
            accepted = await take(intake, receipt, self._world.log)
        except MessageError as error:  # this time will never be taken; the next ones may
            self._world.log.error("timer.refused", endpoint=self._timing.name, scheduled_at=text, reason=str(error))
            return
        self._last = accepted.message_id
        event = "timer.repeated" if accepted.repeated else "timer.fired"
        self._world.log.info(event, endpoint=self._timing.name, scheduled_at=text, message=accepted.message_id)

    def _pause(self, settled: float) -> float:
        if self._failures:
            return min(_LONGEST_PAUSE, 2.0 ** min(self._failures, 6))
        at = next_time(self._timing.schedule, settled)
        if at is None:
            return _LONGEST_SLEEP
        return min(max(at - self._world.clock.now(), 0.0), _LONGEST_SLEEP)

    @property
    def _file(self) -> Path:
        return self._world.state / "timers" / f"{self._timing.name}.json"

    def _settled(self) -> float:
        """Return how far this timer came; one that never ran begins now."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            kept = json.loads(self._file.read_text())
            self._last = str(kept.get("message", ""))
            return float(kept["settled"])
        now = self._world.clock.now()
        self._write(now)
        return now

    def _write(self, settled: float) -> None:
        """Remember how far it came; a lost write only means that a time is run again, with the same key."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            aside = self._file.with_suffix(f".{os.getpid()}.tmp")
            aside.write_text(json.dumps({"settled": settled, "message": self._last}))
            aside.replace(self._file)
        except OSError as error:
            self._world.log.warning("timer.state", endpoint=self._timing.name, reason=str(error))


class _Document:
    """The document as chunks, as often as it is read."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body
