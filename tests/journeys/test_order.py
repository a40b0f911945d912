"""Order per key, from a file to an ordered endpoint: what fails keeps its place, what follows waits, others go on."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from esb.ports import Store
from esb.records import Parked, ParkedFilter
from esb.stores import open_store
from esb.testing.private_server import free_port
from esb.testing.sandbox.plant import Plant, serving

FILES = {
    "esb.yaml": """
defaults: { owner: desk }
policies: { soon: { transient: { retry: { delays: [200ms], give_up_after: 1m } } } }
""",
    "endpoints/inbox.yaml": "type: file\ndirectory: var/in\npoll: 50ms\nready: { unchanged_for: 50ms }\nformat: json\n",
    "endpoints/desk.yaml": """
type: http_out
url: http://127.0.0.1:PORT/take
ordered: true
retry: soon
effect: { idempotency_key: "{{ message.effect_key }}" }
""",
    "routes/orders.yaml": """
from: { endpoint: inbox, each: "$[*]" }
key: { order: $.id }
order_by: $.customer
steps:
  - validate: order@1
  - to: desk
""",
    "schemas/order@1.json": '{"required": ["id", "ok"]}',
}


class Receiver:
    """Takes messages; refuses some for good, and fails for others a few times."""

    def __init__(self) -> None:
        self.taken: dict[str, list[str]] = defaultdict(list)
        self.refused: set[str] = set()
        self.failing: dict[str, int] = {}
        self._keys: set[str] = set()

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/take", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        body = msgspec.json.decode(await request.body())
        if body["id"] in self.refused:
            return Response("not that one", 422)
        if self.failing.get(body["id"], 0) > 0:
            self.failing[body["id"]] -= 1
            return Response("later", 503)
        if request.headers["idempotency-key"] not in self._keys:
            self._keys.add(request.headers["idempotency-key"])
            self.taken[body["customer"]].append(body["id"])
        return Response("{}", 201)


def messages(customer: str, numbers: range, **wrong: Any) -> list[dict[str, Any]]:
    made = [{"id": f"{customer}{number}", "customer": customer, "ok": True} for number in numbers]
    return [{name: value for name, value in one.items() if (one["id"], name) not in wrong.items()} for one in made]


def shuffled(*lines: list[dict[str, Any]]) -> bytes:
    """Return one file in which the customers' messages alternate."""
    longest = max(map(len, lines))
    return json.dumps([line[n] for n in range(longest) for line in lines if n < len(line)]).encode()


async def until(condition: Any, plant: Plant, seconds: float = 20.0) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(plant.log()[-3000:]) from None


async def all_wait(store: Store, numbers: set[str]) -> dict[str, Parked]:
    """Wait until exactly these orders wait for a person; return their rows."""
    async with asyncio.timeout(30):
        while True:
            found = {row.keys[0].value: row for row in await store.parked(ParkedFilter(limit=1000))}
            if set(found) == numbers:
                return found
            await asyncio.sleep(0.05)


def site(folder: Path, port: int, channel: str, store: str) -> Plant:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.replace("PORT", str(port)))
    (folder / "var/in").mkdir(parents=True)
    return Plant(folder, port, channel, store)


def drop(plant: Plant, name: str, content: bytes) -> None:
    (plant.folder / f"var/in/{name}.part").write_bytes(content)
    (plant.folder / f"var/in/{name}.part").rename(plant.folder / f"var/in/{name}")


@pytest.mark.rabbitmq
@pytest.mark.postgresql
async def test_the_order_of_a_key_survives_failures_and_decisions(tmp_path: Path, amqp_url: str, postgres_url: str):
    receiver, port = Receiver(), free_port()
    plant = site(tmp_path, port, amqp_url, postgres_url)
    receiver.refused, receiver.failing = {"a2"}, {"b2": 2}
    async with serving(receiver, port):
        await plant.start()
        store = open_store(postgres_url)
        await store.open()
        try:
            lines = [messages("a", range(1, 5)), messages("b", range(1, 5)), messages("c", range(1, 20))]
            drop(plant, "one.json", shuffled(*lines))
            await until(lambda: len(receiver.taken["b"]) == 4 and len(receiver.taken["c"]) == 19, plant)
            stopped = await all_wait(store, {"a2", "a3", "a4"})

            receiver.refused = set()
            await plant.command("dead", "retry", stopped["a2"].id)
            await until(lambda: receiver.taken["a"] == ["a1", "a2"], plant)
            drop(plant, "two.json", shuffled(messages("a", range(5, 7)), messages("c", range(20, 22))))
            await until(lambda: len(receiver.taken["c"]) == 21, plant)
            held = await all_wait(store, {"a3", "a4", "a5", "a6"})
            code, _ = await plant.command("dead", "release", "--place", held["a3"].place, "--yes")
            await until(lambda: len(receiver.taken["a"]) == 6, plant)
            drop(plant, "three.json", shuffled(messages("a", range(7, 9))))
            await until(lambda: len(receiver.taken["a"]) == 8, plant)
        finally:
            await store.close()
            ended = await plant.stop()

    assert receiver.taken["a"] == [f"a{n}" for n in range(1, 9)]
    assert receiver.taken["b"] == [f"b{n}" for n in range(1, 5)]
    assert receiver.taken["c"] == [f"c{n}" for n in range(1, 22)]
    assert [stopped[number].failure_class for number in ("a2", "a3", "a4")] == ["rejected", "", ""]
    assert (code, ended) == (0, 0)
