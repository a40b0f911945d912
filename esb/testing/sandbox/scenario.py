"""The scenario: a working day in a minute, with what goes wrong on such a day, and what must have come of it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from esb.management.edi import owed
from esb.stores import open_store
from esb.testing.sandbox.documents import Order, crm_csv, edifact, make, of_nobody, too_dear, webhook, x12
from esb.testing.sandbox.erp import Erp
from esb.testing.sandbox.partners import Buyer
from esb.testing.sandbox.plant import Plant

Tell = Callable[[str], None]


@dataclass
class Day:
    """What comes in: orders by where they come from, and the faults between them."""

    acme: list[list[Order]]
    shop: list[Order]
    crm: list[Order]
    broken: list[str] = field(default_factory=list)
    repeats: int = 10
    forged: int = 2
    hansa: list[Order] = field(default_factory=list)

    @property
    def orders(self) -> list[Order]:
        """Return every order, each once."""
        return [*(order for file in self.acme for order in file), *self.shop, *self.crm, *self.hansa]

    def numbers(self, *fates: str) -> set[str]:
        """Return the order numbers that must end so."""
        broken = set(self.broken)
        return {order.number for order in self.orders if order.fate in fates and order.number not in broken}


def working_day(scale: int = 1) -> Day:
    """Return at least 200 documents (times `scale`) with duplicates, strangers, a dear order and a bad transaction."""
    acme = make("A", 76 * scale, "C-ACME")
    files = [acme[start::4] for start in range(4)]
    files[3] = [*files[3], too_dear("A90001", "C-ACME"), of_nobody("A90002")]
    shop = [*make("S", 70 * scale, "C-SHOP"), too_dear("S90001", "C-SHOP")]
    crm = [*make("T", 50 * scale, "C-0024"), of_nobody("T90002")]
    return Day(files, shop, crm, broken=[files[1][3].number], hansa=make("H", 20 * scale, "C-HANSA"))


@dataclass
class Outcome:
    """What the sandbox's systems and the desk have at some moment."""

    erp: Counter[str]
    third_party: Counter[str]
    news: Counter[str]
    held: set[str]
    exceptions: list[dict[str, Any]]
    acknowledgments: dict[str, bytes]
    buyers: Mapping[str, Buyer] = field(default_factory=dict)
    owed: int = 0
    """Acknowledgments that partners have not given."""

    def known(self) -> set[str]:
        """Return every order number whose end is seen."""
        named = {str(row["keys"].get("order", "")) for row in self.exceptions}
        return {*self.erp, *self.third_party, *self.held, *named} - {""}


async def feed(plant: Plant, erp: Erp, day: Day, tell: Tell, outage: float = 4.0, patience: float = 120.0) -> int:
    """Send the whole day in, with the ERP down for some seconds; return how many forged webhooks were refused.

    `patience`: seconds in which ACME's files must have been acknowledged.
    """
    for number, file in enumerate(day.acme, 1):
        plant.drop("acme", f"orders-{number}.edi", x12(file, 100 + number, day.broken))
    erp.out = plant.folder / "var/exchange/erp/out"
    plant.drop("hansa", "orders.edi", edifact(day.hansa, "H101"))
    plant.drop("crm", "orders.csv", crm_csv(day.crm))
    plant.drop("crm", "orders-copy.csv", crm_csv(day.crm[:20]))
    tell(f"dropped {len(day.acme)} EDI files and 2 CSV files, one of these a repetition")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        half = len(day.shop) // 2
        await _post_all(plant, session, day.shop[:half])
        erp.down = True
        tell(f"the ERP goes down for {outage:g} seconds; the shop goes on")
        ends = time.monotonic() + outage
        await _post_all(plant, session, day.shop[half:])
        await _post_all(plant, session, day.shop[: day.repeats])
        forged = [plant.post(session, webhook(order), f"forged-{n}", secret="a guess")  # noqa: S106
                  for n, order in enumerate(make("X", day.forged, "C-SHOP"))]  # fmt: skip
        refused = sum(status == 401 for status in await asyncio.gather(*forged))
        tell(f"posted {len(day.shop)} webhooks, {day.repeats} of them twice, and {refused} forged ones were refused")
        await asyncio.sleep(max(0.0, ends - time.monotonic()))
        erp.down = False
        tell("the ERP is back")
    await _send_again(plant, day, patience)
    return refused


async def _send_again(plant: Plant, day: Day, patience: float) -> None:
    """Send an interchange once more, as a partner does who did not see its acknowledgment."""
    async with asyncio.timeout(patience):
        while len(_answers(plant)) < len(day.acme):
            await asyncio.sleep(0.1)
    plant.drop("acme", "orders-1-again.edi", x12(day.acme[0], 101))


async def _post_all(plant: Plant, session: aiohttp.ClientSession, orders: list[Order]) -> None:
    limit = asyncio.Semaphore(8)

    async def post(order: Order) -> None:
        async with limit:
            status = await plant.post(session, webhook(order), order.number)
            if status != 202:
                raise RuntimeError(f"the webhook of {order.number} was answered {status}")

    await asyncio.gather(*(post(order) for order in orders))


