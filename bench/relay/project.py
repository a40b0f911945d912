"""The route that is measured, as an integrator writes it, and the messages that wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from esb.envelope import Addressed, encode_document, pack
from esb.message import Message, derive

ROUTE = "relay"
SINKS = ("erp", "third-party")
LINES = 2
RECEIVED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

_FILES = {
    "esb.yaml": "defaults: { owner: bench }\n",
    "endpoints/shop.yaml": "type: http_in\nauth: none\nformat: json\n",
    "endpoints/erp.yaml": "type: file\ndirectory: out/erp\nformat: json\n",
    "endpoints/third-party.yaml": "type: file\ndirectory: out/third-party\nformat: json\n",
    "routes/relay.yaml": """\
description: A shop's order becomes an ERP's order
from: { endpoint: shop }
key: { order: $.number }
steps:
  - transform: order
  - choose:
      - when: "{{ body.warehouse == '3PL' }}"
        to: third-party
      - otherwise:
        to: erp
""",
    "transforms/order.yaml": """\
type: mapping
description: Twenty fields - paths, defaults, casts, expressions, text, a list
set:
  number: $.order.id
  channel: web
  currency: { value: $.order.currency, default: USD }
  warehouse: $.order.warehouse
  customer: $.order.customer.code
  customer_name: $.order.customer.name
  email: $.order.customer.email
  ordered: $.order.created_at
  priority: { value: $.order.priority, as: integer }
  ship_name: $.order.ship_to.name
  ship_street: $.order.ship_to.street
  ship_city: $.order.ship_to.city
  ship_zip: $.order.ship_to.zip
  ship_country: { value: $.order.ship_to.country, default: US }
  reference: "{{ body.order.customer.code }}/{{ body.order.id }}"
  freight: $.order.freight
  lines:
    each: $.order.items
    set:
      sku: $.sku
      quantity: { value: $.qty, as: integer }
      price: $.unit_price
      amount: "{{ item.qty * item.unit_price }}"
""",
}


def lay_out(folder: Path) -> None:
    """Write the project."""
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def document(number: int) -> dict[str, Any]:
    """Return an order of about 1 KiB; every fourth goes to the third party."""
    items = [
        {
            "sku": f"{(number * 7 + line) % 90000:05d}",
            "qty": 1 + (number + line) % 9,
            "unit_price": Decimal(f"{5 + (number * line) % 90}.{line}5"),
            "title": f"Hex bolt M{line}x{number % 90}, zinc plated, box of 100",
            "tax": "standard",
        }
        for line in range(1, LINES + 1)
    ]
    return {
        "event": "order.created",
        "note": "Deliver to the goods-in door at the back; ring twice and ask for the foreman, "
        "please do not leave the goods outside. Pallets are taken from 07:00 to 15:30, parcels until 18:00. "
        "Ask at the gate for the key of the cage if the goods are of value.",
        "order": {
            "id": f"S{number:07d}",
            "created_at": "2026-03-02T08:59:58Z",
            "currency": "USD",
            "warehouse": "3PL" if number % 4 == 0 else "MAIN",
            "priority": "3",
            "freight": Decimal("12.50"),
            "customer": {"code": f"C-{number % 500:04d}", "name": "Baker & Daughters", "email": "buy@baker.example"},
            "ship_to": {
                "name": "Goods In",
                "street": "2 Elm Street",
                "city": "Oslo",
                "zip": "0024",
                "country": "NO",
                "phone": "+47 555 01 23",
            },
            "carrier": {"name": "North Freight", "service": "next day", "account": "NF-20417", "insured": True},
            "payment": {"method": "invoice", "terms": "net 30", "reference": f"Q{number:06d}", "vat": "NO 987 654 321"},
            "items": items,
        },
    }


def messages(count: int, release: str) -> Iterator[Addressed]:
    """Give the packets as intake publishes them."""
    for number in range(1, count + 1):
        name = derive("bench", number)
        message = Message(
            id=name,
            body=document(number),
            received=RECEIVED,
            route=ROUTE,
            endpoint="shop",
            correlation_id=name,
            release=release,
            headers={"content-type": "application/json"},
        )
        yield Addressed(f"route/{ROUTE}", pack(message))


def size() -> int:
    """Return how many bytes a body has."""
    return len(encode_document(document(1)))
