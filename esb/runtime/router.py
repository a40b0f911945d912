"""Router role: lends batches from a route's channel, runs them, publishes what leaves in one window, then acks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from esb.envelope import Ack, Addressed, Delivery, Retry, pack
from esb.errors import EsbError, MessageError
from esb.message import Message, Send
from esb.pipeline import StepFailure, run
from esb.records import Record
from esb.runtime.answering import Answering, Waiting, begin
from esb.runtime.asking import keep_refusals
from esb.runtime.bus import Bus
from esb.runtime.claims import check_in, check_out
from esb.runtime.committing import commit, commit_all
from esb.runtime.filing import file_away
from esb.runtime.history import record, tell
from esb.runtime.item import Item
from esb.runtime.lanes import Lanes
from esb.runtime.lending import Lending
from esb.runtime.verdicts import Failed, Outcome, fail, hold


class Router:
    """Consumes one route's channel (Event-Driven Consumer, Transactional Client); `order_by` routes by lanes."""

    def __init__(self, bus: Bus, route: str) -> None:
        self._bus, self._route = bus, route
        channel = f"route/{route}"
        self._lanes: Lanes | None = None
        if route in bus.plans.current.ordered_routes:
            owner = bus.plans.current.routes[route].owner
            self._lanes = Lanes(bus, channel, self._attempt, self._commit_all, owner)
        work = self._batch if self._lanes is None else self._lanes.add
        self._lending = Lending(bus, channel, work, bus.limits.batches if self._lanes is None else 1)
        self._answering = Answering(bus, self._settle)

    async def run(self) -> None:
        """Work until stopped or cancelled."""
        if self._lanes is not None:
            await self._lanes.load()
        await self._lending.run()

    async def stop(self) -> None:
        """Take no more; return when what is under way has been settled or the drain time is over."""
        await self._lending.stop()

    async def _batch(self, deliveries: Sequence[Delivery]) -> Iterable[Any]:
        """Run a batch; who waits long for an answer leaves it and is settled alone."""
        waiting: list[Waiting] = []
        items = [await self._started(delivery, waiting) for delivery in deliveries]
        late = await self._answering.rounds(waiting)
        await self._settle([item for item in items if id(item) not in late])
        return late.values()

    async def _attempt(self, delivery: Delivery) -> Outcome:
        """Run one delivery to its outcome, however long its answers take."""
        waiting: list[Waiting] = []
        item = await self._started(delivery, waiting)
        await self._answering.rounds(waiting, patient=True)
        return await self._outcome(item)

    async def _commit_all(self, outcomes: Sequence[Outcome]) -> bool:
        return await commit_all(self._bus, outcomes, self._route)

    async def _settle(self, items: Sequence[Item]) -> None:
        if items:
            await commit(self._bus, [await self._outcome(item) for item in items], self._route)

    async def _started(self, delivery: Delivery, waiting: list[Waiting]) -> Item:
        """Open a delivery and run it to its end or its first ask."""
        item = Item(delivery)
        try:
            message, item.at = await check_out(self._bus.store, delivery.packet)
            item.message = message if message.route == self._route else replace(message, route=self._route)
            item.plan = await self._bus.plans.get(message.release)
        except EsbError as error:
            item.error = error
        else:
            self._begin(item, waiting)
        return item

    def _begin(self, item: Item, waiting: list[Waiting]) -> None:
        message, plan = item.message, item.plan
        assert message is not None and plan is not None
        route = plan.routes.get(self._route)
        if route is None:
            item.error = LookupError(f"release {plan.release} has no route {self._route!r}")
            return
        suspects, name = self._bus.suspects, message.effect_key
        if suspects is not None and not (item.delivery.redelivered or suspects.known(name)):
            suspects = None
        if suspects is not None and suspects.guilty(name):
            item.error = MessageError("it has stopped several workers, each time alone; look at its content")
            return
        if suspects is not None:
            suspects.begin(name)
        try:
            begin(item, run(route, message, item.at), waiting)
        except Exception as error:  # the consumer's broad catch: it ends in a verdict
            item.error = error
        if suspects is not None:
            suspects.clear(name)

    async def _outcome(self, item: Item) -> Outcome:
        if item.error is None:
            try:
                if not await keep_refusals(self._bus, item.refusals):
                    return Outcome(Retry(item.delivery, 0.0, counted=False))
                return await self._leave(item)
            except EsbError as unready:
                item.error = unready
        outcome = self._failed(item, item.error)
        if type(outcome.settlement) is not Retry and item.refusals:
            # a twin that is answered otherwise must not pass while a person decides about this one
            try:
                if not await keep_refusals(self._bus, item.refusals):
                    return Outcome(Retry(item.delivery, 0.0, counted=False))
            except EsbError as unready:
                return self._failed(item, unready)
        return outcome

    def _failed(self, item: Item, error: Exception) -> Outcome:
        plan = item.plan or self._bus.plans.current
        route = plan.routes.get(self._route)
        place = error.step if isinstance(error, StepFailure) else self._route
        cause = error.cause if isinstance(error, StepFailure) else error
        message = item.message
        if message is not None and isinstance(error, StepFailure):
            message = replace(message, keys=error.message.keys)  # what it became known by on the way here
        policy = (plan if self._route in plan.policies else self._bus.plans.current).policies[self._route]
        failed = Failed(cause, place, route.owner if route else "")
        outcome = fail(item.delivery, message, failed, policy, self._bus.clock.now())
        tell(self._bus.log, outcome.records)
        return outcome

    async def _leave(self, item: Item) -> Outcome:
        """Return what a run that passed wants to leave: its sends, its parked messages and its history."""
        result, message, plan = item.result, item.message, item.plan
        assert result is not None and message is not None and plan is not None
        now, outcome = self._bus.clock.now(), Outcome(Ack(item.delivery), owners=frozenset(item.owners))
        lines = outcome.records
        for send in result.sends:
            outcome.sends.append(await self._pack(send, item))
            if send.filing is not None:
                outcome.filed += await file_away(self._bus.store, send.message, send.to, send.filing, now)
            lines.append(_sent(message, send, now))
        for park in result.parks:
            row, line = hold(park, plan.routes[self._route], now)
            outcome.sends.append(row)
            lines.append(line)
        for end in result.ends:
            lines.append(record(end.message, end.outcome, now, place=end.step, text=end.reason))  # type: ignore[arg-type]
        if result.notes:
            said = "\n".join(f"{note.step}: {note.text}" for note in result.notes)
            lines.append(record(message, "note", now, text=said))
        if not (result.sends or result.ends or result.parks):
            lines.append(record(message, "routed", now, text="passed every step; no step sends it anywhere"))
        return outcome

    async def _pack(self, send: Send, item: Item) -> Addressed:
        packet = pack(send.message, order_key=item.delivery.packet.order_key)
        return Addressed(send.to, await check_in(self._bus.store, send.message, packet, self._bus.limits.claim_bytes))


def _sent(message: Message, send: Send, now: float) -> Record:
    kind = "published" if send.to.startswith("event/") else "sent"
    line = record(message, kind, now, place=send.step, text=send.to, child=send.message.id)  # type: ignore[arg-type]
    return line if send.message.keys == message.keys else _with_keys(line, send.message)


def _with_keys(line: Record, message: Message) -> Record:
    """Return the record searchable by the keys that the message had when it left, too."""
    return replace(line, keys=tuple(dict.fromkeys((*line.keys, *message.keys))))
