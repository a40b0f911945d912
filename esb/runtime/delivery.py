"""Delivery role: one endpoint's channel, its ledger, its breaker; an outcome is recorded before the ack."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from esb.edge import Delivered
from esb.envelope import Ack, Dead, Delivery, Retry, Return
from esb.errors import (
    ChannelError,
    EndpointError,
    MessageError,
    RejectedError,
    StoreError,
    ThrottledError,
    UnknownOutcomeError,
)
from esb.message import Message
from esb.plan import DeliveryPlan
from esb.ports import Sink
from esb.records import CLEAN, LedgerEntry, LedgerKey, Record
from esb.runtime.breaker import Breaker, Rate
from esb.runtime.bus import Bus
from esb.runtime.claims import check_out
from esb.runtime.coalesce import Coalesce
from esb.runtime.committing import commit, commit_all, settle
from esb.runtime.history import fingerprint, record, tell
from esb.runtime.lanes import Lanes
from esb.runtime.lending import Lending
from esb.runtime.pausing import pause_unless
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
        channel = f"delivery/{endpoint}"
        parallel = 1 if plan.ordered else plan.concurrency
        self._lanes = Lanes(bus, channel, self._attempt, self._commit_all, plan.owner) if plan.ordered else None
        work = self._batch if self._lanes is None else self._lanes.add
        self._lending = Lending(bus, channel, work, 2 if self._lanes is None else 1, prefetch=max(2 * parallel, 10))
        self._calls = asyncio.Semaphore(parallel)
        self._finish = Coalesce[Outcome, None](bus.clock, self._finish_all, 200)
        self._lease = 0.0 if plan.effect == "idempotency_key" else plan.call_limit
        self._stopping = asyncio.Event()
        self.breaker = Breaker(plan.breaker)
        self._rate = Rate(*plan.rate) if plan.rate else None

    async def run(self) -> None:
        """Work until stopped or cancelled."""
        if self._lanes is not None:
            await self._lanes.load()
        await self._lending.run()

    async def stop(self) -> None:
        """Take no more; finish the calls under way, and give back what only waits for its turn."""
        self._stopping.set()
        if self._lanes is not None:
            self._lanes.stop()
        await self._lending.stop()

    async def _batch(self, deliveries: Sequence[Delivery]) -> Iterable[Any]:
        """Write what is about to be sent, then call side by side; calls that end together share a transaction."""
        now, known = self._bus.clock.now(), []
        for delivery in deliveries:
            message = await self._open(delivery)
            if message is not None:
                known.append((delivery, message, self._entry(delivery, message, now)))
        before = await self._bus.store.intend([entry for _, _, entry in known])
        return [
            self._bus.clock.spawn(self._one(*call, previous), f"deliver {self._endpoint}")
            for call, previous in zip(known, before, strict=True)
        ]

    async def _one(
        self, delivery: Delivery, message: Message, entry: LedgerEntry, previous: LedgerEntry | None
    ) -> None:
        await self._finish(await self._call(delivery, message, entry, previous))

    async def _attempt(self, delivery: Delivery) -> Outcome:
        """Deliver one message of an ordered channel to its outcome."""
        message, _ = await check_out(self._bus.store, delivery.packet, read_body=False)
        entry = self._entry(delivery, message, self._bus.clock.now())
        (previous,) = await self._bus.store.intend([entry])
        return await self._call(delivery, message, entry, previous)

    async def _commit_all(self, outcomes: Sequence[Outcome]) -> bool:
        return await commit_all(self._bus, outcomes, self._endpoint)

    async def _finish_all(self, outcomes: Sequence[Outcome]) -> Sequence[None]:
        await commit(self._bus, outcomes, self._endpoint)
        return [None] * len(outcomes)

    async def _open(self, delivery: Delivery) -> Message | None:
        """Return the message; one that cannot be read goes to the dead letters at once."""
        try:
            return (await check_out(self._bus.store, delivery.packet, read_body=False))[0]
        except MessageError as error:
            await settle(self._bus, [Dead(delivery, {"reason": str(error), "origin": delivery.channel})])
            return None

    def _entry(self, delivery: Delivery, message: Message, now: float) -> LedgerEntry:
        key = LedgerKey(self._endpoint, message.id, message.generation)
        return LedgerEntry(key, "intent", delivery.packet.attempt, now, lease=self._lease)

    async def _call(
        self, delivery: Delivery, message: Message, entry: LedgerEntry, previous: LedgerEntry | None
    ) -> Outcome:
        """Return how a delivery ended; what the ledger knows as done is not sent again."""
        if previous is not None and previous.state == "done":
            return Outcome(Ack(delivery), records=self._known(message, previous, entry.at))
        if previous is not None and self._is_under_way(previous, entry):
            return Outcome(Retry(delivery, HEAL, counted=False))
        async with self._calls:
            try:
                done = await self._deliver(message, entry, previous)
            except _TurnedAwayError:
                return self._returned(delivery, entry, previous)
            except Exception as error:  # the consumer's broad catch: it ends in a verdict
                return self._failed(delivery, message, entry, error)
        now = self._bus.clock.now()
        line = record(message, "delivered", now, place=self._endpoint, text=done.detail, attempt=entry.attempt)
        return Outcome(
            Ack(delivery), records=[line], entry=LedgerEntry(entry.key, "done", entry.attempt, now, done.detail)
        )

    def _known(self, message: Message, done: LedgerEntry, now: float) -> list[Record]:
        """Return the history of what was delivered before; its first line may have been lost with whoever delivered."""
        first = record(message, "delivered", done.at, place=self._endpoint, text=done.detail, attempt=done.attempt)
        text = "the ledger says it was delivered"
        return [first, record(message, "duplicate", now, place=self._endpoint, text=text)]

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
        except RejectedError as error:
            self.breaker.refused(self._bus.clock.now(), fingerprint("rejected", "", self._endpoint, str(error)))
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
        return previous.state == "intent" and not previous.detail and abs(entry.at - previous.at) < self._lease

    async def _wait(self) -> None:
        """Wait for the breaker and for the rate; nothing is dropped and no attempt is counted meanwhile.

        Raises:
            _TurnedAwayError: A stop came first.
        """
        pause = 0.0
        while not await self._stopped(pause) and (pause := self.breaker.wait(self._bus.clock.now())):
            pass
        pause = self._rate.wait(self._bus.clock.now()) if self._rate is not None else 0.0
        if await self._stopped(pause):
            raise _TurnedAwayError

    async def _stopped(self, pause: float) -> bool:
        if not pause:
            return self._stopping.is_set()
        return await pause_unless(self._bus, self._stopping, pause)

    def _returned(self, delivery: Delivery, entry: LedgerEntry, previous: LedgerEntry | None) -> Outcome:
        """Give back a delivery that was never called; the ledger says again what it said before."""
        clean = LedgerEntry(entry.key, "intent", entry.attempt, self._bus.clock.now(), CLEAN)
        return Outcome(Return(delivery), entry=clean if previous is None or previous.detail == CLEAN else None)

    def _failed(self, delivery: Delivery, message: Message, entry: LedgerEntry, error: Exception) -> Outcome:
        """Ask the policy; a failure that applied nothing is noted as clean, an unknown one stays unknown."""
        now = self._bus.clock.now()
        if isinstance(error, ChannelError | StoreError):
            return Outcome(Retry(delivery, HEAL, counted=False))
        failed = Failed(self._judged(error), self._endpoint, self._plan.owner)
        outcome = fail(delivery, message, failed, self._plan.policy, now)
        tell(self._bus.log, outcome.records)
        state, detail = ("unknown", str(error)) if isinstance(error, UnknownOutcomeError) else ("intent", CLEAN)
        outcome.entry = LedgerEntry(entry.key, state, entry.attempt, now, detail)  # type: ignore[arg-type]
        return outcome

    def _judged(self, error: Exception) -> Exception:
        """Return what the policy is asked about: where repeats are recognised, an unknown outcome may be repeated."""
        if isinstance(error, UnknownOutcomeError) and self._plan.effect in ("idempotency_key", "probe"):
            return EndpointError(str(error), error.retry_after)
        return error


class _TurnedAwayError(Exception):
    """The process stops before this call had its turn."""
