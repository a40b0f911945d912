"""REST in: a caller waits for what the route makes; nothing that was asked is lost, whoever dies in between."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from esb.testing.sandbox.plant import Plant

FILES = {
    "esb.yaml": "defaults: { owner: desk }\n",
    "schemas/quote@1.json": json.dumps(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "required": ["sku", "quantity"],
            "properties": {"sku": {"type": "string"}, "quantity": {"type": "integer", "minimum": 1}},
        }
    ),
    "endpoints/quotes.yaml": """\
type: http_in
auth: none
contract: quote@1
reply: { mode: sync, timeout: TIMEOUT }
answers: [json, xml, csv]
""",
    "routes/quotes.yaml": """\
description: The price of a quantity
from: { endpoint: quotes }
key: { sku: $.sku }
steps:
  - filter: { keep_if: "{{ body.sku != 'none' }}", reason: we do not sell it }
  - hold: { when: "{{ body.sku == 'ask' }}", queue: sales, reason: sales must say }
  - transform: quote
""",
    "transforms/quote.yaml": """\
type: mapping
set:
  quote:
    set:
      sku: $.sku
      total: "{{ body.quantity * (body.price | default(12)) }}"
""",
    "endpoints/stock.yaml": """\
type: http_in
auth: { api_key: { clients: { acme: secret://env/ERP_TOKEN, bolt: secret://env/SHOP_WEBHOOK_SECRET } } }
path: /stock/{sku}
methods: GET
parameters:
  sku: { description: The article, pattern: "[0-9]{5}" }
  warehouse: { required: true }
reply: sync
""",
    "routes/stock.yaml": """\
description: What there is of an article
from: { endpoint: stock }
steps:
  - set: { body: { $.left: 7 }, headers: { http-status: "{{ 203 if body.sku == '00042' else 200 }}" } }
""",
    "endpoints/orders.yaml": """\
type: http_in
auth: none
path: /stock/{sku}
methods: PUT
parameters: { urgent: At once }
""",
    "routes/orders.yaml": """\
description: Corrections of stock
from: { endpoint: orders }
steps:
  - set: { body: { $.sku: "{{ headers['parameter-sku'] }}", $.urgent: "{{ headers['parameter-urgent'] }}" } }
  - to: out
""",
    "endpoints/out.yaml": "type: file\ndirectory: var/out\n",
}
ACME = {"X-API-Key": "a-token-of-the-erp"}
BOLT = {"X-API-Key": "a-shared-secret-of-the-shop"}


def laid_out(folder: Path, timeout: str = "10s", channel: str = "", store: str = "") -> Plant:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("TIMEOUT", timeout))
    return Plant(folder, 1, channel, store)


async def ask(plant: Plant, method: str, path: str, document: Any = None, **headers: str) -> tuple[int, Any, str]:
    """Return status, headers and text of an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession() as client,
        client.request(method, f"{plant.url}{path}", json=document, headers=named) as got,
    ):
        return got.status, got.headers, await got.text()


async def until_answered(plant: Plant, path: str, **headers: str) -> tuple[int, Any, str]:
    """Ask for a result until it is there."""
    deadline = time.monotonic() + 30
    while (told := await ask(plant, "GET", path, **headers))[0] == 202:
        assert time.monotonic() < deadline, plant.log()[-3000:]
        await asyncio.sleep(0.05)
    return told


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    made = laid_out(tmp_path / "bus")
    await made.start()
    yield made
    assert await made.stop() == 0


async def test_a_caller_gets_what_the_route_makes_in_the_format_that_it_likes(plant: Plant) -> None:
    quote = {"sku": "00042", "quantity": 3}
    plain = await ask(plant, "POST", "/in/quotes", quote)
    xml = await ask(plant, "POST", "/in/quotes", quote, Accept="text/html;q=0.9, application/xml")
    csv = await ask(plant, "POST", "/in/quotes", quote, Accept="text/csv")
    picture = await ask(plant, "POST", "/in/quotes", quote, Accept="image/png")

    assert (plain[0], plain[1]["Content-Type"], json.loads(plain[2])) == (
        200, "application/json", {"quote": {"sku": "00042", "total": 36}},
    )  # fmt: skip
    assert (xml[0], xml[1]["Content-Type"]) == (200, "application/xml")
    assert "<total>36</total>" in xml[2]
    assert csv[0] in (200, 406)
    assert picture[0] == 406
    assert plain[1]["Vary"] == "Accept"


async def test_what_breaks_the_contract_is_said_at_once_with_the_place(plant: Plant) -> None:
    status, headers, text = await ask(plant, "POST", "/in/quotes", {"sku": "00042", "quantity": 0})

    assert (status, headers["Content-Type"]) == (422, "application/problem+json")
    assert json.loads(text)["errors"][0]["where"] == "quantity"


async def test_the_same_key_gets_the_same_answer_and_without_a_key_each_request_is_its_own(plant: Plant) -> None:
    quote = {"sku": "1", "quantity": 3}
    first = await ask(plant, "POST", "/in/quotes", quote, Idempotency_Key="q-1")
    again = await ask(plant, "POST", "/in/quotes", quote, Idempotency_Key="q-1")
    other = await ask(plant, "POST", "/in/quotes", {**quote, "quantity": 4}, Idempotency_Key="q-1")
    free = [await ask(plant, "POST", "/in/quotes", quote) for _ in range(2)]

    assert first[2] == again[2] == free[0][2]
    assert (first[1].get("Idempotent-Replayed"), again[1].get("Idempotent-Replayed")) == (None, "true")
    assert other[0] == 422
    assert not any("Idempotent-Replayed" in headers for _, headers, _ in free)


async def test_a_message_that_ends_or_waits_inside_has_an_answer_too(plant: Plant) -> None:
    ended = await ask(plant, "POST", "/in/quotes", {"sku": "none", "quantity": 1})
    held = await ask(plant, "POST", "/in/quotes", {"sku": "ask", "quantity": 1})
    failed = await ask(plant, "POST", "/in/quotes", {"sku": "1", "quantity": 1, "price": {"dear": 1}})
    at_once = await ask(plant, "POST", "/in/quotes", {"sku": "1", "quantity": 1}, Prefer="respond-async")
    told = await until_answered(plant, at_once[1]["Location"])
    unknown = await ask(plant, "GET", "/in/quotes/results/" + "0" * 32)

    assert (ended[0], ended[2]) == (204, "")
    assert (held[0], json.loads(held[2])["state"]) == (202, "held")
    assert (failed[0], json.loads(failed[2])["code"]) == (422, "not-processed")
    assert "dear" not in failed[2]
    assert (at_once[0], told[0]) == (202, 200)
    assert unknown[0] == 404


async def test_parameters_of_path_and_query_are_the_message_of_a_get(plant: Plant) -> None:
    good = await ask(plant, "GET", "/api/stock/00042?warehouse=MAIN&more=1", **ACME)
    again = await ask(plant, "GET", "/api/stock/00043?warehouse=%C3%85s", **ACME)
    bad = [
        await ask(plant, "GET", f"/api/stock/{path}", **ACME)
        for path in ("42?warehouse=MAIN", "00042", "00042?warehouse=a&warehouse=b", "00042?warehouse=%00")
    ]
    nobody = await ask(plant, "GET", "/api/stock/00042?warehouse=MAIN")

    assert (good[0], json.loads(good[2])) == (203, {"sku": "00042", "warehouse": "MAIN", "left": 7})
    assert json.loads(again[2])["warehouse"] == "Ås"
    assert {(status, json.loads(text)["code"]) for status, _, text in bad} == {(400, "bad-parameter")}
    assert nobody[0] == 401


async def test_a_result_is_for_the_client_that_asked(plant: Plant) -> None:
    told = await ask(plant, "GET", "/api/stock/00042?warehouse=M", Prefer="respond-async", **ACME)
    mine = await until_answered(plant, told[1]["Location"], **ACME)
    theirs = await ask(plant, "GET", told[1]["Location"], **BOLT)
    nobodys = await ask(plant, "GET", told[1]["Location"])

    assert [answer[0] for answer in (mine, theirs, nobodys)] == [203, 404, 401]


async def test_one_path_has_endpoints_for_its_methods_and_the_rest_is_told_what_is_allowed(plant: Plant) -> None:
    put = await ask(plant, "PUT", "/api/stock/00044?urgent=yes", {"left": 9})
    deleted = await ask(plant, "DELETE", "/api/stock/00044")
    out = plant.folder / "var/out"
    deadline = time.monotonic() + 20
    while not (found := list(out.glob("*"))) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)

    assert put[0] == 202
    assert json.loads(found[0].read_text()) == {"left": 9, "sku": "00044", "urgent": "yes"}
    assert (deleted[0], set(deleted[1]["Allow"].split(", "))) == (405, {"GET", "PUT"})


async def test_a_late_answer_is_found_at_its_location_even_if_everything_died_in_between(tmp_path: Path) -> None:
    made = laid_out(tmp_path / "bus", timeout="300ms")
    quote = {"sku": "00042", "quantity": 3}
    await made.start("--role", "intake")  # nobody routes
    late = await ask(made, "POST", "/in/quotes", quote, Idempotency_Key="q-1")
    waiting = await ask(made, "GET", late[1]["Location"])
    await made.kill()
    await made.start()
    found = await until_answered(made, late[1]["Location"])
    await made.kill()
    await made.start("--role", "intake")
    kept = await ask(made, "GET", late[1]["Location"], Accept="application/xml")
    again = await ask(made, "POST", "/in/quotes", quote, Idempotency_Key="q-1")
    await made.stop()

    assert (late[0], late[1]["Retry-After"], json.loads(late[2])["code"]) == (504, "2", "late")
    assert waiting[0] in (202, 404)  # the history is written by another role
    assert (found[0], json.loads(found[2])["quote"]["total"]) == (200, 36)
    assert (kept[0], "<total>36</total>" in kept[2]) == (200, True)
    assert (again[0], again[1]["Idempotent-Replayed"], again[2]) == (200, "true", found[2])


async def test_who_hangs_up_keeps_no_place_and_who_waits_when_the_bus_stops_is_told_where_the_answer_will_be(
    tmp_path: Path,
) -> None:
    made = laid_out(tmp_path / "bus", timeout="60s")
    endpoint = made.folder / "endpoints/quotes.yaml"
    endpoint.write_text(endpoint.read_text() + "concurrency: 5\n")
    await made.start("--role", "intake")  # nobody routes, so everybody waits
    quote = {"sku": "00042", "quantity": 3}
    for _ in range(3):
        calls = [asyncio.ensure_future(ask(made, "POST", "/in/quotes", quote)) for _ in range(5)]
        await asyncio.wait(calls, timeout=0.5)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    deadline = time.monotonic() + 20
    while True:  # until it is noticed that the others have gone, there is no place
        waiting = asyncio.ensure_future(ask(made, "POST", "/in/quotes", quote))
        await asyncio.wait([waiting], timeout=1.0)
        if not waiting.done() or waiting.result()[0] != 503 or time.monotonic() > deadline:
            break
    still = not waiting.done()
    code = await made.stop()
    told = await waiting

    assert still
    assert code == 0
    assert (told[0], json.loads(told[2])["code"]) == (504, "late")
    assert told[1]["Location"].startswith("/in/quotes/results/")


@pytest.mark.rabbitmq
@pytest.mark.postgresql
async def test_replies_of_other_processes_reach_who_waits_at_either_of_two_listeners(
    tmp_path: Path, amqp_url: str, postgres_url: str
) -> None:
    fronts = [laid_out(tmp_path / name, "60s", channel=amqp_url, store=postgres_url) for name in ("one", "two")]
    workers = [laid_out(tmp_path / name, channel=amqp_url, store=postgres_url) for name in ("three", "four")]
    for front in fronts:
        await front.start("--role", "intake")
    for worker in workers:
        await worker.start("--role", "router,delivery,recorder")
    try:
        quotes = [{"sku": f"{number:05d}", "quantity": number + 1} for number in range(40)]
        begun = time.monotonic()
        told = await asyncio.gather(
            *(ask(fronts[number % 2], "POST", "/in/quotes", quote) for number, quote in enumerate(quotes))
        )
        seconds = time.monotonic() - begun
    finally:
        for plant in (*fronts, *workers):
            await plant.stop()

    assert [text for status, _, text in told if status != 200] == []
    assert [(status, json.loads(text)["quote"]["total"]) for status, _, text in told] == [
        (200, 12 * (number + 1)) for number in range(40)
    ]
    assert seconds < 50
