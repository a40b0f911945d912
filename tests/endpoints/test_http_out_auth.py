"""Tokens, certificates and signatures: how http_out proves who it is, against real servers and independent checkers."""

import asyncio
import base64
import contextlib
import datetime
import hmac
import ssl
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from esb.endpoints.http_out import HttpOut
from esb.errors import DefinitionError, EndpointError, RejectedError
from esb.testing.endpoint_kit import TestWorld, order, raised, serving

OAUTH = {"client_id": "esb client", "client_secret": "secret://env/CLIENT", "scope": "orders:write"}
SECRETS = {"secret://env/CLIENT": "cl:ent/secret"}
OLD, NEW = "whsec_" + base64.b64encode(b"o" * 24).decode(), "whsec_" + base64.b64encode(b"n" * 24).decode()


class Api:
    """An API behind OAuth 2: it gives out numbered tokens and takes only the newest."""

    def __init__(self):
        self.grants, self.calls, self.lives = [], [], 3600
        self.valid = set()
        self.answer = None
        self.status = 201
        self.app = Starlette(
            routes=[Route("/token", self.token, methods=["POST"]), Route("/orders", self.orders, methods=["POST"])]
        )

    async def token(self, request):
        self.grants.append((request.headers.get("authorization", ""), parse_qs((await request.body()).decode())))
        await asyncio.sleep(0)
        if self.answer is not None:
            return self.answer
        token = f"token-{len(self.grants)}"
        self.valid = {token}
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": self.lives})

    async def orders(self, request):
        self.calls.append((dict(request.headers), await request.body()))
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return Response(status_code=self.status if token in self.valid else 401)


@asynccontextmanager
async def api(folder, **options):
    made = Api()
    async with serving(made.app) as port:
        base = f"http://127.0.0.1:{port}"
        made.world = TestWorld(folder, dict(SECRETS))
        auth = {"oauth2": {**OAUTH, "token_url": f"{base}/token", **options}}
        made.spec = HttpOut.model_validate({"type": "http_out", "url": f"{base}/orders", "auth": auth})
        made.sink = made.spec.sink("erp", made.world)
        try:
            yield made
        finally:
            await made.sink.close()


async def test_a_token_is_fetched_once_for_many_calls_at_once(tmp_path):
    async with api(tmp_path) as made:
        await asyncio.gather(*(made.sink.deliver(order(number), "k") for number in range(40)))

    assert len(made.grants) == 1
    assert len(made.calls) == 40


async def test_the_grant_is_asked_for_as_the_standard_says(tmp_path):
    async with api(tmp_path) as made:
        await made.sink.deliver(order(1), "k")
    async with api(tmp_path, send="body", audience="erp") as other:
        await other.sink.deliver(order(1), "k")

    basic, form = made.grants[0]
    assert base64.b64decode(basic.removeprefix("Basic ")) == b"esb+client:cl%3Aent%2Fsecret"
    assert form == {"grant_type": ["client_credentials"], "scope": ["orders:write"]}
    basic, form = other.grants[0]
    assert basic == ""
    assert (form["client_id"], form["client_secret"]) == (["esb client"], ["cl:ent/secret"])
    assert form["audience"] == ["erp"]


async def test_a_token_is_replaced_before_it_runs_out(tmp_path):
    async with api(tmp_path) as made:
        await made.sink.deliver(order(1), "k")
        made.world.clock.time += 3600 - 61
        await made.sink.deliver(order(2), "k")
        made.world.clock.time += 2
        await made.sink.deliver(order(3), "k")

    assert len(made.grants) == 2
    assert len(made.calls) == 3


async def test_a_token_that_is_refused_is_replaced_once_and_the_call_made_again(tmp_path):
    async with api(tmp_path) as made:
        await made.sink.deliver(order(1), "k")
        made.valid = set()
        made.world.clock.time += 30
        await asyncio.gather(*(made.sink.deliver(order(number), "k") for number in range(20)))

    assert len(made.grants) == 2


async def test_a_receiver_that_refuses_every_token_does_not_have_one_fetched_for_each_call(tmp_path):
    async with api(tmp_path) as made:
        made.status = 401
        error = await raised(made.sink.deliver(order(1), "k"), RejectedError)
        made.world.clock.time += 30
        for number in range(10):
            await raised(made.sink.deliver(order(number), "k"), RejectedError)

    assert "401" in str(error)
    assert len(made.grants) == 2
    assert len(made.calls) == 12


async def test_workers_of_one_machine_share_a_token_that_nobody_else_can_read(tmp_path):
    async with api(tmp_path) as made:
        workers = [made.spec.sink("erp", made.world) for _ in range(4)]
        await asyncio.gather(*(worker.deliver(order(n), "k") for n, worker in enumerate(workers * 5)))
        made.valid = set()
        made.world.clock.time += 30
        await asyncio.gather(*(worker.deliver(order(n), "k") for n, worker in enumerate(workers * 5)))
        fetched = len(made.grants)
        made.world.secrets["secret://env/CLIENT"] = "another"
        await made.spec.sink("erp", made.world).deliver(order(1), "k")
        for worker in workers:
            await worker.close()

    assert fetched == 2
    assert len(made.grants) == 3
    kept = tmp_path / ".state/tokens/erp.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "cl:ent/secret" not in kept.read_text()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"asked": 1}', b"\xff"])
