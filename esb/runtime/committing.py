"""Committing: what outcomes promise becomes durable, then they are settled; never the other way round."""

from __future__ import annotations

from collections.abc import Sequence

from esb.envelope import Ack, Addressed, Retry, Settlement
from esb.errors import ChannelError, EsbError, PublishError, StoreError
from esb.records import Record
from esb.runtime.bus import Bus
from esb.runtime.history import journal
from esb.runtime.verdicts import HEAL, Outcome


async def commit(bus: Bus, outcomes: Sequence[Outcome], where: str) -> None:
    """Make outcomes durable and settle them; whatever is not known to be durable is lent again, uncounted."""
    failed = await _make_durable(bus, outcomes, where)
    settlements = [
        _again(outcome) if number in failed else outcome.settlement for number, outcome in enumerate(outcomes)
    ]
    await settle(bus, [settlement for settlement in settlements if settlement is not None])


async def commit_all(bus: Bus, outcomes: Sequence[Outcome], where: str) -> bool:
    """Make outcomes durable and settle them, or settle none of them and return false."""
    if await _make_durable(bus, outcomes, where):
        return False
    await settle(bus, [outcome.settlement for outcome in outcomes if outcome.settlement is not None])
    return True


async def settle(bus: Bus, settlements: Sequence[Settlement]) -> None:
    """Settle; a retry that the broker did not confirm stays lent and is settled again until it is."""
    while settlements:
        try:
            await bus.channel.settle(settlements)
            return
        except PublishError as error:
            bus.log.warning("settle.unconfirmed", reason=str(error))
            await bus.clock.sleep(HEAL)
        except ChannelError as error:
            bus.log.warning("settle.failed", reason=str(error), hint="what was lent is lent again")
            return


async def _make_durable(bus: Bus, outcomes: Sequence[Outcome], where: str) -> set[int]:
    """Write ledger and files, publish sends and history, mark keys as done; return what failed, by index."""
    try:
        entries = [outcome.entry for outcome in outcomes if outcome.entry is not None]
        if entries:
            await bus.store.conclude(entries)
        filed = [row for outcome in outcomes for row in outcome.filed]
        if filed:
            await bus.store.file(filed)
    except StoreError as error:
        bus.log.warning("ledger.unwritten", place=where, reason=str(error))
        return set(range(len(outcomes)))
    failed = await _publish(bus, outcomes, where)
    passed = [n for n, outcome in enumerate(outcomes) if n not in failed and type(outcome.settlement) is Ack]
    owners = sorted({owner for number in passed for owner in outcomes[number].owners})
    try:
        if owners:
            await bus.store.confirm(owners)
    except StoreError as error:
        bus.log.warning("keys.unconfirmed", place=where, reason=str(error))
        failed |= {number for number in passed if outcomes[number].owners}
    return failed


async def _publish(bus: Bus, outcomes: Sequence[Outcome], where: str) -> set[int]:
    window: list[Addressed] = []
    owner_of: list[int] = []
    lines: list[Record] = []
    for number, outcome in enumerate(outcomes):
        window.extend(outcome.sends)
        owner_of.extend([number] * len(outcome.sends))
        lines.extend(outcome.records)
    if lines:
        window.append(journal(lines))
    if not window:
        return set()
    try:
        await bus.channel.publish(window)
    except PublishError as error:
        bus.log.warning("publish.unconfirmed", place=where, reason=str(error))
        history = len(owner_of) in error.failed
        return set(range(len(outcomes))) if history else {owner_of[index] for index in error.failed}
    except EsbError as error:
        bus.log.warning("publish.failed", place=where, reason=str(error))
        return set(range(len(outcomes)))
    return set()


def _again(outcome: Outcome) -> Retry | None:
    return None if outcome.settlement is None else Retry(outcome.settlement.delivery, HEAL, counted=False)
