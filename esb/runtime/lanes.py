"""Lanes: order per key. What fails is tried again in its place; what follows it waits behind it; other keys go on.

A retry queue would reorder, so a failing message stays lent and its lane waits. When the policy gives up (or the next
attempt is far away) the message is parked, and everything of its key behind it is parked after it, in sequence, until
a person has decided about the first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeAlias

from msgspec.structs import replace

from esb.envelope import Delivery, Retry
from esb.errors import EsbError
from esb.records import ParkedFilter
from esb.runtime.bus import Bus
from esb.runtime.verdicts import HEAL, Outcome, behind, given_up

LONGEST_WAIT = 600.0
"""Seconds that a message may stay lent until its next attempt; a broker takes it back after half an hour."""
_TOGETHER = 50

Attempt: TypeAlias = Callable[[Delivery], Awaitable[Outcome]]
Commit: TypeAlias = Callable[[Sequence[Outcome]], Awaitable[bool]]
"""Make outcomes durable and settle them; false = nothing was settled, try again."""


class Lanes:
    """One lane a key, worked from its head; lanes run side by side."""

    def __init__(self, bus: Bus, channel: str, attempt: Attempt, commit: Commit, owner: str) -> None:
        self._bus, self._channel, self._attempt, self._commit = bus, channel, attempt, commit
        self._owner = owner
        self._lanes: dict[str, deque[Delivery]] = {}
        self._blocked: dict[str, dict[str, None]] = {}

    async def load(self) -> None:
        """Learn which keys are blocked by what a person has not decided yet; call it before anything is lent."""
        while True:
            try:
                depth = (await self._bus.channel.depth(["dead"]))["dead"]
                if not depth.ready + depth.lent:
                    rows = await self._bus.store.parked(ParkedFilter(limit=1_000_000))
                    break
            except EsbError as error:
                self._bus.log.warning("lanes.wait", channel=self._channel, reason=str(error))
            await self._bus.clock.sleep(0.2)
        for row in rows:
            if row.origin == self._channel:
                self._blocked.setdefault(row.packet.order_key, {})[row.id] = None

    async def add(self, deliveries: Sequence[Delivery]) -> Iterable[Any]:
        """Queue a batch; return the tasks of lanes that were idle."""
        started = []
        for delivery in deliveries:
            key = delivery.packet.order_key
            lane = self._lanes.get(key)
            if lane is None:
                lane = self._lanes[key] = deque()
                started.append(key)
            lane.append(delivery)
        return [self._bus.clock.spawn(self._work(key), f"lane {self._channel}") for key in started]

    async def _work(self, key: str) -> None:
        """Work a lane until it is empty."""
        lane = self._lanes[key]
        try:
            while lane:
                try:
                    pause = await self._some(key, lane)
                except EsbError as error:
                    self._bus.log.warning("lane.waits", channel=self._channel, reason=str(error))
                    pause = HEAL
                except Exception as error:  # a fault of ours must cost a pause, not what the lane holds
                    self._bus.log.error("lane.failed", channel=self._channel, error=repr(error), exc_info=True)
                    pause = HEAL
                if pause:
                    await self._bus.clock.sleep(pause)
        finally:
            del self._lanes[key]

    async def _some(self, key: str, lane: deque[Delivery]) -> float:
        """Take what stands at the head as far as it goes; return how long to wait before the next try."""
        if await self._is_blocked(key):
            await self._park_behind(key, lane)
            return 0.0
        outcomes: list[Outcome] = []
        pause = 0.0
        for delivery in list(lane)[:_TOGETHER]:
            outcome = await self._attempt(delivery)
            if type(outcome.settlement) is Retry and outcome.settlement.after > LONGEST_WAIT:
                outcome = given_up(outcome.settlement, self._bus.clock.now())
            if type(outcome.settlement) is Retry:
                pause = max(outcome.settlement.after, 0.01)
                await self._tell(outcome)
                break
            outcomes.append(outcome)
            if outcome.parks:
                self._blocked[key] = dict.fromkeys(row.id for row in outcome.parked_rows())
                break
        if outcomes and not await self._commit(outcomes):
            self._blocked.pop(key, None)
            return HEAL
        for _ in outcomes:
            lane.popleft()
        if pause and lane:
            self._count(lane, outcome)
        return pause

    async def _tell(self, outcome: Outcome) -> None:
        """Write the failed attempt into the history; nothing is settled by it."""
        if outcome.records or outcome.entry is not None:
            await self._commit([Outcome(None, records=outcome.records, entry=outcome.entry)])

    def _count(self, lane: deque[Delivery], outcome: Outcome) -> None:
        settlement = outcome.settlement
        if type(settlement) is Retry and settlement.counted:
            head = lane[0]
            lane[0] = replace(head, packet=replace(head.packet, attempt=head.packet.attempt + 1))

    async def _is_blocked(self, key: str) -> bool:
        """Return whether something of this key still waits for a person (or is on its way to the store)."""
        ids = self._blocked.get(key)
        if not ids:
            return False
        rows = await self._bus.store.parked(ParkedFilter(ids=tuple(ids), state=None, limit=len(ids) * 2))
        if len(rows) >= len(ids) and not any(row.state == "open" for row in rows):
            del self._blocked[key]
            return False
        return True

    async def _park_behind(self, key: str, lane: deque[Delivery]) -> None:
        """Park all that stands in a blocked lane, in sequence, behind what blocks it."""
        blocked = self._blocked[key]
        waiting = list(lane)[:_TOGETHER]
        outcomes = [behind(delivery, next(iter(blocked)), self._owner, self._bus.clock.now()) for delivery in waiting]
        if not await self._commit(outcomes):
            await self._bus.clock.sleep(HEAL)
            return
        for outcome in outcomes:
            lane.popleft()
            blocked.update(dict.fromkeys(row.id for row in outcome.parked_rows()))
