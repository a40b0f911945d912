"""Checks of `Ledger`."""

# ruff: noqa: D103 - the name of a check is its sentence
from __future__ import annotations

import asyncio

from esb.ports import Store
from esb.records import CLEAN, LedgerKey
from esb.testing.store_suite.values import Promises, entry

promise = Promises()


@promise
async def a_first_attempt_has_nothing_before_it(store: Store) -> None:
    assert await store.intend([entry("m1"), entry("m2")]) == [None, None]
    assert await store.entries([LedgerKey("erp", "m1")]) == {LedgerKey("erp", "m1"): entry("m1")}


@promise
async def the_next_attempt_sees_the_one_that_was_cut(store: Store) -> None:
    await store.intend([entry(attempt=1)])

    assert await store.intend([entry(attempt=2, at=1100.0)]) == [entry(attempt=1)]
    assert await store.entries([entry().key]) == {entry().key: entry(attempt=2, at=1100.0)}


@promise
async def the_next_attempt_sees_that_the_outcome_is_unknown(store: Store) -> None:
    unknown = entry(state="unknown", detail="no answer within 15 s")
    await store.intend([entry()])
    await store.conclude([unknown])

    assert await store.intend([entry(attempt=2)]) == [unknown]


@promise
async def a_call_under_way_cannot_be_taken_over_while_its_lease_lasts(store: Store) -> None:
    await store.intend([entry(attempt=1, lease=30.0)])

    early = await store.intend([entry(attempt=2, at=1029.0, lease=30.0)])
    late = await store.intend([entry(attempt=3, at=1030.0, lease=30.0)])

    assert [one.attempt for one in [*early, *late] if one] == [1, 1]
    assert (await store.entries([entry().key]))[entry().key].attempt == 3


@promise
async def a_call_that_failed_without_an_effect_is_taken_over_at_once(store: Store) -> None:
    failed = entry(attempt=1, detail=CLEAN)
    await store.intend([entry(attempt=1, lease=30.0)])
    await store.conclude([failed])

    assert await store.intend([entry(attempt=2, at=1001.0, lease=30.0)]) == [failed]
    assert (await store.entries([entry().key]))[entry().key].attempt == 2


@promise
async def what_is_done_stays_done(store: Store) -> None:
    done = entry(state="done", detail="201 Created, order 7")
    await store.intend([entry()])
    await store.conclude([done])
    await store.conclude([entry(state="unknown", attempt=2)])

    assert await store.intend([entry(attempt=3)]) == [done]
    assert await store.entries([done.key]) == {done.key: done}


@promise
async def a_failure_that_comes_late_says_nothing_about_a_later_attempt(store: Store) -> None:
    await store.intend([entry(attempt=1)])
    later = entry(attempt=2, at=1100.0)
    await store.intend([later])
    await store.conclude([entry(attempt=1, at=1050.0, detail=CLEAN)])

    assert await store.intend([entry(attempt=3, at=1200.0)]) == [later]


@promise
async def an_outcome_without_an_intent_is_kept(store: Store) -> None:
    done = entry(state="done")
    await store.conclude([done])

    assert await store.intend([entry()]) == [done]


@promise
async def endpoints_messages_and_generations_have_fates_of_their_own(store: Store) -> None:
    several = [entry("m1"), entry("m1", endpoint="shop"), entry("m1", generation=1), entry("m2")]
    await store.conclude([entry("m1", state="done")])

    assert await store.intend(several) == [entry("m1", state="done"), None, None, None]


@promise
async def equal_keys_of_one_call_are_intended_one_after_another(store: Store) -> None:
    assert await store.intend([entry(attempt=1), entry(attempt=2)]) == [None, entry(attempt=1)]
    assert (await store.entries([entry().key]))[entry().key].attempt == 2


@promise
async def one_of_many_that_intend_at_once_is_first(store: Store) -> None:
    found = await asyncio.gather(*(store.intend([entry("m1", attempt=n), entry(f"own-{n}")]) for n in range(1, 13)))

    assert [before[0] for before in found].count(None) == 1
    assert all(before[1] is None for before in found)


@promise
async def unknown_deliveries_have_no_entry(store: Store) -> None:
    assert await store.entries([LedgerKey("erp", "nobody")]) == {}
    assert list(await store.intend([])) == []
    assert await store.entries([]) == {}
    await store.conclude([])


CHECKS = tuple(promise)
