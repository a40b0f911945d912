"""A trading partner: schemas/partners/NAME.yaml, and what holds for their endpoints where those say nothing."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, ClassVar, Literal, get_args
from zoneinfo import available_timezones

from pydantic import ConfigDict, Field, field_validator

from esb.calendar import Calendar
from esb.formats.edi.overlay import Overlay
from esb.formats.edi.parties import Ids
from esb.specs import Duration, EndpointName, PolicyName, Spec

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEK: tuple[str, ...] = get_args(Weekday)
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_EVERY_YEAR = re.compile(r"(\d\d)-(\d\d)")
_A_LEAP_YEAR = 2024


class Expect(Spec):
    """What a partner owes us, and when it is late."""

    ack: Duration | None = Field(
        None, description="How soon they acknowledge what we send (997, 999, CONTRL), e.g. 24h; later it is overdue."
    )


class CalendarSpec(Spec):
    """When a partner works: only that time counts where they owe us something."""

    days: tuple[Weekday, ...] = Field(("mon", "tue", "wed", "thu", "fri"), min_length=1, description="Working days.")
    hours: str = Field("00:00-24:00", description="Working hours by their clocks: 08:00-17:00.")
    timezone: str = Field("UTC", description="Where their clocks are: Europe/Berlin.")
    holidays: tuple[Annotated[str, Field(pattern=r"^(\d{4}-)?\d\d-\d\d$")], ...] = Field(
        (), max_length=1000, description="Days off: 2026-12-24, or 12-25 for every year."
    )

    @field_validator("hours")
    @classmethod
    def _hours(cls, hours: str) -> str:
        opens, closes = _clock(hours)
        if not opens < closes <= 86_400:
            raise ValueError("write when work begins and when it ends on the same day: 08:00-17:00")
        return hours

    @field_validator("timezone")
    @classmethod
    def _known(cls, timezone: str) -> str:
        if timezone not in available_timezones():
            raise ValueError("unknown time zone; write its IANA name: Europe/Berlin, UTC")
        return timezone

    @field_validator("holidays")
    @classmethod
    def _dates(cls, holidays: tuple[str, ...]) -> tuple[str, ...]:
        for text in holidays:
            try:
                date.fromisoformat(f"{_A_LEAP_YEAR}-{text}" if _EVERY_YEAR.fullmatch(text) else text)
            except ValueError:
                raise ValueError(f"{text} is no date; write 2026-12-24, or 12-25 for every year") from None
        return holidays

    def build(self) -> Calendar:
        """Return the calendar."""
        opens, closes = _clock(self.hours)
        yearly = [tuple(map(int, text.split("-"))) for text in self.holidays if _EVERY_YEAR.fullmatch(text)]
        return Calendar(
            days=frozenset(_WEEK.index(day) for day in self.days),
            opens=opens,
            closes=closes,
            zone=self.timezone,
            holidays=frozenset(date.fromisoformat(text) for text in self.holidays if not _EVERY_YEAR.fullmatch(text)),
            yearly=frozenset((month, day) for month, day in yearly),
        )


def _clock(hours: str) -> tuple[int, int]:
    """Return when work begins and ends, in seconds of the day; what cannot be read ends before it begins."""
    found = _HOURS.fullmatch(hours)
    if found is None:
        return 1, 0
    first, begins, last, ends = map(int, found.groups())
    return first * 3600 + begins * 60, last * 3600 + ends * 60


class PartnerSpec(Spec):
    """A trading partner: schemas/partners/NAME.yaml."""

    model_config: ClassVar[ConfigDict] = ConfigDict(title="esb partner")
    description: str = Field("", description="Who they are.")
    owner: str = Field("", description="Who looks after this partner, and after their endpoints without `owner`.")
    retry: PolicyName | None = Field(None, description="The named policy of their endpoints without `retry`.")
    ids: Ids = Field(
        default_factory=dict,
        description="How they call themselves, one or several: isa, gs, unb (EDI of others is refused), gln, as2.",
    )
    acknowledge_to: EndpointName | None = Field(None, description="The endpoint that gets our acknowledgments.")
    expect: Expect | None = Field(None, description="What they owe us, and when it is late.")
    calendar: CalendarSpec | None = Field(None, description="When they work; without it all time counts.")
    edi: Overlay | None = Field(None, description="What is otherwise than in the EDI standards, for their endpoints.")
    contacts: dict[str, str] = Field(default_factory=dict, description="Whom to ask, by subject.")
