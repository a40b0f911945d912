"""Who may learn what became of a message: whoever sent it, and to all others it is not there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.requests import Request

from esb.app.process import Process, serve
from esb.errors import EndpointError, EsbError, SecurityError
from esb.management.readers import Readers, is_theirs
from esb.management.trace import Trace
from esb.records import Record
from esb.settings import Settings
from esb.testing.endpoint_kit import Lines, until

OUT = "steps: [to: out]\n"
FILES = {
    "esb.yaml": "defaults: { owner: me }\n",
    "secrets/a": "key-of-acme-01",
    "secrets/b": "key-of-bolt-01",
    "secrets/other": "key-of-other-01",
    "schemas/partners/acme.yaml": "description: ACME\n",
    "schemas/partners/bolt.yaml": "description: Bolt\n",
    "endpoints/both.yaml": """\
type: http_in
auth:
  api_key:
    clients:
      acme: { secret: secret://file/a, partner: acme }
      bolt: { secret: secret://file/b, partner: bolt }
""",
    "endpoints/asks.yaml": """\
type: http_in
auth:
  api_key:
    clients:
      acme: { secret: secret://file/a, partner: acme }
      bolt: { secret: secret://file/b, partner: bolt }
reply: sync
""",
    "endpoints/other.yaml": "type: http_in\nauth: { api_key: { keys: [secret://file/other] } }\n",
    "endpoints/open.yaml": "type: http_in\nauth: none\n",
    "endpoints/out.yaml": "type: file\ndirectory: out\nname: \"{{ partner or 'none' }}/{{ message.id }}.json\"\n",
    "routes/both.yaml": "from: { endpoint: both }\n" + OUT,
    "routes/asks.yaml": "from: { endpoint: asks }\nsteps:\n  - hold: { when: '{{ true }}', queue: desk, reason: r }\n",
    "routes/other.yaml": "from: { endpoint: other }\n" + OUT,
    "routes/open.yaml": "from: { endpoint: open }\n" + OUT,
    "routes/batch.yaml": "from: { endpoint: batch, each: '$[*]' }\n" + OUT,
    "endpoints/batch.yaml": "type: http_in\nauth: { bearer: { clients: { acme: secret://file/a } } }\n",
}
KEYS = {"acme": "key-of-acme-01", "bolt": "key-of-bolt-01", "other": "key-of-other-01", "nobody": "guess", "": ""}


class Bus:
    """A running process; `ask` makes a request as one of the senders."""

    def __init__(self, process: Process, folder: Path, session: aiohttp.ClientSession) -> None:
        self._process, self._folder, self._session = process, folder, session

    async def ask(
        self, method: str, path: str, who: str = "", body: Any = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        assert self._process.listener is not None
        headers = {"X-API-Key": KEYS[who], "Authorization": f"Bearer {KEYS[who]}"} if who else {}
        url = f"http://127.0.0.1:{self._process.listener.port}{path}"
        async with self._session.request(method, url, headers=headers, json=body) as answer:
            return answer.status, answer.headers, await answer.read()

    async def sees(self, path: str) -> dict[str, int]:
        """Return the status that each sender is told."""
        return {who: (await self.ask("GET", path, who))[0] for who in KEYS}

    def partners(self) -> list[str]:
        return sorted(path.parent.name for path in (self._folder / "out").rglob("*.json"))


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    process = Process(Settings(project=tmp_path, listen="127.0.0.1:0", drain=3.0), Lines())
    task = asyncio.create_task(serve(process))
    await until(lambda: process.listener is not None or task.done())
    async with aiohttp.ClientSession() as session:
        yield Bus(process, tmp_path, session)
    process.stop()
    await asyncio.wait([task], timeout=15)
    task.result()


async def test_a_message_is_there_for_the_client_that_sent_it_and_for_nobody_else(bus: Bus):
    sent = await bus.ask("POST", "/in/both", "acme", {"n": 1})
    place = sent[1]["Location"]
    theirs = await bus.ask("GET", place, "bolt")
    unknown = await bus.ask("GET", "/v1/messages/" + "0" * 32, "bolt")

    assert await bus.sees(place) == {"acme": 200, "bolt": 404, "other": 404, "nobody": 404, "": 404}
    assert theirs[2] == unknown[2]
    assert {name for name in theirs[1] if name != "Date"} == {name for name in unknown[1] if name != "Date"}


async def test_two_clients_of_one_endpoint_send_for_two_partners(bus: Bus):
    for who in ("acme", "bolt"):
        assert (await bus.ask("POST", "/in/both", who, {"n": 1}))[0] == 202
    await until(lambda: len(bus.partners()) == 2)

    assert bus.partners() == ["acme", "bolt"]


async def test_what_came_in_with_the_one_key_of_an_endpoint_is_read_with_it(bus: Bus):
    place = (await bus.ask("POST", "/in/other", "other", {"n": 1}))[1]["Location"]

    assert await bus.sees(place) == {"acme": 404, "bolt": 404, "other": 200, "nobody": 404, "": 404}


async def test_what_anybody_may_send_anybody_may_read_who_knows_its_id(bus: Bus):
    place = (await bus.ask("POST", "/in/open", body={"n": 1}))[1]["Location"]

    assert set((await bus.sees(place)).values()) == {200}


async def test_the_documents_of_a_batch_belong_to_who_sent_the_batch(bus: Bus):
    sent = await bus.ask("POST", "/in/batch", "acme", [{"n": 1}, {"n": 2}])
    await until(lambda: len(bus.partners()) == 2)
    state = json.loads((await bus.ask("GET", sent[1]["Location"], "acme"))[2])
    one = next(name.stem for name in bus._folder.rglob("out/none/*.json"))

    assert state["id"] == json.loads(sent[2])["id"]
    assert await bus.sees(f"/v1/messages/{one}") == {"acme": 200, "bolt": 404, "other": 404, "nobody": 404, "": 404}


async def test_how_a_question_stands_is_told_to_the_client_that_asked_it_only(bus: Bus):
    asked = await bus.ask("POST", "/in/asks", "acme", {"n": 1})
    place = asked[1]["Location"]
    theirs, unknown = await bus.ask("GET", place, "bolt"), await bus.ask("GET", place[:-32] + "0" * 32, "bolt")

    assert (asked[0], json.loads(asked[2])["state"]) == (202, "held")
    assert (await bus.ask("GET", place, "acme"))[0] == 202
    assert (theirs[0], theirs[2]) == (unknown[0], unknown[2]) == (404, unknown[2])


# -- the parts


def told_by(**lines: tuple[str, str]) -> Trace:
    records = [
        Record(id=name, kind="received", message_id=name, at=1.0, place=place, text=text)
        for name, (place, text) in lines.items()
    ]
    return Trace("m", "", "", (), tuple(records), ())


@pytest.mark.parametrize(
    ("found", "clients", "theirs"),
    [
        (told_by(m=("shop", "acme/1")), {"shop": "acme"}, True),
        (told_by(m=("shop", "acme/1")), {"shop": "acm"}, False),
        (told_by(m=("shop", "acme%2F/1")), {"shop": "acme"}, False),
        (told_by(m=("shop", "acme%2F/1")), {"shop": "acme/"}, True),
        (told_by(m=("shop", "anything")), {"shop": ""}, True),
        (told_by(m=("drop", "orders.edi")), {"shop": "acme"}, False),
        (told_by(m=("shop", "acme/1"), n=("shop", "bolt/1")), {"shop": "acme"}, False),
        (told_by(), {"shop": ""}, False),
    ],
)
def test_a_history_is_theirs_if_all_that_came_in_is(found: Trace, clients: dict[str, str], theirs: bool):
    assert is_theirs(found, clients) is theirs


async def test_every_guard_is_asked_and_one_that_cannot_say_is_told_of():
    asked: list[str] = []

    def door(name: str, answer: str | EsbError) -> Any:
        async def admit(request: Request) -> str:
            asked.append(name)
            if isinstance(answer, EsbError):
                raise answer
            return answer

        return admit

    away = EndpointError("the issuer's keys are out of reach")
    doors = {"a": door("a", SecurityError("no")), "b": door("b", away), "c": door("c", "acme"), "d": door("d", "")}

    found, unable = await Readers(doors).admitted(Request({"type": "http", "headers": []}))

    assert asked == ["a", "b", "c", "d"]
    assert (found, unable) == ({"c": "acme", "d": ""}, away)
