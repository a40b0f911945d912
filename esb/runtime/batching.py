"""Batching: documents for one endpoint wait in the store for others of their type, and leave as one interchange.

A document joins a batch once, a batch that was begun never changes, and it is closed in one transaction with the send
that carries it: whatever is killed in between, nothing is lost and nothing leaves twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from esb.edge import Written
from esb.envelope import Ack, Addressed, Dead, Delivery, pack
from esb.errors import EsbError, FormatError, MessageError, StoreError
from esb.message import Filing, Message, derive
from esb.plan import BatchPlan
from esb.records import Parked
from esb.runtime.bus import Bus
from esb.runtime.claims import check_in, check_out
from esb.runtime.committing import settle
from esb.runtime.filing import file_away
from esb.runtime.history import fingerprint, record
from esb.runtime.lending import Lending
from esb.runtime.overdue import label
from esb.runtime.pausing import pause_unless
from esb.trading import Batch, Closing, Collected, NumberClaim

_FASTEST, _SLOWEST = 0.05, 5.0
"""Seconds between two looks for batches that are full or old enough."""


class Batcher:
    """Serves `batch/ENDPOINT`: puts what comes into the store, and closes batches when their time has come."""

    def __init__(self, bus: Bus, endpoint: str) -> None:
        self._bus, self._endpoint = bus, endpoint
        self._plan: BatchPlan = bus.plans.current.batches[endpoint]
        self._lending = Lending(bus, f"batch/{endpoint}", self._collect, 2)
        self._stopping = asyncio.Event()
        self._name = f"{bus.plans.current.release[:12]}-{id(self)}"
        self._poll = min(max(self._plan.every / 10, _FASTEST), _SLOWEST)

    async def run(self) -> None:
        """Work until stopped or cancelled."""
        closing = self._bus.clock.spawn(self._close_in_time(), f"close batches {self._endpoint}")
        try:
            await self._lending.run()
        finally:
            self._stopping.set()
            closing.cancel()

    async def stop(self) -> None:
        """Take no more; what waits is in the store and waits on."""
        self._stopping.set()
        await self._lending.stop()

    async def _collect(self, deliveries: Sequence[Delivery]) -> Iterable[Any]:
        rows = []
        for delivery in deliveries:
            message = await self._open(delivery)
            if message is None:
                continue
            name = derive("batched", self._endpoint, message.id, message.generation)
            kind, now = message.headers.get("batch", ""), self._bus.clock.now()
            rows.append((delivery, Collected(name, self._endpoint, kind, now, delivery.packet)))
        await self._bus.store.collect([row for _, row in rows])
        await settle(self._bus, [Ack(delivery) for delivery, _ in rows])
        return ()

    async def _open(self, delivery: Delivery) -> Message | None:
        """Return the message without its body; one that cannot be read goes to the dead letters at once."""
        try:
            return (await check_out(self._bus.store, delivery.packet, read_body=False))[0]
        except MessageError as error:
            await settle(self._bus, [Dead(delivery, {"reason": str(error), "origin": delivery.channel})])
            return None

    async def _close_in_time(self) -> None:
        while not await pause_unless(self._bus, self._stopping, self._poll):
            now = self._bus.clock.now()
            try:
                if await self._bus.store.lease(f"batch/{self._endpoint}", self._name, now, 4 * self._poll + 10):
                    await self.close(now)
            except StoreError as error:
                self._bus.log.warning("batch.waits", endpoint=self._endpoint, reason=str(error))
            except EsbError as error:
                self._bus.log.error("batch.failed", endpoint=self._endpoint, reason=str(error))

    async def close(self, now: float) -> int:
        """Close the batches whose time has come; return how many."""
        closed = 0
        while batches := await self._bus.store.gather(self._endpoint, self._plan.most, now - self._plan.every):
            for batch in batches:
                closed += await self._bus.store.close_batch(await self._closing(batch, now))
        return closed

    async def _closing(self, batch: Batch, now: float) -> Closing:
        """Return what comes of a batch: the interchange, its history, and documents that it cannot hold."""
        members = [(await check_out(self._bus.store, member.packet))[0] for member in batch.members]
        moment = datetime.fromtimestamp(max(member.at for member in batch.members), UTC)
        good, bad = self._sorted(members, moment)
        exceptions = tuple(
            self._exception(member, message, bad[message.id], now)
            for member, message in zip(batch.members, members, strict=True)
            if message.id in bad
        )
        dead = [
            record(each, "dead", now, place=self._endpoint, text=bad[each.id]) for each in members if each.id in bad
        ]
        if not good:
            return Closing(batch.id, now, (), records=tuple(dead), exceptions=exceptions)
        written = await self._written(batch, good, moment, now)
        message = self._message(batch, good[0], written, moment)
        packet = await check_in(self._bus.store, message, pack(message), self._bus.limits.claim_bytes)
        address = f"delivery/{self._endpoint}"
        filing = Filing(written.numbers, self._plan.within, self._plan.calendar)
        filed = await file_away(self._bus.store, message, address, filing, now)
        what = f"{label(filed[0]) if filed else batch.kind} to {self._endpoint}"
        lines = [
            record(
                each,
                "batched",
                now,
                place=self._endpoint,
                text=f"{what}, document {place} of {len(good)}",
                child=batch.id,
            )
            for place, each in enumerate(good, 1)
        ]
        sends = (Addressed(address, packet),)
        return Closing(batch.id, now, sends, tuple(filed), (*lines, *dead), exceptions)

    def _sorted(self, members: Sequence[Message], moment: datetime) -> tuple[list[Message], dict[str, str]]:
        """Return the messages that can be written together, and by id what is wrong with the others."""
        bad: dict[str, str] = {}
        if not self._fault(members, moment):
            return list(members), bad
        for each in members:
            if alone := self._fault([each], moment):
                bad[each.id] = alone
        good = [each for each in members if each.id not in bad]
        if good and (together := self._fault(good, moment)):
            return [], bad | {each.id: together for each in good}
        return good, bad

    def _fault(self, members: Sequence[Message], moment: datetime) -> str:
        """Return why these cannot be written as one interchange, or nothing."""
        try:
            self._plan.draft([each.body for each in members], moment)
        except FormatError as error:
            return str(error)
        return ""

    async def _written(self, batch: Batch, good: Sequence[Message], moment: datetime, now: float) -> Written:
        """Return the interchange; its numbers are taken with the batch's id, so that it always has the same."""
        draft = self._plan.draft([each.body for each in good], moment)
        numbers: Sequence[int] = ()
        if draft.wants:
            claim = NumberClaim(derive("numbers", batch.id), batch.id, now, draft.wants)
            (numbers,) = await self._bus.store.take([claim])
        return draft.write(numbers)

    def _message(self, batch: Batch, first: Message, written: Written, moment: datetime) -> Message:
        return Message(
            id=batch.id,
            body=written.body,
            received=moment,
            format=self._plan.format,
            route=first.route,
            partner=first.partner,
            correlation_id=batch.id,
            release=first.release,
            headers=written.headers,
        )

    def _exception(self, member: Collected, message: Message, reason: str, now: float) -> Parked:
        """Return the exception of a document that cannot be written; a retry lets it join another batch."""
        return Parked(
            id=derive("parked", member.id),
            place=self._endpoint,
            reason=reason,
            at=now,
            origin=f"batch/{self._endpoint}",
            packet=member.packet,
            message_id=message.id,
            generation=message.generation,
            failure_class="invalid",
            route=message.route,
            step=self._endpoint,
            owner=self._plan.owner,
            fingerprint=fingerprint("invalid", message.route, self._endpoint, reason),
            partner=message.partner,
            correlation_id=message.correlation_id,
            keys=message.keys,
        )
