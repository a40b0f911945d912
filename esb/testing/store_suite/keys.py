"""Checks of `Keys`: intake keys, recorded answers, deduplicate keys."""

# ruff: noqa: D103 - the name of a check is its sentence
from __future__ import annotations

import asyncio

from esb.ports import Store
from esb.records import IntakeKey, Reservation
from esb.testing.store_suite.values import DAY, Promises, claim, intake

promise = Promises()


@promise
async def a_key_that_nobody_used_is_new(store: Store) -> None:
    found = await store.reserve([intake()])

    assert found == [Reservation("new", "order-1-d1", at=1000.0)]


@promise
async def a_key_that_was_not_published_is_taken_up_where_it_stopped(store: Store) -> None:
    await store.reserve([intake()])
    await store.advance([(intake(), 3, False)])

    found = await store.reserve([intake(at=1500.0)])

    assert found == [Reservation("reserved", "order-1-d1", 3, at=1000.0)]


@promise
async def a_position_never_moves_back(store: Store) -> None:
    await store.reserve([intake()])
    await store.advance([(intake(), 5, True)])
    await store.advance([(intake(), 2, False)])

    found = await store.reserve([intake(at=1500.0)])

    assert found == [Reservation("published", "order-1-d1", 5, at=1000.0)]


@promise
async def positions_of_one_call_apply_one_after_another(store: Store) -> None:
    await store.reserve([intake(), intake("order-2")])
    await store.advance([(intake(), 1, False), (intake("order-2"), 1, True), (intake(), 4, True)])

    found = await store.reserve([intake(), intake("order-2")])

    assert [(one.state, one.position) for one in found] == [("published", 4), ("published", 1)]


@promise
async def a_position_of_a_key_that_nobody_reserved_is_ignored(store: Store) -> None:
    await store.advance([(intake(), 5, True)])

    assert (await store.reserve([intake()]))[0].state == "new"


@promise
async def the_same_key_with_another_content_is_a_conflict(store: Store) -> None:
    await store.reserve([intake()])

    found = await store.reserve([intake(digest="d2")])

    assert found == [Reservation("conflict", "order-1-d1", at=1000.0)]


@promise
async def after_the_window_the_same_key_is_a_new_message(store: Store) -> None:
    await store.reserve([intake(window=DAY)])
    await store.advance([(intake(), 1, True)])

    just_inside = await store.reserve([intake(digest="d2", at=1000.0 + DAY - 1, window=DAY)])
    outside = await store.reserve([intake(digest="d2", at=1000.0 + DAY, window=DAY)])
    then = await store.reserve([intake(at=1000.0 + DAY + 1, window=DAY)])

    assert [just_inside[0].state, outside[0].state, then[0].state] == ["conflict", "new", "conflict"]
    assert outside[0].message_id == then[0].message_id != just_inside[0].message_id


@promise
async def after_the_window_the_same_content_gets_an_id_that_no_ledger_knows(store: Store) -> None:
    first = await store.reserve([intake(window=DAY)])
    second = await store.reserve([intake(at=1000.0 + DAY, window=DAY)])
    again = await store.reserve([intake(at=1001.0 + DAY, window=DAY)])

    assert first[0].message_id != second[0].message_id == again[0].message_id
    assert [second[0].state, again[0].state, again[0].at] == ["new", "reserved", 1000.0 + DAY]


@promise
async def a_delivery_keeps_the_release_that_took_it_in(store: Store) -> None:
    await store.reserve([intake(release="r1")])

    found = await store.reserve([intake(release="r2")])

    assert (found[0].state, found[0].release) == ("reserved", "r1")


@promise
async def a_late_word_of_the_message_before_does_not_move_its_successor(store: Store) -> None:
    await store.reserve([intake(window=DAY)])
    await store.reserve([intake(digest="d2", at=1000.0 + DAY, window=DAY)])

    await store.advance([(intake(), 9, True)])

    found = await store.reserve([intake(digest="d2", at=1001.0 + DAY, window=DAY)])
    assert (found[0].state, found[0].position) == ("reserved", 0)


@promise
async def the_same_key_at_two_endpoints_is_two_keys(store: Store) -> None:
    found = await store.reserve([intake(), intake(endpoint="sftp", digest="d2")])

    assert [one.state for one in found] == ["new", "new"]


@promise
async def equal_keys_of_one_call_are_answered_one_after_another(store: Store) -> None:
    found = await store.reserve([intake(), intake(at=1001.0), intake(digest="d2"), intake("order-2")])

    assert [one.state for one in found] == ["new", "reserved", "conflict", "new"]


@promise
async def a_published_key_brings_the_reply_recorded_under_its_message(store: Store) -> None:
    await store.reserve([intake()])
    await store.record({"order-1-d1": b'{"number":7}'}, {"order-1-d1": "order-1-d1"})
    await store.advance([(intake(), 1, True)])

    found = await store.reserve([intake()])

    assert found[0].answer == '{"number":7}'


@promise
async def keys_of_any_length_and_any_characters_are_kept_apart(store: Store) -> None:
    odd = ["x" * 9000, "x" * 8999 + "y", "a\x00b", "a\x00c", "Ärger 🧾", "ärger 🧾", "half\ud800", " ", ""]

    keys = [IntakeKey("webhook", key, "d", f"m{number}", 1000.0) for number, key in enumerate(odd)]

    first = await store.reserve(keys)
    again = await store.reserve(keys)

    assert {one.state for one in first} == {"new"}
    assert {one.state for one in again} == {"reserved"}


@promise
async def one_of_many_that_reserve_the_same_key_at_once_is_new(store: Store) -> None:
    found = await asyncio.gather(*(store.reserve([intake("k"), intake(f"own-{n}")]) for n in range(20)))

    assert sorted(one[0].state for one in found) == ["new"] + ["reserved"] * 19
    assert {one[1].state for one in found} == {"new"}


