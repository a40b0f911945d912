"""Purchase orders as three kinds of partner send them, made from one list, with the fate that each must have."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec
from msgspec import Struct

Fate = Literal["erp", "3pl", "held", "exception", "refused"]


class Line(Struct, frozen=True):
    """One line: the SKU is text (a leading zero is part of it), the price a decimal."""

    sku: str
    quantity: int
    price: Decimal


class Order(Struct, frozen=True):
    """One order, and where it must end. `number` is unique over all systems."""

    number: str
    customer: str
    lines: tuple[Line, ...]
    fate: Fate = "erp"
    ship_from: str = "MAIN"

    @property
    def total(self) -> Decimal:
        """Return the order's value."""
        return sum((line.price * line.quantity for line in self.lines), Decimal(0))


def make(prefix: str, count: int, customer: str, third_party_every: int = 5) -> list[Order]:
    """Return plain orders; every so many are shipped by the 3PL."""
    orders = []
    for index in range(1, count + 1):
        lines = tuple(
            Line(
                f"{(index * 7 + line) % 9000:05d}",
                1 + (index + line) % 9,
                Decimal(f"{5 + (index * line) % 40}.{line}0"),
            )
            for line in range(1, 2 + index % 3)
        )
        outside = third_party_every and index % third_party_every == 0
        fate, source = ("3pl", "3PL") if outside else ("erp", "MAIN")
        orders.append(Order(f"{prefix}{index:05d}", customer, lines, fate, source))  # type: ignore[arg-type]
    return orders


def too_dear(number: str, customer: str) -> Order:
    """Return an order over any credit limit: it must be held."""
    return Order(number, customer, (Line("00990", 1000, Decimal("999.00")),), "held")


def of_nobody(number: str) -> Order:
    """Return an order of a customer whom the ERP does not know: it must become an exception."""
    return Order(number, "C-9999", (Line("00991", 1, Decimal("10.00")),), "exception")


def x12(orders: Sequence[Order], control: int, broken: Iterable[str] = ()) -> bytes:
    """Return an X12 004010 interchange with one 850 an order; the SE count of the `broken` ones is wrong."""
    wrong = set(broken)
    empty = " " * 10
    sender, receiver = "123456789".ljust(15), "DISTRIBUTOR".ljust(15)
    isa = f"ISA*00*{empty}*00*{empty}*01*{sender}*ZZ*{receiver}*260302*0900*U*00401*{control:09d}*0*P*>~"
    out = [isa, f"GS*PO*ACME*DISTRIBUTOR*20260302*0900*{control}*X*004010~"]
    for number, order in enumerate(orders, 1):
        segments = _transaction(order, f"{number:04d}")
        count = len(segments) + 1 + (1 if order.number in wrong else 0)
        out += [f"{segment}~" for segment in segments]
        out.append(f"SE*{count}*{number:04d}~")
    out += [f"GE*{len(orders)}*{control}~", f"IEA*1*{control:09d}~"]
    return "\n".join(out).encode("ascii") + b"\n"


def _transaction(order: Order, control: str) -> list[str]:
    """Return the segments of one 850, from ST up to CTT."""
    segments = [
        f"ST*850*{control}",
        f"BEG*00*SA*{order.number}**20260302",
        "CUR*BY*USD",
        f"REF*WH*{order.ship_from}",
        "DTM*002*20260309",
        f"N1*BT*ACME RETAIL*92*{order.customer}",
        f"N1*ST*ACME STORE {order.number[-2:]}*92*{order.number[-4:]}",
        "N3*1 MAIN STREET",
        "N4*SPRINGFIELD*IL*62701*US",
    ]
    for index, line in enumerate(order.lines, 1):
        segments.append(f"PO1*{index}*{line.quantity}*EA*{line.price}**VN*{line.sku}")
        segments.append(f"PID*F****ITEM {line.sku}")
    segments.append(f"CTT*{len(order.lines)}")
    return segments


def edifact(orders: Sequence[Order], reference: str) -> bytes:
    """Return an EDIFACT D.96A interchange with one ORDERS an order."""
    out = ["UNA:+.? '", f"UNB+UNOC:3+5412345000013:14+4012345000009:14+260302:0900+{reference}'"]
    for number, order in enumerate(orders, 1):
        segments = _message(order, str(number))
        out += [f"{segment}'" for segment in segments]
        out.append(f"UNT+{len(segments) + 1}+{number}'")
    return "\n".join([*out, f"UNZ+{len(orders)}+{reference}'\n"]).encode("latin-1")


def _message(order: Order, reference: str) -> list[str]:
    """Return the segments of one ORDERS, from UNH up to CNT."""
    segments = [
        f"UNH+{reference}+ORDERS:D:96A:UN",
        f"BGM+220+{order.number}+9",
        "DTM+137:20260302:102",
        "NAD+BY+5412345000013::9",
        *(["NAD+SF+3PL"] if order.ship_from == "3PL" else []),
        "NAD+DP+5412345000020::9++HANSA LAGER SÜD+HAFENSTRASSE 1+HAMBURG++20457+DE",
        "CUX+2:EUR:9",
    ]
    for index, line in enumerate(order.lines, 1):
        segments += [f"LIN+{index}++{line.sku}:SA", f"QTY+21:{line.quantity}:PCE", f"PRI+AAA:{line.price}"]
    return [*segments, "UNS+S", f"CNT+2:{len(order.lines)}"]


def webhook(order: Order) -> bytes:
    """Return the shop's JSON of an order."""
    body: dict[str, Any] = {
        "event": "order.created",
        "order": {
            "id": order.number,
            "customer_code": order.customer,
            "currency": "USD",
            "warehouse": order.ship_from,
            "ship_to": {"name": "A. Shopper", "street": "2 Elm Street", "city": "Oslo", "zip": "0024", "country": "NO"},
            "items": [
                {"sku": line.sku, "qty": line.quantity, "unit_price": line.price, "title": f"Item {line.sku}"}
                for line in order.lines
            ],
        },
    }
    return msgspec.json.Encoder(decimal_format="number").encode(body)


def crm_csv(orders: Sequence[Order]) -> bytes:
    """Return the CRM's export: one row a line, rows of one order together, semicolons and CRLF, a byte order mark."""
    text = io.StringIO()
    rows = csv.writer(text, delimiter=";", lineterminator="\r\n")
    rows.writerow(["order_no", "customer", "warehouse", "ship_name", "ship_zip", "ship_country", "sku", "qty", "price"])
    for order in orders:
        for line in order.lines:
            place = ["Baker; & Daughters", "02134", "US"]
            rows.writerow([order.number, order.customer, order.ship_from, *place, line.sku, line.quantity, line.price])
    return b"\xef\xbb\xbf" + text.getvalue().encode()
