"""GCRA: a rate limit that remembers one number (the generic cell rate algorithm, ITU-T I.371)."""

from __future__ import annotations


class Gcra:
    """At most `calls` in any `seconds`, as a burst or spread out."""

    def __init__(self, calls: float, seconds: float) -> None:
        self._interval = seconds / calls
        self._burst = seconds - self._interval
        self._due = 0.0

    def wait(self, now: float) -> float:
        """Return 0 and count the call, or the seconds until a call would be allowed; it is not counted then."""
        # A clock that was set back would otherwise lock everybody out for the length of the jump.
        due = min(max(self._due, now), now + self._burst + self._interval)
        early = due - self._burst - now
        # Half an interval of tolerance would hide rounding, a hair is enough.
        if early > self._interval * 1e-9:
            return early
        self._due = due + self._interval
        return 0.0
