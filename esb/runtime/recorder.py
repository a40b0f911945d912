"""Recorder role: history and exceptions from their channels into the store, and what decisions owe back out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from esb.envelope import Ack, Delivery, Settlement
from esb.errors import ChannelError, EsbError, StoreError
from esb.records import Parked, Record
from esb.runtime.bus import Bus
from esb.runtime.history import read_journal, read_parked
from esb.runtime.lending import Lending
from esb.runtime.overdue import Overdue

_HOUR = 3600.0
_TWINS = 14 * 86400.0
"""Seconds after which no automatic retry can bring a message back: keys, answers and ledger rows may go."""


class Recorder:
    """Commits, then acks. `esb.dead` and the journal are only transport; the store is where people look."""

    def __init__(self, bus: Bus, poll: float = 0.5, written: Callable[[Sequence[Record]], None] | None = None) -> None:
        """Take work from a bus; `written` is told what is in the store now (metrics)."""
        self._bus, self._poll, self._written = bus, poll, written
        self._journal = Lending(bus, "journal", self._append, 1)
        self._dead = Lending(bus, "dead", self._park, 1)
        self._running = True
        self._name = f"{bus.plans.current.release[:12]}-{id(self)}"

    async def run(self) -> None:
        """Work until stopped or cancelled."""
        dead = self._bus.clock.spawn(self._dead.run(), "dead")
        relay = self._bus.clock.spawn(self._relay(), "outbox")
        prune = self._bus.clock.spawn(self._prune(), "prune")
        overdue = self._bus.clock.spawn(Overdue(self._bus, self._name).run(), "overdue")
        try:
            await self._journal.run()
        finally:
            self._running = False
            dead.cancel()
            relay.cancel()
            prune.cancel()
            overdue.cancel()

    async def stop(self) -> None:
        """Take no more; finish what is under way."""
        self._running = False
        await self._dead.stop()
        await self._journal.stop()

    async def _append(self, deliveries: Sequence[Delivery]) -> Iterable[Any]:
        records: list[Record] = []
        for delivery in deliveries:
            try:
                records.extend(read_journal(delivery.packet))
            except msgspec.MsgspecError as error:
                self._bus.log.error("journal.unreadable", id=delivery.packet.id, reason=str(error))
        await self._bus.store.append(records)
        if self._written is not None:
            self._written(records)
        await self._bus.channel.settle([Ack(delivery) for delivery in deliveries])
        return ()

    async def _park(self, deliveries: Sequence[Delivery]) -> Iterable[Any]:
        now = self._bus.clock.now()
        done: list[Settlement] = [Ack(delivery) for delivery in deliveries]
        await self._bus.store.park([self._owned(read_parked(delivery, now)) for delivery in deliveries])
        await self._bus.channel.settle(done)
        return ()

    def _owned(self, row: Parked) -> Parked:
        """Return the row with an owner: what the channel itself gave up on is with whom its channel belongs to."""
        kind, _, name = row.origin.partition("/")
        plan = self._bus.plans.current
        found = {"route": plan.routes.get(name), "delivery": plan.deliveries.get(name)}.get(kind)
        return row if row.owner or found is None else replace(row, owner=found.owner)

    async def _relay(self) -> None:
        """Publish what decisions owe (outbox), until confirmed; equal ids make a repeat harmless."""
        while self._running:
            try:
                owed = await self._bus.store.outbox(200)
                if owed:
                    await self._bus.channel.publish([send for _, send in owed])
                    await self._bus.store.sent([number for number, _ in owed])
                    continue
            except (ChannelError, StoreError) as error:
                self._bus.log.warning("outbox.waits", reason=str(error))
            except EsbError as error:
                self._bus.log.error("outbox.failed", reason=str(error))
            await self._bus.clock.sleep(self._poll)

    async def _prune(self) -> None:
        """Forget once an hour what protects from twins no more, and history that is older than people look back."""
        while self._running:
            await self._bus.clock.sleep(_HOUR)
            now = self._bus.clock.now()
            history = max(self._bus.limits.history, _TWINS + 86400.0)
            try:
                if await self._bus.store.lease("prune", self._name, now, _HOUR / 2):
                    count = await self._bus.store.forget(now - _TWINS, now - history)
                    self._bus.log.info("store.pruned", rows=count)
            except StoreError as error:
                self._bus.log.warning("prune.waits", reason=str(error))
