"""Circuit Breaker and rate limit of one endpoint: pure state machines, time is handed in."""

from __future__ import annotations

from esb.plan import Breaker as BreakerPlan


class Breaker:
    """Trips on a ratio of failures, pauses, lets one call probe, and closes when the probe passes.

    The first pause is a second, and each probe that fails doubles it up to `pause`: a short outage costs little.
    """

    def __init__(self, plan: BreakerPlan) -> None:
        self._plan = plan
        self._good = self._bad = 0
        self._open_until = 0.0
        self._probing = False
        self._first = min(1.0, plan.pause)
        self._pause = self._first
        self._refused, self._reason = 0, ""

    @property
    def state(self) -> str:
        """Return `closed`, `open`, or `probing`."""
        if self._probing:
            return "probing"
        return "open" if self._open_until else "closed"

    def wait(self, now: float) -> float:
        """Return how many seconds a call must wait; 0 lets it go, and after a pause lets one probe go."""
        if not self._open_until:
            return 0.0
        if now < self._open_until:
            return self._open_until - now
        if self._probing:
            return self._first / 4
        self._probing = True
        return 0.0

    def passed(self) -> None:
        """Count a call that reached the receiver; a probe that passed closes the breaker."""
        if self._open_until:
            self._good = self._bad = 0
            self._pause = self._first
        self._open_until, self._probing, self._refused = 0.0, False, 0
        self._good += 1
        self._fade()

    def refused(self, now: float, reason: str) -> None:
        """Count a call that reached the receiver and was refused.

        Many in a row for one reason open it for a short while: the receiver wants something else than it did, or lets
        us in no more. Refusals for different reasons are about their messages, and stop nothing.
        """
        refused = self._refused + 1 if reason == self._reason else 1
        pause = min(self._pause, self._plan.slowly)
        self.passed()
        if refused >= self._plan.refusals:
            self._open_until, self._pause = now + pause, min(pause * 2, self._plan.slowly)
        self._refused, self._reason = refused, reason

    def failed(self, now: float) -> None:
        """Count a call that did not; trips at the ratio, and a probe that failed opens it again."""
        self._bad += 1
        calls = self._good + self._bad
        if self._probing or (calls >= self._plan.least and self._bad / calls >= self._plan.ratio):
            self._open_until, self._probing = now + self._pause, False
            self._pause = min(self._pause * 2, self._plan.pause)
        self._fade()

    def _fade(self) -> None:
        """Halve the counts now and then, so that an old hour does not outvote this minute."""
        if self._good + self._bad >= self._plan.least * 4:
            self._good //= 2
            self._bad //= 2


class Rate:
    """GCRA: so many calls in so many seconds, without bursts above that."""

    def __init__(self, calls: float, seconds: float) -> None:
        self._gap = seconds / calls
        self._burst = min(seconds, 1.0)
        self._next = 0.0

    def wait(self, now: float) -> float:
        """Return how many seconds this call must wait; it is counted as made then."""
        start = max(self._next, now - self._burst + self._gap)
        self._next = start + self._gap
        return max(0.0, start - now)

    def pause(self, until: float) -> None:
        """Let nothing pass before a time (a receiver's `Retry-After`)."""
        self._next = max(self._next, until)
