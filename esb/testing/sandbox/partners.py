"""Partners of the sandbox who read what they get: a buyer who acknowledges, and a warehouse that ships."""

from __future__ import annotations

import asyncio
import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from esb.formats.edifact.codec import Edifact
from esb.formats.x12.codec import X12

_FIELDS = ["shipment", "order", "account", "sku", "ordered", "shipped", "carrier", "tracking", "date", "time", "name"]


class Got(Struct, frozen=True):
    """A document that a partner got: its set, the order or invoice it is about, and the interchange it came in."""

    set: str
    about: str
    interchange: str
    lines: tuple[Any, ...] = ()


class Buyer:
    """ACME or HANSA: collects what we send, keeps it, and acknowledges it as a partner's system does.

    `answer` may change or lose an acknowledgment: it is given the file's name and the bytes, and returns files.
    """

    def __init__(self, exchange: Path, made: Any) -> None:
        self._in, self._out, self._format = exchange / "in", exchange / "out", made
        self.got: list[Got] = []
        self.faults: list[str] = []
        self.numbers: dict[int, set[str]] = defaultdict(set)
        """By the control numbers of all interchanges that came, acknowledgments too: what came under them."""
        self.answer: Callable[[str, bytes], Iterable[bytes]] = lambda name, raw: [raw]
        self._read: set[str] = set()

    async def work(self) -> None:
        """Work until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(0.1)

    def look(self) -> None:
        """Read what has come since the last look."""
        for path in sorted(self._out.iterdir()):
            if path.name in self._read or path.suffix != ".edi" or path.name.startswith("."):
                continue
            self._read.add(path.name)
            self._take(path.name, path.read_bytes())

    def misnumbered(self) -> list[str]:
        """Return the control numbers that were skipped, or stand for more than one interchange."""
        found = [f"{number} bears {len(what)} interchanges" for number, what in self.numbers.items() if len(what) > 1]
        return found + [f"{n} was skipped" for n in range(1, max(self.numbers, default=0)) if n not in self.numbers]

    def documents(self, name: str) -> Counter[str]:
        """Return how often each order or invoice came as a set of this name."""
        return Counter(one.about for one in self.got if one.set == name)

    def _take(self, name: str, raw: bytes) -> None:
        reader = self._format.reader()
        answers: list[bytes] = []
        for part in [*reader.feed(raw), *reader.end()]:
            if part.acknowledgment:
                answers.append(part.body)
                continue
            number = part.envelope.get("edi_interchange", "")
            if part.error:
                self.faults.append(f"{name}: {part.error}")
            else:
                self.got.append(Got(part.envelope["edi_set"], _about(part.body), number, _lines(part.body)))
        self._number(raw)
        for count, answer in enumerate(answers):
            for more, changed in enumerate(self.answer(name, answer)):
                drop(self._in, f"answer-{count}-{more}-{name}", changed)

    def _number(self, raw: bytes) -> None:
        scanner = self._format.scanner()
        scanner.feed(raw)
        for found in scanner.end():
            self.numbers[int(found.number)].add(found.digest)


def acme(exchange: Path) -> Buyer:
    """Return ACME, who reads X12 and answers with 997."""
    return Buyer(exchange, X12().build({}))


def hansa(exchange: Path) -> Buyer:
    """Return HANSA, who reads EDIFACT and answers with CONTRL."""
    return Buyer(exchange, Edifact().build({}))


class Warehouse:
    """North 3PL: ships what it is told to ship. `shipped` says how many pieces of an order's lines left."""

    def __init__(self, exchange: Path) -> None:
        self._in, self._out = exchange / "in", exchange / "out"
        self.shipped: Callable[[str, int], int] = lambda order, ordered: ordered
        self._read: set[str] = set()

    async def work(self) -> None:
        """Work until cancelled."""
        while True:
            for path in sorted(self._out.glob("order-*.csv")):
                if path.name not in self._read:
                    self._read.add(path.name)
                    self._ship(path)
            await asyncio.sleep(0.1)

    def _ship(self, path: Path) -> None:
        rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode())))
        if rows:
            drop(self._in, f"shipped-{path.name}", self.returned(rows))

    def returned(self, rows: Sequence[dict[str, str]]) -> bytes:
        """Return what it says of the rows of an order, once they have left."""
        text = io.StringIO()
        out = csv.DictWriter(text, _FIELDS, lineterminator="\n")
        out.writeheader()
        for row in rows:
            order, ordered = row["order"], int(row["quantity"])
            same = {"shipment": f"N3-{order}", "order": order, "account": row["account"], "sku": row["sku"]}
            how = {"carrier": "NORTH FREIGHT", "tracking": f"NF{order}", "date": "2026-03-03", "time": "15:30"}
            count = {"ordered": ordered, "shipped": self.shipped(order, ordered)}
            out.writerow({**same, **how, **count, "name": row["name"]})
        return text.getvalue().encode()


def drop(folder: Path, name: str, content: bytes) -> None:
    """Lay a file down as a partner does: under another name first, then renamed."""
    part = folder / f"{name}.part"
    part.write_bytes(content)
    part.rename(folder / name)


def _about(body: Any) -> str:
    """Return the order that a document is about."""
    if "shipments" in body:
        return str(body["shipments"][0]["orders"][0]["order"]["number"])
    if "order_number" in body.get("invoice", {}):
        return str(body["invoice"]["order_number"])
    reference = body.get("references", {}).get("purchase_order", {})
    return str(reference.get("value") or body.get("acknowledgment", {}).get("number", ""))


def _lines(body: Any) -> tuple[Any, ...]:
    """Return the lines of an invoice, or the items of a notice."""
    if "shipments" in body:
        orders = [order for shipment in body["shipments"] for order in shipment["orders"]]
        return tuple(item["shipped"] for order in orders for item in order["items"])
    return tuple(body.get("lines", ()))
