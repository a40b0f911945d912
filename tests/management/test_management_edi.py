"""EDI at work: partners' acknowledgments meet what was sent; numbers are seen and set; what is owed is known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from esb.errors import UsageError
from esb.formats import X12
from esb.management.edi import Resolver, numbers, owed, set_number
from esb.management.edi.numbers import history_of
from esb.management.trace import trace
from esb.message import Filing, Message, Numbered, Scope
from esb.plan import DeliveryPlan
from esb.records import ParkedFilter, Record
from esb.runtime.clock import SystemClock
from esb.runtime.filing import file_away
from esb.stores import SqlStore, open_store
from esb.testing.edi_kit import interchange, order
from esb.trading import FiledFilter, NumberClaim

MOMENT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
PARTIES = {"sender": {"id": "HOUSE"}, "receiver": {"qualifier": "08", "id": "6112390050", "group": "ACME"}}
GROUP = Scope("x12", "group", "HOUSE", "ACME", "PO")
DELIVERIES = {"acme-edi": DeliveryPlan("acme-edi", policy=None, owner="edi-desk")}  # type: ignore[arg-type]


class Clock(SystemClock):
    """A clock that a test sets."""

    time = 10_000.0

    def now(self) -> float:
        return self.time


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    opened = open_store(f"sqlite:{tmp_path}/store.db")
    await opened.open()
    yield opened
    await opened.close()


def flipped(*sets: str) -> bytes:
    """Return an interchange of orders as we would send it to ACME."""
    ours = "*ZZ*HOUSE          *08*6112390050     *"
    text = interchange(*sets).replace("*08*6112390050     *ZZ*HOUSE          *", ours)
    return text.replace("GS*PO*ACME*HOUSE*", "GS*PO*HOUSE*ACME*").encode()


async def send(store: SqlStore, raw: bytes, name: str = "s1", within: float = 3600.0, at: float = 1000.0) -> None:
    """File an interchange as a route's `to` step does."""
    interchange_ = Scope("x12", "interchange", "ZZ/HOUSE", "08/6112390050")
    filing = Filing((Numbered(interchange_, 101), Numbered(GROUP, 7, owed=True)), within)
    message = Message(id=name, body=raw, received=MOMENT, route="invoices", correlation_id="c1", format="x12/850")
    await store.file(await file_away(store, message, "delivery/acme-edi", filing, at))
    sent = Record(id=f"r-{name}", kind="sent", message_id="m1", at=at, text="delivery/acme-edi", child=name)
    done = Record(id=f"d-{name}", kind="delivered", message_id=name, at=at + 1, place="acme-edi", correlation_id="c1")
    await store.append([sent, done])


def answer(raw: bytes, name: str = "a1", **spec: Any) -> Message:
    """Return the acknowledgment that ACME's own reader makes of what we sent, as our intake gives it."""
    theirs = X12(**spec).build({}).reader()
    (part,) = [part for part in [*theirs.feed(raw), *theirs.end()] if part.acknowledgment]
    return received(part.body, name)


def received(raw: bytes, name: str = "a1") -> Message:
    ours = X12(guide="x12/850").build({}).reader()
    parts = [*ours.feed(raw), *ours.end()]
    assert [part.error for part in parts] == [""]
    return Message(id=name, body=parts[0].body, received=MOMENT, partner="acme", headers=parts[0].envelope)


async def state(store: SqlStore) -> tuple[str, str]:
    (row,) = await store.filed(FiledFilter(numbers=((GROUP, 7),)))
    return row.state, row.told


async def test_an_acceptance_is_told_by_the_trace_of_what_was_sent(store: SqlStore):
    raw = flipped(order("0001"), order("0002"))
    await send(store, raw)

    assert await Resolver(store, Clock()).resolve(answer(raw), DELIVERIES) == ""

    assert (await state(store))[0] == "accepted"
    found = await trace(store, "s1")
    assert [line.kind for line in found.records if line.kind == "confirmed"] == ["confirmed"]
    (fate,) = (await trace(store, "m1")).fates
    assert fate.sentence == ("delivered to acme-edi; acme's 997 900000101 accepted group 7 (PO) (2 of 2 sets accepted)")
    assert list(await store.parked(ParkedFilter())) == []