async def observe(plant: Plant, erp: Erp) -> Outcome:
    """Look at every place where a document can have ended."""
    third_party: Counter[str] = Counter()
    for content in plant.collected("north-3pl").values():
        rows = csv.DictReader(io.StringIO(content.decode()))
        third_party.update({row["order"] for row in rows})
    _, listed = await plant.command("dead", "list", "--json")
    rows_ = [json.loads(line) for line in listed.splitlines()]
    held = {row["keys"].get("order", "") for row in rows_ if row["class"] == "hold"}
    exceptions = [row for row in rows_ if row["class"] != "hold"]
    effects = Counter(erp.effects), third_party, Counter(erp.hook_effects)
    owed_ = await _owed(plant)
    return Outcome(*effects, held, exceptions, _answers(plant), plant.buyers, owed_)


def _answers(plant: Plant) -> dict[str, bytes]:
    """Return the acknowledgments that wait for ACME."""
    return {name: raw for name, raw in plant.collected("acme").items() if name.startswith("997-")}


async def _owed(plant: Plant) -> int:
    """Return how many acknowledgments partners owe us."""
    store = open_store(plant.store_url)
    await store.open()
    try:
        return len(await owed(store, time.time()))
    finally:
        await store.close()


async def settle(plant: Plant, erp: Erp, day: Day, patience: float = 60.0) -> Outcome:
    """Wait until every document has ended somewhere; return what is seen then, or when patience ends."""
    deadline = time.monotonic() + patience
    while True:
        # The desk is asked by a process of its own, which takes the bus as much as a second of work: so it comes last.
        quiet = _heard(plant, erp, day) and not await _owed(plant)
        if quiet or time.monotonic() > deadline:
            seen = await observe(plant, erp)
            if not faults(day, seen) or time.monotonic() > deadline:
                return seen
        await asyncio.sleep(0.2)


def _heard(plant: Plant, erp: Erp, day: Day) -> bool:
    """Return whether everything has come that the systems and the partners wait for."""
    sent = {*erp.effects} >= day.numbers("erp") and {*erp.hook_effects} >= day.numbers("erp", "3pl")
    if not sent or len(_answers(plant)) <= len(day.acme):
        return False
    return not any(_unheard(buyer, *_orders(day, name)) for name, buyer in plant.buyers.items())


def faults(day: Day, seen: Outcome) -> list[str]:
    """Return what is missing, doubled or unexpected; nothing = the promise was kept."""
    found: list[str] = []
    for place, counts, expected in (
        ("ERP", seen.erp, day.numbers("erp")),
        ("3PL", seen.third_party, day.numbers("3pl")),
        ("news", seen.news, day.numbers("erp", "3pl")),
    ):
        found += [f"{place}: order {number} is missing" for number in sorted(expected - set(counts))]
        found += [f"{place}: order {number} was not expected" for number in sorted(set(counts) - expected)]
        found += [f"{place}: order {number} came {count} times" for number, count in counts.items() if count > 1]
    if seen.held != day.numbers("held"):
        found.append(f"held: {sorted(seen.held)} instead of {sorted(day.numbers('held'))}")
    strangers = {row["keys"].get("order") for row in seen.exceptions if row["class"] == "rejected"}
    if strangers != day.numbers("exception"):
        found.append(f"exceptions: {sorted(map(str, strangers))} instead of {sorted(day.numbers('exception'))}")
    bad = [row for row in seen.exceptions if row["class"] == "invalid"]
    if len(bad) != len(day.broken):
        found.append(f"bad transactions: {len(bad)} instead of {len(day.broken)}")
    if len(seen.acknowledgments) != len(day.acme) + 1:
        found.append(f"acknowledgments: {len(seen.acknowledgments)} instead of {len(day.acme) + 1}")
    if seen.owed:
        found.append(f"owed: partners have not acknowledged {seen.owed} interchanges")
    for name, buyer in seen.buyers.items():
        found += [f"{name}: {fault}" for fault in _unheard(buyer, *_orders(day, name))]
    return found


def _orders(day: Day, buyer: str) -> tuple[set[str], set[str]]:
    """Return the orders of a buyer that the ERP confirms and invoices, and those that the 3PL ships."""
    orders = day.hansa if buyer == "hansa" else [order for file in day.acme for order in file]
    numbers = {order.number for order in orders}
    return numbers & day.numbers("erp"), numbers & day.numbers("3pl")


def _unheard(buyer: Buyer, confirmed: set[str], shipped: set[str]) -> list[str]:
    """Return what a buyer did not hear, or heard twice, of its orders."""
    found = [*buyer.faults, *(f"number {fault}" for fault in buyer.misnumbered())]
    for names, expected in (
        (("855", "ORDRSP"), confirmed),
        (("810", "INVOIC"), confirmed),
        (("856", "DESADV"), shipped),
    ):
        counts = sum((buyer.documents(name) for name in names), Counter[str]())
        found += [f"{names[0]} for {number} is missing" for number in sorted(expected - set(counts))]
        found += [f"{names[0]} for {number} was not expected" for number in sorted(set(counts) - expected)]
        found += [f"{names[0]} for {number} came {count} times" for number, count in counts.items() if count > 1]
    return found
