"""Hostile HTTP: whatever is sent, there is no 500, what honest clients got a 202 for arrives, and nothing else does."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from hostile import hostile

from esb.testing.sandbox.plant import Plant

CONTRACT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["number", "quantity"],
    "properties": {
        "number": {"type": "string", "minLength": 1, "maxLength": 40},
        "quantity": {"type": "integer", "minimum": 1, "maximum": 100_000},
        "note": {"type": "string", "maxLength": 200},
    },
    "additionalProperties": False,
}
ANSWER = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["number", "price"],
    "properties": {"number": {"type": "string"}, "price": {"type": "number"}},
}
TO_OUT = "description: To a folder\nfrom: {{ endpoint: {0}{1} }}\nsteps:\n  - to: out\n"
FILES = {
    "esb.yaml": "name: Hostile\ndefaults: { owner: desk }\n",
    "schemas/order@1.json": json.dumps(CONTRACT),
    "schemas/answer@1.json": json.dumps(ANSWER),
    "endpoints/out.yaml": 'type: file\ndirectory: var/out\nname: "{{ message.id }}.json"\n',
    "endpoints/orders.yaml": "type: http_in\nauth: none\ncontract: order@1\nmax_size: 256KB\ntimeout: 2s\n",
    "routes/orders.yaml": TO_OUT.format("orders", ""),
    "endpoints/lines.yaml": """\
type: http_in
auth: none
format: { type: json, lines: true }
max_size: 256KB
timeout: 2s
""",
    "routes/lines.yaml": TO_OUT.format("lines", ""),
    "endpoints/events.yaml": "type: http_in\nauth: none\ncloudevents: true\nmax_size: 256KB\ntimeout: 2s\n",
    "routes/events.yaml": TO_OUT.format("events", ""),
    "endpoints/signed.yaml": """\
