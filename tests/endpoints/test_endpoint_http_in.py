import asyncio
import json
import random
from contextlib import asynccontextmanager

import aiohttp
import pytest
from pydantic import ValidationError
from starlette.applications import Starlette

from esb.edge import Finding, Part
from esb.endpoints.http_in import HttpIn
from esb.endpoints.http_in.signatures import Signing
from esb.errors import (
    BusyError,
    ChannelError,
    ConflictError,
    DefinitionError,
    FormatError,
    MessageError,
    PublishError,
    StoreError,
    TooLargeError,
)
from esb.errors import ValidationError as ContractError
from esb.formats.json import Json
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, raised, serving, until

SECRETS = {"secret://env/A": "alpha", "secret://env/B": "beta", "secret://env/W": "whsec_" + "a2V5" * 6}


class Shop:
    """A listener with one http_in endpoint, and a client of it."""

    def __init__(self, folder, reader=None, **options):
        self.world = TestWorld(folder, SECRETS)
        self.intake = RecordingIntake()
        spec = HttpIn.model_validate({"type": "http_in", "auth": "none", **options})
        self.source = spec.source("orders", self.world)
        self.app = Starlette(routes=self.source.routes(self.intake, reader))

    async def post(self, body=b'{"a": 1}', **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.post(self.url, data=body, headers={"Content-Type": "application/json", **named}) as got:
            text = await got.read()
            return got.status, got.headers, json.loads(text) if text else None

    async def raw(self, request, wait=True):
        """Send bytes as they are and return all that comes back until the server hangs up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), 10) if wait else b""
        writer.close()
        return answer


@asynccontextmanager
async def shop(folder, **options):
    made = Shop(folder, **options)
    async with serving(made.app) as port, aiohttp.ClientSession() as client:
        made.port, made.client, made.url = port, client, f"http://127.0.0.1:{port}/in/orders"
        yield made


async def test_202_comes_with_a_location_after_the_message_is_durable(tmp_path):
    async with shop(tmp_path) as made:
        made.intake.gate = asyncio.Event()
        call = asyncio.ensure_future(made.post())
        await asyncio.wait([call], timeout=0.1)
        assert not call.done()
        made.intake.gate.set()
        status, headers, document = await call

    assert status == 202
    assert headers["Location"] == f"/v1/messages/{document['id']}" == document["status_url"]
    assert "Idempotent-Replayed" not in headers
    assert made.intake.taken[0].body == b'{"a": 1}'


async def test_the_same_key_again_gets_the_same_answer_and_says_so(tmp_path):
    async with shop(tmp_path) as made:
        first = await made.post(Idempotency_Key='"k1"')
        second = await made.post(Idempotency_Key="k1")

    assert (first[0], first[2]) == (second[0], second[2])
    assert second[1]["Idempotent-Replayed"] == "true"
    assert len(made.intake.taken) == 1


async def test_the_same_key_with_another_body_is_refused(tmp_path):
    async with shop(tmp_path) as made:
        await made.post(Idempotency_Key="k1")
        status, headers, problem = await made.post(b'{"a": 2}', Idempotency_Key="k1")

    assert (status, problem["code"]) == (422, "key-conflict")
    assert headers["Content-Type"] == "application/problem+json"


async def test_without_a_key_equal_bodies_are_one_message(tmp_path):
    async with shop(tmp_path) as made:
        await made.post(b'{"a": 1}')
        await made.post(b'{"a": 2}')
        _, headers, _ = await made.post(b'{"a": 1}')

    assert headers["Idempotent-Replayed"] == "true"
    assert len(made.intake.taken) == 2


@pytest.mark.parametrize(
    ("error", "status", "again"),
    [
        (ChannelError("down"), 503, "5"),
        (PublishError({0: "nack"}), 503, "5"),
        (StoreError("down"), 503, "5"),
        (DefinitionError("no route"), 503, "5"),
        (ZeroDivisionError("a fault of ours with secret detail"), 503, "5"),
        (BusyError("twin", 2.2), 409, "3"),
        (ConflictError("key"), 422, None),
        (TooLargeError("line 3 is larger than 1 MB"), 413, None),
        (FormatError("csv: line 3"), 400, None),
        (ContractError("order@1: /total is missing"), 422, None),
        (MessageError("no"), 422, None),
    ],
)
async def test_every_failure_of_the_intake_has_its_answer(tmp_path, error, status, again):
    async with shop(tmp_path) as made:

        def fail(receipt):
            raise error

        made.intake.failing = fail
        answered, headers, problem = await made.post()

    assert answered == status == problem["status"]
    assert headers.get("Retry-After") == again
    assert headers["Content-Type"] == "application/problem+json"
    assert "secret detail" not in json.dumps(problem)


async def test_other_methods_are_told_what_is_allowed(tmp_path):
    async with shop(tmp_path) as made:
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
            async with made.client.request(method, made.url) as got:
                assert (got.status, got.headers["Allow"]) == (405, "POST"), method


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(tmp_path):
    async with shop(tmp_path, max_size="10B") as made:
        head = b"POST /in/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"
        answer = await made.raw(head)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()


async def test_a_body_that_does_not_say_its_length_is_cut_at_the_limit(tmp_path):
    async with shop(tmp_path, max_size="10B") as made:
        head = b"POST /in/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = await made.raw(head + b"6\r\n123456\r\n" * 2)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert made.intake.taken == []


async def test_a_body_that_does_not_come_is_given_up_and_stores_nothing(tmp_path):
    async with shop(tmp_path, timeout="200ms") as made:
        head = b'POST /in/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"a'
        answer = await made.raw(head)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert made.intake.taken == []


async def test_a_sender_that_hangs_up_half_way_leaves_nothing_behind(tmp_path):
    async with shop(tmp_path, concurrency=1) as made:
        head = b'POST /in/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"a'
        for _ in range(5):
            await made.raw(head, wait=False)
        await until_free(made)

    assert [taken.body for taken in made.intake.taken] == [b'{"a": 1}']


async def until_free(made):
    """Post until the endpoint has noticed that its only place is free again."""
    for _ in range(500):
        if (await made.post())[0] == 202:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the place was never given back")


async def test_more_requests_at_once_than_allowed_are_told_to_come_again(tmp_path):
    async with shop(tmp_path, concurrency=2) as made:
        made.intake.gate = asyncio.Event()
        calls = [asyncio.ensure_future(made.post(b"%d" % number)) for number in range(4)]
        await until(lambda: sum(call.done() for call in calls) == 2)
        made.intake.gate.set()
        answers = await asyncio.gather(*calls)

    assert sorted(status for status, _, _ in answers) == [202, 202, 503, 503]
    assert {headers.get("Retry-After") for status, headers, _ in answers if status == 503} == {"1"}


async def test_a_sender_above_its_rate_is_told_how_long_to_wait(tmp_path):
    async with shop(tmp_path, limit="2/m") as made:
        answers = [await made.post(b"%d" % number) for number in range(3)]
        made.world.clock.time += float(answers[2][1]["Retry-After"])
        later = await made.post(b"2")

    assert [status for status, _, _ in answers] == [202, 202, 429]
    assert answers[2][1]["Retry-After"] == "30"
    assert later[0] == 202


@pytest.mark.parametrize("kind", ["text/xml", "application/x-www-form-urlencoded", "json"])
async def test_a_type_that_the_format_cannot_read_is_refused(tmp_path, kind):
    async with shop(tmp_path) as made:
        status, headers, problem = await made.post(Content_Type=kind)

    assert (status, problem["code"]) == (415, "media-type")
    assert "application/json" in headers["Accept-Post"]


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "application/cloudevents+json", "APPLICATION/JSON"]
)
async def test_a_type_that_is_json_underneath_is_taken(tmp_path, kind):
    async with shop(tmp_path) as made:
        status, _, _ = await made.post(Content_Type=kind)

    assert status == 202


async def test_a_compressed_body_is_refused(tmp_path):
    async with shop(tmp_path) as made:
        head = b"POST /in/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}"
        answer = await made.raw(head)

    assert answer.startswith(b"HTTP/1.1 415 ")


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": 1,}', b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}', b"nonsense"])
async def test_a_body_that_is_not_json_is_refused_at_the_door_and_stores_nothing(tmp_path, body):
    async with shop(tmp_path) as made:
        status, _, problem = await made.post(body)

    assert status == 400
    assert problem["detail"]
    assert made.intake.taken == []


async def test_a_slip_in_json_is_shown_by_line_and_column(tmp_path):
    async with shop(tmp_path) as made:
        _, _, problem = await made.post(b'{\n  "a": 1,\n  "b": ,\n}')

    assert (problem["errors"][0]["line"], problem["errors"][0]["column"]) == (3, 8)
    assert "(line 3, column 8)" in problem["detail"]


async def test_a_body_that_cannot_be_read_is_taken_when_the_endpoint_accepts_it(tmp_path):
    async with shop(tmp_path, on_invalid="accept") as made:
        status, _, _ = await made.post(b"{")

    assert status == 202
    assert made.intake.taken[0].body == b"{"


class Lines:
    """A reader that takes lines; a line `bad` is a bad part."""

    def __init__(self):
        self.rest = b""

    def feed(self, data):
        self.rest += data
        return []

    def end(self):
        lines = self.rest.split(b"\n")
        finding = Finding("L1", "the line is bad", 4, 2)
        return [Part(line, error="bad", findings=(finding,)) if line == b"bad" else Part(line) for line in lines]


@pytest.mark.parametrize(
    ("on_invalid", "body", "status"),
    [
        ("refuse", b"good\nbad", 400),
        (None, b"good\nbad", 202),
        (None, b"bad", 400),
        ("accept", b"bad", 202),
        ("refuse", b"good\ngood", 202),
    ],
)
async def test_with_its_reader_a_body_is_checked_part_by_part(tmp_path, on_invalid, body, status):
    async with shop(tmp_path, reader=Lines, on_invalid=on_invalid) as made:
        answered, _, problem = await made.post(body)

    assert answered == status
    if status == 400:
        assert problem["errors"][0] == {"code": "L1", "detail": "the line is bad", "line": 2, "offset": 4}
        assert "(line 2)" in problem["detail"]


async def test_only_declared_headers_go_on_with_the_message(tmp_path):
    async with shop(tmp_path, headers=["X-Shop"]) as made:
        await made.post(X_Shop="north", X_Other="1", Authorization="Bearer t", Cookie="c=1", User_Agent="shop/1")

    assert dict(made.intake.taken[0].receipt.headers) == {
        "content-type": "application/json",
        "user-agent": "shop/1",
        "x-shop": "north",
    }


async def test_a_declared_header_that_is_too_long_is_refused(tmp_path):
    async with shop(tmp_path, headers=["X-Shop"]) as made:
        status, _, _ = await made.post(X_Shop="x" * 2001)

    assert status == 431


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "ü", "a\tb"])
async def test_a_key_that_is_empty_too_long_or_invisible_is_refused(tmp_path, key):
    async with shop(tmp_path) as made:
        raw = b"Idempotency-Key: " + key.encode() + b"\r\n"
        head = b"POST /in/orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n" + raw
        answer = await made.raw(head + b"\r\n{}")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"bad-key" in answer


# -- who may post


async def test_a_key_of_the_list_opens_and_all_else_gets_the_same_401(tmp_path):
    auth = {"api_key": {"keys": ["secret://env/A", "secret://env/B"]}}
    async with shop(tmp_path, auth=auth) as made:
        good = [(await made.post(X_API_Key=key))[0] for key in ("alpha", "beta", " alpha ")]
        bad = [await made.post(X_API_Key=key) for key in ("", "alph", "ALPHA", "alpha, beta", "é")]
        none = await made.post()

    assert made.source.authenticated
    assert good == [202, 202, 202]
    answers = [(status, problem) for status, _, problem in [*bad, none]]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 401
    assert "detail" not in answers[0][1]


async def test_a_bearer_token_opens_whatever_case_its_scheme_is_written_in(tmp_path):
    async with shop(tmp_path, auth={"bearer": {"tokens": ["secret://env/A"]}}) as made:
        good = [(await made.post(Authorization=f"{scheme} alpha"))[0] for scheme in ("Bearer", "bearer")]
        bad = [(await made.post(Authorization=text))[0] for text in ("alpha", "Bearer", "Bearer beta", "Basic alpha")]
        _, headers, _ = await made.post()

    assert good == [202, 202]
    assert bad == [401, 401, 401, 401]
    assert headers["WWW-Authenticate"] == "Bearer"


async def test_an_unknown_sender_is_refused_before_its_body_is_read(tmp_path):
    async with shop(tmp_path, auth={"bearer": {"tokens": ["secret://env/A"]}}) as made:
        head = b"POST /in/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
        answer = await made.raw(head)

    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_a_signed_webhook_is_taken_and_forged_or_replayed_ones_are_not(tmp_path):
    auth = {"standard": {"secrets": ["secret://env/W"]}}
    async with shop(tmp_path, auth=auth) as made:
        now = int(made.world.clock.now())
        signed = standard(b'{"a": 1}', now)
        good = await made.post(b'{"a": 1}', **signed)
        again = await made.post(b'{"a": 1}', **signed)
        forged = await made.post(b'{"a": 2}', **signed)
        replayed = await made.post(b'{"a": 1}', **standard(b'{"a": 1}', now - 301))
        unsigned = await made.post(b'{"a": 1}')

    assert [answer[0] for answer in (good, again, forged, replayed, unsigned)] == [202, 202, 401, 401, 401]
    assert again[1]["Idempotent-Replayed"] == "true"
    assert made.intake.taken[0].key == "msg_1"
    reasons = [fields["reason"] for _, event, fields in made.world.log.kept if event == "http_in.unauthorized"]
    assert any("301 s old" in reason for reason in reasons)


def standard(body, stamp):
    signing = Signing("s", (b"key" * 6,), encoding="base64", prefix="v1,")
    text = signing.sign(signing.keys[0], b"msg_1.%d.%b" % (stamp, body))
    return {"webhook_id": "msg_1", "webhook_timestamp": str(stamp), "webhook_signature": text}


async def test_a_plain_hmac_over_the_raw_bytes_is_checked_before_they_are_parsed(tmp_path):
    auth = {"hmac": {"header": "X-Hub", "secrets": ["secret://env/B", "secret://env/A"], "prefix": "sha256="}}
    signing = Signing("X-Hub", (b"alpha",), prefix="sha256=")
    async with shop(tmp_path, auth=auth) as made:
        good = await made.post(b'{"a":  1}', X_Hub=signing.sign(b"alpha", b'{"a":  1}'))
        same_document = await made.post(b'{"a": 1}', X_Hub=signing.sign(b"alpha", b'{"a":  1}'))
        nonsense = await made.post(b"{", X_Hub="sha256=00")

    assert [answer[0] for answer in (good, same_document, nonsense)] == [202, 401, 401]


async def test_what_the_door_has_read_goes_on_with_the_bytes_so_that_the_intake_need_not_read_it_again(tmp_path):
    reader = Json(lines=True).build({}).reader
    async with shop(tmp_path, reader=reader) as made:
        await made.post(b'{"a": 1}\n{"a": 2}', Content_Type="application/x-ndjson")
    async with shop(tmp_path, on_invalid="accept", reader=reader) as unchecked:
        await unchecked.post(b'{"a": 1}')

    known = made.intake.taken[0].receipt.known
    assert known.reader is reader
    assert [part.body for part in known.parts] == [{"a": 1}, {"a": 2}]
    assert unchecked.intake.taken[0].receipt.known is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"auth": {}}, "write one of"),
        ({"auth": {"bearer": {"tokens": ["secret://env/A"]}, "api_key": {"keys": ["secret://env/A"]}}}, "write one of"),
        ({"auth": "open"}, "none"),
        ({"auth": {"bearer": {"tokens": ["alpha"]}}}, "secret"),
        ({"auth": {"hmac": {"header": "X", "secrets": ["secret://env/A"], "timestamp": "T"}}}, "protects only if"),
        ({"auth": {"api_key": {"keys": ["secret://env/A"]}}, "headers": ["x-api-key"]}, "never copied"),
        ({"auth": "none", "headers": ["Authorization"]}, "never copied"),
        ({}, "auth"),
    ],
)
def test_a_definition_that_would_be_unsafe_is_refused(options, says):
    with pytest.raises(ValidationError, match=says):
        HttpIn.model_validate({"type": "http_in", **options})


def test_a_missing_or_empty_secret_stops_the_endpoint_not_its_check(tmp_path):
    spec = HttpIn.model_validate({"type": "http_in", "auth": {"api_key": {"keys": ["secret://env/A"]}}})

    for secrets in ({}, {"secret://env/A": ""}):
        with pytest.raises(DefinitionError):
            spec.source("orders", TestWorld(tmp_path, secrets))


async def test_without_authentication_the_source_says_so_and_waits_until_cancelled(tmp_path):
    made = Shop(tmp_path)

    await made.source.run(made.intake, once=True)
    error = await raised(asyncio.wait_for(made.source.run(made.intake, once=False), 0.01), TimeoutError)

    assert not made.source.authenticated
    assert isinstance(error, TimeoutError)


# -- hostile input


async def test_a_thousand_hostile_requests_get_no_500_and_store_nothing_unasked(tmp_path):
    auth = {"hmac": {"header": "X-Hub", "secrets": ["secret://env/A"]}}
    async with shop(tmp_path, auth=auth, max_size="2KB", timeout="300ms", limit="1000000/s") as made:
        chance = random.Random(11)
        statuses = []
        for _ in range(40):
            batch = [made.raw(hostile(chance)) for _ in range(25)]
            answers = await asyncio.gather(*batch, return_exceptions=True)
            statuses += [answer[9:12] for answer in answers if isinstance(answer, bytes) and answer]
        good = Signing("X-Hub", (b"alpha",)).sign(b"alpha", b"{}")
        alive = await made.post(b"{}", X_Hub=good)

    assert not [status for status in statuses if status.startswith(b"5")]
    assert len(statuses) > 800
    assert alive[0] == 202
    assert len(made.intake.taken) == 1
    assert "intake.bug" not in made.world.log.events()


def hostile(chance):
    """Return a request that no honest client sends; `Connection: close` so that every answer ends."""
    lines = [
        chance.choice([b"POST", b"POST", b"POST", b"GET", b"BREW", b"P\x00ST", b""])
        + b" "
        + chance.choice(
            [b"/in/orders", b"/in/orders?x=%00", b"/in/../orders", b"/in/orders/", b"//in/orders", b"*", b"/" * 3000]
        )
        + b" "
        + chance.choice([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/9.9", b"SPDY"]),
        b"Host: x",
        b"Connection: close",
    ]
    headers = [
        b"X-Hub: " + bytes(chance.randrange(32, 256) for _ in range(64)),
        b"X-Hub: " + b"0" * 64,
        b"X-Hub: a" + b", a" * 500,
        b"Content-Type: application/json",
        b"Content-Type: " + b";" * 500,
        b"Content-Type: \xff\xfe",
        b"Content-Encoding: gzip",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999",
        b"Content-Length: 2\r\nContent-Length: 3",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4",
        b"Idempotency-Key: \x01\x02",
        b"Idempotency-Key: " + b"k" * 900,
        b"webhook-id: ../../etc/passwd",
        b"No-Colon",
        b": empty",
        b" folded: line",
        b"X-Big: " + b"b" * 20_000,
        b"Expect: 100-continue",
        b"Upgrade: websocket",
    ]
    lines += chance.sample(headers, chance.randrange(0, 5))
    body = chance.choice([b"", b"{}", b"[" * 3000, b"\x00" * 50, bytes(chance.randrange(256) for _ in range(300))])
    if chance.random() < 0.7:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body + b"0\r\n\r\n" * chance.randrange(2)
