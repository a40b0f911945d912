"""Checks of interchanges that came and left, and of batches."""

# ruff: noqa: D103 - the name of a check is its sentence
from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from esb.edge import Interchange
from esb.envelope import Addressed
from esb.message import Scope
from esb.ports import Store
from esb.records import ParkedFilter
from esb.testing.store_suite.values import DAY, PACKET, Promises, line, parked
from esb.trading import Arrival, Closing, Collected, Filed, FiledFilter, Judgment

promise = Promises()

GROUP = Scope("x12", "group", "HOUSE", "ACME", "IN")


def arrival(number: str = "000000101", digest: str = "d1", owner: str = "file-1.1", **fields: Any) -> Arrival:
    """Return an interchange that a delivery brings."""
    content = fields.pop("content", f"content of {digest}")
    came = Interchange("x12", "01/ACME", "ZZ/HOUSE", number, digest, content)
    return Arrival(came, owner, "inbox", fields.pop("at", 1000.0), fields.pop("window", 90 * DAY))


def filed(number: int = 7, message_id: str = "s1", **fields: Any) -> Filed:
    """Return a group of invoices that left."""
    given = {"scope": GROUP, "endpoint": "acme-edi", "packet": PACKET, "at": 1000.0, "due": 2000.0, "state": "open"}
    return Filed(number=number, message_id=message_id, **{**given, **fields})


def document(name: str, kind: str = "IN", at: float = 1000.0, endpoint: str = "acme-edi") -> Collected:
    """Return a document that waits in a batch."""
    return Collected(name, endpoint, kind, at, replace(PACKET, id=name))


@promise
async def an_interchange_that_never_came_is_new(store: Store) -> None:
    first, second = await store.meet([arrival(), arrival("000000102", "d2", "file-1.2")])

    assert (first.state, second.state) == ("new", "new")
    assert first.base != second.base


@promise
async def a_delivery_that_is_taken_up_again_does_not_take_its_own_interchange_for_a_repetition(store: Store) -> None:
    (first,) = await store.meet([arrival()])
    await store.finish([first.base])

    assert await store.meet([arrival(at=1500.0)]) == [first]


@promise
async def one_that_was_cut_is_taken_up_by_whoever_brings_it_and_makes_the_same_messages(store: Store) -> None:
    (first,) = await store.meet([arrival()])

    (second,) = await store.meet([arrival(owner="file-2.1", at=1500.0)])

    assert (second.state, second.base) == ("new", first.base)


@promise
async def the_same_number_with_the_same_content_is_a_retransmission(store: Store) -> None:
    (first,) = await store.meet([arrival()])
    await store.finish([first.base])

    (second,) = await store.meet([arrival(owner="file-2.1", at=1500.0)])

    assert (second.state, second.base, second.at) == ("again", first.base, 1000.0)


@promise
async def the_same_number_with_another_content_is_a_duplicate(store: Store) -> None:
    (first,) = await store.meet([arrival()])
    await store.finish([first.base])

    met = await store.meet([arrival(digest="d2", owner="file-2.1"), arrival(owner="file-2.2")])

    assert [one.state for one in met] == ["other", "again"]


@promise
async def the_same_content_under_another_number_is_a_copy_of_the_first(store: Store) -> None:
    await store.meet([arrival()])

    (copy,) = await store.meet([arrival("000000102", "d2", "file-2.1", content="content of d1", at=1500.0)])

    assert (copy.state, copy.copy_of) == ("new", "000000101")


@promise
async def a_number_twice_in_one_delivery_is_met_one_after_another(store: Store) -> None:
    met = await store.meet([arrival(), arrival(digest="d2", owner="file-1.2")])

    assert [one.state for one in met] == ["new", "other"]


@promise
async def other_partners_have_the_same_numbers(store: Store) -> None:
    await store.meet([arrival()])
    other = replace(arrival(), interchange=Interchange("x12", "01/OTHER", "ZZ/HOUSE", "000000101", "d2"))

    assert [one.state for one in await store.meet([other])] == ["new"]


