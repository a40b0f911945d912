"""Overdue: what a partner should have acknowledged by now becomes an exception of whoever looks after it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from esb.envelope import unpack
from esb.errors import StoreError
from esb.message import Message, derive
from esb.plan import DeliveryPlan
from esb.records import Parked
from esb.runtime.bus import Bus
from esb.runtime.history import fingerprint, record
from esb.trading import Filed, FiledFilter, Judgment

_SOME = 500


class Overdue:
    """Looks every `poll` seconds; one process of many does it at a time (a lease)."""

    def __init__(self, bus: Bus, name: str, poll: float = 15.0) -> None:
        self._bus, self._name, self._poll = bus, name, poll

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._bus.clock.sleep(self._poll)
            now = self._bus.clock.now()
            try:
                if await self._bus.store.lease("overdue", self._name, now, 4 * self._poll):
                    await self.look(now)
            except StoreError as error:
                self._bus.log.warning("overdue.waits", reason=str(error))

    async def look(self, now: float) -> int:
        """Raise what is late; return how much."""
        raised = 0
        while rows := await self._bus.store.filed(FiledFilter(state="open", due=now, limit=_SOME)):
            applied = await self._bus.store.judge([self._judgment(row, now) for row in rows])
            raised += sum(applied)
            if not any(applied):
                break
        if raised:
            self._bus.log.warning("acknowledgments.overdue", count=raised, hint="esb dead list shows them")
        return raised

    def _judgment(self, row: Filed, now: float) -> Judgment:
        message, _ = unpack(row.packet, read_body=False)
        hours = ((row.due or now) - row.at) / 3600
        text = (
            f"{label(row)} was not acknowledged within {hours:g} h; ask {row.scope.partner} whether they have it, "
            "or retry to send the same interchange again"
        )
        line = record(message, "overdue", now, place=row.endpoint, text=text)
        parked = exception_of(row, message, "unknown", text, now, self._bus.plans.current.deliveries)
        return Judgment(replace(row, state="overdue", told=text, told_at=now), ("open",), (line,), parked)


def label(row: Filed) -> str:
    """Return what people call something that left under a number."""
    what = f"{row.scope.level} {row.number}"
    return f"{what} ({row.scope.kind})" if row.scope.kind else what


def missed(row: Filed) -> str:
    """Return the id of the exception that says that its acknowledgment is missing."""
    scope = row.scope
    return derive("overdue", row.message_id, scope.level, scope.kind, str(row.number))


def exception_of(
    row: Filed, message: Message, kind: str, text: str, now: float, deliveries: Mapping[str, DeliveryPlan]
) -> Parked:
    """Return the exception for something that left; a retry of it sends the same bytes again."""
    plan = deliveries.get(row.endpoint)
    return Parked(
        id=missed(row),
        place=row.endpoint,
        reason=text[:2000],
        at=now,
        origin=f"delivery/{row.endpoint}",
        packet=row.packet,
        message_id=row.message_id,
        generation=message.generation,
        failure_class=kind,
        route=message.route,
        step=row.endpoint,
        owner=plan.owner if plan is not None else "",
        fingerprint=fingerprint(kind, message.route, row.endpoint, "acknowledgment"),
        partner=message.partner,
        correlation_id=message.correlation_id,
        keys=message.keys,
    )
