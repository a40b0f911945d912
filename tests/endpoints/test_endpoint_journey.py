"""One message through the new doors: an API is polled, and a database, a mail server and a queue get it, each once."""

import asyncio
import base64
import json
import sqlite3
from contextlib import AsyncExitStack
from types import SimpleNamespace

import aiosmtpd.smtp
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from esb.app.process import Process, serve
from esb.settings import Settings
from esb.testing.endpoint_kit import Lines, serving

FILES = {
    "esb.yaml": "defaults: { owner: me }\n",
    "routes/r.yaml": """
from: { endpoint: shop }
key: { order: $.id }
steps:
  - to: erp
  - { id: mail, to: mail }
  - { id: hook, to: hook }
""",
    "endpoints/shop.yaml": """
type: http_poll
url: http://127.0.0.1:{http}/orders
query: { since: "{{ cursor }}" }
items: $.orders
key: $.id
cursor: { field: $.n, start: "0" }
paging: { link: next }
""",
    "endpoints/erp.yaml": """
type: sql
url: sqlite:///{folder}/erp.db
ledger: deliveries
write:
  - insert: orders
    values: { id: $.id, n: $.n, whole: "{{ content }}" }
""",
    "endpoints/mail.yaml": """
type: smtp
host: 127.0.0.1
port: {smtp}
security: none
from: orders@house.example
to: "{{ body.mail }}"
allowed: ["*@acme.example"]
subject: "Order {{ body.id }}"
""",
    "endpoints/hook.yaml": """
type: http_out
url: http://127.0.0.1:{http}/hook
auth:
  oauth2:
    token_url: http://127.0.0.1:{http}/token
    client_id: esb
    client_secret: secret://env/CLIENT_SECRET
sign: { standard: { secrets: [secret://env/HOOK_SECRET] } }
effect: { idempotency_key: "{{ message.effect_key }}" }
""",
}


class World:
    """The shop's API, the receiver of webhooks, and the mail server."""

    def __init__(self, count):
        self.count, self.hooks, self.tokens, self.mails = count, [], 0, []
        methods = ["POST"]
        self.app = Starlette(
            routes=[
                Route("/orders", self.orders),
                Route("/hook", self.hook, methods=methods),
                Route("/token", self.token, methods=methods),
            ]
        )

    async def orders(self, request):
        since, page = int(request.query_params.get("since", 0)), int(request.query_params.get("page", 0))
        found = [{"id": f"o{n}", "n": n, "mail": "a@acme.example"} for n in range(1, self.count + 1) if n > since]
        following = request.url.include_query_params(page=page + 1)
        headers = {"Link": f'<{following}>; rel="next"'} if len(found) > (page + 1) * 4 else {}
        return JSONResponse({"orders": found[page * 4 : page * 4 + 4]}, headers=headers)

    async def hook(self, request):
        self.hooks.append(request.headers["webhook-id"])
        return Response(status_code=200 if request.headers["authorization"] == "Bearer t" else 401)

    async def token(self, request):
        self.tokens += 1
        return JSONResponse({"access_token": "t", "expires_in": 600})

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture
async def world(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIENT_SECRET", "client-secret")
    monkeypatch.setenv("HOOK_SECRET", "whsec_" + base64.b64encode(b"k" * 24).decode())
    made = World(count=10)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(serving(made.app))
        loop = asyncio.get_running_loop()
        mail = await loop.create_server(lambda: aiosmtpd.smtp.SMTP(made, loop=loop), "127.0.0.1", 0)
        stack.callback(mail.close)
        ports = {"http": http, "smtp": mail.sockets[0].getsockname()[1], "folder": tmp_path}
        for name, text in FILES.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            for port, value in ports.items():
                text = text.replace(f"{{{port}}}", str(value))
            (tmp_path / name).write_text(text)
        with sqlite3.connect(tmp_path / "erp.db") as database:
            database.execute("CREATE TABLE orders (id TEXT, n INTEGER, whole TEXT)")
            database.execute("CREATE TABLE deliveries (id TEXT PRIMARY KEY)")
        yield made


async def run_once(folder):
    log = Lines()
    await serve(Process(Settings(project=folder, listen="127.0.0.1:0", drain=5.0), log), once=True)
    return SimpleNamespace(log=log)


async def test_what_an_api_lists_reaches_each_system_once_and_the_next_run_takes_only_what_is_new(world, tmp_path):
    first = await run_once(tmp_path)
    world.count = 12
    await run_once(tmp_path)

    with sqlite3.connect(tmp_path / "erp.db") as database:
        rows = database.execute("SELECT id, whole FROM orders ORDER BY n").fetchall()
    assert [name for name, _ in rows] == [f"o{n}" for n in range(1, 13)]
    assert json.loads(rows[0][1]) == {"id": "o1", "n": 1, "mail": "a@acme.example"}
    assert len(world.hooks) == len(set(world.hooks)) == 12
    assert sorted(mail.rcpt_tos[0] for mail in world.mails) == ["a@acme.example"] * 12
    assert world.tokens == 1
    assert "poll.taken" in first.log.events()
    assert not [line for line in first.log.kept if "client-secret" in repr(line)]
