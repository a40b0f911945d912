"""Bad webhooks among good ones: every answer says what is wrong, nothing is taken twice, and what got a 202 arrives."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from esb.testing.private_server import free_port
from esb.testing.sandbox.documents import make, webhook
from esb.testing.sandbox.erp import Erp
from esb.testing.sandbox.plant import SECRET, TOKEN, Plant, serving

PROJECT = Path(__file__).parents[2]
LIMIT = 1_500_000  # max_size: 1500KB


def body(number: str, **changed: Any) -> bytes:
    (made,) = make(number[:1], 1, "C-SHOP", 0)
    document = json.loads(webhook(type(made)(number, "C-SHOP", made.lines)))
    document["order"].update(changed)
    return json.dumps(document).encode()


def signed(content: bytes, age: float = 0.0, secret: str = SECRET, **more: str) -> dict[str, str]:
    stamp = str(int(time.time() - age))
    signature = hmac.new(secret.encode(), stamp.encode() + b"." + content, sha256).hexdigest()
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {"Content-Type": "application/json", "X-Shop-Timestamp": stamp, "X-Shop-Signature": signature} | named


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@dataclass
class Case:
    """A request, what is wrong with it, and its answer; `says` stands in the answer's text."""

    name: str
    content: bytes
    status: int
    says: str = ""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    age: float = 0.0
    secret: str = SECRET
    method: str = "POST"
    path: str = "/in/shop"
    order: str = ""


def taken(name: str, number: str, content: bytes | None = None, **more: Any) -> Case:
    return Case(name, content or body(number), 202, order=number, **more)


CASES = [
    taken("good", "S1"),
    taken("byte order mark", "S2", b"\xef\xbb\xbf" + body("S2")),
    taken("crlf", "S3", b"\r\n" + body("S3").replace(b", ", b",\r\n") + b"\r\n"),
    taken("without a type", "S4", headers={"Content-Type": None}),
    taken("type with a charset", "S5", headers={"Content-Type": "application/vnd.shop+json; charset=utf-8"}),
    taken("large, on one line", "S6", body("S6", note="x" * 1_000_000)),
    taken("unknown headers", "S7", headers={"X-Evil": "../../etc/passwd", "Cookie": "session=1"}),
    Case("forged", body("F1"), 401, "unauthorized", secret="a guess"),
    Case("old", body("F2"), 401, "unauthorized", age=3600),
    Case("from the future", body("F3"), 401, "unauthorized", age=-3600),
    Case("not signed", body("F4"), 401, "unauthorized", headers={"X-Shop-Signature": None}),
    Case("no timestamp", body("F5"), 401, "unauthorized", headers={"X-Shop-Timestamp": None}),
    Case("timestamp of words", body("F6"), 401, "unauthorized", headers={"X-Shop-Timestamp": "now"}),
    Case("signature of junk", body("F7"), 401, "unauthorized", headers={"X-Shop-Signature": "zz\xff"}),
    Case("malformed", b'{"order": {"id": "F8",}}', 400, "line 1, column 23"),
    Case("cut", body("F9")[:-20], 400, "line 1"),
    Case("deep", b"[" * 100_000, 400, "nested deeper"),
    Case("deep and closed", b"[" * 5000 + b"]" * 5000, 400, "nested deeper"),
    Case("latin-1", body("F10").replace(b"Item", b"\xe4"), 400, "utf-8"),
    Case("nul", body("F11").replace(b"F11", b"F\x0011"), 400, "line 1"),
    Case("half a pair", body("F12").replace(b"F12", b"F\\ud80012"), 400, "surrogate"),
    Case("a key twice", b'{"order": {}, "order": {}}', 400, "stands twice"),
    Case("number out of reach", body("F13", x=1).replace(b'"x": 1', b'"x": 1e999999999'), 400, "out of reach"),
    Case("not a number", body("F14").replace(b'"qty": ', b'"qty": NaN, "x": '), 400, "line 1"),
    Case("binary", bytes(range(256)) * 20, 400, "not-parseable"),
    Case("zip bomb's header", body("F15"), 415, "Content-Encoding", headers={"Content-Encoding": "gzip"}),
    Case("empty", b"", 400, "empty"),
    Case("xml", b"<order/>", 415, "application/json", headers={"Content-Type": "application/xml"}),
    Case("type of junk", body("F16"), 415, "application/json", headers={"Content-Type": "!!"}),
    Case("too large", body("F17", note="x" * LIMIT), 413, "1500000 bytes"),
    Case("key too long", body("F18"), 400, "Idempotency-Key", headers={"Idempotency-Key": "k" * 300}),
    Case("get", b"", 405, "POST", method="GET"),
    Case("nobody's door", body("F19"), 404, path="/in/nobody"),
    Case("another verb elsewhere", b"", 405, "method-not-allowed", path="/livez"),
    Case("no such message", b"", 404, "not-found", method="GET", path="/v1/messages/" + "0" * 32),
    Case("no message id", b"", 404, "not-found", method="GET", path="/v1/messages/..%2f..%2fetc"),
]  # fmt: skip


@dataclass
class Evidence:
    """Answers by case: status, headers and text; and what was in the ERP when all had come to rest."""

    answers: dict[str, tuple[int, Mapping[str, str], str]] = field(default_factory=dict)
    effects: Counter[str] = field(default_factory=Counter)
    exceptions: list[dict[str, Any]] = field(default_factory=list)
    log: str = ""


