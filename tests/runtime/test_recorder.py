from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from esb.envelope import Addressed, Dead, Packet, pack
from esb.errors import StoreError
from esb.message import Message
from esb.runtime.history import journal, record
from esb.runtime.recorder import Recorder

MESSAGE = Message(
    id="a" * 32, body={"n": 1}, received=datetime(2026, 3, 2, tzinfo=UTC), route="orders", correlation_id="c"
)


async def test_what_is_written_is_counted_once_it_is_in_the_store(rigged: Any):
    rig, written = await rigged(), []
    await rig.bus.channel.publish([journal([record(MESSAGE, "sent", 1.0, child="b")])])
    await rig.work(Recorder(rig.bus, poll=0.01, written=written.extend))

    assert [line.kind for line in written] == ["sent"]
    assert await rig.history(MESSAGE.id) == written


async def test_a_line_that_comes_twice_is_written_once(rigged: Any):
    rig = await rigged()
    line = record(MESSAGE, "sent", 1.0, child="b")
    await rig.bus.channel.publish([journal([line]), journal([line, record(MESSAGE, "note", 2.0)])])
    await rig.work(rig.recorder())

    assert [line.kind for line in await rig.history(MESSAGE.id)] == ["sent", "note"]


async def test_history_that_cannot_be_read_costs_itself_only(rigged: Any):
    rig = await rigged()
    good = journal([record(MESSAGE, "sent", 1.0)])
    await rig.bus.channel.publish([Addressed("journal", Packet(id="x", body=b"junk")), good])
    await rig.work(rig.recorder())

    assert len(await rig.history(MESSAGE.id)) == 1
    assert "journal.unreadable" in [event for event, _ in rig.bus.log.events]


async def test_what_the_channel_gave_up_on_is_an_exception_with_its_reason(rigged: Any):
    rig = await rigged()
    await rig.bus.channel.publish([Addressed("route/orders", pack(MESSAGE))])
    (delivery,) = await anext(rig.bus.channel.consume("route/orders", 1))
    await rig.bus.channel.settle([Dead(delivery, {"reason": "lent too often", "origin": "route/orders"})])
    await rig.work(rig.recorder())

    (row,) = await rig.parked()
    assert (row.reason, row.origin, row.failure_class) == ("lent too often", "route/orders", "bug")
    assert (row.message_id, row.owner) == (MESSAGE.id, "desk")


async def test_nothing_is_acknowledged_while_the_store_is_out_of_reach(rigged: Any):
    rig = await rigged()
    append, calls = rig.bus.store.append, []

    async def refused_once(records: Any) -> None:
        calls.append(len(records))
        if len(calls) == 1:
            raise StoreError("away")
        await append(records)

    rig.bus.store.append = refused_once
    await rig.bus.channel.publish([journal([record(MESSAGE, "sent", 1.0)])])
    recorder = rig.recorder()
    running = asyncio.create_task(recorder.run())
    async with asyncio.timeout(10):
        while not await rig.history(MESSAGE.id):
            await asyncio.sleep(0.02)
    await recorder.stop()
    await running

    assert calls == [1, 1]