@promise
async def an_answer_is_found_by_its_name(store: Store) -> None:
    given = {"ask-1": b'{"name":"ACME"}', "ask-2": b"\x00\xff"}

    kept = await store.record(given, {"ask-1": "m1", "ask-2": "m1"})

    assert kept == given
    assert await store.recorded(["ask-1", "ask-2", "ask-3"]) == given


@promise
async def the_first_answer_that_commits_wins(store: Store) -> None:
    await store.record({"ask-1": b"first"}, {"ask-1": "m1"})

    kept = await store.record({"ask-1": b"late", "ask-2": b"new"}, {"ask-1": "m1", "ask-2": "m1"})

    assert kept == {"ask-1": b"first", "ask-2": b"new"}
    assert await store.recorded(["ask-1"]) == {"ask-1": b"first"}


@promise
async def twins_that_record_at_once_get_the_same_answer(store: Store) -> None:
    kept = await asyncio.gather(*(store.record({"ask": b"%d" % n}, {"ask": "m"}) for n in range(10)))

    assert len({one["ask"] for one in kept}) == 1


@promise
async def the_first_owner_of_a_key_is_first_and_its_twin_waits(store: Store) -> None:
    assert await store.claim([claim("m1")]) == [b"first"]
    assert await store.claim([claim("m2")]) == [b"wait"]


@promise
async def a_twin_of_a_key_that_has_passed_is_a_duplicate(store: Store) -> None:
    await store.claim([claim("m1")])
    await store.claim([claim("m2")])
    await store.confirm(["m1"])

    assert await store.claim([claim("m2"), claim("m3")]) == [b"duplicate", b"duplicate"]


@promise
async def waiting_is_not_kept_as_an_answer(store: Store) -> None:
    await store.claim([claim("m1")])
    await store.claim([claim("m2")])

    assert await store.recorded([claim("m2").name]) == {}
    assert await store.recorded([claim("m1").name]) == {claim("m1").name: b"first"}


@promise
async def the_same_ask_gets_the_same_answer_for_ever(store: Store) -> None:
    await store.claim([claim("m1")])
    await store.confirm(["m1"])
    await store.claim([claim("m2")])
    later = 1000.0 + 2 * DAY

    assert await store.claim([claim("m1", at=later), claim("m2", at=later)]) == [b"first", b"duplicate"]


@promise
async def the_same_owner_passes_again_under_another_ask(store: Store) -> None:
    await store.claim([claim("m1", name="ask-1")])
    await store.confirm(["m1"])

    assert await store.claim([claim("m1", name="ask-2")]) == [b"first"]
    assert await store.claim([claim("m2")]) == [b"duplicate"]


@promise
async def a_key_may_be_used_again_when_its_time_is_over(store: Store) -> None:
    await store.claim([claim("m1", keep=DAY)])
    await store.confirm(["m1"])

    inside = await store.claim([claim("m2", at=1000.0 + DAY - 1)])
    outside = await store.claim([claim("m3", at=1000.0 + DAY)])
    then = await store.claim([claim("m4", at=1000.0 + DAY + 1)])

    assert [inside, outside, then] == [[b"duplicate"], [b"first"], [b"wait"]]


@promise
async def a_reserved_key_does_not_expire(store: Store) -> None:
    await store.claim([claim("m1", keep=DAY)])

    assert await store.claim([claim("m2", at=1000.0 + 9 * DAY)]) == [b"wait"]


@promise
async def a_discarded_first_frees_its_key(store: Store) -> None:
    await store.claim([claim("m1"), claim("m1", key="PO-2")])
    await store.claim([claim("m2")])
    await store.free(["m1"])

    assert await store.claim([claim("m2")]) == [b"first"]
    assert await store.claim([claim("m3", key="PO-2")]) == [b"first"]


@promise
async def a_key_that_has_passed_cannot_be_freed(store: Store) -> None:
    await store.claim([claim("m1")])
    await store.confirm(["m1"])
    await store.free(["m1"])

    assert await store.claim([claim("m2")]) == [b"duplicate"]


@promise
async def claims_of_one_call_are_answered_one_after_another(store: Store) -> None:
    claims = [claim("m1"), claim("m2"), claim("m1"), claim("m1", name="other"), claim("m2", key="PO-2")]

    assert await store.claim(claims) == [b"first", b"wait", b"first", b"first", b"first"]


@promise
async def the_same_key_in_two_spaces_is_two_keys(store: Store) -> None:
    first = claim("m1")
    other = type(first)("ask-x", "invoices/deduplicate", first.key, "m2", DAY, 1000.0)

    assert await store.claim([first, other]) == [b"first", b"first"]


@promise
async def one_of_many_that_claim_the_same_keys_at_once_is_first(store: Store) -> None:
    keys = [f"PO-{number}" for number in range(10)]

    async def ask(owner: int) -> list[bytes]:
        ordered = keys if owner % 2 else keys[::-1]
        found = await store.claim([claim(f"m{owner}", key) for key in ordered])
        return list(found) if owner % 2 else list(found)[::-1]

    found = await asyncio.gather(*(ask(owner) for owner in range(12)))

    assert [sorted(column) for column in zip(*found, strict=True)] == [[b"first"] + [b"wait"] * 11] * 10


@promise
async def nothing_asked_is_nothing_answered(store: Store) -> None:
    assert [*await store.reserve([]), *await store.claim([])] == []
    assert await store.recorded([]) == await store.record({}, {}) == {}
    await store.advance([])
    await store.confirm([])
    await store.free([])


CHECKS = tuple(promise)
