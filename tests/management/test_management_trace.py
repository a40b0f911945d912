from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from esb.envelope import pack
from esb.errors import UsageError
from esb.management.trace import find, is_moving, one, trace
from esb.message import BusinessKey, Message
from esb.ports import Store
from esb.records import Parked, Record

IN, DOC, OUT, NEWS = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)
KEY = BusinessKey("order", "N1", "acme")


def line(kind: str, message: str, at: float, **fields: Any) -> Record:
    fields.setdefault("correlation_id", DOC)
    name = f"{kind}{message[:1]}{at}{fields.get('child', '')[:1]}"
    return Record(id=name, kind=kind, message_id=message, at=at, **fields)  # type: ignore[arg-type]


def row(message: str, **fields: Any) -> Parked:
    packet = pack(Message(id=message, body={}, received=datetime(2026, 3, 2, tzinfo=UTC)))
    given = {
        "place": "erp",
        "reason": "no",
        "at": 9.0,
        "origin": "delivery/erp",
        "owner": "desk",
        "correlation_id": DOC,
    }
    return Parked(id=f"p{message}"[:32], packet=packet, message_id=message, **{**given, **fields})


SENT = (
    line("received", IN, 1.0, text="orders.json", child=DOC, keys=(KEY,)),
    line("sent", DOC, 2.0, text="delivery/erp", child=OUT, place="to", keys=(KEY,)),
    line("sent", DOC, 2.0, text="delivery/mail", child=NEWS, place="also", keys=(KEY,)),
)


async def test_what_was_just_received_says_so(store: Store):
    await store.append(SENT[:1])

    found = await trace(store, DOC)

    assert found.fates == ()
    assert found.sentence.startswith("It was received at 1970-01-01 00:00:01 UTC")


async def test_a_destination_without_an_end_is_on_its_way(store: Store):
    await store.append([*SENT, line("delivered", OUT, 3.0, place="erp", text="201 Created")])

    found = await trace(store, DOC)

    assert [(fate.place, fate.state) for fate in found.fates] == [("erp", "done"), ("mail", "waiting")]
    assert (found.sentence, found.waits_on) == ("It is under way: on its way to mail. Nobody needs to act.", "system")


async def test_all_delivered_is_done_with_the_last_time(store: Store):
    ends = [line("delivered", OUT, 3.0, place="erp"), line("delivered", NEWS, 61.0, place="mail")]
    await store.append([*SENT, *ends])

    found = await trace(store, DOC)

    assert found.sentence == "It is done: delivered to erp, mail; the last at 1970-01-01 00:01:01 UTC."
    assert found.waits_on == ""


async def test_an_exception_speaks_before_everything_else(store: Store):
    await store.append(
        [*SENT, line("delivered", NEWS, 3.0, place="mail"), line("dead", OUT, 4.0, place="erp", text="no")]
    )
    await store.park([row(OUT, failure_class="rejected")])

    found = await trace(store, DOC)

    assert {fate.place: fate.state for fate in found.fates} == {"erp": "exception", "mail": "done"}
    assert found.sentence == f"It stopped at erp: no. desk must act (esb dead retry p{OUT[:11]})."
    assert found.waits_on == "desk"


async def test_a_hold_is_released_and_not_retried(store: Store):
    await store.append(SENT[:1])
    await store.park([row(DOC, place="credit-desk", origin="route/orders", owner="")])

    found = await trace(store, DOC)

    assert found.sentence.startswith("It is held at credit-desk: no. whoever is on duty must act (esb dead release")


async def test_a_failure_that_is_tried_again_needs_nobody(store: Store):
    await store.append([*SENT[:2], line("retry", OUT, 3.0, place="erp", text="away; attempt 1, next in 5 s")])

    found = await trace(store, DOC)

    told = "erp failed, and it is tried again by itself: away; attempt 1, next in 5 s"
    assert (found.sentence, found.waits_on) == (f"It is under way: {told}. Nobody needs to act.", "system")


async def test_what_waits_for_a_command_of_a_person_says_so(store: Store):
    why = "erp is disabled: it answered 410; ask the receiver, then run `esb endpoint resume erp`"
    await store.append([*SENT[:2], line("retry", OUT, 3.0, place="erp", text=why)])

    found = await trace(store, DOC)

    assert found.sentence == f"It waits: erp takes nothing until somebody acts: {why}."
    assert found.waits_on == "whoever is on duty"


@pytest.mark.parametrize(("kind", "said"), [("filtered", "filtered: only N2"), ("duplicate", "duplicate: only N2")])
async def test_a_way_that_ended_by_a_rule_names_it(store: Store, kind: str, said: str):
    await store.append([*SENT[:1], line(kind, DOC, 2.0, place="filter", text="only N2")])

    found = await trace(store, DOC)

    assert found.sentence == f"It ended without a delivery: {said}."
    assert [(fate.place, fate.state) for fate in found.fates] == [("filter", "ended")]


async def test_what_was_given_up_is_an_end(store: Store):
    await store.append(
        [*SENT[:2], line("dead", OUT, 3.0, place="erp"), line("discarded", OUT, 4.0, place="erp", text="by me")]
    )
    await store.park([row(OUT, failure_class="rejected", state="discarded")])

    found = await trace(store, DOC)

    assert found.sentence == "It ended without a delivery: discarded at erp: by me."