class Shop:
    """Posts to a plant and keeps the answers."""

    def __init__(self, plant: Plant, session: aiohttp.ClientSession, seen: Evidence) -> None:
        self._plant, self._session, self._seen = plant, session, seen

    async def send(self, case: Case, name: str = "") -> None:
        headers: dict[str, Any] = {**signed(case.content, case.age, case.secret), **case.headers}
        present = {key: value for key, value in headers.items() if value is not None}
        skip = ["Content-Type"] if "Content-Type" not in present else []
        url = f"{self._plant.url}{case.path}"
        async with self._session.request(
            case.method, url, data=case.content or None, headers=present, skip_auto_headers=skip
        ) as answer:
            self._seen.answers[name or case.name] = (answer.status, lower(answer.headers), await answer.text())

    async def raw(self, name: str, head: str, content: bytes, hold_back: int = 0) -> None:
        """Speak HTTP by hand: send all but `hold_back` bytes of the content, then wait for the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._plant.listen)
        writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + content[: len(content) - hold_back])
        await writer.drain()
        text = (await asyncio.wait_for(reader.read(65536), 10)).decode("latin-1")
        self._seen.answers[name] = (int(text.split()[1]) if text else 0, {}, text)
        writer.close()


async def replayed(shop: Shop) -> None:
    """Send again what was sent: under one key, under another one, and another body under a used key."""
    first = taken("with a key", "S8", headers={"Idempotency-Key": "k8"})
    await shop.send(first)
    await shop.send(first, "replayed")
    await shop.send(Case("", first.content, 202, headers={"Idempotency-Key": "k9"}), "same content, other key")
    await shop.send(Case("", body("F21"), 422, headers={"Idempotency-Key": "k8"}), "same key, other content")
    await shop.send(Case("", body("S1"), 202), "no key, same content")


async def by_hand(shop: Shop) -> None:
    content = body("F30")
    lines = "\n".join(f"{name}: {value}" for name, value in signed(content).items())
    head = f"POST /in/shop HTTP/1.1\nHost: x\n{lines}\nContent-Length: {len(content)}"
    await asyncio.gather(
        shop.raw("slow", head, content, hold_back=10),
        shop.raw("no http", "\x16\x03\x01 junk", b""),
        shop.raw("length of words", head.rpartition(":")[0] + ": many", content),
        shop.raw("length of a giant", head.rpartition(":")[0] + ": 99999999999999999999", content),
        shop.raw("length twice", head + "\nContent-Length: 1", content),
        shop.raw("up the tree", head.replace("/in/shop", "/in/../../../etc/passwd"), content),
    )
    chunked = head.rpartition("\n")[0] + "\nTransfer-Encoding: chunked"
    piece = b"%x\r\n%b\r\n" % (200_000, b"x" * 200_000)
    await shop.raw("too large in chunks", chunked, piece * 9 + b"0\r\n\r\n")


async def play(folder: Path) -> Evidence:
    erp, port, seen = Erp(TOKEN), free_port(), Evidence()
    plant = Plant(folder, port)
    plant.lay_out(PROJECT)
    with (folder / "endpoints/shop.yaml").open("a") as endpoint:
        endpoint.write("timeout: 500ms\nmax_size: 1500KB\n")
    async with serving(erp, port), aiohttp.ClientSession() as session:
        await plant.start()
        shop = Shop(plant, session, seen)
        try:
            for case in CASES:
                await shop.send(case)
            await replayed(shop)
            await by_hand(shop)
            async with asyncio.timeout(30):
                while len(erp.effects) < 8:
                    await asyncio.sleep(0.02)
            _, listed = await plant.command("dead", "list", "--json")
        finally:
            assert await plant.stop() == 0
    seen.effects, seen.log = erp.effects, plant.log()
    seen.exceptions = [json.loads(line) for line in listed.splitlines()]
    return seen


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return asyncio.run(play(tmp_path_factory.mktemp("bad-webhooks")))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_is_answered_as_it_deserves(seen: Evidence, case: Case):
    status, _, text = seen.answers[case.name]

    assert status == case.status
    assert case.says in text
    assert "Traceback" not in text


def test_every_refusal_is_a_problem_that_machines_can_read(seen: Evidence):
    refusals = {case.name: seen.answers[case.name] for case in CASES if case.status >= 400}
    types = {headers["content-type"] for _, headers, _ in refusals.values()}

    assert types == {"application/problem+json"}
    assert [name for name, (status, _, text) in refusals.items() if json.loads(text)["status"] != status] == []


def test_what_is_sent_again_is_recognised(seen: Evidence):
    status, headers, text = seen.answers["replayed"]
    again = seen.answers["no key, same content"]

    assert (status, text) == (202, seen.answers["with a key"][2])
    assert headers["idempotent-replayed"] == "true"
    assert (again[0], again[2], again[1].get("idempotent-replayed")) == (202, seen.answers["good"][2], "true")


def test_a_used_key_does_not_take_another_body(seen: Evidence):
    status, _, text = seen.answers["same key, other content"]

    assert status == 422
    assert "key-conflict" in text


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("slow", 408),
        ("too large in chunks", 413),
        ("no http", 400),
        ("length of words", 400),
        ("length of a giant", 400),
        ("length twice", 400),
        ("up the tree", 404),
    ],
)
def test_what_is_no_proper_http_costs_its_own_connection_only(seen: Evidence, name: str, status: int):
    assert seen.answers[name][0] == status


def test_what_got_a_202_arrives_once_and_nothing_else_does(seen: Evidence):
    assert seen.effects == Counter({case.order: 1 for case in CASES if case.order} | {"S8": 1})
    assert seen.exceptions == []


def test_the_log_tells_no_secret_and_no_traceback(seen: Evidence):
    assert all(json.loads(line) for line in seen.log.splitlines())
    assert "Traceback" not in seen.log
    assert SECRET not in seen.log
    assert TOKEN not in seen.log
