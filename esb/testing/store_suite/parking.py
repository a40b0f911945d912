"""Checks of `Parking`: rows, decisions, outbox."""

# ruff: noqa: D103 - the name of a check is its sentence
from __future__ import annotations

import asyncio

from msgspec.structs import replace

from esb.envelope import Addressed
from esb.message import BusinessKey
from esb.ports import Store
from esb.records import ParkedFilter
from esb.testing.store_suite.values import PACKET, PARKED, Promises, line, parked

promise = Promises()
_BACK = Addressed("delivery/erp", replace(PACKET, attempt=1))


@promise
async def a_parked_message_comes_back_as_it_went(store: Store) -> None:
    await store.park([PARKED])

    assert await store.parked(ParkedFilter()) == [PARKED]


@promise
async def parking_twice_is_parking_once(store: Store) -> None:
    await store.park([PARKED, PARKED])
    await store.park([parked(reason="another text")])

    assert await store.parked(ParkedFilter()) == [PARKED]


@promise
async def a_late_twin_does_not_open_a_decided_row(store: Store) -> None:
    await store.park([PARKED])
    await store.decide(PARKED, "discarded", None, line("r1"))
    await store.park([PARKED])

    assert await store.parked(ParkedFilter()) == []


@promise
async def every_field_of_a_filter_narrows(store: Store) -> None:
    other = parked(
        "p2", at=50.0, place="credit-desk", route="returns", failure_class="", keys=(BusinessKey("rma", "R-1"),)
    )
    await store.park([PARKED, other, parked("p3", at=200.0, keys=())])
    await store.decide(parked("p3"), "discarded", None, line("r1"))
    wanted = {
        ParkedFilter(): ["p2", "p1"],
        ParkedFilter(state=None): ["p2", "p1", "p3"],
        ParkedFilter(state="discarded"): ["p3"],
        ParkedFilter(ids=("p1", "p3")): ["p1"],
        ParkedFilter(place="credit-desk"): ["p2"],
        ParkedFilter(route="orders"): ["p1"],
        ParkedFilter(failure_class=""): ["p2"],
        ParkedFilter(key="PO-10045"): ["p1"],
        ParkedFilter(key="po-10045"): ["p1"],
        ParkedFilter(key="PO"): [],
        ParkedFilter(route="orders", key="R-1"): [],
        ParkedFilter(limit=1): ["p2"],
    }

    found = {where: [row.id for row in await store.parked(where)] for where in wanted}

    assert found == wanted


@promise
async def a_decision_brings_its_send_and_its_record(store: Store) -> None:
    await store.park([PARKED])

    assert await store.decide(PARKED, "retried", _BACK, line("r1", kind="retried"))

    assert [send for _, send in await store.outbox(10)] == [_BACK]
    assert await store.history("m1") == [line("r1", kind="retried")]
    assert [row.state for row in await store.parked(ParkedFilter(state=None))] == ["retried"]


@promise
async def only_one_decision_is_taken(store: Store) -> None:
    await store.park([PARKED])

    taken = await asyncio.gather(*(store.decide(PARKED, "released", _BACK, line(f"r{n}")) for n in range(8)))

    assert taken.count(True) == 1
    assert len(await store.outbox(10)) == 1
    assert len(await store.history("m1")) == 1


@promise
async def a_discarded_message_can_be_restored_and_then_decided(store: Store) -> None:
    await store.park([PARKED])
    await store.decide(PARKED, "discarded", None, line("r1"))

    assert await store.decide(PARKED, "open", None, line("r2", kind="restored"))
    assert await store.parked(ParkedFilter()) == [PARKED]
    assert await store.decide(PARKED, "released", _BACK, line("r3"))


@promise
async def only_what_was_discarded_can_be_restored(store: Store) -> None:
    await store.park([PARKED])

    assert not await store.decide(PARKED, "open", None, line("r1"))
    assert await store.decide(PARKED, "retried", _BACK, line("r2"))
    assert not await store.decide(PARKED, "open", None, line("r3"))
    assert not await store.decide(parked("nobody"), "retried", _BACK, line("r4"))


@promise
async def the_outbox_gives_the_oldest_until_they_are_sent(store: Store) -> None:
    rows = [parked(f"p{number}") for number in range(4)]
    await store.park(rows)
    for row in rows:
        await store.decide(row, "released", Addressed(f"route/{row.id}", PACKET), line(f"r-{row.id}"))

    first = await store.outbox(3)
    await store.sent([number for number, _ in first])
    rest = await store.outbox(3)

    assert [send.to for _, send in first] == ["route/p0", "route/p1", "route/p2"]
    assert [send.to for _, send in rest] == ["route/p3"]


@promise
async def nothing_parked_is_nothing_found(store: Store) -> None:
    await store.park([])
    await store.sent([])

    assert [*await store.parked(ParkedFilter(state=None)), *await store.outbox(10)] == []


CHECKS = tuple(promise)
