"""Lanes: order per key. What fails is tried again in its place; what follows it waits behind it; other keys go on.

A retry queue would reorder, so a failing message stays lent and its lane waits. When the policy gives up (or the next
attempt is far away) the message is parked, and everything of its key behind it is parked after it, in sequence, until
a person has decided about the first. What a person starts again goes ahead of what is parked behind it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import takewhile
from typing import Any, Literal, TypeAlias

from msgspec.structs import replace

from esb.envelope import Delivery, Retry, Return
from esb.errors import EsbError
from esb.records import ParkedFilter
from esb.runtime.bus import Bus
from esb.runtime.pausing import pause_unless
from esb.runtime.verdicts import HEAL, Outcome, behind, given_up

LONGEST_WAIT = 600.0
"""Seconds that a message may stay lent until its next attempt; a broker takes it back after half an hour."""
_TOGETHER = 50

Attempt: TypeAlias = Callable[[Delivery], Awaitable[Outcome]]
Commit: TypeAlias = Callable[[Sequence[Outcome]], Awaitable[bool]]
"""Make outcomes durable and settle them; false = nothing was settled, try again."""

Gate: TypeAlias = Literal["free", "decided", "shut"]
"""Who of a key may pass: everybody, only what a person has started again, or nobody."""


class Lanes:
    """One lane a key, worked from its head; lanes run side by side."""

    def __init__(self, bus: Bus, channel: str, attempt: Attempt, commit: Commit, owner: str) -> None:
        self._bus, self._channel, self._attempt, self._commit = bus, channel, attempt, commit
        self._owner = owner
        self._lanes: dict[str, deque[Delivery]] = {}
        self._blocked: dict[str, dict[str, bool]] = {}
        """By key: the rows that wait, in sequence, and whether each is an exception (else it waits behind one)."""
        self._stopping = asyncio.Event()
        self._tenure: object = None

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
                self._blocked.setdefault(row.packet.order_key, {})[row.id] = bool(row.failure_class)

    async def add(self, deliveries: Sequence[Delivery]) -> Iterable[Any]:
        """Queue a batch; return the tasks of lanes that were idle."""
        # Whoever had the channel until now (we stood by, or had lost the connection) may have parked what blocks a key.
        tenure = getattr(deliveries[0].token, "tenure", None)
        if tenure is not self._tenure:
            await self.load()
            self._tenure = tenure
        started = []
        for delivery in deliveries:
            key = delivery.packet.order_key
            lane = self._lanes.get(key)
            if lane is None:
                lane = self._lanes[key] = deque()
                started.append(key)
            lane.append(delivery)
        return [self._bus.clock.spawn(self._work(key), f"lane {self._channel}") for key in started]

    def stop(self) -> None:
        """End every lane after the attempt under way; what stands in it is lent again, in order, to whoever comes."""
        self._stopping.set()

    async def _work(self, key: str) -> None:
        """Work a lane until it is empty."""
        lane = self._lanes[key]
        try:
            while lane and not self._stopping.is_set():
                try:
                    pause = await self._some(key, lane)
                except EsbError as error:
                    self._bus.log.warning("lane.waits", channel=self._channel, reason=str(error))
                    pause = HEAL
                except Exception as error:  # a fault of ours must cost a pause, not what the lane holds
                    self._bus.log.error("lane.failed", channel=self._channel, error=repr(error), exc_info=True)
                    pause = HEAL
                if pause:
                    await pause_unless(self._bus, self._stopping, pause)
        finally:
            del self._lanes[key]

    async def _some(self, key: str, lane: deque[Delivery]) -> float:
        """Take what stands at the head as far as it goes; return how long to wait before the next try."""
        gate = await self._gate(key)
        passing = _passing(lane, gate)
        if not passing:
            await self._park_behind(key, lane, gate)
            return 0.0
        outcomes: list[Outcome] = []
        parked: dict[str, bool] = {}
        pause = 0.0
        for delivery in passing:
            outcome = await self._attempt(delivery)
            if type(outcome.settlement) is Retry and outcome.settlement.after > LONGEST_WAIT:
                outcome = given_up(outcome.settlement, self._bus.clock.now())
            if type(outcome.settlement) is Return:  # a stop came first; it stays lent until the channel closes
                await self._tell(outcome)
                break
            if type(outcome.settlement) is Retry:
                pause = max(outcome.settlement.after, 0.01)
                await self._tell(outcome)
                break
            outcomes.append(outcome)
            if outcome.parks:
                parked = {row.id: bool(row.failure_class) for row in outcome.parked_rows()}
            if outcome.parks or outcome.given_up:
                break
        if outcomes and not await self._commit(outcomes):
            return HEAL
        if parked:
            self._blocked.setdefault(key, {}).update(parked)
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

    async def _gate(self, key: str) -> Gate:
        """Return who may pass while something of this key waits for a person (or is on its way to the store)."""
        ids = self._blocked.get(key)
        if not ids:
            return "free"
        rows = await self._bus.store.parked(ParkedFilter(ids=tuple(ids), state=None, limit=len(ids) * 2))
        decided = {row.id for row in rows if row.state != "open"}
        waiting = {name: exception for name, exception in ids.items() if name not in decided}
        if not waiting:
            del self._blocked[key]
            return "free"
        return "shut" if any(waiting.values()) else "decided"

    async def _park_behind(self, key: str, lane: deque[Delivery], gate: Gate) -> None:
        """Park what stands in a blocked lane, in sequence, behind what blocks it, up to what may pass."""
        blocked = self._blocked[key]
        waiting = list(takewhile(lambda delivery: gate == "shut" or not _restarted(delivery), list(lane)[:_TOGETHER]))
        outcomes = [behind(delivery, next(iter(blocked)), self._owner, self._bus.clock.now()) for delivery in waiting]
        if not await self._commit(outcomes):
            await self._bus.clock.sleep(HEAL)
            return
        for outcome in outcomes:
            lane.popleft()
            blocked.update({row.id: False for row in outcome.parked_rows()})


def _restarted(delivery: Delivery) -> bool:
    """Return whether a person has decided that this one goes on."""
    return delivery.packet.headers.get("restarts", "0") != "0"


def _passing(lane: deque[Delivery], gate: Gate) -> list[Delivery]:
    """Return what may be attempted now, from the head of the lane."""
    head = list(lane)[:_TOGETHER]
    if gate == "free":
        return head
    return list(takewhile(_restarted, head)) if gate == "decided" else []