async def test_a_token_that_cannot_be_shared_is_fetched(tmp_path, content):
    (tmp_path / ".state/tokens").mkdir(parents=True)
    (tmp_path / ".state/tokens/erp.json").write_bytes(content)
    async with api(tmp_path) as made:
        await made.sink.deliver(order(1), "k")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/.state").write_text("in the way")
    async with api(tmp_path / "other") as other:
        await other.sink.deliver(order(1), "k")

    assert len(made.grants) == len(other.grants) == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (JSONResponse({"error": "invalid_client", "hint": "cl:ent/secret"}, 401), "invalid_client"),
        (Response("<html>", 200), "access_token"),
        (JSONResponse({"access_token": "a\nb"}), "access_token"),
        (JSONResponse({"access_token": "x", "token_type": "mac"}), "mac"),
        (Response("", 503), "503"),
        (Response("", 302, {"Location": "http://127.0.0.1/"}), "redirects"),
    ],
)
async def test_without_a_token_nothing_is_sent_and_the_failure_may_heal(tmp_path, answer, says):
    async with api(tmp_path) as made:
        made.answer = answer
        error = await raised(made.sink.deliver(order(1), "k"), EndpointError)

    assert says in str(error)
    assert "cl:ent/secret" not in str(error)
    assert made.calls == []


async def test_a_token_server_that_fails_is_asked_once_for_all_who_wait(tmp_path):
    async with api(tmp_path) as made:
        made.answer = Response("", 503)
        for number in range(5):
            await raised(made.sink.deliver(order(number), "k"), EndpointError)
        made.world.clock.time += 3
        made.answer = None
        await made.sink.deliver(order(9), "k")

    assert len(made.grants) == 2


# -- signatures


class Hook:
    """A receiver of webhooks that keeps what it gets and answers what it is told to."""

    def __init__(self):
        self.got, self.status = [], 200
        self.app = Starlette(routes=[Route("/hook", self.take, methods=["POST", "HEAD"])])

    async def take(self, request):
        self.got.append((dict(request.headers), await request.body()))
        return Response(status_code=self.status)


@asynccontextmanager
async def hook(folder, secrets=None, **options):
    made = Hook()
    async with serving(made.app) as port:
        made.world = TestWorld(folder, secrets or {"secret://env/OLD": OLD, "secret://env/NEW": NEW})
        made.world.clock.time = datetime.datetime.now(datetime.UTC).timestamp()
        made.spec = HttpOut.model_validate({"type": "http_out", "url": f"http://127.0.0.1:{port}/hook", **options})
        made.sink = made.spec.sink("shop-hook", made.world)
        try:
            yield made
        finally:
            await made.sink.close()


BOTH = {"standard": {"secrets": ["secret://env/NEW", "secret://env/OLD"]}}


async def test_the_official_library_accepts_our_webhooks_with_either_secret_while_one_is_replaced(tmp_path):
    async with hook(tmp_path, sign=BOTH) as made:
        await made.sink.deliver(order(1), "key-1")

    headers, body = made.got[0]
    assert Webhook(OLD).verify(body, headers) == Webhook(NEW).verify(body, headers)
    assert headers["webhook-id"] == "key-1"


async def test_an_attempt_keeps_the_id_and_gets_a_fresh_time(tmp_path):
    async with hook(tmp_path, sign=BOTH) as made:
        await made.sink.deliver(order(1), "key-1.2")
        made.world.clock.time += 40
        await made.sink.deliver(order(1), "key-1.2")

    (first, body), (second, _) = made.got
    assert first["webhook-id"] == second["webhook-id"] == "key-1_2"
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 40
    assert first["webhook-signature"] != second["webhook-signature"]
    Webhook(OLD).verify(body, second)


async def test_a_receiver_that_is_gone_gets_nothing_more_until_a_person_says_so(tmp_path):
    async with hook(tmp_path, sign=BOTH) as made:
        made.status = 410
        first = await raised(made.sink.deliver(order(1), "k"), EndpointError)
        made.status = 200
        again = made.spec.sink("shop-hook", made.world)
        second = await raised(again.deliver(order(2), "k"), EndpointError)
        told = await raised(again.check(), EndpointError)
        (tmp_path / ".state/disabled/shop-hook").unlink()
        await again.deliver(order(2), "k")
        await again.close()

    assert len(made.got) == 2
    assert "410 Gone" in str(first)
    assert "run `esb endpoint resume shop-hook`" in str(second)
    assert "disabled" in str(told)
    assert made.world.log.events() == ["endpoint.disabled"]


