"""Pacing: a rate limit for each key (a customer, a shop) of one endpoint."""

from __future__ import annotations

from collections import OrderedDict

from pydantic import Field

from esb.endpoints.outgoing import rendered
from esb.errors import ThrottledError
from esb.message import Message
from esb.ports import Clock
from esb.specs import Rate, Spec, Value

_MOST = 10_000
_PATIENCE = 1.0
"""Seconds that a call waits in its place; who must wait longer gives the place to calls of other keys."""


class LimitEach(Spec):
    """A rate that every key has for itself."""

    key: Value = Field(description='What is counted by: "{{ partner }}", "$.shop".')
    rate: Rate = Field(description="At most so many calls for one key, e.g. 5/s.")


class Pacing:
    """Gives each call of a key its time. A call that was sent away finds the time it was given when it comes back."""

    def __init__(self, limit: LimitEach, clock: Clock) -> None:
        self._key, self._clock = limit.key, clock
        calls, seconds = limit.rate
        self._gap = seconds / calls
        self._next: OrderedDict[str, float] = OrderedDict()
        self._given: OrderedDict[str, float] = OrderedDict()

    async def turn(self, message: Message) -> None:
        """Return when this call may go.

        Raises:
            ThrottledError: Its time is too far away to wait here; says when to come again.
            ExpressionError: The message has no value for the key.
        """
        key = rendered(self._key, message, "limit_each.key")
        now = self._clock.now()
        at = self._given.pop(message.id, None)
        if at is None:
            at = max(self._next.get(key, 0.0), now)
            _put(self._next, key, at + self._gap)
        if at - now > _PATIENCE:
            _put(self._given, message.id, at)
            raise ThrottledError(f"limit_each: {key[:100]!r} has used its rate; this call's time comes", at - now)
        if at > now:
            await self._clock.sleep(at - now)

    def pause(self, message: Message, seconds: float) -> None:
        """Let no call of this message's key go for so long: its receiver asked for it."""
        key = rendered(self._key, message, "limit_each.key")
        _put(self._next, key, max(self._next.get(key, 0.0), self._clock.now() + seconds))


def _put(kept: OrderedDict[str, float], name: str, at: float) -> None:
    kept[name] = at
    kept.move_to_end(name)
    while len(kept) > _MOST:
        kept.popitem(last=False)
