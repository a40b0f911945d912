from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from esb.envelope import pack, unpack
from esb.errors import FormatError, UsageError
from esb.management.exceptions import Decision, Desk, body_text
from esb.message import BusinessKey, Message
from esb.ports import Store
from esb.records import KeyClaim, LedgerEntry, LedgerKey, Parked, ParkedFilter
from esb.runtime.clock import SystemClock

ID = "a" * 32
ME = Decision("me", "because")


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store, SystemClock(), "today")


async def parked(store: Store, body: Any = None, **fields: Any) -> Parked:
    message = Message(
        id=ID, body={"n": 1} if body is None else body, received=datetime(2026, 3, 2, tzinfo=UTC), release="then"
    )
    given = {"place": "validate", "reason": "no", "at": 9.0, "origin": "route/orders", "failure_class": "invalid"}
    row = Parked(
        id="p" * 32, packet=pack(message, at=fields.pop("at_step", "")), message_id=ID, route="orders",
        keys=(BusinessKey("order", "N1"),), **{**given, **fields},
    )  # fmt: skip
    await store.park([row])
    return row


async def owed(store: Store) -> list[tuple[str, Message, str]]:
    return [(send.to, *unpack(send.packet)) for _, send in await store.outbox(10)]


async def test_a_retry_of_a_route_is_a_new_generation_under_todays_release(store: Store, desk: Desk):
    assert await desk.retry(await parked(store), ME)

    ((to, message, at),) = await owed(store)
    assert (to, at, message.generation, message.release) == ("route/orders", "", 1, "today")


async def test_a_retry_as_then_keeps_the_release(store: Store, desk: Desk):
    assert await desk.retry(await parked(store), Decision("me", as_then=True))

    ((_, message, _),) = await owed(store)
    assert (message.generation, message.release) == (1, "then")


async def test_a_retry_of_a_delivery_keeps_its_key_unless_it_was_done(store: Store, desk: Desk):
    row = await parked(store, b"{}", origin="delivery/erp", place="erp")
    await desk.retry(row, ME)

    ((to, message, _),) = await owed(store)
    assert (to, message.generation) == ("delivery/erp", 0)


async def test_a_delivery_that_was_done_is_sent_anew_under_another_key(store: Store, desk: Desk):
    await store.intend([LedgerEntry(LedgerKey("erp", ID), "intent", 1, 1.0)])
    await store.conclude([LedgerEntry(LedgerKey("erp", ID), "done", 1, 1.0)])
    await desk.retry(await parked(store, b"{}", origin="delivery/erp", place="erp"), ME)

    ((_, message, _),) = await owed(store)
    assert message.generation == 1


async def test_an_unknown_outcome_is_settled_by_the_word_of_a_person(store: Store, desk: Desk):
    key = LedgerKey("erp", ID)
    await store.intend([LedgerEntry(key, "intent", 1, 1.0)])
    await store.conclude([LedgerEntry(key, "unknown", 1, 1.0, "no answer")])
    await desk.retry(await parked(store, b"{}", origin="delivery/erp", place="erp", failure_class="unknown"), ME)

    entry = (await store.entries([key]))[key]
    assert (entry.state, entry.detail) == ("intent", "failed cleanly")


async def test_the_first_of_many_decisions_counts(store: Store, desk: Desk):
    row = await parked(store)

    taken = await asyncio.gather(*(desk.retry(row, ME) for _ in range(5)), desk.discard(row, ME))

    assert sorted(taken) == [False] * 5 + [True]
    assert len(await owed(store)) <= 1


async def test_a_decision_is_in_the_history_with_who_and_why(store: Store, desk: Desk):
    await desk.discard(await parked(store), ME)

    (line,) = await store.history(ID)
    assert (line.kind, line.text, line.place, line.keys) == (
        "discarded",
        "by me: because",
        "validate",
        (BusinessKey("order", "N1"),),
    )


