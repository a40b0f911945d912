"""Interchanges at the intake: numbers of acknowledgments, retransmissions and duplicates, and cuts at every point."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from esb.envelope import unpack
from esb.errors import ChannelError, EsbError, StoreError
from esb.message import derive
from esb.testing.cutting import Cut, Cutting
from esb.testing.edi_kit import interchange, order
from esb.testing.sandbox.documents import Line, Order, edifact

FILES = {
    "endpoints/inbox.yaml": "type: http_in\nauth: none\npartner: acme\nformat: { type: x12, guide: x12/850 }\n",
    "endpoints/out.yaml": "type: file\ndirectory: out\nname: '{{ message.id }}'\n",
    "schemas/partners/acme.yaml": "acknowledge_to: out\n",
    "routes/orders.yaml": "from: { endpoint: inbox, each: transaction, acknowledge: 997 }\nsteps: [to: erp]\n",
}
TWO = interchange(order("0001"), order("0002")).encode()
OTHER = interchange(order("0001", ("*10*EA", "*11*EA")), order("0002")).encode()


def numbered(text: bytes, number: int) -> bytes:
    return text.replace(b"000000101", f"{number:09d}".encode())


async def bodies(rig: Any, channel: str) -> list[Any]:
    return [unpack(packet)[0].body for packet in await rig.lent(channel)]


def isa(raw: bytes) -> str:
    return raw[90:99].decode()


async def test_acknowledgments_have_control_numbers_that_rise_by_one(rigged: Any):
    rig = await rigged(FILES)
    await rig.take(TWO)
    await rig.take(numbered(TWO, 102))

    answers = await bodies(rig, "delivery/out")

    assert [isa(raw) for raw in answers] == ["000000001", "000000002"]
    assert [b"GS*FA*HOUSE*ACME*20261121*0930*%d*X" % n in raw for n, raw in enumerate(answers, 1)] == [True, True]
    lines = {(one.scope.level, one.scope.ours, one.scope.partner): one.next for one in await rig.bus.store.counters()}
    assert lines == {("interchange", "ZZ/HOUSE", "08/6112390050"): 3, ("group", "HOUSE", "ACME"): 3}


async def test_a_retransmission_is_answered_with_the_same_bytes_and_not_processed_again(rigged: Any):
    rig = await rigged(FILES)
    first = await rig.take(TWO, key="one")
    before = await rig.lent("delivery/out")

    again = await rig.take(TWO.replace(b"~", b"~\r\n"), key="two")  # another network broke the lines

    (after,) = await rig.lent("delivery/out")
    assert (again.documents, again.bad, again.repeated) == (0, 0, False)
    assert after.id != before[0].id
    assert unpack(after)[0].body == unpack(before[0])[0].body
    assert await rig.ready("route/orders") == first.documents == 2
    await rig.work(rig.recorder())
    (said,) = [line for line in await rig.history(again.message_id) if line.kind == "duplicate"]
    assert said.text.startswith("interchange 000000101 of 08/6112390050 came before (20")


async def test_an_interchange_that_stands_twice_in_a_delivery_is_processed_and_answered_once(rigged: Any):
    rig = await rigged(FILES)

    taken = await rig.take(TWO + TWO + numbered(TWO, 102))

    assert (taken.documents, taken.bad) == (4, 0)
    answers = await bodies(rig, "delivery/out")
    assert [isa(raw) for raw in answers] == ["000000001", "000000002"]
    assert await rig.ready("route/orders") == 4
    await rig.work(rig.recorder())
    (said,) = [line for line in await rig.history(taken.message_id) if line.kind == "duplicate"]
    assert said.text == (
        "interchange 000000101 of 08/6112390050 stands twice in this delivery; it is answered and processed once"
    )


async def test_another_content_under_a_used_number_is_refused_with_ta1_025_and_is_an_exception(rigged: Any):
    rig = await rigged(FILES)
    await rig.take(TWO, key="one")
    await rig.lent("delivery/out")

    taken = await rig.take(OTHER, key="two")

    (answer,) = await bodies(rig, "delivery/out")
    assert b"TA1*000000101*261121*0930*R*025~" in answer
    assert await rig.ready("route/orders") == 2
    await rig.work(rig.recorder())
    reasons = {row.reason for row in await rig.parked()}
    assert taken.bad == len(await rig.parked())
    assert any("came before with another content" in reason for reason in reasons)


async def test_after_a_refused_duplicate_the_first_is_still_known_with_its_own_answer(rigged: Any):
    rig = await rigged(FILES)
    await rig.take(TWO, key="one")
    await rig.take(OTHER, key="two")
    answers = await bodies(rig, "delivery/out")

    await rig.take(TWO, key="three")

    assert await bodies(rig, "delivery/out") == [answers[0]]


async def test_the_same_content_under_another_number_is_processed_with_a_warning(rigged: Any):
    rig = await rigged(FILES)
    await rig.take(TWO, key="one")

    copy = await rig.take(numbered(TWO, 102), key="two")

    assert copy.documents == 2
    assert await rig.ready("route/orders") == 4
    await rig.work(rig.recorder())
    (note,) = [line for line in await rig.history(copy.message_id) if line.kind == "note"]
    assert "has the content of interchange 000000101" in note.text


async def test_an_interchange_that_was_cut_may_come_again_under_its_number(rigged: Any):
    rig = await rigged(FILES)
    cut = await rig.take(TWO[:-30], key="one")
    whole = await rig.take(TWO, key="two")

    assert cut.bad
    assert (whole.documents, whole.bad) == (2, 0)


async def test_a_window_of_nothing_knows_no_duplicates(rigged: Any):
    rig = await rigged(
        FILES | {"endpoints/inbox.yaml": "type: http_in\nauth: none\nformat: { type: x12, duplicates: 0s }\n"}
    )
    await rig.take(TWO, key="one")
    await rig.take(OTHER, key="two")

    assert await rig.ready("route/orders") == 4


async def test_numbers_that_derive_ask_no_store(rigged: Any):
    derived = FILES["endpoints/inbox.yaml"].replace("guide: x12/850", "numbers: derived")
    rig = await rigged(FILES | {"endpoints/inbox.yaml": derived})
    await rig.take(TWO)

    assert [isa(raw) for raw in await bodies(rig, "delivery/out")] == ["900000101"]
    assert list(await rig.bus.store.counters()) == []


CALLS = ("reserve", "advance", "meet", "finish", "take", "file", "put", "publish", "filed")


@pytest.mark.parametrize("brings", ["the same file", "another post"])
async def test_a_kill_at_any_point_loses_nothing_doubles_nothing_and_skips_no_number(rigged: Any, brings: str):
    rig = await rigged(FILES)
    whole, point, orders, acks = rig.bus, 0, set[str](), dict[str, bytes]()
    while True:
        point += 1
        number, fuse = 1000 + point, [point]
        raw = numbered(TWO, number) + numbered(TWO, 5000 + point)
        rig.bus = replace(whole, store=Cutting(whole.store, fuse, CALLS), channel=Cutting(whole.channel, fuse, CALLS))
        with contextlib.suppress(Cut, EsbError):
            await rig.take(raw, key=f"first {point}")
        cut, rig.bus = fuse[0] <= 0, whole
        await rig.take(raw, key=f"first {point}" if brings == "the same file" else f"second {point}")
        taken = {packet.id: unpack(packet)[0].body["order"]["number"] for packet in await rig.lent("route/orders")}
        assert sorted(taken.values()) == ["PO0001", "PO0001", "PO0002", "PO0002"]
        assert not orders & taken.keys()
        orders |= taken.keys()
        sent = {packet.id: unpack(packet)[0].body for packet in await rig.lent("delivery/out")}
        assert len(set(sent.values())) == 2
        acks |= sent
        if not cut:
            break

    assert point > 15
    assert sorted({isa(raw) for raw in acks.values()}) == [f"{n:09d}" for n in range(1, 2 * point + 1)]


async def test_a_store_that_is_away_takes_nothing_in(rigged: Any):
    rig = await rigged(FILES)
    whole = rig.bus

    class Away(Cutting):
        def _burn(self) -> None:
            raise StoreError("away")

    rig.bus = replace(whole, store=Away(whole.store, [1], CALLS))
    with pytest.raises((StoreError, ChannelError)):
        await rig.take(TWO, key="one")

    rig.bus = whole
    assert (await rig.take(TWO, key="one")).documents == 2


async def test_the_ids_of_documents_derive_from_their_interchange(rigged: Any):
    rig = await rigged(FILES)
    accepted = await rig.take(TWO)

    packets = await rig.lent("route/orders")

    assert derive(accepted.message_id, 1) not in {packet.id for packet in packets}
    assert len({packet.id for packet in packets}) == 2


EDIFACT = FILES | {
    "endpoints/inbox.yaml": FILES["endpoints/inbox.yaml"].replace("x12", "edifact").replace("850", "ORDERS"),
    "routes/orders.yaml": "from: { endpoint: inbox, each: message, acknowledge: CONTRL }\nsteps: [to: erp]\n",
}


def hansa(*numbers: str, reference: str = "H101") -> bytes:
    return edifact([Order(number, "C", (Line("00024", 3, Decimal("9.50")),)) for number in numbers], reference)


async def test_edifact_interchanges_are_numbered_retransmitted_and_refused_alike(rigged: Any):
    rig = await rigged(EDIFACT)
    await rig.take(hansa("O1", "O2"), key="one")
    (first,) = await bodies(rig, "delivery/out")
    await rig.take(hansa("O1", "O2").replace(b"'", b"'\n"), key="two")
    (again,) = await bodies(rig, "delivery/out")

    taken = await rig.take(hansa("O1", "O3"), key="three")

    (refused,) = await bodies(rig, "delivery/out")
    assert (first, taken.bad > 0) == (again, True)
    assert b"260302:0900+1'" in first
    assert b"UCI+H101+5412345000013:14+4012345000009:14+7'" in first
    assert b"260302:0900+2'" in refused
    assert b"UCI+H101+5412345000013:14+4012345000009:14+4+26" in refused
    assert await rig.ready("route/orders") == 2


async def notes(rig: Any) -> list[list[str]]:
    """Return the notes on the traces of the documents that came, in their order."""
    await rig.work(rig.recorder())
    documents = [unpack(packet)[0] for packet in await rig.lent("route/orders")]
    return [[line.text for line in await rig.history(one.id) if line.kind == "note"] for one in documents]


async def test_a_warning_of_the_envelope_stands_on_the_trace_of_the_first_document(rigged: Any):
    rig = await rigged(FILES)

    await rig.take(TWO.replace(b"*ZZ*HOUSE          *", b"*ZZ*HOUSE*"))

    assert await notes(rig) == [["ich.width: the ISA is 96 characters long, it should be 106 (ISA)"], []]


async def test_delimiters_that_are_not_agreed_stand_on_the_trace(rigged: Any):
    partner = "acknowledge_to: out\nedi:\n  delimiters: { x12: { terminator: '|' } }\n"
    rig = await rigged({**FILES, "schemas/partners/acme.yaml": partner})

    await rig.take(TWO)

    (first, second) = await notes(rig)
    assert first[0].startswith("ich.agreed-terminator: the segment terminator is '~', agreed is '|'")
    assert second == []


async def test_what_is_tolerated_in_a_document_stands_on_its_trace(rigged: Any):
    partner = "acknowledge_to: out\nedi: { tolerate: [el.code] }\n"
    rig = await rigged({**FILES, "schemas/partners/acme.yaml": partner})

    await rig.take(interchange(order("0001"), order("0002", ("BEG*00", "BEG*9Z"))).encode())

    (first, second) = await notes(rig)
    assert first == []
    assert len(second) == 1 and second[0].startswith("el.code: ") and second[0].endswith("(segment 2 BEG, element 1)")
