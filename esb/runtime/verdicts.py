"""Obeying verdicts: what a policy decided about a failure becomes a settlement, sends and history."""

from __future__ import annotations

from dataclasses import dataclass, field

from esb.envelope import Ack, Addressed, Dead, Delivery, Retry, Settlement, pack, unpack
from esb.errors import ChannelError, EndpointError, StoreError, failure_class
from esb.message import Message, Park, derive
from esb.pipeline import Route
from esb.plan import Divert, Failure, Hold, Ignore, Policy, RetryAfter
from esb.records import LedgerEntry, Parked, Record
from esb.runtime.history import exception, held, parked, parked_row, record
from esb.trading import Filed

HEAL = 2.0
"""Seconds after which work is lent again when the channel or the store, not the message, is the cause."""

PERHAPS_LEFT = "it was lent before, and some of it may have left already"


@dataclass(slots=True)
class Outcome:
    """What a delivery ends with: its settlement (None: none yet), and what must be durable before that."""

    settlement: Settlement | None
    sends: list[Addressed] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    entry: LedgerEntry | None = None
    owners: frozenset[str] = frozenset()
    """Who holds deduplicate keys that are done once the sends are durable."""
    filed: list[Filed] = field(default_factory=list)
    """Interchanges among the sends, each under its numbers: kept before they leave."""
    given_up: bool = False
    """The policy ended it without an exception; tried again it might end otherwise, so nothing may follow it yet."""

    @property
    def parks(self) -> bool:
        """Return whether something of it waits for a person."""
        return any(send.to == "dead" for send in self.sends)

    def parked_rows(self) -> list[Parked]:
        """Return the rows that are on their way to the parking table."""
        return [parked_row(send.packet) for send in self.sends if send.to == "dead"]


@dataclass(frozen=True, slots=True)
class Failed:
    """A failure at a place (step path or endpoint) and who must act if it becomes an exception."""

    cause: Exception
    place: str
    owner: str = ""


def fail(delivery: Delivery, message: Message | None, failed: Failed, policy: Policy, now: float) -> Outcome:
    """Ask the policy and obey; infrastructure that failed is nobody's fault and counts no attempt."""
    cause = failed.cause
    if isinstance(cause, ChannelError | StoreError):
        return Outcome(Retry(delivery, HEAL, counted=False))
    if message is None:
        return Outcome(Dead(delivery, {"reason": str(cause), "origin": delivery.channel}))
    attempt = delivery.packet.attempt
    verdict = policy(
        Failure(failure_class(cause), str(cause), attempt, getattr(cause, "retry_after", None), message.id)
    )
    if isinstance(verdict, RetryAfter):
        text = f"{cause}; attempt {attempt}, next in {verdict.seconds:g} s"
        line = record(message, "retry", now, place=failed.place, text=text, attempt=attempt)
        return Outcome(Retry(delivery, verdict.seconds), records=[line])
    if isinstance(verdict, Ignore):
        line = record(message, "filtered", now, place=failed.place, text=f"{verdict.reason}: {cause}")
        return Outcome(Ack(delivery), records=[line], given_up=True)
    if isinstance(verdict, Divert):
        send = Addressed(f"delivery/{verdict.endpoint}", pack(message))
        line = record(message, "sent", now, place=failed.place, text=f"{send.to}: {cause}", child=message.id)
        return Outcome(Ack(delivery), [send], [line], given_up=True)
    if isinstance(verdict, Hold):
        failed = Failed(cause, verdict.place, failed.owner)
    return _exception(delivery, message, failed, verdict.reason, now)


def _exception(delivery: Delivery, message: Message, failed: Failed, reason: str, now: float) -> Outcome:
    send = exception(delivery, message, (failed.place, failed.owner), reason, now, failure_class(failed.cause))
    line = record(message, "dead", now, place=failed.place, text=reason, attempt=delivery.packet.attempt)
    return Outcome(Ack(delivery), [send], [line])


def behind(delivery: Delivery, first: str, owner: str, now: float) -> Outcome:
    """Park a message behind one of its key that a person must decide about first; released, it starts anew.

    One that was lent before may have been run by a process that was killed before it could tell the history: whoever
    decides must know that.
    """
    message, _ = unpack(delivery.packet, read_body=False)
    reason = f"its order is kept: {first[:12]} of the same key must be decided first, then release this one"
    if delivery.redelivered:
        reason += f" ({PERHAPS_LEFT}; a release repeats it under the same ids, a discard takes nothing back)"
    line = record(message, "held", now, place=delivery.channel, text=reason)
    return Outcome(Ack(delivery), [held(delivery, message, (reason, owner), now)], [line])


def given_up(retry: Retry, now: float) -> Outcome:
    """Park a message of an ordered channel whose next attempt is too far away to hold up its place meanwhile."""
    delivery = retry.delivery
    message, _ = unpack(delivery.packet, read_body=False)
    place = delivery.channel.partition("/")[2]
    reason = f"it would be tried again in {retry.after:g} s; so long its key is not held up: retry it when it can pass"
    return _exception(delivery, message, Failed(EndpointError(reason), place), reason, now)


def hold(park: Park, route: Route, now: float) -> tuple[Addressed, Record]:
    """Return a held message on its way to the store; released, it goes on behind its step."""
    message = park.message
    row = Parked(
        id=derive("hold", message.id, message.generation, route.name, park.step),
        place=park.place,
        reason=park.reason,
        at=now,
        origin=f"route/{route.name}",
        packet=pack(message, at=park.step, order_key=route.order_key(message) if route.order_key else ""),
        message_id=message.id,
        generation=message.generation,
        route=route.name,
        step=park.step,
        owner=route.owner,
        partner=message.partner,
        correlation_id=message.correlation_id,
        keys=message.keys,
    )
    text = f"{park.place}: {park.reason}"
    return parked(row), record(message, "held", now, place=park.step, text=text)
