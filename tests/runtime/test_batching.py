"""Batching: documents leave together, once, whatever is killed in between."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from esb.envelope import Addressed, pack, unpack
from esb.errors import DefinitionError, EsbError, FormatError
from esb.management.edi import waiting
from esb.management.exceptions import Decision, Desk
from esb.management.trace import trace
from esb.message import Message
from esb.runtime.batching import Batcher
from esb.testing.cutting import Cut, Cutting
from esb.trading import FiledFilter

FILES = {
    "endpoints/erp.yaml": (
        "type: file\ndirectory: out\nname: '{{ message.id }}'\npartner: acme\nowner: edi-desk\n"
        "batch: { every: 15m, max: 3 }\n"
        "format: { type: x12, envelope: { sender: { id: HOUSE }, receiver: { id: ACME } } }\n"
    ),
    "schemas/partners/acme.yaml": "expect: { ack: 24h }\n",
    "routes/orders.yaml": "from: { endpoint: inbox }\nsteps:\n  - to: erp\n",
}
QUARTER = 900.0


def invoice(number: str) -> dict[str, Any]:
    return {
        "transaction": {"set": "810"},
        "invoice": {"date": "2026-11-21", "number": number},
        "lines": [{"line": "1", "qty": 1, "unit": "EA", "price": 2}],
        "total": {"total": 2},
        "totals": {"lines": 1},
    }


def notice(number: str) -> dict[str, Any]:
    shipments = [{"orders": [{"order": {"number": "P1"}}]}]
    head = {"purpose": "00", "number": number, "date": "2026-11-21", "time": "10:00"}
    return {"transaction": {"set": "856"}, "notice": head, "shipments": shipments}


async def given(rig: Any, *documents: Any, first: int = 1) -> None:
    """Send documents through the route into the store."""
    moment = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    messages = [Message(id=f"m{first + n}", body=one, received=moment) for n, one in enumerate(documents)]
    await rig.bus.channel.publish([Addressed("route/orders", pack(one)) for one in messages])
    await rig.work(rig.router(), Batcher(rig.bus, "erp"), rig.recorder())


async def close(rig: Any, later: float = 0.0) -> int:
    return await Batcher(rig.bus, "erp").close(rig.bus.clock.now() + later)


async def delivered(rig: Any) -> list[bytes]:
    await rig.work(rig.recorder(), rig.deliverer())
    return [message.body for message, _ in rig.sink.taken]


async def test_documents_of_one_type_leave_as_one_interchange_when_they_are_many(rigged: Any):
    rig = await rigged(FILES)
    await given(rig, invoice("I1"), invoice("I2"))
    assert await close(rig) == 0
    await given(rig, invoice("I3"), notice("N1"), first=3)

    assert await close(rig) == 1

    (raw,) = await delivered(rig)
    assert [raw.count(part) for part in (b"ISA*", b"GS*IN*", b"ST*810*", b"BIG*20261121*I2~")] == [1, 1, 3, 1]
    assert b"ST*810*0003~" in raw
    assert [(one.kind, one.count) for one in await waiting(rig.bus.store)] == [("SH", 1)]


async def test_documents_leave_when_the_first_has_waited_long_enough(rigged: Any):
    rig = await rigged(FILES)
    await given(rig, invoice("I1"), notice("N1"))

    assert await close(rig, QUARTER - 60) == 0
    assert await close(rig, QUARTER + 1) == 2

    assert sorted(raw[raw.index(b"GS*") + 3 :][:2] for raw in await delivered(rig)) == [b"IN", b"SH"]


async def test_each_document_tells_which_interchange_carried_it(rigged: Any):
    rig = await rigged(FILES)
    await given(rig, invoice("I1"), invoice("I2"))
    before = (await trace(rig.bus.store, "m1")).sentence
    await close(rig, QUARTER + 1)
    await delivered(rig)

    told = await trace(rig.bus.store, "m1")

    assert before == "It is under way: waiting for others that leave with it to erp. Nobody needs to act."
    assert [fate.sentence for fate in told.fates] == [
        "delivered to erp (taken), in interchange 1 to erp, document 1 of 2"
    ]  # fmt: skip
    assert told.sentence.startswith("It is done: delivered to erp")


async def test_the_acknowledgment_of_a_batch_is_owed_once(rigged: Any):
    rig = await rigged(FILES)
    await given(rig, invoice("I1"), invoice("I2"))
    await close(rig, QUARTER + 1)

    rows = await rig.bus.store.filed(FiledFilter(state="open"))

    assert [(row.scope.kind, row.number) for row in rows] == [("IN", 1)]


async def test_a_redelivered_document_joins_no_second_batch(rigged: Any):
    rig = await rigged(FILES)
    await given(rig, invoice("I1"))
    await close(rig, QUARTER + 1)
    await given(rig, invoice("I1"))

    assert await close(rig, 2 * QUARTER) == 0
    assert len(await delivered(rig)) == 1


async def test_a_document_that_cannot_be_written_is_refused_before_it_waits(rigged: Any):
    rig = await rigged(FILES)
    await given(rig, {"transaction": {"set": "810"}, "invoice": {}})

    assert [row.failure_class for row in await rig.parked()] == ["invalid"]
    assert list(await waiting(rig.bus.store)) == []


async def test_one_that_can_no_longer_be_written_holds_up_no_others_and_may_join_again(rigged: Any):
    rig = await rigged(FILES)
    await given(rig, invoice("I1"), invoice("I2"))
    broken = Batcher(rig.bus, "erp")
    real = broken._plan.draft

    def draft(documents: Any, moment: Any) -> Any:
        if any(one["invoice"]["number"] == "I2" for one in documents):
            raise FormatError("it holds the separator")
        return real(documents, moment)

    broken._plan = replace(broken._plan, draft=draft)

    assert await broken.close(rig.bus.clock.now() + QUARTER + 1) == 1

    (raw,) = await delivered(rig)
    assert raw.count(b"ST*810*") == 1
    (row,) = await rig.parked()
    assert (row.owner, row.origin, row.reason) == ("edi-desk", "batch/erp", "it holds the separator")
    await Desk(rig.bus.store, rig.bus.clock, rig.bus.plans.current.release).retry(row, Decision("ann", "again"))
    await rig.work(rig.recorder(), Batcher(rig.bus, "erp"))
    assert [one.count for one in await waiting(rig.bus.store)] == [1]


async def test_a_batcher_closes_by_itself_and_a_stop_is_quick(rigged: Any):
    rig = await rigged(FILES | {"endpoints/erp.yaml": FILES["endpoints/erp.yaml"].replace("15m", "100ms")})
    batcher = Batcher(rig.bus, "erp")
    task = rig.bus.clock.spawn(batcher.run(), "batcher")

    await given(rig, invoice("I1"))
    while not await rig.bus.store.outbox(1):
        await rig.bus.clock.sleep(0.01)
    await batcher.stop()
    await task

    assert list(await waiting(rig.bus.store)) == []


CALLS = ("collect", "gather", "take", "put", "get", "close_batch", "outbox", "publish", "sent")


async def test_a_kill_at_any_point_of_closing_loses_nothing_and_sends_nothing_twice(rigged: Any):
    rig = await rigged(FILES)
    whole, point = rig.bus, 0
    while True:
        point += 1
        await given(rig, invoice(f"A{point}"), invoice(f"B{point}"), invoice(f"C{point}"), first=10 * point)
        fuse = [point]
        rig.bus = replace(whole, store=Cutting(whole.store, fuse, CALLS), channel=Cutting(whole.channel, fuse, CALLS))
        with contextlib.suppress(Cut, EsbError):
            await close(rig)
        rig.bus = whole
        await close(rig)
        if fuse[0] > 0:
            break
    bodies = await delivered(rig)

    assert point > 10
    assert sorted(raw[90:99] for raw in bodies) == [b"%09d" % n for n in range(1, point + 1)]
    for n in range(1, point + 1):
        assert sum(raw.count(b"*A%d~" % n) for raw in bodies) == 1
        assert sum(raw.count(b"*C%d~" % n) for raw in bodies) == 1


async def test_a_format_that_writes_no_interchanges_cannot_batch(rigged: Any):
    with pytest.raises(DefinitionError, match="batch: collects documents into one interchange"):
        await rigged({"endpoints/erp.yaml": "type: file\ndirectory: out\nname: x\nbatch: { every: 1m }\n"})


async def test_what_waits_is_in_the_store_with_its_document(rigged: Any):
    rig = await rigged(FILES)
    await given(rig, invoice("I1"))

    (batch,) = await rig.bus.store.gather("erp", 1, 0.0)

    assert unpack(batch.members[0].packet)[0].body["invoice"]["number"] == "I1"
