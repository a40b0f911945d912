"""Checks of `forget`: what is over goes, what someone still needs stays."""

# ruff: noqa: D103 - the name of a check is its sentence
from __future__ import annotations

import time

from msgspec.structs import replace

from esb.envelope import Addressed, encode_document
from esb.ports import Store
from esb.records import ParkedFilter
from esb.testing.store_suite.values import DAY, PACKET, PARKED, Promises, claim, entry, intake, line

promise = Promises()


@promise
async def answers_keys_and_deliveries_are_forgotten_when_their_time_is_over(store: Store) -> None:
    await _past(store)

    removed = await store.forget(1000.0 + 2 * DAY)

    assert removed >= 4
    assert await store.entries([entry().key]) == {}
    assert await store.recorded([claim("m1").name]) == {}
    assert await store.claim([claim("m2")]) == [b"first"]
    assert (await store.reserve([intake(digest="d2")]))[0].state == "new"


@promise
async def what_is_younger_stays(store: Store) -> None:
    await _past(store)

    assert await store.forget(999.0) == 0

    assert (await store.entries([entry().key]))[entry().key].state == "done"
    assert await store.claim([claim("m1"), claim("m2")]) == [b"first", b"duplicate"]
    assert (await store.reserve([intake(digest="d2")]))[0].state == "conflict"


@promise
async def a_key_is_kept_as_long_as_its_definition_says(store: Store) -> None:
    await store.claim([claim("m1", keep=30 * DAY)])
    await store.confirm(["m1"])
    await store.reserve([intake(window=30 * DAY)])

    await store.forget(1000.0 + 20 * DAY)

    assert await store.claim([claim("m2", at=1000.0 + 20 * DAY)]) == [b"duplicate"]
    assert (await store.reserve([intake(digest="d2", window=30 * DAY)]))[0].state == "conflict"


@promise
async def an_open_parked_message_keeps_all_that_it_needs(store: Store) -> None:
    await _past(store)
    await store.record({"erp": b"customer"}, {"erp": "m1"})
    await store.park([PARKED])
    later = time.time() + DAY

    await store.forget(later)

    assert await store.recorded(["erp", claim("m1").name]) == {"erp": b"customer", claim("m1").name: b"first"}
    assert (await store.entries([entry().key]))[entry().key].state == "done"
    assert await store.parked(ParkedFilter()) == [PARKED]

    await store.decide(PARKED, "discarded", None, line("r1"))
    await store.forget(later)

    assert await store.recorded(["erp", claim("m1").name]) == {}


@promise
async def reserved_keys_and_deliveries_in_doubt_are_never_forgotten(store: Store) -> None:
    await store.claim([claim("m1")])
    await store.intend([entry("m1"), entry("m2")])
    await store.conclude([entry("m2", state="unknown")])

    await store.forget(1000.0 + 99 * DAY)

    assert await store.claim([claim("m2", at=1000.0 + 99 * DAY)]) == [b"wait"]
    assert len(await store.entries([entry("m1").key, entry("m2").key])) == 2


@promise
async def decisions_carried_out_go_and_discarded_messages_can_still_be_restored(store: Store) -> None:
    await store.park([PARKED, replace(PARKED, id="p2")])
    await store.decide(PARKED, "retried", None, line("r1", at=200.0))
    await store.decide(replace(PARKED, id="p2"), "discarded", None, line("r2", at=200.0))

    await store.forget(300.0)

    assert [row.id for row in await store.parked(ParkedFilter(state=None))] == ["p2"]


@promise
async def history_bodies_and_owed_sends_stay(store: Store) -> None:
    await store.append([line("r1", at=1.0)])
    await store.put("b1", b"body")
    await store.park([PARKED])
    await store.decide(PARKED, "retried", Addressed("delivery/erp", PACKET), line("r2", at=2.0))

    await store.forget(time.time() + DAY)

    assert [record.id for record in await store.history("m1")] == ["r1", "r2"]
    assert await store.get("b1") == b"body"
    assert len(await store.outbox(10)) == 1


@promise
async def a_claimed_body_of_a_parked_message_can_be_parked_and_read(store: Store) -> None:
    claimed = replace(PACKET, content="claim", body=encode_document({"digest": "b1", "size": 4}))
    await store.put("b1", b"body")
    await store.park([replace(PARKED, packet=claimed)])

    await store.forget(time.time() + DAY)

    (row,) = await store.parked(ParkedFilter())
    assert row.packet == claimed
    assert await store.get("b1") == b"body"


async def _past(store: Store) -> None:
    """Leave a message `m1` that was received, deduplicated and delivered at 1000."""
    await store.reserve([intake(window=DAY)])
    await store.advance([(intake(), 1, True)])
    await store.claim([claim("m1", keep=DAY)])
    await store.confirm(["m1"])
    await store.intend([entry()])
    await store.conclude([entry(state="done")])


CHECKS = tuple(promise)
