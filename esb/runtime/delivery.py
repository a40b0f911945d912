"""Delivery role: one endpoint's channel, its ledger, its breaker; an outcome is recorded before the ack."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from esb.edge import Delivered
from esb.envelope import Ack, Delivery, Retry
from esb.errors import ChannelError, EndpointError, EsbError, StoreError, ThrottledError, UnknownOutcomeError
from esb.message import Message
from esb.plan import DeliveryPlan
from esb.ports import Sink
from esb.records import CLEAN, LedgerEntry, LedgerKey
from esb.runtime.breaker import Breaker, Rate
from esb.runtime.bus import Bus
from esb.runtime.claims import check_out
from esb.runtime.coalesce import Coalesce
from esb.runtime.history import journal, record
from esb.runtime.lending import Lending
from esb.runtime.verdicts import HEAL, Failed, Outcome, fail


class Deliverer:
    """Consumes `delivery/ENDPOINT` and hands each message to the endpoint's sink with its idempotency key.

    The ledger knows how far each delivery came: what is done is never sent again, and what was cut is treated as the
    endpoint's effect says: sent again with the same key, probed, or left to a person.
    """

    def __init__(self, bus: Bus, endpoint: str, sink: Sink) -> None:
        self._bus, self._endpoint, self._sink = bus, endpoint, sink
        self.endpoint = endpoint
        self._plan: DeliveryPlan = bus.plans.current.deliveries[endpoint]
        plan = self._plan
        parallel = 1 if plan.ordered else plan.concurrency
        self._lending = Lending(bus, f"delivery/{endpoint}", self._batch, 2, prefetch=max(2 * parallel, 10))
        self._calls = asyncio.Semaphore(parallel)
        self._finish = Coalesce[tuple[Delivery, Outcome, LedgerEntry | None], None](bus.clock, self._finish_all, 200)
        self._lease = 0.0 if plan.effect == "idempotency_key" else plan.call_limit
        self.breaker = Breaker(plan.breaker)
        self._rate = Rate(*plan.rate) if plan.rate else None

    async def run(self) -> None:
        """Work until stopped or cancelled."""
        await self._lending.run()

    async def stop(self) -> None:
        """Take no more; finish the calls under way."""
        await self._lending.stop()

    async def _batch(self, deliveries: Sequence[Delivery]) -> Iterable[Any]:
        opened = [await self._open(delivery) for delivery in deliveries]
        now = self._bus.clock.now()
        entries = [
            LedgerEntry(self._key(message), "intent", delivery.packet.attempt, now, lease=self._lease)
            for delivery, message in zip(deliveries, opened, strict=True)
        ]
        before = await self._bus.store.intend(entries)
        work = [
            self._one(delivery, message, entry, previous)
            for delivery, message, entry, previous in zip(deliveries, opened, entries, before, strict=True)
        ]
        if self._plan.ordered:
            for call in work:
                await call
            return ()
        return [self._bus.clock.spawn(call, f"deliver {self._endpoint}") for call in work]

    def _key(self, message: Message) -> LedgerKey:
        return LedgerKey(self._endpoint, message.id, message.generation)

    async def _open(self, delivery: Delivery) -> Message:
        message, _ = await check_out(self._bus.store, delivery.packet, read_body=False)
        return message

    async def _one(
        self, delivery: Delivery, message: Message, entry: LedgerEntry, previous: LedgerEntry | None
    ) -> None:
        """Deliver one message and settle it; calls that end together share a transaction."""
        if previous is not None and previous.state == "done":
            line = record(message, "duplicate", entry.at, place=self._endpoint, text="the ledger says it was delivered")
            await self._finish((delivery, Outcome(Ack(delivery), records=[line]), None))
            return
        if previous is not None and self._is_under_way(previous, entry):
            await self._finish((delivery, Outcome(Retry(delivery, HEAL, counted=False)), None))
            return
        async with self._calls:
            try:
                done = await self._deliver(message, entry, previous)
            except Exception as error:  # the consumer's broad catch: it ends in a verdict
                outcome, after = self._failed(delivery, message, entry, error)
            else:
                now = self._bus.clock.now()
                line = record(message, "delivered", now, place=self._endpoint, text=done.detail, attempt=entry.attempt)
                outcome = Outcome(Ack(delivery), records=[line])
                after = LedgerEntry(entry.key, "done", entry.attempt, now, done.detail)
        await self._finish((delivery, outcome, after))

    async def _deliver(self, message: Message, entry: LedgerEntry, previous: LedgerEntry | None) -> Delivered:
        key = message.effect_key
        cut = previous is not None and (previous.state == "unknown" or previous.detail != CLEAN)
        if cut and self._plan.effect != "idempotency_key":
            applied = await self._probe(message, key) if self._plan.effect == "probe" else None
            if applied:
                return Delivered("found there by the probe")
            if applied is None:
                raise UnknownOutcomeError("an earlier attempt was cut and may have been applied; a person must look")
        await self._wait()
        try:
            done = await self._sink.deliver(message, key)
        except ThrottledError as error:
            if self._rate is not None and error.retry_after:
                self._rate.pause(self._bus.clock.now() + error.retry_after)
            self.breaker.passed()
            raise
        except EndpointError:
            self.breaker.failed(self._bus.clock.now())
            raise
        except Exception:
            self.breaker.passed()
            raise
        self.breaker.passed()
        return done

    async def _probe(self, message: Message, key: str) -> bool | None:
        """Ask the receiver; a probe that fails leaves the outcome as unknown as it was."""
        try:
            return await self._sink.applied(message, key)
        except EndpointError as error:
            raise UnknownOutcomeError(f"the probe failed, too: {error}", error.retry_after) from error

    def _is_under_way(self, previous: LedgerEntry, entry: LedgerEntry) -> bool:
        """Return whether a twin may be calling right now, where a second call would be a second effect."""
        return previous.state == "intent" and not previous.detail and entry.at - previous.at < self._lease

    async def _wait(self) -> None:
        """Wait for the breaker and for the rate; nothing is dropped and no attempt is counted meanwhile."""
        while seconds := self.breaker.wait(self._bus.clock.now()):
            await self._bus.clock.sleep(seconds)
        if self._rate is not None and (seconds := self._rate.wait(self._bus.clock.now())):
            await self._bus.clock.sleep(seconds)

    def _failed(
        self, delivery: Delivery, message: Message, entry: LedgerEntry, error: Exception
    ) -> tuple[Outcome, LedgerEntry | None]:
        """Ask the policy; a failure that applied nothing is noted as clean, an unknown one stays unknown."""
        now = self._bus.clock.now()
        unknown = isinstance(error, UnknownOutcomeError)
        if isinstance(error, ChannelError | StoreError):
            return Outcome(Retry(delivery, HEAL, counted=False)), None
        failed = Failed(self._judged(error), self._endpoint, self._plan.owner)
        outcome = fail(delivery, message, failed, self._plan.policy, now)
        state, detail = ("unknown", str(error)) if unknown else ("intent", CLEAN)
        return outcome, LedgerEntry(entry.key, state, entry.attempt, now, detail)  # type: ignore[arg-type]

    def _judged(self, error: Exception) -> Exception:
        """Return what the policy is asked about: where repeats are recognised, an unknown outcome may be repeated."""
        if isinstance(error, UnknownOutcomeError) and self._plan.effect in ("idempotency_key", "probe"):
            return EndpointError(str(error), error.retry_after)
        return error

    async def _finish_all(self, done: Sequence[tuple[Delivery, Outcome, LedgerEntry | None]]) -> Sequence[None]:
        """Write the ledger, publish history and exceptions, then ack: one round trip each for all that ended."""
        bus = self._bus
        try:
            entries = [entry for _, _, entry in done if entry is not None]
            if entries:
                await bus.store.conclude(entries)
            window = [send for _, outcome, _ in done for send in outcome.sends]
            lines = [line for _, outcome, _ in done for line in outcome.records]
            if lines:
                window.append(journal(lines))
            if window:
                await bus.channel.publish(window)
            await bus.channel.settle([outcome.settlement for _, outcome, _ in done])
        except EsbError as error:
            bus.log.warning("delivery.unsettled", endpoint=self._endpoint, count=len(done), reason=str(error))
            await bus.channel.settle([Retry(delivery, HEAL, counted=False) for delivery, _, _ in done])
        return [None] * len(done)