async def test_a_late_twin_does_not_speak_for_what_was_delivered(store: Store):
    ends = [line("delivered", OUT, 3.0, place="erp"), line("duplicate", OUT, 4.0, place="erp", text="the ledger says")]
    await store.append([*SENT[:2], *ends])

    found = await trace(store, DOC)

    assert [fate.state for fate in found.fates] == ["done"]


async def test_records_run_in_the_order_in_which_things_happen(store: Store):
    await store.append(
        [line(kind, DOC, 1.0, place=kind) for kind in ("delivered", "sent", "note", "received", "retry")]
    )

    found = await trace(store, DOC)

    assert [record.kind for record in found.records] == ["received", "note", "sent", "retry", "delivered"]


async def test_find_gives_one_trace_a_document_newest_first(store: Store):
    other = line("received", "e" * 32, 5.0, text="later.json", child="f" * 32, keys=(KEY,), correlation_id="f" * 32)
    await store.append([*SENT, other])

    assert [found.identity for found in await find(store, "N1")] == ["f" * 32, DOC]
    assert [found.identity for found in await find(store, "orders.json")] == [DOC]
    assert await find(store, "N2") == []


async def test_a_key_is_found_as_it_is_shown_with_its_kind(store: Store):
    other = line(
        "received", "e" * 32, 5.0, child="f" * 32, correlation_id="f" * 32, keys=(BusinessKey("invoice", "N1"),)
    )
    odd = line("received", "1" * 32, 6.0, child="2" * 32, correlation_id="2" * 32, keys=(BusinessKey("token", "a=b"),))
    await store.append([*SENT, other, odd])

    assert [found.identity for found in await find(store, "order=N1")] == [DOC]
    assert [found.identity for found in await find(store, "a=b")] == ["2" * 32]
    assert [found.identity for found in await find(store, "token=a=b")] == ["2" * 32]
    assert [await find(store, text) for text in ("customer=N1", "order=", "=N1", "=")] == [[]] * 4
    assert (await one(store, "order=N1")).identity == DOC


async def test_a_delivery_is_told_by_its_documents_and_by_itself_only_if_asked_for(store: Store):
    whole = line("received", IN, 0.5, text="orders.json: 2 documents, 1 bad", correlation_id=IN)
    cut = line("received", IN, 0.6, text="orders.json", child=NEWS, correlation_id=NEWS)
    await store.append([whole, cut, line("dead", NEWS, 0.7, place="intake/in", correlation_id=NEWS), SENT[0]])

    assert {found.identity for found in await find(store, "orders.json")} == {NEWS, DOC}
    assert IN in {found.identity for found in await find(store, IN)}


async def test_a_delivery_that_is_left_out_takes_no_place_of_its_documents(store: Store):
    whole = line("received", IN, 3.0, text="orders.json: 2 documents, 1 bad", correlation_id=IN)
    cut = line("received", IN, 0.6, text="orders.json", child=NEWS, correlation_id=NEWS)
    await store.append([whole, cut, line("dead", NEWS, 0.7, place="intake/in", correlation_id=NEWS), SENT[0]])

    assert {found.identity for found in await find(store, "orders.json", limit=2)} == {NEWS, DOC}
    assert [found.identity for found in await find(store, "orders.json", limit=1)] == [DOC]


async def test_what_could_not_be_read_is_looked_at_first(store: Store):
    await store.append([SENT[0], line("dead", DOC, 2.0, place="intake/in", text="is a quote missing?")])
    parked = row(DOC, place="intake/in", origin="route/orders", reason="is a quote missing?", failure_class="invalid")
    await store.park([parked])

    found = await trace(store, DOC)

    told = "It stopped at intake/in: is a quote missing? desk must act (esb dead show"
    assert found.sentence.startswith(told)


async def test_one_names_one_message_or_says_why_not(store: Store):
    other = line("received", "e" * 32, 5.0, text="later.json", child="f" * 32, keys=(KEY,), correlation_id="f" * 32)
    await store.append([*SENT, other])

    assert [(await one(store, name)).identity for name in (DOC, DOC[:8], "orders.json")] == [DOC] * 3
    with pytest.raises(UsageError, match="names several messages"):
        await one(store, "N1")
    with pytest.raises(UsageError, match="is not known here"):
        await one(store, "N2")


async def test_an_unknown_id_is_a_trace_without_records(store: Store):
    found = await trace(store, "0" * 32)

    assert (found.records, found.sentence) == ((), f"Nothing here is known as {'0' * 32}.")


async def test_work_moves_until_it_ended_or_waits_for_a_person(store: Store):
    told = [is_moving(await trace(store, IN))]
    await store.append(SENT[:1])
    told.append(is_moving(await trace(store, IN)))
    await store.append([*SENT[1:], line("delivered", OUT, 3.0, place="erp")])
    told.append(is_moving(await trace(store, IN)))
    await store.park([row(NEWS, failure_class="business", place="mail")])
    told.append(is_moving(await trace(store, IN)))

    assert told == [True, True, True, False]


async def test_what_ends_without_going_anywhere_does_not_move(store: Store):
    await store.append([SENT[0], line("filtered", DOC, 2.0, place="filter", text="not ours")])

    assert not is_moving(await trace(store, IN))
