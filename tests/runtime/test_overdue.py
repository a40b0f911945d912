"""Acknowledgments that partners owe: they come in by any endpoint, or their absence becomes an exception."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from esb.envelope import Addressed, pack, unpack
from esb.formats import X12
from esb.management.exceptions import Decision, Desk
from esb.message import Message
from esb.runtime.overdue import Overdue
from esb.trading import FiledFilter

PARTIES = "envelope: { sender: { id: HOUSE }, receiver: { id: ACME } }"
FILES = {
    "endpoints/inbox.yaml": "type: http_in\nauth: none\npartner: acme\nformat: { type: x12, guide: x12/850 }\n",
    "endpoints/erp.yaml": (
        "type: file\ndirectory: out\nname: '{{ message.id }}'\npartner: acme\nowner: edi-desk\n"
        f"format: {{ type: x12, guide: x12/810, {PARTIES} }}\n"
    ),
    "schemas/partners/acme.yaml": "acknowledge_to: erp\nexpect: { ack: 24h }\n",
    "routes/orders.yaml": "from: { endpoint: inbox, acknowledge: 997 }\nsteps: [{ to: erp }]\n",
}
INVOICE = {
    "invoice": {"date": "2026-11-21", "number": "I1"},
    "lines": [{"line": "1", "qty": 1, "unit": "EA", "price": 2}],
    "total": {"total": 2},
    "totals": {"lines": 1},
}
DAY = 86400.0


async def sent(rig: Any) -> bytes:
    message = Message(id="m1", body=INVOICE, received=datetime(2026, 11, 21, 9, 30, tzinfo=UTC))
    await rig.bus.channel.publish([Addressed("route/orders", pack(message))])
    await rig.work(rig.router(), rig.deliverer(), rig.recorder())
    ((delivered, _),) = rig.sink.taken
    raw: bytes = delivered.body
    return raw


def answer(raw: bytes) -> bytes:
    """Return what ACME answers to what it got."""
    theirs = X12().build({}).reader()
    (part,) = [part for part in [*theirs.feed(raw), *theirs.end()] if part.acknowledgment]
    body: bytes = part.body
    return body


async def states(rig: Any) -> set[str]:
    return {row.state for row in await rig.bus.store.filed(FiledFilter()) if row.scope.level == "group"}


def overdue(rig: Any) -> Overdue:
    return Overdue(rig.bus, "test")


async def test_an_acknowledgment_of_the_partner_meets_what_was_sent_and_does_not_reach_the_route(rigged: Any):
    rig = await rigged(FILES)
    raw = await sent(rig)

    accepted = await rig.take(answer(raw), name="997.edi")
    await rig.work(rig.recorder())

    assert (accepted.documents, accepted.bad) == (1, 0)
    assert await states(rig) == {"accepted"}
    assert await rig.ready("route/orders") == 0
    assert await rig.ready("delivery/erp") == 0  # an acknowledgment is not acknowledged
    assert await rig.parked() == []


async def test_a_route_gets_acknowledgments_if_it_wants_them(rigged: Any):
    inbox = FILES["endpoints/inbox.yaml"].replace("guide: x12/850", "resolve: false")
    rig = await rigged(FILES | {"endpoints/inbox.yaml": inbox})
    raw = await sent(rig)

    await rig.take(answer(raw))

    (packet,) = await rig.lent("route/orders")
    assert unpack(packet)[0].body["result"]["verdict"] == "A"
    assert await states(rig) == {"open"}


async def test_an_acknowledgment_of_something_else_is_an_exception(rigged: Any):
    rig = await rigged(FILES)
    raw = await sent(rig)

    taken = await rig.take(answer(raw).replace(b"AK1*IN*1~", b"AK1*IN*99~"), name="997.edi")
    await rig.work(rig.recorder())

    (row,) = await rig.parked()
    assert taken.documents == 1
    assert row.reason == "their 997 speaks of group 99 IN, which is none that we sent to ACME"
    assert await states(rig) == {"open"}


async def test_an_acknowledgment_that_does_not_come_is_an_exception_once_and_a_retry_sends_the_same_bytes(rigged: Any):
    rig = await rigged(FILES)
    raw = await sent(rig)
    (row,) = [row for row in await rig.bus.store.filed(FiledFilter()) if row.scope.level == "group"]

    assert await overdue(rig).look(row.at + DAY - 1) == 0
    assert await overdue(rig).look(row.at + DAY + 1) == 1
    assert await overdue(rig).look(row.at + DAY + 2) == 0

    (parked,) = await rig.parked()
    assert (parked.failure_class, parked.owner) == ("unknown", "edi-desk")
    assert parked.reason.startswith("group 1 (IN) was not acknowledged within 24 h; ask ACME whether they have it")
    await Desk(rig.bus.store, rig.bus.clock, rig.bus.plans.current.release).retry(parked, Decision("ann", "ask again"))
    await rig.work(rig.deliverer(), rig.recorder())
    assert [message.body for message, _ in rig.sink.taken] == [raw, raw]


async def test_an_acknowledgment_that_comes_late_ends_the_exception(rigged: Any):
    rig = await rigged(FILES)
    raw = await sent(rig)
    (row,) = [row for row in await rig.bus.store.filed(FiledFilter()) if row.scope.level == "group"]
    await overdue(rig).look(row.at + DAY + 1)

    await rig.take(answer(raw))

    assert await rig.parked() == []
    assert await states(rig) == {"accepted"}


async def test_what_is_overdue_is_looked_for_again_and_again(rigged: Any):
    rig = await rigged({**FILES, "schemas/partners/acme.yaml": "expect: { ack: 1ms }\n"})
    await sent(rig)

    task = rig.bus.clock.spawn(Overdue(rig.bus, "test", poll=0.01).run(), "overdue")
    while not await rig.parked():
        await rig.bus.clock.sleep(0.01)
    task.cancel()

    assert await states(rig) == {"overdue"}