async def test_a_rejection_says_which_value_was_sent_and_is_an_exception_of_the_owner(store: SqlStore):
    raw = flipped(order("0001", ("*10*EA*12.50", "*10*EACH*12.50")), order("0002"))
    await send(store, raw)

    assert await Resolver(store, Clock()).resolve(answer(raw), DELIVERIES) == ""

    verdict, told = await state(store)
    assert verdict == "partial"
    assert told == (
        "acme's 997 900000101 accepted a part of group 7 (PO) (1 of 2 sets accepted): set 850 0001, segment 7 PO1, "
        'element 3 "EACH": the value is too long (5)'
    )
    (row,) = await store.parked(ParkedFilter())
    assert (row.failure_class, row.owner, row.place, row.origin) == (
        "rejected", "edi-desk", "acme-edi", "delivery/acme-edi",
    )  # fmt: skip
    assert (row.reason, row.message_id, row.correlation_id) == (told, "s1", "c1")


async def test_a_999_and_a_ta1_are_understood_too(store: SqlStore):
    raw = flipped(order("0001", ("BEG*00*SA*PO0001**20261121", "BEG*00*SA*PO0001**20261321"))).replace(
        b"004010", b"005010"
    )
    await send(store, raw)

    await Resolver(store, Clock()).resolve(answer(raw, acknowledge="999"), DELIVERIES)
    assert 'segment 2 BEG, element 5 "20261321": the value is no date (8)' in (await state(store))[1]

    technical = interchange().partition("GS*")[0] + "TA1*000000101*261121*0930*R*023~IEA*0*000000101~"
    assert await Resolver(store, Clock()).resolve(received(technical.encode(), "a2"), DELIVERIES) == ""
    rows = await store.filed(FiledFilter(message_ids=("s1",)))
    assert {row.state for row in rows} == {"rejected"}
    assert {row.told for row in rows} == {
        "acme's TA1 000000101 rejected interchange 101: the file ended before the interchange did (023)"
    }


async def test_the_same_answer_again_changes_nothing(store: SqlStore):
    raw = flipped(order("0001", ("*10*EA*12.50", "*10*EACH*12.50")))
    await send(store, raw)
    resolver = Resolver(store, Clock())

    await resolver.resolve(answer(raw), DELIVERIES)
    await resolver.resolve(answer(raw), DELIVERIES)

    assert len(await store.parked(ParkedFilter())) == 1
    assert len([line for line in await store.history("s1") if line.kind == "contested"]) == 1


async def test_an_answer_to_what_was_never_sent_says_so(store: SqlStore):
    raw = flipped(order("0001"))

    reason = await Resolver(store, Clock()).resolve(answer(raw), DELIVERIES)

    assert reason == "their 997 speaks of group 7 PO, which is none that we sent to ACME"


async def test_what_is_owed_is_known_with_its_deadline(store: SqlStore):
    await send(store, flipped(order("0001")))

    (early,) = await owed(store, 2000.0)
    (late,) = await owed(store, 5000.0)

    assert (early.what, early.endpoint, early.partner, early.due) == ("group 7 (PO)", "acme-edi", "ACME", 4600.0)
    assert (early.overdue, late.overdue) == (False, True)


async def test_numbers_are_seen_and_set_and_the_change_is_history(store: SqlStore):
    await store.take([NumberClaim("a", "m1", 1.0, (GROUP,))])

    assert [counter.next for counter in await numbers(store, "acme")] == [2]
    await set_number(store, Clock(), GROUP, 500, "ann", "ACME lost count")

    assert await store.take([NumberClaim("b", "m2", 1.0, (GROUP,))]) == [(500,)]
    (line,) = await store.history(history_of(GROUP))
    assert line.text == "by ann: ACME lost count (the next number was 2, and is 500)"
    assert list(await numbers(store, "other")) == []


@pytest.mark.parametrize(
    ("number", "person", "reason", "text"),
    [
        (0, "ann", "because", "no control number"),
        (10**9, "ann", "because", "no control number"),
        (5, "ann", "", "say who sets it and why"),
        (5, "ann", "because", "has a number of x12 group HOUSE ACME PO yet"),
    ],
)
async def test_a_number_is_not_set_without_a_reason_or_where_none_is(
    store: SqlStore, number: int, person: str, reason: str, text: str
):
    with pytest.raises(UsageError, match=text):
        await set_number(store, Clock(), GROUP, number, person, reason)
