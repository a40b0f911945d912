from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from esb.app.process import Process, serve
from esb.errors import DefinitionError, EndpointError, EsbError, StoreError, UsageError
from esb.settings import Settings

FILES = {
    "esb.yaml": "defaults: { owner: me }\n",
    "endpoints/hook.yaml": "type: http_in\nauth: none\nformat: json\n",
    "endpoints/outbox.yaml": "type: file\ndirectory: var/out\n",
    "routes/r.yaml": "from: { endpoint: hook }\nkey: { order: $.n }\nsteps: [to: outbox]\n",
}


class Lines:
    """Keeps what was logged."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}

    def info(self, event: str, **fields: Any) -> None:
        self.events[event] = fields

    warning = error = info


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def process(project: Path, **settings: Any) -> Process:
    return Process(Settings(**{"project": project, "listen": "127.0.0.1:0", "drain": 5.0, **settings}), Lines())


class Running:
    """A process in this loop, and its address."""

    def __init__(self, made: Process) -> None:
        self.process = made
        self.task = asyncio.create_task(serve(made))

    async def ready(self) -> Running:
        async with asyncio.timeout(10):
            while self.process.listener is None:
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.01)
        return self

    async def ask(self, method: str, path: str, **given: Any) -> tuple[int, dict[str, str], str]:
        assert self.process.listener is not None
        url = f"http://127.0.0.1:{self.process.listener.port}{path}"
        async with aiohttp.ClientSession() as session, session.request(method, url, **given) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.text()

    async def stop(self) -> None:
        self.process.stop()
        await asyncio.wait_for(self.task, 15)


@pytest.fixture
async def running(project: Path) -> AsyncIterator[Running]:
    found = await Running(process(project)).ready()
    yield found
    if not found.task.done():
        await found.stop()


async def test_a_message_is_known_the_moment_after_its_202_and_done_soon(running: Running):
    status, headers, text = await running.ask("POST", "/in/hook", json={"n": "N1"})
    known, _, state = await running.ask("GET", headers["location"])
    async with asyncio.timeout(10):
        while json.loads(state)["state"] != "done":
            _, _, state = await running.ask("GET", headers["location"])

    assert (status, known) == (202, 200)
    assert headers["location"] == json.loads(text)["status_url"]
    assert json.loads(state)["sentence"].startswith("It is done: delivered to outbox")


async def test_metrics_tell_what_passed(running: Running):
    await running.ask("POST", "/in/hook", json={"n": "N1"})
    text = ""
    async with asyncio.timeout(10):
        while 'esb_records_total{kind="delivered",place="outbox",route="r"} 1.0' not in text:
            _, headers, text = await running.ask("GET", "/metrics")

    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'esb_channel_ready_messages{channel="route/r"} 0.0' in text
    assert 'esb_parked_messages{class="invalid"} 0.0' in text


async def test_a_store_that_is_away_makes_it_unready_and_its_questions_unanswered(running: Running):
    def away(*_: Any) -> Any:
        raise StoreError("sqlite:/secret/place is out of reach")

    running.process.store.parked = away  # type: ignore[method-assign]
    running.process.store.history = away  # type: ignore[method-assign]

    ready, live = await running.ask("GET", "/readyz"), await running.ask("GET", "/livez")
    message, metrics = await running.ask("GET", f"/v1/messages/{'0' * 32}"), await running.ask("GET", "/metrics")

    assert (ready[0], "[-]store" in ready[2], "[+]channel" in ready[2]) == (503, True, True)
    assert live[0] == 200
    assert (message[0], metrics[0]) == (503, 503)
    assert message[1]["retry-after"].isdigit()
    assert "/secret/place" not in message[2] + metrics[2]


async def test_what_is_served_nowhere_is_a_problem(running: Running):
    status, headers, text = await running.ask("GET", "/wp-admin")

    assert (status, headers["content-type"]) == (404, "application/problem+json")
    assert json.loads(text)["status"] == 404


async def test_an_address_that_is_taken_is_a_sentence_and_nothing_stays_open(project: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        made = process(project)
        made.settings = Settings(project=project, listen=f"127.0.0.1:{taken.getsockname()[1]}", drain=5.0)

        with pytest.raises(UsageError, match="choose another with --listen"):
            await serve(made)

    again = await Running(process(project)).ready()
    await again.stop()


async def test_a_role_that_fails_ends_the_process_with_its_reason(project: Path, monkeypatch: pytest.MonkeyPatch):
    made = process(project)

    async def broken(*_: Any) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("esb.runtime.recorder.Recorder.run", broken)

    with pytest.raises(EsbError, match="Recorder failed by a fault of esb's own"):
        await asyncio.wait_for(serve(made), 15)
    assert isinstance(made.log, Lines)
    assert made.log.events["role.failed"]["exc_info"] is True


async def test_a_run_that_ends_by_itself_says_when_a_place_stayed_out_of_reach(project: Path):
    (project / "endpoints/hook.yaml").write_text("type: file\ndirectory: /no/such/place\npoll: 10ms\nformat: json\n")

    with pytest.raises(EndpointError, match="/no/such/place"):
        await asyncio.wait_for(serve(process(project), once=True), 30)


async def test_a_project_with_errors_opens_nothing(project: Path):
    (project / "routes/r.yaml").write_text("from: { endpoint: nobody }\nsteps: [to: outbox]\n")

    with pytest.raises(DefinitionError):
        await serve(process(project))

    assert not (project / "var").exists()


async def test_an_open_door_to_the_world_is_told(project: Path):
    made = process(project)
    made.settings = Settings(project=project, listen="0.0.0.0:0", drain=5.0)
    running = await Running(made).ready()
    await running.stop()

    assert isinstance(made.log, Lines)
    assert made.log.events["endpoint.open"]["endpoint"] == "hook"


async def test_only_the_roles_that_were_asked_for_run(project: Path):
    made = process(project, roles=("router",), listen=Settings().listen)
    task = asyncio.create_task(serve(made))
    async with asyncio.timeout(10):
        while not (isinstance(made.log, Lines) and "esb.started" in made.log.events):
            await asyncio.sleep(0.01)
    made.stop()
    await asyncio.wait_for(task, 15)

    assert made.listener is None
    assert made.log.events["esb.started"]["roles"] == "router"
