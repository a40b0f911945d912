"""Calls of a step that change something outside: made again only where a repeat is recognised."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from esb.app.answering import EndpointAnswers
from esb.app.changes import Changes
from esb.app.process import Process, serve
from esb.endpoints.http_out import HttpOut
from esb.errors import BusyError, EndpointError, RejectedError, UnknownOutcomeError
from esb.message import Ask, NamedAsk
from esb.ports import Store
from esb.records import ParkedFilter
from esb.settings import Settings
from esb.stores import open_store
from esb.stores.migrate import upgrade
from esb.testing.endpoint_kit import TestWorld, serving

WORKER = """
import asyncio, os, signal, sys
from pathlib import Path
from types import SimpleNamespace
import esb.routes.parts
from esb.app.answering import EndpointAnswers
from esb.app.changes import Changes
from esb.endpoints.http_out import HttpOut
from esb.message import Ask, NamedAsk
from esb.runtime.asking import ask_outside
from esb.stores import open_store
from esb.testing.endpoint_kit import TestWorld
url, folder, port, effect = sys.argv[1:]

class DyingStore:
    def __init__(self, store):
        self.store = store
    def __getattr__(self, name):
        return getattr(self.store, name)
    async def record(self, answers, message_ids):
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    store = DyingStore(open_store(url))
    await store.open()
    world = TestWorld(Path(folder))
    spec = HttpOut.model_validate({"type": "http_out", "url": f"http://127.0.0.1:{port}",
        "effect": {effect: "x" if effect == "idempotency_key" else True}})
    sink = spec.sink("erp", world)
    answers = EndpointAnswers(lambda name: sink, Changes(store, world.clock, lambda name: spec))
    asked = NamedAsk("ask-1", Ask("http", "erp", {"method": "POST", "path": "/orders", "body": {}}), "m1")
    await ask_outside(SimpleNamespace(answers={"http": answers}, store=store), asked)

asyncio.run(main())
"""
ASKED = NamedAsk("ask-1", Ask("http", "erp", {"method": "POST", "path": "/orders", "body": {"n": 1}}), "m1")
KEYED = {"idempotency_key": "{{ message.effect_key }}"}
ONCE = {"never_repeat": True}


class Erp:
    """Makes an order for each key it has not seen; `answers` come first, None hangs up without an answer."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.made: dict[str, dict[str, Any]] = {}
        self.answers: list[tuple[int, bytes]] = []
        self.app = Starlette(routes=[Route("/orders", self.order, methods=["POST", "PUT"])])
        self.port = 0

    async def order(self, request: Request) -> Response:
        key = request.headers["idempotency-key"]
        self.keys.append(key)
        self.made.setdefault(key, {"id": len(self.made) + 1, "order": json.loads(await request.body())})
        status, body = self.answers.pop(0) if self.answers else (201, json.dumps(self.made[key]).encode())
        return Response(body, status)


class Plant:
    """An ERP, the answers of its endpoint, and what they remember."""

    def __init__(self, erp: Erp, store: Store, folder: Path) -> None:
        self.erp, self.store, self.world = erp, store, TestWorld(folder)

    async def ask(self, effect: dict[str, Any] | None, asked: NamedAsk = ASKED) -> Any:
        given = {"type": "http_out", "url": f"http://127.0.0.1:{self.erp.port}", "timeout": "5s", "effect": effect}
        spec = HttpOut.model_validate({name: value for name, value in given.items() if value is not None})
        sink = spec.sink("erp", self.world)
        answers = EndpointAnswers(lambda name: sink, Changes(self.store, self.world.clock, lambda name: spec))
        try:
            (answer,) = await answers.answer([asked])
        finally:
            await sink.close()
        return answer


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    url = f"sqlite:///{tmp_path}/store.db"
    await upgrade(url)
    made = open_store(url)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def plant(tmp_path: Path, store: Store) -> AsyncIterator[Plant]:
    erp = Erp()
    async with serving(erp.app) as erp.port:
        yield Plant(erp, store, tmp_path)


async def test_a_call_bears_the_name_of_its_ask_and_its_answer_comes_back(plant: Plant):
    answer = await plant.ask(KEYED)

    assert answer == {"id": 1, "order": {"n": 1}}
    assert plant.erp.keys == ["ask-1"]


async def test_the_key_of_the_step_comes_first(plant: Plant):
    request = {**ASKED.ask.request, "key": "PO-7"}

    await plant.ask(KEYED, NamedAsk("ask-1", Ask("http", "erp", request), "m1"))

    assert plant.erp.keys == ["PO-7"]


async def test_an_unknown_outcome_is_repeated_where_the_key_is_recognised(plant: Plant):
    plant.erp.answers = [(504, b"")]

    first, second = await plant.ask(KEYED), await plant.ask(KEYED)

    assert type(first) is EndpointError
    assert second["id"] == 1
    assert plant.erp.keys == ["ask-1", "ask-1"]


@pytest.mark.parametrize("effect", [ONCE, None, {"probe": "/orders"}])
async def test_an_unknown_outcome_is_never_repeated_anywhere_else(plant: Plant, effect: dict[str, Any] | None):
    plant.erp.answers = [(504, b"")]

    answers = [await plant.ask(effect) for _ in range(3)]

    assert [type(answer) for answer in answers] == [UnknownOutcomeError] * 3
    assert len(plant.erp.keys) == 1