async def test_a_discard_needs_a_reason_and_frees_the_keys(store: Store, desk: Desk):
    row = await parked(store)
    claim = KeyClaim("n1", "orders", "N1", f"{ID}.0.orders", 60.0, 1.0)
    other = KeyClaim("n2", "orders", "N1", f"{'b' * 32}.0.orders", 60.0, 1.0)
    first = await store.claim([claim, other])

    with pytest.raises(UsageError, match="say why"):
        await desk.discard(row, Decision("me"))
    await desk.discard(row, ME)

    assert list(first) == [b"first", b"wait"]
    assert list(await store.claim([other])) == [b"first"]


async def test_a_release_goes_on_behind_its_step_under_its_own_release(store: Store, desk: Desk):
    row = await parked(store, failure_class="", place="credit-desk", at_step="hold")
    assert await desk.release(row, ME)

    ((to, message, at),) = await owed(store)
    assert (to, at, message.generation, message.release) == ("route/orders", "hold", 0, "then")


async def test_what_stands_in_the_wrong_state_is_not_decided(store: Store, desk: Desk):
    row = await parked(store)

    with pytest.raises(UsageError, match="is an exception, not a hold"):
        await desk.release(row, ME)
    with pytest.raises(UsageError, match="is open, not discarded"):
        await desk.restore(row, ME)


async def test_a_restored_row_can_be_decided_again(store: Store, desk: Desk):
    await desk.discard(await parked(store), ME)
    assert await desk.restore(await desk.find(ID), ME)

    assert await desk.retry(await desk.find(ID), ME)
    assert [line.kind for line in await store.history(ID)] == ["discarded", "restored", "retried"]


async def test_an_edited_document_takes_the_place_of_the_old_one(store: Store, desk: Desk):
    await desk.retry(await parked(store), Decision("me", body=b'{"n": 2}'))

    ((_, message, _),) = await owed(store)
    assert (message.body, message.generation) == ({"n": 2}, 1)


async def test_an_edited_document_must_be_json_and_edited_bytes_need_not(store: Store, desk: Desk):
    row = await parked(store)

    with pytest.raises(FormatError, match="json"):
        await desk.retry(row, Decision("me", body=b"{"))

    assert (await desk.find(ID)).state == "open"


async def test_edited_bytes_stay_bytes(store: Store, desk: Desk):
    await desk.retry(await parked(store, b"ISA", origin="delivery/erp", place="erp"), Decision("me", body=b"ISA*"))

    ((_, message, _),) = await owed(store)
    assert message.body == b"ISA*"


async def test_what_was_never_read_needs_a_document(store: Store, desk: Desk):
    row = await parked(store, b"{cut", place="intake/inbox")

    with pytest.raises(UsageError, match="with --body FILE"):
        await desk.retry(row, ME)
    assert await desk.retry(row, Decision("me", body=b'{"n": 3}'))

    ((_, message, _),) = await owed(store)
    assert message.body == {"n": 3}


async def test_a_row_is_found_by_its_id_its_message_or_a_beginning_of_either(store: Store, desk: Desk):
    row = await parked(store)

    assert {(await desk.find(name)).id for name in (row.id, ID, ID[:4], row.id[:4])} == {row.id}
    with pytest.raises(UsageError, match="no exception and no hold"):
        await desk.find("zzz")


def test_a_body_is_shown_as_text_and_cut_when_it_is_long():
    message = Message(id=ID, body=b"\xff" + b"x" * 50, received=datetime(2026, 3, 2, tzinfo=UTC))

    assert body_text(pack(message), limit=10) == "�xxxxxxxxx… (51 bytes)"
    assert body_text(pack(message.with_body({"n": 1}))) == '{"n":1}'


async def test_nothing_is_open_after_all_was_decided(store: Store, desk: Desk):
    await desk.retry(await parked(store), ME)

    assert list(await store.parked(ParkedFilter())) == []
