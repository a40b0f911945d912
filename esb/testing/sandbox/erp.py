"""The ERP of the sandbox: customers to look up, orders to post, an idempotency key that it honours, and bad days."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

CUSTOMERS: dict[str, dict[str, Any]] = {
    "C-ACME": {"code": "C-ACME", "name": "ACME Retail", "credit_limit": Decimal("50000.00"), "terms": "NET30"},
    "C-HANSA": {"code": "C-HANSA", "name": "HANSA", "credit_limit": Decimal("90000.00"), "terms": "NET30"},
    "C-SHOP": {"code": "C-SHOP", "name": "Web shop customers", "credit_limit": Decimal("2000.00"), "terms": "CARD"},
    "C-0024": {"code": "C-0024", "name": "Baker & Daughters", "credit_limit": Decimal("10000.00"), "terms": "NET14"},
    "C-0031": {"code": "C-0031", "name": "Nordic Tools AS", "credit_limit": Decimal("7500.00"), "terms": "NET30"},
}

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class Erp:
    """Keeps what it was told. `orders` maps the order number to what was posted; `effects` counts real insertions."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.down = False
        self.orders: dict[str, Any] = {}
        self.effects: Counter[str] = Counter()
        self.posts = self.refused = self.repeats = 0
        self.hooks: dict[str, Any] = {}
        self.hook_effects: Counter[str] = Counter()
        self.out: Path | None = None
        """Where it writes a file for each event of an order that came by EDI."""
        self._answers: dict[str, bytes] = {}

    def app(self) -> Starlette:
        """Return the system as an ASGI application."""
        return Starlette(
            routes=[
                Route("/api/customers/{code}", self._customer, methods=["GET"]),
                Route("/api/orders", self._post, methods=["POST"]),
                Route("/api/orders", self._list, methods=["GET"]),
                Route("/hooks/orders", self._hook, methods=["POST"]),
            ]
        )

    async def _customer(self, request: Request) -> Response:
        if refusal := self._refuse(request):
            return refusal
        customer = CUSTOMERS.get(request.path_params["code"])
        return _json(404, {"error": "no such customer"}) if customer is None else _json(200, customer)

    async def _post(self, request: Request) -> Response:
        """Take an order; the same key gets the same answer and has no second effect."""
        if refusal := self._refuse(request):
            return refusal
        self.posts += 1
        key = request.headers.get("idempotency-key", "")
        if key in self._answers:
            self.repeats += 1
            return Response(self._answers[key], 201, media_type="application/json")
        order = _decode(await request.body())
        number = order["number"]
        self.orders[number] = order
        self.effects[number] += 1
        answer = _encode({"reference": f"SO-{len(self.orders):06d}", "number": number})
        self._answers[key] = answer
        self._tell(order, f"SO-{len(self.orders):06d}")
        return Response(answer, 201, media_type="application/json")

    def _tell(self, order: Any, reference: str) -> None:
        """Confirm an order, and invoice it at once."""
        if self.out is None or order["source"] not in ("acme", "hansa"):
            return
        lines = [{name: line[name] for name in ("sku", "quantity", "price")} for line in order["lines"]]
        told = {"partner": order["source"], "order": order["number"], "ordered": "2026-03-02", "reference": reference}
        told |= {"date": "2026-03-03", "currency": order["currency"], "lines": lines}
        invoice = {"invoice": f"INV-{order['number']}", "total": order["total"]}
        self.tell(f"{order['number']}-1", {"event": "order.confirmed", **told})
        self.tell(f"{order['number']}-2", {"event": "order.invoiced", **told, **invoice})

    def tell(self, name: str, event: Any) -> None:
        """Write an event, under another name first."""
        assert self.out is not None
        part = self.out / f"{name}.part"
        part.write_bytes(_encode(event))
        part.rename(self.out / f"{name}.json")

    async def _list(self, request: Request) -> Response:
        reference = request.query_params.get("ref", "")
        found = [reference] if reference in self.orders else []
        return _json(200 if found else 404, found)

    async def _hook(self, request: Request) -> Response:
        """Take the news of an accepted order."""
        event = _decode(await request.body())
        key = request.headers.get("idempotency-key") or event["number"]
        if key not in self._answers:
            self._answers[key] = b"{}"
            self.hooks[event["number"]] = event
            self.hook_effects[event["number"]] += 1
        return _json(200, {"ok": True})

    def _refuse(self, request: Request) -> Response | None:
        if self.down:
            self.refused += 1
            return _json(503, {"error": "the ERP is down for maintenance"})
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return _json(401, {"error": "who are you?"})
        return None


def _json(status: int, body: Any) -> Response:
    return Response(_encode(body), status, media_type="application/json")