@pytest.mark.parametrize(("status", "kind"), [(503, EndpointError), (422, RejectedError)])
async def test_a_call_that_was_not_applied_may_be_made_again(plant: Plant, status: int, kind: type[Exception]):
    plant.erp.answers = [(status, b"")]

    first, second = await plant.ask(ONCE), await plant.ask(ONCE)

    assert type(first) is kind
    assert second["id"] == 1


async def test_put_is_repeated_without_an_effect(plant: Plant):
    plant.erp.answers = [(504, b"")]
    put = NamedAsk("ask-1", Ask("http", "erp", {**ASKED.ask.request, "method": "PUT"}), "m1")

    first, second = await plant.ask(None, put), await plant.ask(None, put)

    assert (type(first), second["id"]) == (EndpointError, 1)


@pytest.mark.parametrize("body", [b"<html>", b"x" * 2_000_000])
async def test_an_answer_that_cannot_be_read_is_not_asked_for_by_another_call(plant: Plant, body: bytes):
    plant.erp.answers = [(201, body)]

    answer = await plant.ask(ONCE)

    assert type(answer) is RejectedError
    assert len(plant.erp.keys) == 1


@pytest.mark.parametrize("effect", ["idempotency_key", "never_repeat"])
async def test_a_worker_that_dies_between_the_answer_and_its_record(plant: Plant, tmp_path: Path, effect: str):
    command = [sys.executable, "-c", WORKER, f"sqlite:///{tmp_path}/store.db", str(tmp_path), str(plant.erp.port)]
    worker = await asyncio.to_thread(
        subprocess.run, [*command, effect], cwd=Path(__file__).parents[2], timeout=30, check=False
    )
    plant.world.clock.time += 1.0

    answer = await plant.ask(KEYED if effect == "idempotency_key" else ONCE)

    assert worker.returncode == -signal.SIGKILL
    assert len(plant.erp.made) == 1
    if effect == "idempotency_key":
        assert answer["id"] == 1
        assert plant.erp.keys == ["ask-1", "ask-1"]
    else:
        assert type(answer) is UnknownOutcomeError
        assert plant.erp.keys == ["ask-1"]


async def test_a_twin_waits_while_the_call_may_be_under_way(plant: Plant):
    class Cut(Changes):
        async def _note(self, key: Any, state: Any, detail: str) -> None:
            """Note nothing, as a worker that is killed in the call."""

    spec = HttpOut.model_validate({"type": "http_out", "url": "http://127.0.0.1:1", "effect": ONCE, "timeout": "5s"})

    async def call() -> Any:
        raise EndpointError("killed")

    with pytest.raises(EndpointError):
        await Cut(plant.store, plant.world.clock, lambda name: spec).make(ASKED, call)
    early = await plant.ask(ONCE)
    plant.world.clock.time += 21.0
    late = await plant.ask(ONCE)

    assert (type(early), type(late)) == (BusyError, UnknownOutcomeError)
    assert plant.erp.keys == []


FILES = {
    "esb.yaml": "defaults: { owner: me }\n",
    "endpoints/inbox.yaml": "type: file\ndirectory: var/in\nformat: json\npoll: 50ms\nready: { unchanged_for: 0s }\n",
    "endpoints/outbox.yaml": "type: file\ndirectory: var/out\n",
    "routes/r.yaml": """
from: { endpoint: inbox }
steps:
  - enrich: { ask: erp, post: /orders, body: "{{ {'ref': body.n} }}", into: $.erp }
  - to: outbox
""",
}


@pytest.mark.parametrize("effect", ["idempotency_key: '{{ message.effect_key }}'", "never_repeat: true"])
async def test_a_route_posts_to_an_api_and_sends_on_what_it_answered(plant: Plant, tmp_path: Path, effect: str):
    project = tmp_path / "project"
    erp = f"type: http_out\nurl: http://127.0.0.1:{plant.erp.port}\neffect: {{ {effect} }}\n"
    for name, text in {**FILES, "endpoints/erp.yaml": erp, "var/in/order.json": '{"n": 7}'}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    plant.erp.answers = [(504, b"")]
    process = Process(Settings(project=project, drain=5.0, listen="127.0.0.1:0"))

    running = asyncio.create_task(serve(process))
    async with asyncio.timeout(20):
        while not running.done():
            if list((project / "var").glob("out/*")) or (process.listener is not None and await parked(process)):
                break
            await asyncio.sleep(0.05)
    rows = await parked(process)
    process.stop()
    await running
    sent = [json.loads(path.read_bytes()) for path in (project / "var").glob("out/*") if path.is_file()]

    assert len(plant.erp.made) == 1
    if effect.startswith("idempotency_key"):
        assert sent == [{"n": 7, "erp": {"id": 1, "order": {"ref": 7}}}]
        assert len(plant.erp.keys) == 2
    else:
        assert [row.failure_class for row in rows] == ["unknown"]
        assert (len(plant.erp.keys), sent) == (1, [])


async def parked(process: Process) -> list[Any]:
    return list(await process.store.parked(ParkedFilter(limit=10)))
