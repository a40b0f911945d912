"""Flat files by a guide keep the promises of the format suite; documents of chance come back as they were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from esb.formats import Csv, FixedWidth
from esb.formats.edi.grammar import Element
from esb.formats.flat.guide import find_flat_guide
from esb.message import Document
from esb.ports import Format
from esb.testing.edi_documents import Maker
from esb.testing.format_suite import FormatSuite

FILES = {
    f"schemas/flat/{path.name}": path.read_bytes() for path in Path(__file__).parents[1].glob("fixtures/flat/*.yaml")
}

CSV = (
    "FHD;BRANCH7;20261121\nHDR;A1;21.11.2026;Müller\nADR;BY;Head;Berlin\nADR;ST;;Bonn\nLIN;0042;3;1210\n"
    'TXT;"fragile;\n""thing"""\nLIN;7;1,5;\nTRL;2;4,5\nHDR;A2;;\nLIN;7;2;-5\nTRL;1;2\nFTR;2;12;6,5;3\n'
)
FIXED = (
    "4711      012611210930Müller      00000011R\r\n"
    "4711      0204006381333931001500-00000010} \r\n"
    "4711      030190000000001R\r\n"
    "4712      01261122    Huber       00000010{\n"
    "4712      0204006381333931001500 00000010{\n"
)


class TestDelimited(FormatSuite):
    def format(self) -> Format:
        return Csv(guide="flat/orders", delimiter=";", decimal=",", limit="500B", row_limit="200B").build(FILES)

    def samples(self) -> Sequence[bytes]:
        return [
            CSV.encode(),
            CSV.replace("LIN;7;2;-5", "LIN;7;x\nBLA;1\nLIN").replace("FTR;2", "FTR;3").encode("latin-1"),
            CSV.replace("HDR;A1", "TRL;1").encode("utf-16"),
            b"FHD;A\nHDR;"
            + b"x" * 300
            + b'\nHDR;1\nLIN;"open\nHDR;2\n'
            + b"LIN;1;1\n" * 80
            + b"HDR;3\x01\nLIN;\x1f;1\n",
            b"FTR;1\nFHD;A;20261301\nHDR;1\nLIN;1;1\nTRL\nFTR;;\nHDR;7\nFTR",
            b"",
        ]

    def documents(self) -> Sequence[Document]:
        return [
            {
                "file": {"sender": "BRANCH7"},
                "number": "A1",
                "customer": ' Großhandel\t"M";\r\n',
                "lines": [
                    {"sku": "\ue100", "qty": Decimal("-1.50"), "price": Decimal("0.07"), "remarks": [{"text": "a\nb"}]}
                ],
                "totals": {"lines": 1, "quantity": Decimal("-1.50")},
            }
        ]


class TestPositional(FormatSuite):
    def format(self) -> Format:
        return FixedWidth(guide="flat/invoices", limit="400B").build(FILES)

    def samples(self) -> Sequence[bytes]:
        return [
            FIXED.encode(),
            FIXED.replace("011R", "012R").replace("0930", "0960").encode("latin-1"),
            b"02 first\n4711      0126112\n4711      04\n"
            + FIXED.encode() * 3
            + b"x" * 3000
            + b"\n"
            + FIXED.encode() * 2,
            (FIXED.splitlines()[0] + "\n" + FIXED.splitlines()[1] * 3 + "\n").encode(),
            b"4711      01\n" + b"4711      02\n" * 60,
        ]

    def documents(self) -> Sequence[Document]:
        line = {"gtin": "04006381333931", "quantity": Decimal("-1.500"), "amount": Decimal("-1.00")}
        taxes = [{"rate": Decimal("19.00"), "amount": Decimal("-0.19")}]
        head = {"number": "4711", "date": "2026-11-21", "customer": "Müller"}
        return [
            {**head, "total": Decimal("-1.19"), "lines": [line | {"taxes": taxes}]},
            {**head, "total": 0, "lines": [{"rest": "x"}]},
        ]


class Making(Maker):
    """Makes documents whose values the kinds of fields can hold."""

    def simple(self, element: Element) -> Any:
        chance = self.chance
        if element.id == "date":
            return (date(2000, 1, 1) + timedelta(chance.randint(0, 36000))).isoformat()
        if element.id == "time":
            return f"{chance.randint(0, 23):02d}:{chance.randint(0, 59):02d}"
        if element.type == "R":
            places = {"quantity": 3, "qty": chance.randint(0, 5)}.get(element.id, 2)
            return Decimal(chance.randint(-9999, 9999)).scaleb(-places)
        if element.closed:
            return super().simple(element)
        text = "".join(chance.choice("ab;\" 'é") for _ in range(chance.randint(0, 8)))
        return f"x{text}"[: min(element.most, 1 if element.id == "rest" else 9)].rstrip()


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("name", ["orders", "invoices"])
def test_documents_of_chance_come_back_as_they_were(name: str, seed: int) -> None:
    fixed = name == "invoices"
    made = (FixedWidth(guide="flat/invoices") if fixed else Csv(guide="flat/orders")).build(FILES)
    guide = find_flat_guide(f"flat/{name}", FILES, fixed)
    maker = Making(Random(seed))
    documents = [_whole(maker.body(guide.guide.body, 0), fixed) for _ in range(1 + seed % 3)]

    raw = made.render(documents)
    reader = made.reader("document")
    parts = [*reader.feed(raw), *reader.end()]

    assert [part.error for part in parts if part.error] == []
    assert [part.body for part in parts] == documents
    assert made.render([part.body for part in parts]) == raw


def _whole(document: dict[str, Any], fixed: bool) -> dict[str, Any]:
    """Return a document with the head of its file, and totals that are right."""
    lines = document["lines"]
    if not fixed:
        totals = {"lines": len(lines), "quantity": sum(line.get("qty", 0) for line in lines)}
        return {"file": {"sender": "B7"}, **document, "totals": totals}
    amounts = [line["amount"] for line in lines if "amount" in line]
    amounts += [tax["amount"] for line in lines for tax in line.get("taxes", ()) if "amount" in tax]
    return {**document, "total": sum(amounts, Decimal("0.00"))}
