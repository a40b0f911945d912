"""Partners' broken answers: each ends in the right exception or acknowledgment, and in nothing else."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from esb.management.trace import find
from esb.records import ParkedFilter
from esb.stores import open_store
from esb.testing.private_server import free_port
from esb.testing.sandbox.documents import Order, edifact, make, x12
from esb.testing.sandbox.erp import Erp
from esb.testing.sandbox.plant import TOKEN, Plant, serving

PROJECT = Path(__file__).parents[2]
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
OWED = "3s"
"""What the partners' 24 hours are here; the bus looks for what is overdue every 15 seconds."""


class Site:
    """One plant for all tests of this file; each has orders, interchanges and answers of its own."""

    def __init__(self, plant: Plant, erp: Erp) -> None:
        self.plant, self.erp = plant, erp
        self.changes: dict[str, Callable[[bytes], Iterable[bytes]]] = {}
        """By order number: what ACME or HANSA answers instead, when the document about it is acknowledged."""
        for buyer in plant.buyers.values():
            buyer.answer = self._answer

    def _answer(self, name: str, raw: bytes) -> Iterable[bytes]:
        for folder in ("acme", "hansa"):
            found = self.plant.folder / "var/exchange" / folder / "out" / name
            text = found.read_bytes() if found.exists() else b""
            for number, change in self.changes.items():
                if number.encode() in text:
                    return change(raw)
        return [raw]

    async def until(self, found: Callable[[], Any], seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        while not (result := found()):
            assert time.monotonic() < deadline, self.plant.log()[-3000:]
            await asyncio.sleep(0.05)
        return result

    async def waiting(self, text: str, seconds: float = 60) -> dict[str, Any]:
        """Return the exception or hold whose reason holds a text."""
        await self.parked(lambda reasons: any(text in reason for _, reason in reasons), seconds)
        (found,) = [row for row in await self.rows() if text in row["reason"]]
        return found

    async def parked(self, enough: Callable[[list[tuple[str, str]]], Any], seconds: float = 60) -> None:
        """Wait for what waits for a person, as (order, reason); the desk itself is a process, and is asked then."""
        deadline = time.monotonic() + seconds
        store = open_store(self.plant.store_url)
        await store.open()
        try:
            while True:
                open_ = await store.parked(ParkedFilter(limit=1000))
                found = [(next((k.value for k in row.keys if k.kind == "order"), ""), row.reason) for row in open_]
                if enough(found):
                    return
                assert time.monotonic() < deadline, found
                await asyncio.sleep(0.1)
        finally:
            await store.close()

    async def rows(self) -> list[dict[str, Any]]:
        _, listed = await self.plant.command("dead", "list", "--json")
        return [json.loads(line) for line in listed.splitlines()]

    async def story(self, number: str) -> str:
        """Return how all that came of an order stands, each destination in a sentence."""
        store = open_store(self.plant.store_url)
        await store.open()
        try:
            return "\n".join(fate.sentence for found in await find(store, number) for fate in found.fates)
        finally:
            await store.close()

    def got(self, partner: str, name: str, about: str) -> int:
        return self.plant.buyers[partner].documents(name)[about]

    def collected(self, text: bytes) -> list[bytes]:
        return [raw for raw in self.plant.collected("acme").values() if text in raw]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    erp, port, folder = Erp(TOKEN), free_port(), tmp_path_factory.mktemp("answers")
    async with serving(erp, port):
        plant = Plant(folder, port)
        plant.lay_out(PROJECT)
        for path in (folder / "endpoints").glob("*.yaml"):
            path.write_text(path.read_text().replace("poll: 1s", "poll: 200ms").replace("for: 1s", "for: 200ms"))
        for path in (folder / "schemas/partners").glob("*.yaml"):
            path.write_text(path.read_text().replace("ack: 24h", f"ack: {OWED}"))
        erp.out = folder / "var/exchange/erp/out"
        await plant.start()
        try:
            yield Site(plant, erp)
        finally:
            await plant.stop()


def order(number: str, ship_from: str = "MAIN", customer: str = "C-ACME") -> Order:
    (made,) = make(number[:1], 1, customer, 0)
    return Order(number, customer, made.lines, "erp", ship_from)


async def test_wrong_counts_in_an_order_are_answered_with_a_997_that_names_them_and_siblings_go_on(site: Site):
    site.plant.drop("acme", "counts.edi", x12([order("A10001"), order("A10002")], 1001, broken=["A10001"]))

    row = await site.waiting("SE01 says")
    await site.until(lambda: site.erp.effects["A10002"])

    (answer,) = site.collected(b"AK1*PO*1001~")
    assert b"AK5*R*4~" in answer
    assert b"AK9*P*2*2*1~" in answer
    assert (row["class"], row["owner"]) == ("invalid", "order-desk")
    assert "A10001" not in site.erp.effects


async def test_wrong_counts_in_an_acknowledgment_are_an_exception_and_what_it_answers_stays_owed(site: Site):
    site.changes["A10101"] = lambda raw: [re.sub(rb"SE\*\d+\*", b"SE*99*", raw) if b"AK1*PR*" in raw else raw]
    site.plant.drop("acme", "counts-of-997.edi", x12([order("A10101")], 1101))

    row = await site.waiting("SE01 says 99 segments")

    assert row["place"] == "intake/acme-inbox"
    assert row["class"] == "invalid"
    confirmed = [line for line in (await site.story("A10101")).splitlines() if "acme-edi" in line]
    assert ["accepted group" in line for line in confirmed] == [False]


async def test_a_rejected_acknowledgment_is_an_exception_that_shows_the_value_that_was_sent(site: Site):
    def reject(raw: bytes) -> Iterable[bytes]:
        if b"AK1*PR*" not in raw:
            return [raw]
        told = b"AK3*PO1*3**8~AK4*3*355*7~AK5*R*5~"
        changed = raw.replace(b"AK5*A~", told).replace(b"AK9*A*1*1*1~", b"AK9*R*1*1*0~")
        return [re.sub(rb"SE\*6\*", b"SE*8*", changed).replace(b"~\n", b"~")]

    site.changes["A10201"] = reject
    site.plant.drop("acme", "rejected.edi", x12([order("A10201")], 1201))

    row = await site.waiting("acme's 997")

    assert (row["class"], row["owner"], row["keys"]["order"]) == ("rejected", "order-desk", "A10201")
    assert "rejected group" in row["reason"]
    assert 'segment 3 PO1, element 3 "EA": the value is not in the code list (7)' in row["reason"]


async def test_an_invoice_that_comes_twice_leaves_once(site: Site):
    site.plant.drop("acme", "twice.edi", x12([order("A10301")], 1301))
    await site.until(lambda: site.got("acme", "810", "A10301"))
    folder = site.plant.folder / "var/exchange/erp/out"
    invoice = next(path for path in folder.rglob("*A10301-2*"))

    (folder / "again.part").write_bytes(invoice.read_bytes())
    (folder / "again.part").rename(folder / "A10301-again.json")
    deadline = time.monotonic() + 60
    while "duplicate: the key 'order.invoiced/acme/INV-A10301' came before" not in (told := await site.story("A10301")):
        assert time.monotonic() < deadline, told
        await asyncio.sleep(0.2)

    assert site.got("acme", "810", "A10301") == 1


async def test_another_interchange_under_a_used_number_is_refused_with_ta1_025_and_changes_nothing(site: Site):
    site.plant.drop("acme", "first.edi", x12([order("A10401")], 1401))
    await site.until(lambda: site.collected(b"AK1*PO*1401~"))

    site.plant.drop("acme", "second.edi", x12([order("A10402")], 1401))

    await site.until(lambda: site.collected(b"TA1*000001401*"))
    row = await site.waiting("interchange 000001401 of this sender came before with another content (interchange")
    (answer,) = site.collected(b"TA1*000001401*")
    assert b"*R*025~" in answer
    assert row["class"] == "invalid"
    assert "A10402" not in site.erp.effects


async def test_documents_and_answers_out_of_their_order_each_find_what_they_belong_to(site: Site):
    held: list[bytes] = []

    def keep(raw: bytes) -> Iterable[bytes]:
        held.append(raw)
        return []

    for number in ("A10501", "A10502"):
        site.changes[number] = keep
    site.plant.drop("acme", "later.edi", x12([order("A10502")], 1502))
    await site.until(lambda: site.erp.effects["A10502"])
    site.plant.drop("acme", "earlier.edi", x12([order("A10501")], 1501))
    await site.until(lambda: site.got("acme", "855", "A10501") and site.got("acme", "810", "A10501"))
    await site.until(lambda: site.got("acme", "855", "A10502") and len(held) >= 3)

    for count, raw in enumerate(reversed(held)):
        site.plant.drop("acme", f"reversed-{count}.edi", raw)

    deadline = time.monotonic() + 60
    for number in ("A10501", "A10502"):
        while "accepted group" not in (told := await site.story(number)):
            assert time.monotonic() < deadline, told
            await asyncio.sleep(0.2)


async def test_a_short_shipment_is_told_to_the_partner_line_by_line(site: Site):
    site.plant.warehouse.shipped = lambda number, ordered: ordered - 1 if number == "A10601" else ordered
    site.plant.drop("acme", "short.edi", x12([order("A10601", "3PL")], 1601))

    await site.until(lambda: site.got("acme", "856", "A10601"))

    (notice,) = [one for one in site.plant.buyers["acme"].got if one.set == "856" and one.about == "A10601"]
    assert {(line["ordered"] - line["qty"], line["status"]) for line in notice.lines} == {(1, "BP")}


async def test_an_over_shipment_waits_for_the_warehouse_desk_before_the_partner_is_told(site: Site):
    site.plant.warehouse.shipped = lambda number, ordered: ordered + 5 if number == "H10701" else ordered
    site.plant.drop("hansa", "over.edi", edifact([order("H10701", "3PL", "C-HANSA")], "H1701"))

    row = await site.waiting("more was shipped than ordered in N3-H10701")
    assert (row["class"], row["place"], row["owner"]) == ("hold", "warehouse-desk", "warehouse")
    assert not site.got("hansa", "DESADV", "H10701")

    await site.plant.command("dead", "release", row["id"], "--reason", "they keep it")
    await site.until(lambda: site.got("hansa", "DESADV", "H10701"))


async def test_an_acknowledgment_that_is_missing_is_an_exception_of_the_owner_and_a_late_one_ends_it(site: Site):
    late: list[bytes] = []

    def too_late(raw: bytes) -> Iterable[bytes]:
        late.append(raw)
        return []

    site.changes["H10801"] = too_late
    site.changes["H10802"] = lambda raw: []
    site.plant.drop("hansa", "silent.edi", edifact([order("H10801", customer="C-HANSA")], "H1801"))
    site.plant.drop("hansa", "lost.edi", edifact([order("H10802", customer="C-HANSA")], "H1802"))
    await site.until(lambda: len(late) >= 2 and site.got("hansa", "INVOIC", "H10802"))

    def overdue(reasons: list[tuple[str, str]]) -> Counter[str]:
        return Counter(number for number, reason in reasons if "was not acknowledged" in reason)

    await site.parked(lambda reasons: overdue(reasons) >= Counter(H10801=2, H10802=2))
    told = [row for row in await site.rows() if "was not acknowledged" in row["reason"]]
    lost = [(row["class"], row["owner"]) for row in told if row["keys"]["order"] == "H10802"]
    assert lost == [("unknown", "order-desk")] * 2

    for count, raw in enumerate(late):
        site.plant.drop("hansa", f"late-{count}.edi", raw)
    await site.parked(lambda reasons: not overdue(reasons)["H10801"])
    left = [row["keys"]["order"] for row in await site.rows() if "was not acknowledged" in row["reason"]]
    assert (left.count("H10801"), left.count("H10802")) == (0, 2)
