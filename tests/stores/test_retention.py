from __future__ import annotations

import time
from hashlib import sha256

import pytest
from msgspec.structs import replace

from esb.envelope import Addressed, Packet, encode_document
from esb.errors import StoreError
from esb.records import ParkedFilter
from esb.stores import SqlStore, retention
from esb.testing.store_suite.values import ORDER, PACKET, PARKED, entry, line, parked


def claimed(digest: str) -> Packet:
    return replace(PACKET, content="claim", body=encode_document({"digest": digest, "size": 4}))


async def test_history_that_is_asked_to_go_goes_and_what_a_parked_message_needs_stays(store: SqlStore):
    await store.append([line("1", "m1", at=1.0, keys=(ORDER,)), line("2", "gone", at=1.0, keys=(ORDER,))])
    await store.append([line("3", "sibling", at=1.0, correlation_id="c1"), line("4", "young", at=9.0)])
    await store.park([PARKED])

    removed = await store.forget(0.0, history=5.0)

    assert removed == 2
    assert [record.id for record in await store.search("PO-10045")] == ["1"]
    assert await store.history("gone") == []
    assert len(await store.history("sibling")) == len(await store.history("young")) == 1


async def test_bodies_stay_while_a_parked_message_or_an_owed_send_claims_them(store: SqlStore):
    bodies = {sha256(raw).hexdigest(): raw for raw in (b"parked", b"owed", b"gone")}
    names = list(bodies)
    for digest, raw in bodies.items():
        await store.put(digest, raw)
    await store.park([parked("p1", packet=claimed(names[0])), parked("p2")])
    await store.decide(parked("p2"), "retried", Addressed("route/x", claimed(names[1])), line("r1"))

    await store.forget(0.0, history=time.time() + 10)

    assert [await store.get(name) for name in names[:2]] == [b"parked", b"owed"]
    with pytest.raises(StoreError, match="there is no body"):
        await store.get(names[2])


async def test_a_body_that_is_put_again_is_young_again(store: SqlStore):
    clock = iter([1.0, 100.0])
    store._now = lambda: next(clock)
    await store.put("b1", b"body")
    await store.put("b1", b"body")

    await store.forget(0.0, history=50.0)

    assert await store.get("b1") == b"body"


async def test_discarded_messages_and_old_doubts_go_with_the_history(store: SqlStore):
    await store.park([PARKED])
    await store.decide(PARKED, "discarded", None, line("r1", at=1.0))
    await store.intend([entry("m9", at=1.0)])

    await store.forget(0.0, history=5.0)

    assert await store.parked(ParkedFilter(state=None)) == []
    assert await store.entries([entry("m9").key]) == {}


async def test_more_than_one_transaction_of_rows_is_forgotten(store: SqlStore, monkeypatch):
    monkeypatch.setattr(retention, "CHUNK", 10)
    await store.conclude([entry(f"m{number}", state="done") for number in range(35)])

    assert await store.forget(2000.0) == 35
