"""Control numbers of what routes send: taken with the message, filed before it leaves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from esb.envelope import Addressed, pack, unpack
from esb.errors import StoreError
from esb.message import Message, Scope
from esb.trading import FiledFilter

FILES = {
    "endpoints/erp.yaml": (
        "type: file\ndirectory: out\nname: '{{ message.id }}'\npartner: acme\n"
        "format: { type: x12, guide: x12/810, envelope: { sender: { id: HOUSE }, receiver: { id: ACME } } }\n"
    ),
    "schemas/partners/acme.yaml": "expect: { ack: 24h }\n",
    "routes/orders.yaml": "from: { endpoint: inbox }\nsteps:\n  - to: erp\n",
}
INVOICE = {
    "invoice": {"date": "2026-11-21", "number": "I1"},
    "lines": [{"line": "1", "qty": 1, "unit": "EA", "price": 2}],
    "total": {"total": 2},
    "totals": {"lines": 1},
}
INVOIC = {
    "invoice": {"type": "380", "number": "I1"},
    "dates": {"document": {"value": "20261121", "format": "102"}},
    "parties": {"buyer": {"id": "5412345000013"}},
    "currencies": [{"usage": "2", "code": "EUR", "qualifier": "4"}],
    "lines": [{"line": "1", "id": "24", "type": "SA", "quantities": {"invoiced": {"qty": 1}}}],
    "section": {"section": "S"},
    "totals": {"amount_due": {"amount": 2}},
}
GROUP = Scope("x12", "group", "HOUSE", "ACME", "IN")


def message(name: str, body: Any = None, generation: int = 0) -> Message:
    moment = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    return Message(id=name, body=INVOICE if body is None else body, received=moment, generation=generation)


async def publish(rig: Any, *messages: Message) -> None:
    await rig.bus.channel.publish([Addressed("route/orders", pack(one)) for one in messages])


async def sent(rig: Any) -> dict[str, bytes]:
    return {packet.id: unpack(packet)[0].body for packet in await rig.lent("delivery/erp")}


async def test_each_interchange_gets_the_next_number_of_its_pair_and_its_date_from_its_message(rigged: Any):
    rig = await rigged(FILES)
    await publish(rig, message("m1"), message("m2"))
    await rig.work(rig.router())

    one, two = (await sent(rig)).values()

    assert one.startswith(b"ISA*00*          *00*          *ZZ*HOUSE          *ZZ*ACME           *261121*0930*U*00401*")
    assert sorted((raw[90:99], raw.partition(b"GS*")[2].split(b"*")[5]) for raw in (one, two)) == [
        (b"000000001", b"1"), (b"000000002", b"2"),
    ]  # fmt: skip


async def test_a_redelivered_message_bears_the_number_it_had(rigged: Any):
    rig = await rigged(FILES)
    await publish(rig, message("m1"))
    await rig.work(rig.router())
    first = await sent(rig)
    await publish(rig, message("m2"), message("m1"))
    await rig.work(rig.router())

    later = await sent(rig)

    assert later.items() >= first.items()
    assert len(later) == 2


async def test_what_a_person_starts_anew_is_another_interchange(rigged: Any):
    rig = await rigged(FILES)
    await publish(rig, message("m1"), message("m1", generation=1))
    await rig.work(rig.router())

    packets = await rig.lent("delivery/erp")

    assert {unpack(packet)[0].body[90:99] for packet in packets} == {b"000000001", b"000000002"}


async def test_what_cannot_be_written_takes_no_number(rigged: Any):
    rig = await rigged(FILES)
    await publish(rig, message("m1", {"invoice": {"number": "I1"}}))
    await rig.work(rig.router(), rig.recorder())

    assert [row.failure_class for row in await rig.parked()] == ["invalid"]
    assert list(await rig.bus.store.counters()) == []


async def test_what_left_is_filed_with_its_bytes_and_the_time_by_which_it_must_be_acknowledged(rigged: Any):
    rig = await rigged(FILES)
    await publish(rig, message("m1"))
    await rig.work(rig.router())
    ((name, body),) = (await sent(rig)).items()

    (row,) = await rig.bus.store.filed(FiledFilter(numbers=((GROUP, 1),)))

    assert (row.message_id, row.endpoint, row.state) == (name, "erp", "open")
    assert row.due is not None
    assert round(row.due - row.at) == 86400
    assert await rig.bus.store.get(unpack(row.packet)[0].body.digest) == body
    rows = await rig.bus.store.filed(FiledFilter(message_ids=(name,)))
    assert {(one.scope.level, one.state) for one in rows} == {("group", "open"), ("interchange", "kept")}


@pytest.mark.parametrize("format_", ["x12, guide: x12/810", "edifact, guide: edifact/INVOIC"])
async def test_derived_numbers_ask_no_counter_and_what_bears_them_is_filed_too(rigged: Any, format_: str):
    endpoint = FILES["endpoints/erp.yaml"].replace("x12, guide: x12/810", f"{format_}, numbers: derived")
    rig = await rigged(FILES | {"endpoints/erp.yaml": endpoint.replace("receiver:", "wants_contrl: true, receiver:")
                                if "edifact" in format_ else endpoint})  # fmt: skip
    await publish(rig, message("m1", INVOIC if "edifact" in format_ else INVOICE))
    await rig.work(rig.router())

    (raw,) = (await sent(rig)).values()
    rows = await rig.bus.store.filed(FiledFilter(state="open"))

    assert str(rows[0].number).encode() in raw
    assert list(await rig.bus.store.counters()) == []


async def test_a_store_that_fails_before_filing_lets_nothing_leave(rigged: Any):
    rig = await rigged(FILES)
    failing = [True]

    class Failing:
        def __getattr__(self, name: str) -> Any:
            return getattr(rig.whole.store, name)

        async def file(self, rows: Any) -> None:
            if failing and failing.pop():
                assert not await rig.ready("delivery/erp")
                raise StoreError("away")
            await rig.whole.store.file(rows)

    rig.whole = rig.bus
    rig.bus = replace(rig.bus, store=Failing())
    await publish(rig, message("m1"))
    async with asyncio.timeout(20):
        await rig.work(rig.router())
        while failing:
            await rig.work(rig.router())
            await asyncio.sleep(0.05)
        while not await rig.ready("delivery/erp"):
            await rig.work(rig.router())

    assert [raw[90:99] for raw in (await sent(rig)).values()] == [b"000000001"]
