"""Retry: how often, after which pauses and for how long at most; its schedule always ends."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from hashlib import blake2b
from itertools import chain, islice, repeat
from typing import Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from esb.plan import Failure
from esb.specs import Duration, Spec

MOST_ATTEMPTS = 10_000
"""More than anybody waits for; a larger number is a slip of the pen."""
LONGEST_REQUEST = 86400.0
"""Seconds of Retry-After that a receiver is believed."""


class Retry(Spec):
    """Try again after pauses that grow, then stop."""

    delays: tuple[Duration, ...] = Field(
        (), description="The pauses, one by one; the last repeats if attempts or give_up_after leave room."
    )
    first: Duration | None = Field(None, description="The first pause, instead of delays; the next ones grow.")
    factor: Decimal = Field(Decimal(2), ge=1, le=100, description="How many times the one before a pause lasts.")
    longest: Duration = Field(3600.0, description="No pause grows over this.")
    attempts: int | None = Field(None, ge=1, le=MOST_ATTEMPTS, description="Tries in all, the first included.")
    give_up_after: Duration | None = Field(None, description="The pauses add up to no more than this.")
    jitter: Decimal = Field(
        Decimal(0), ge=0, le=1, description="Lengthen pauses by up to this share, so that a crowd spreads: 0.2."
    )

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if bool(self.delays) == (self.first is not None):
            hint = "write delays: [1s, 10s, 1m], or first: 1s with factor, longest and attempts"
            raise PydanticCustomError("retry", "a retry has either 'delays' or 'first'", {"help": hint})
        if not self.delays and self.attempts is None and self.give_up_after is None:
            hint = "add attempts: 10 or give_up_after: 2h"
            raise PydanticCustomError("endless", "this retry never ends", {"help": hint})
        if min((self.first,) if self.first is not None else self.delays) <= 0 or self.longest <= 0:
            raise PydanticCustomError("retry", "a pause of 0s would spin", {"help": "write at least 1s"})
        if len(self.pauses()) >= MOST_ATTEMPTS:
            hint = "lengthen the pauses or lower attempts or give_up_after"
            raise PydanticCustomError(
                "endless", "this retry tries more than {most} times", {"most": MOST_ATTEMPTS, "help": hint}
            )
        return self

    def pauses(self) -> tuple[float, ...]:
        """Return the pauses in seconds, without jitter: pause n follows failed attempt n."""
        kept: list[float] = []
        total = 0.0
        for pause in islice(self._planned(), MOST_ATTEMPTS):
            total += pause
            if self.give_up_after is not None and total > self.give_up_after:
                break
            kept.append(pause)
        return tuple(kept)

    def _planned(self) -> Iterator[float]:
        if not self.delays:
            planned = self._growing(self.first or 0.0)
        elif self.attempts is None and self.give_up_after is None:
            planned = iter(self.delays)
        else:
            planned = chain(self.delays, repeat(self.delays[-1]))
        return planned if self.attempts is None else islice(planned, self.attempts - 1)

    def _growing(self, pause: float) -> Iterator[float]:
        factor = float(self.factor)
        while True:
            pause = min(pause, self.longest)
            yield pause
            pause *= factor

    def sentence(self) -> str:
        """Return how often and for how long, for `esb show` and lint: `6 attempts, gives up after 1h 11m`."""
        pauses = self.pauses()
        if not pauses:
            return "1 attempt"
        return f"{len(pauses) + 1} attempts, gives up after {spell(self.total())}"

    def total(self) -> float:
        """Return the seconds from the first attempt to the last at most, the attempts' own time aside.

        A receiver that asks for longer pauses (Retry-After) stretches it, each pause to at most a day.
        """
        return sum(self.pauses()) * (1 + float(self.jitter))


def pause_before_next(pauses: tuple[float, ...], jitter: float, failure: Failure) -> float | None:
    """Return the seconds to wait after this failure; None = the last attempt has failed.

    The jitter comes from a hash, never from chance: the same failure always waits equally long.
    """
    if failure.attempt > len(pauses):
        return None
    pause = pauses[max(failure.attempt, 1) - 1]
    if jitter:
        pause *= 1 + jitter * _share(failure)
    asked = min(failure.retry_after or 0.0, LONGEST_REQUEST)
    return max(pause, asked)


def _share(failure: Failure) -> float:
    """Return a number from 0 to 1 that this failure always has."""
    digest = blake2b(f"{failure.attempt} {failure.key} {failure.text}".encode(errors="replace"), digest_size=4)
    return int.from_bytes(digest.digest()) / 0xFFFFFFFF


def spell(seconds: float) -> str:
    """Return a duration for people, its two largest units: `1h 11m`, `3d`, `11s`, `250ms`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    rest = round(seconds)
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
        elif parts:
            break
    return " ".join(parts[:2])