@promise
async def after_the_window_a_number_may_come_again_and_makes_other_messages(store: Store) -> None:
    (first,) = await store.meet([arrival(window=DAY)])
    await store.finish([first.base])

    (later,) = await store.meet([arrival(owner="file-2.1", window=DAY, at=1000.0 + DAY)])

    assert later.state == "new"
    assert later.base != first.base


@promise
async def one_of_many_that_bring_an_interchange_at_once_is_first(store: Store) -> None:
    met = await asyncio.gather(*(store.meet([arrival(owner=f"file-{n}.1", digest=f"d{n}")]) for n in range(8)))

    assert sorted(one.state for (one,) in met) == ["new", *["other"] * 7]


@promise
async def what_left_is_found_by_its_number_and_by_its_message(store: Store) -> None:
    await store.file([filed(), filed(8, "s2", answers="i1", at=1001.0)])

    assert list(await store.filed(FiledFilter(numbers=((GROUP, 7),)))) == [filed()]
    assert [row.number for row in await store.filed(FiledFilter(message_ids=("s2",)))] == [8]
    assert [row.number for row in await store.filed(FiledFilter(answers="i1"))] == [8]
    assert [row.number for row in await store.filed(FiledFilter())] == [7, 8]


@promise
async def what_is_filed_again_keeps_what_the_partner_has_said_meanwhile(store: Store) -> None:
    await store.file([filed()])
    accepted = filed(state="accepted", told="accepted", told_at=1500.0)
    assert await store.judge([Judgment(accepted, ("open",), (line("r1", "s1"),))]) == [True]

    await store.file([filed(at=1600.0)])

    assert list(await store.filed(FiledFilter())) == [accepted]


@promise
async def a_number_that_another_message_bears_by_now_is_that_ones(store: Store) -> None:
    await store.file([filed()])

    await store.file([filed(message_id="s2", at=9000.0)])

    assert [row.message_id for row in await store.filed(FiledFilter(numbers=((GROUP, 7),)))] == ["s2"]


@promise
async def what_is_due_is_found(store: Store) -> None:
    await store.file([filed(7, due=2000.0), filed(8, "s2", due=3000.0), filed(9, "s3", due=None, state="kept")])

    assert [row.number for row in await store.filed(FiledFilter(state="open", due=2000.0))] == [7]


@promise
async def a_judgment_counts_once_and_with_all_that_belongs_to_it(store: Store) -> None:
    await store.file([filed()])
    late = filed(state="overdue", told="no answer", told_at=2001.0)
    one = Judgment(late, ("open",), (line("r1", "s1", kind="overdue"),), parked("p1", message_id="s1"))

    assert await store.judge([one]) == [True]
    assert await store.judge([one]) == [False]

    assert [record.kind for record in await store.history("s1")] == ["overdue"]
    assert [row.id for row in await store.parked(ParkedFilter())] == ["p1"]


@promise
async def an_answer_that_comes_late_closes_the_exception_that_missed_it(store: Store) -> None:
    await store.file([filed()])
    late = filed(state="overdue", told_at=2001.0)
    await store.judge([Judgment(late, ("open",), (), parked("p1"))])

    told = filed(state="accepted", told_at=2500.0)
    assert await store.judge([Judgment(told, ("open", "overdue"), (line("r2", "s1"),), closes="p1")]) == [True]

    assert list(await store.parked(ParkedFilter())) == []
    assert [row.state for row in await store.parked(ParkedFilter(state=None))] == ["discarded"]


@promise
async def a_judgment_of_what_was_never_filed_is_not_applied(store: Store) -> None:
    await store.file([filed(message_id="s2")])

    assert await store.judge([Judgment(filed(state="accepted"), ("open",), (line("r1", "s1"),))]) == [False]
    assert list(await store.history("s1")) == []


@promise
async def documents_wait_until_they_are_many_or_old_enough(store: Store) -> None:
    await store.collect([document("m1"), document("m2", at=1010.0), document("m3", "SH", 1020.0)])

    assert list(await store.gather("acme-edi", 3, 999.0)) == []
    (full,) = await store.gather("acme-edi", 2, 999.0)
    assert [member.id for member in full.members] == ["m1", "m2"]
    assert {batch.kind for batch in await store.gather("acme-edi", 2, 1020.0)} == {"IN", "SH"}