type: http_in
auth: { hmac: { header: X-Sign, secrets: secret://env/SHOP_WEBHOOK_SECRET } }
max_size: 256KB
timeout: 2s
""",
    "routes/signed.yaml": TO_OUT.format("signed", ""),
    "endpoints/quotes.yaml": """\
type: http_in
auth: { bearer: { tokens: [secret://env/ERP_TOKEN] } }
contract: order@1
reply: { mode: sync, timeout: 20s, contract: answer@1 }
timeout: 2s
""",
    "routes/quotes.yaml": """\
description: A price
from: { endpoint: quotes }
steps:
  - transform: price
""",
    "transforms/price.yaml": "type: mapping\nset: { number: $.number, price: 12.10 }\n",
    "endpoints/stock.yaml": """\
type: http_in
auth: { api_key: { keys: [secret://env/ERP_TOKEN] } }
path: /stock/{sku}
methods: GET
parameters: { sku: { pattern: "[0-9]{5}" }, warehouse: { required: true } }
reply: { mode: sync, timeout: 20s }
timeout: 2s
""",
    "routes/stock.yaml": """\
description: What there is
from: { endpoint: stock }
steps:
  - set: { body: { $.left: 7 } }
""",
}  # fmt: skip
TOKEN = "a-token-of-the-erp"


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    made = Plant(tmp_path, 1)
    await made.start()
    yield made
    assert await made.stop() == 0
    assert "role.failed" not in made.log() and "intake.bug" not in made.log()


async def send(plant: Plant, content: bytes) -> bytes:
    """Send bytes as they are; return what comes back until the server hangs up, or nothing more comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", plant.listen)
    answer = b""
    try:
        writer.write(content)
        async with asyncio.timeout(3.5):
            while piece := await reader.read(65536):
                answer += piece
    except (TimeoutError, ConnectionError):
        pass  # it waits for what was promised, or cut us off: both are answers
    writer.close()
    return answer


async def honest(plant: Plant, client: aiohttp.ClientSession, number: int) -> None:
    order = {"number": f"G{number}", "quantity": number + 1}
    async with client.post(f"{plant.url}/in/orders", json=order, headers={"Idempotency-Key": f"g-{number}"}) as got:
        assert got.status == 202, await got.text()


async def flood(plant: Plant, count: int) -> Counter[str]:
    """Send the corpus, an honest order after every tenth; return how often each status was answered."""
    statuses: Counter[str] = Counter()
    numbers = iter(range(count))

    async def worker(client: aiohttp.ClientSession) -> None:
        for number in numbers:
            answer = await send(plant, hostile(number))
            found = re.findall(rb"(?:^|\n|\})HTTP/1\.1 (\d{3})", answer)
            statuses.update(status.decode() for status in found[-1:] or [b"none"])
            assert not any(status.startswith(b"5") and status not in (b"503", b"504") for status in found), (
                number, hostile(number)[:500], answer[:500],
            )  # fmt: skip
            if number % 10 == 0:
                await honest(plant, client, number)

    async with aiohttp.ClientSession() as client:
        await asyncio.gather(*(worker(client) for _ in range(64)))
    return statuses


async def all_arrived(plant: Plant, count: int) -> None:
    """Wait until every honest order is there, once, as it was sent."""
    deadline = time.monotonic() + 60
    wanted = {f"G{number}" for number in range(0, count, 10)}
    while True:
        arrived = Counter(
            document.get("number")
            for path in (plant.folder / "var/out").glob("*.json")
            if isinstance(document := read(path), dict)
        )
        if wanted <= arrived.keys():
            break
        assert time.monotonic() < deadline, (len(wanted), len(wanted - arrived.keys()))
        await asyncio.sleep(0.1)
    assert {number: times for number, times in arrived.items() if number in wanted and times > 1} == {}


def read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None


async def check_corpus(plant: Plant, count: int) -> None:
    begun = time.monotonic()
    statuses = await flood(plant, count)
    seconds = time.monotonic() - begun
    await all_arrived(plant, count)

    print(f"\n{count} hostile requests in {seconds:.0f} s: {dict(sorted(statuses.items()))}")
    assert {"400", "401", "404", "405", "408", "413", "414", "415", "422", "431"} <= statuses.keys()
    assert not any(status.startswith("5") for status in statuses if status not in ("503", "504"))


@pytest.mark.timeout(300)
async def test_five_thousand_hostile_requests_get_no_500_and_honest_ones_among_them_arrive_once(plant: Plant) -> None:
    count = 5000
    begun = time.monotonic()
    statuses = await flood(plant, count)
    seconds = time.monotonic() - begun
    await all_arrived(plant, count)

    print(f"\n{count} hostile requests in {seconds:.0f} s: {dict(sorted(statuses.items()))}")
    assert {"400", "401", "404", "405", "408", "413", "414", "415", "422", "431"} <= statuses.keys()


async def test_a_slow_loris_holds_nobody_up_and_is_let_go_in_time(plant: Plant) -> None:
    slow = [await asyncio.open_connection("127.0.0.1", plant.listen) for _ in range(300)]
    begun = time.monotonic()

    async def drip(number: int) -> tuple[bytes, float]:
        reader, writer = slow[number]
        head = [b"", b"\r\n", b"POST /in/orders HTTP/1.1\r\nX: ", b"POST /in/orders HTTP/1.1\r\nHost: x\r\n"][
            number % 4
        ]
        writer.write(head)
        ended = asyncio.ensure_future(reader.read())
        while not ended.done():
            await asyncio.wait([ended], timeout=1.0)
            if not ended.done() and number % 4 > 1:
                writer.write(b"a" if number % 4 == 2 else b"X-A: b\r\n")
        writer.close()
        return (b"" if ended.exception() else ended.result()), time.monotonic() - begun

    dripping = [asyncio.ensure_future(drip(number)) for number in range(300)]
    async with aiohttp.ClientSession() as client:
        first = time.monotonic()
        for number in range(20):
            await honest(plant, client, number)
        took = time.monotonic() - first
    ended = await asyncio.gather(*dripping)

    assert took < 5
    assert all(answer.startswith(b"HTTP/1.1 408 ") or not answer for answer, _ in ended)
    assert max(seconds for _, seconds in ended) < 20


# -- by its own description

CHECKS = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "negative_data_rejection", "unsupported_method", "missing_required_header",
    "ignored_auth",
]  # fmt: skip


def schemathesis(plant: Plant, examples: int) -> tuple[int, str]:
    """Run schemathesis against the bus by its /openapi.json; return its exit code and all that it printed.

    It can neither sign nor write NDJSON, so two endpoints are left out.
    """
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{plant.url}/openapi.json",
        "--checks", ",".join(CHECKS), "--max-examples", str(examples), "--seed", "7", "--no-color",
        "--phases", "examples,coverage,fuzzing", "--generation-database", "none", "--suppress-health-check", "all",
        "--header", f"Authorization: Bearer {TOKEN}", "--header", f"X-API-Key: {TOKEN}",
        "--exclude-path-regex", "/in/signed|/in/lines", "--max-time", "15", "--request-timeout", "25",
    ]  # fmt: skip
    folder = plant.folder / "schemathesis"
    folder.mkdir()
    told = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=280, cwd=folder, env={**os.environ, "CI": "1"}
    )
    return told.returncode, told.stdout + told.stderr


@pytest.mark.timeout(300)
async def test_what_the_bus_says_of_itself_is_true_for_schemathesis(plant: Plant) -> None:
    code, text = await asyncio.to_thread(schemathesis, plant, 15)

    print(text[-2500:])
    assert code == 0, text[-6000:]