async def test_a_410_of_any_other_receiver_is_a_refusal_unless_written(tmp_path):
    async with hook(tmp_path) as made:
        made.status = 410
        plain = await raised(made.sink.deliver(order(1), "k"), RejectedError)
    async with hook(tmp_path, gone="disable") as disabling:
        disabling.status = 410
        disabled = await raised(disabling.sink.deliver(order(1), "k"), EndpointError)

    assert "410 Gone" in str(plain) and "esb endpoint resume" not in str(plain)
    assert "410 Gone" in str(disabled) and "esb endpoint resume shop-hook" in str(disabled)
    assert (made.world.log.events(), disabling.world.log.events()) == ([], ["endpoint.disabled"])


@pytest.mark.parametrize("stamped", [True, False])
async def test_a_body_is_signed_as_the_receiver_wants_it(tmp_path, stamped):
    extra = {"signed": "timestamp.body", "timestamp": "X-Time"} if stamped else {}
    given = {"header": "X-Sig", "secret": "secret://env/KEY", "prefix": "sha512=", "algorithm": "sha512", **extra}
    async with hook(tmp_path, {"secret://env/KEY": "k1"}, sign={"hmac": given}) as made:
        await made.sink.deliver(order(1), "k")

    headers, body = made.got[0]
    content = headers["x-time"].encode() + b"." + body if stamped else body
    assert headers["x-sig"] == "sha512=" + hmac.new(b"k1", content, "sha512").hexdigest()


def test_a_secret_that_is_none_is_named_before_anything_is_sent(tmp_path):
    spec = HttpOut.model_validate({"type": "http_out", "url": "https://x.example/", "sign": BOTH})

    with pytest.raises(DefinitionError, match="secret://env/NEW is not a Standard"):
        spec.sink("hook", TestWorld(tmp_path, {"secret://env/OLD": OLD, "secret://env/NEW": "?"}))


# -- TLS


@asynccontextmanager
async def tls_server(folder, pki, names):
    """Serve HTTPS that asks for a certificate of our authority; `names` gets the subject of each connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (folder / "server.pem").write_text("".join(pki["server"]))
    context.load_cert_chain(folder / "server.pem")
    context.load_verify_locations(cadata=pki["ca"])
    context.verify_mode = ssl.CERT_REQUIRED

    async def answer(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(len(order(1).body))
                names.append(writer.get_extra_info("peercert")["subject"][0][0][1])
                writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


MUTUAL = {"authority": "secret://file/ca", "certificate": "secret://file/crt", "key": "secret://file/key"}


def https(folder, port, pki, which, **tls):
    world = TestWorld(folder, {"secret://file/ca": pki["ca"]})
    world.secrets["secret://file/crt"], world.secrets["secret://file/key"] = pki[which]
    spec = HttpOut.model_validate(
        {"type": "http_out", "url": f"https://127.0.0.1:{port}/", "tls": tls or MUTUAL, "timeout": "5s"}
    )
    return spec.sink("erp", world), world


async def test_both_sides_show_certificates_and_a_new_one_needs_no_restart(tmp_path, pki):
    names = []
    async with tls_server(tmp_path, pki, names) as port:
        sink, world = https(tmp_path, port, pki, "first")
        await sink.deliver(order(1), "k")
        world.secrets["secret://file/crt"], world.secrets["secret://file/key"] = pki["second"]
        await sink.deliver(order(1), "k")
        await sink.close()

    assert names == ["esb-1", "esb-2"]


async def test_whom_we_do_not_trust_gets_nothing(tmp_path, pki):
    names = []
    async with tls_server(tmp_path, pki, names) as port:
        sink, _ = https(tmp_path, port, pki, "first", certificate="secret://file/crt", key="secret://file/key")
        error = await raised(sink.deliver(order(1), "k"), EndpointError)
        await sink.close()

    assert type(error) is EndpointError
    assert "certificate" in str(error).lower()
    assert names == []


def test_a_key_of_another_certificate_is_named_and_not_shown(tmp_path, pki):
    world = TestWorld(tmp_path, {"secret://file/ca": pki["ca"], "secret://file/crt": pki["first"][0]})
    world.secrets["secret://file/key"] = pki["second"][1]
    spec = HttpOut.model_validate({"type": "http_out", "url": "https://x.example/", "tls": MUTUAL})

    with pytest.raises(DefinitionError, match="secret://file/key") as caught:
        spec.sink("erp", world)
    assert "PRIVATE" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tls": {"certificate": "secret://file/c"}}, "belong together"),
        ({"tls": {"passphrase": "secret://file/c"}}, "belongs to a key"),
        ({"tls": {"verify": False}}, "verify"),
        ({"sign": {}}, "write one of"),
        ({"sign": {"hmac": {"header": "X", "secret": "secret://env/K", "timestamp": "T"}}}, "timestamp"),
        ({"auth": {"oauth2": {**OAUTH, "token_url": "erp.example/token"}}}, "https://"),
        ({"auth": {"oauth2": {**OAUTH, "token_url": "https://x/", "scope": "a\nb"}}}, "scope"),
        ({"auth": {"bearer": "secret://env/T", "oauth2": {**OAUTH, "token_url": "https://x/"}}}, "write one of"),
    ],
)
def test_definitions_that_cannot_work_are_refused(options, says):
    with pytest.raises(ValidationError, match=says):
        HttpOut.model_validate({"type": "http_out", "url": "https://erp.example/", **options})