@promise
async def a_batch_that_was_begun_never_changes(store: Store) -> None:
    await store.collect([document("m1"), document("m2")])
    (begun,) = await store.gather("acme-edi", 2, 0.0)

    await store.collect([document("m0", at=1.0), document("m1")])

    assert list(await store.gather("acme-edi", 500, 0.0)) == [begun]


@promise
async def more_than_fit_leave_in_several_batches(store: Store) -> None:
    await store.collect([document(f"m{n}") for n in range(5)])

    batches = [*await store.gather("acme-edi", 2, 0.0)]
    batches += await store.gather("acme-edi", 2, 0.0)
    members = {batch.id: [member.id for member in batch.members] for batch in batches}

    assert sorted(members.values()) == [["m0", "m1"], ["m2", "m3"]]


@promise
async def a_batch_is_closed_once_with_its_send_and_its_history(store: Store) -> None:
    await store.collect([document("m1"), document("m2")])
    (batch,) = await store.gather("acme-edi", 2, 0.0)
    send = Addressed("delivery/acme-edi", replace(PACKET, id=batch.id))
    closing = Closing(batch.id, 1500.0, (send,), (filed(message_id=batch.id),), (line("r1", "m1", kind="batched"),))

    assert await store.close_batch(closing)
    assert not await store.close_batch(closing)

    assert [owed for _, owed in await store.outbox(10)] == [send]
    assert [row.message_id for row in await store.filed(FiledFilter())] == [batch.id]
    assert len(await store.history("m1")) == 1
    assert list(await store.gather("acme-edi", 1, 9e9)) == []


@promise
async def a_document_that_has_left_in_a_batch_does_not_join_another(store: Store) -> None:
    await store.collect([document("m1")])
    (batch,) = await store.gather("acme-edi", 1, 0.0)
    await store.close_batch(Closing(batch.id, 1500.0, ()))

    await store.collect([document("m1")])

    assert list(await store.gather("acme-edi", 1, 9e9)) == []
    assert list(await store.collected()) == []


@promise
async def what_waits_is_counted(store: Store) -> None:
    await store.collect([document("m1"), document("m2", at=900.0), document("m3", "SH"), document("x", endpoint="b")])

    assert list(await store.collected()) == [
        ("acme-edi", "IN", 2, 900.0), ("acme-edi", "SH", 1, 1000.0), ("b", "IN", 1, 1000.0),
    ]  # fmt: skip


@promise
async def of_many_closers_one_closes(store: Store) -> None:
    await store.collect([document(f"m{n}") for n in range(4)])
    found = await asyncio.gather(*(store.gather("acme-edi", 4, 0.0) for _ in range(4)))
    names = {batch.id for batches in found for batch in batches}

    closed = await asyncio.gather(*(store.close_batch(Closing(name, 1500.0, ())) for name in [*names, *names]))

    assert sum(closed) == len(names) == 1


@promise
async def interchanges_are_known_as_long_as_their_window_and_no_longer(store: Store) -> None:
    (first,) = await store.meet([arrival(window=DAY)])
    await store.finish([first.base])

    await store.forget(1000.0 + DAY - 1)
    assert [one.state for one in await store.meet([arrival(owner="file-2.1", window=DAY)])] == ["again"]
    await store.forget(1000.0 + DAY)
    assert [one.state for one in await store.meet([arrival(owner="file-3.1", window=DAY)])] == ["new"]


@promise
async def what_waits_in_a_batch_is_never_forgotten_and_what_left_is(store: Store) -> None:
    await store.collect([document("m1"), document("m2")])
    (batch,) = await store.gather("acme-edi", 1, 0.0)
    await store.close_batch(Closing(batch.id, 1500.0, ()))

    assert await store.forget(9e9) >= 1

    assert [row[2] for row in await store.collected()] == [1]
    await store.collect([document("m1"), document("m2")])
    assert [row[2] for row in await store.collected()] == [2]


CHECKS = tuple(promise)
