import asyncio
import contextlib
import json
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from esb.endpoints.http_out import HttpOut
from esb.errors import (
    DefinitionError,
    EndpointError,
    ExpressionError,
    RejectedError,
    ThrottledError,
    UnknownOutcomeError,
)
from esb.message import Message
from esb.testing.endpoint_kit import TestWorld, order, raised, serving, serving_by_hand, until

SECRETS = {"secret://env/TOKEN": "s3cr3t-token", "secret://env/PW": "p:w"}


class Erp:
    """A server that answers what it is told to and keeps what it was asked."""

    def __init__(self):
        self.asked = []
        self.answers = {}
        self.gate = asyncio.Event()
        self.gate.set()
        methods = ["GET", "POST", "PUT", "DELETE"]
        self.app = Starlette(routes=[Route("/{path:path}", self.answer, methods=methods)])

    async def answer(self, request):
        self.asked.append((request.method, str(request.url.path), dict(request.headers), await request.body()))
        await self.gate.wait()
        status, body, headers = self.answers.get(request.url.path, (201, b"{}", {}))
        return Response(body, status, headers)


@asynccontextmanager
async def erp(folder, **options):
    made = Erp()
    async with serving(made.app) as port:
        made.port = port
        made.world = TestWorld(folder, dict(SECRETS))
        base = options.pop("base", "/api")
        given = {"type": "http_out", "url": f"http://127.0.0.1:{port}{base}", **options}
        made.sink = HttpOut.model_validate(given).sink("erp", made.world)
        try:
            yield made
        finally:
            await made.sink.close()


async def test_a_message_is_posted_as_it_is_with_its_key_and_type(tmp_path):
    async with erp(
        tmp_path, auth={"bearer": "secret://env/TOKEN"}, headers={"X-Order": "{{ body.order.number }}"}
    ) as made:
        done = await made.sink.deliver(order(7), "key-7")

    method, path, headers, body = made.asked[0]
    assert (method, path, body) == ("POST", "/api", order(7).body)
    assert headers["idempotency-key"] == "key-7"
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == "Bearer s3cr3t-token"
    assert headers["x-order"] == "PO-7"
    assert done.detail == "201 Created"
    assert done.reply == b"{}"


async def test_the_key_may_come_from_the_message_and_the_path_too(tmp_path):
    effect = {"idempotency_key": "order-{{ body.order.number }}"}
    options = {
        "method": "PUT",
        "path": "/orders/{{ body.order.number }}",
        "effect": effect,
        "idempotency_header": "X-Key",
    }
    async with erp(tmp_path, **options) as made:
        await made.sink.deliver(order(7), "key-7")

    method, path, headers, _ = made.asked[0]
    assert (method, path, headers["x-key"]) == ("PUT", "/api/orders/PO-7", "order-PO-7")


async def test_basic_credentials_and_api_keys_are_sent(tmp_path):
    async with erp(tmp_path, auth={"basic": {"user": "esb", "password": "secret://env/PW"}}) as made:
        await made.sink.deliver(order(1), "k")
    async with erp(tmp_path, auth={"api_key": {"header": "X-Key", "key": "secret://env/TOKEN"}}) as keyed:
        await keyed.sink.deliver(order(1), "k")

    assert made.asked[0][2]["authorization"] == "Basic ZXNiOnA6dw=="
    assert keyed.asked[0][2]["x-key"] == "s3cr3t-token"


async def test_a_new_secret_is_used_without_a_restart(tmp_path):
    async with erp(tmp_path, auth={"bearer": "secret://env/TOKEN"}) as made:
        made.world.secrets["secret://env/TOKEN"] = "rotated"
        await made.sink.deliver(order(1), "k")

    assert made.asked[0][2]["authorization"] == "Bearer rotated"


async def test_a_refusal_quotes_the_receiver_but_no_secret(tmp_path):
    async with erp(tmp_path, auth={"bearer": "secret://env/TOKEN"}) as made:
        made.answers["/api"] = (422, b"customer C9 is blocked (token s3cr3t-token)", {})
        error = await raised(made.sink.deliver(order(1), "k"), RejectedError)

    assert "422" in str(error)
    assert "customer C9 is blocked (token ***)" in str(error)


async def test_a_receiver_that_asks_to_slow_down_is_heard(tmp_path):
    async with erp(tmp_path) as made:
        made.answers["/api"] = (429, b"", {"Retry-After": "17"})
        error = await raised(made.sink.deliver(order(1), "k"), ThrottledError)

    assert error.retry_after == 17.0


async def test_a_redirect_is_refused_and_not_followed(tmp_path):
    async with erp(tmp_path) as made:
        made.answers["/api"] = (307, b"", {"Location": "/elsewhere"})
        error = await raised(made.sink.deliver(order(1), "k"), RejectedError)

    assert len(made.asked) == 1
    assert "redirects are not followed" in str(error)


async def test_a_receiver_that_never_answers_leaves_the_outcome_unknown(tmp_path):
    async with erp(tmp_path, timeout="200ms") as made:
        made.gate.clear()
        error = await raised(made.sink.deliver(order(1), "k"), UnknownOutcomeError)
        made.gate.set()

    assert "may have been applied" in str(error)


def sink_to(folder, url, **options):
    return HttpOut.model_validate({"type": "http_out", "url": url, **options}).sink("erp", TestWorld(folder, SECRETS))


async def test_a_server_that_hangs_up_after_the_request_leaves_the_outcome_unknown(tmp_path):
    async def hang_up(reader, writer):
        await reader.readuntil(b"\r\n\r\n")

    async with serving_by_hand(hang_up) as port:
        sink = sink_to(tmp_path, f"http://127.0.0.1:{port}/", timeout="5s")
        error = await raised(sink.deliver(order(1), "k"), EndpointError)
        asked = await raised(sink.ask({"method": "GET", "path": "/x"}), EndpointError)
        await sink.close()

    assert type(error) is UnknownOutcomeError
    assert type(asked) is EndpointError


async def test_a_server_that_speaks_something_else_leaves_the_outcome_unknown(tmp_path):
    async def babble(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 smtp.example ESMTP\r\n")
        await writer.drain()

    async with serving_by_hand(babble) as port:
        sink = sink_to(tmp_path, f"http://127.0.0.1:{port}/", timeout="5s")
        error = await raised(sink.deliver(order(1), "k"), EndpointError)
        await sink.close()

    assert type(error) is UnknownOutcomeError
    assert "the answer is not HTTP after the request was sent; it may have been applied" in str(error)


async def test_an_endless_answer_is_cut_and_its_status_counts(tmp_path):
    async def endless(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await writer.drain()

    async with serving_by_hand(endless) as port:
        sink = sink_to(tmp_path, f"http://127.0.0.1:{port}/", timeout="20s")
        done = await sink.deliver(order(1), "k")
        asked = await raised(sink.ask({"method": "GET", "path": "/x"}), RejectedError)
        await sink.close()

    assert done.detail == "201 Created"
    assert len(done.reply) == 64 * 1024
    assert "longer than" in str(asked)


async def test_an_answer_that_breaks_off_after_its_status_still_counts(tmp_path):
    async def break_off(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()

    async with serving_by_hand(break_off) as port:
        sink = sink_to(tmp_path, f"http://127.0.0.1:{port}/", timeout="5s")
        done = await sink.deliver(order(1), "k")
        await sink.close()

    assert (done.detail, done.reply) == ("200 OK", b"half")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/", "http://no-such-host.invalid/", "https://127.0.0.1:{port}/"]
)
async def test_what_cannot_be_connected_to_was_not_applied(tmp_path, url):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sink = sink_to(tmp_path, url.format(port=port), timeout="5s")

    error = await raised(sink.deliver(order(1), "k"), EndpointError)
    await sink.close()

    assert type(error) is EndpointError


async def test_a_certificate_that_cannot_be_trusted_sends_nothing(tmp_path):
    async def plain(reader, writer):
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving_by_hand(plain) as port:
        sink = sink_to(tmp_path, f"https://127.0.0.1:{port}/", timeout="5s")
        error = await raised(sink.deliver(order(1), "k"), EndpointError)
        await sink.close()

    assert type(error) is EndpointError


async def test_never_repeated_effects_get_a_connection_each(tmp_path):
    connections = []

    async def count(reader, writer):
        connections.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(len(order(1).body))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()

    counts = []
    async with serving_by_hand(count) as port:
        for effect in ({}, {"effect": {"never_repeat": True}}):
            connections.clear()
            sink = sink_to(tmp_path, f"http://127.0.0.1:{port}/", timeout="5s", **effect)
            await sink.deliver(order(1), "k")
            await sink.deliver(order(1), "k")
            await sink.close()
            counts.append(len(connections))

    assert counts == [1, 2]


async def test_a_header_that_would_hold_a_line_break_is_refused(tmp_path):
    async with erp(tmp_path, headers={"X-Name": "{{ body.name }}"}) as made:
        await raised(made.sink.deliver(order(1, b'{"name": "a\\r\\nX-Admin: 1"}'), "k"), RejectedError)

    assert made.asked == []


async def test_a_message_without_the_value_for_the_path_is_invalid(tmp_path):
    async with erp(tmp_path, path="/orders/{{ body.missing }}") as made:
        error = await raised(made.sink.deliver(order(1), "k"), ExpressionError)

    assert "missing" in str(error)
    assert made.asked == []


async def test_bytes_of_other_formats_leave_untouched_with_their_type(tmp_path):
    async with erp(tmp_path) as made:
        message = Message(id="m", body=b"ISA*00~", received=datetime(2026, 1, 1, tzinfo=UTC), format="x12/850")
        await made.sink.deliver(message, "k")

    assert made.asked[0][3] == b"ISA*00~"
    assert made.asked[0][2]["content-type"] == "application/edi-x12"


# -- probes


PROBE = {"probe": {"get": "/orders?ref={{ body.order.number }}"}}


@pytest.mark.parametrize(
    ("status", "body", "applied"),
    [
        (200, b'[{"id": 1}]', True),
        (200, b"[]", False),
        (200, b"{}", False),
        (204, b"", True),
        (404, b"", False),
        (410, b"", False),
        (400, b"", None),
        (302, b"", None),
    ],
)
async def test_a_probe_reads_back_whether_it_happened(tmp_path, status, body, applied):
    async with erp(tmp_path, effect=PROBE) as made:
        made.answers["/api/orders"] = (status, body, {})

        assert await made.sink.applied(order(7), "k") is applied


async def test_a_probe_may_ask_something_of_the_answer(tmp_path):
    async with erp(tmp_path, effect={"probe": {"get": "/orders", "when": "$.items[0]"}}) as made:
        made.answers["/api/orders"] = (200, b'{"items": []}', {})
        before = await made.sink.applied(order(7), "k")
        made.answers["/api/orders"] = (200, b'{"items": [1]}', {})
        after = await made.sink.applied(order(7), "k")

    assert (before, after) == (False, True)


async def test_a_probe_that_gets_no_answer_may_be_asked_again(tmp_path):
    async with erp(tmp_path, effect=PROBE) as made:
        made.answers["/api/orders"] = (503, b"", {})
        error = await raised(made.sink.applied(order(7), "k"), EndpointError)
        made.answers["/api/orders"] = (200, b'[{"id": 1}]', {})
        again = await made.sink.applied(order(7), "k")

    assert "503" in str(error)
    assert again is True


async def test_without_a_probe_nobody_can_say(tmp_path):
    async with erp(tmp_path) as made:
        assert await made.sink.applied(order(7), "k") is None


# -- questions


async def test_a_question_gets_a_document_with_its_numbers_as_they_are(tmp_path):
    async with erp(tmp_path, auth={"bearer": "secret://env/TOKEN"}) as made:
        made.answers["/api/customers/C1"] = (200, b'{"limit": 12.10}', {})
        answer = await made.sink.ask({"method": "GET", "path": "/customers/C1"})

    assert answer == {"limit": Decimal("12.10")}
    assert str(answer["limit"]) == "12.10"
    assert made.asked[0][2]["authorization"] == "Bearer s3cr3t-token"
    assert "idempotency-key" not in made.asked[0][2]


async def test_what_is_not_there_is_a_refusal_that_names_404(tmp_path):
    async with erp(tmp_path) as made:
        made.answers["/api/customers/C1"] = (404, b"", {})
        error = await raised(made.sink.ask({"method": "GET", "path": "/customers/C1"}), RejectedError)

    assert " 404 " in str(error)
    assert "/customers/C1" in str(error)


async def test_a_question_cannot_lead_to_another_host(tmp_path):
    async with erp(tmp_path) as made:
        for path in ("//evil.example/", "http://evil.example/", "/../admin"):
            await raised(made.sink.ask({"method": "GET", "path": path}), RejectedError)

    assert made.asked == []


async def test_an_answer_that_is_no_json_may_heal(tmp_path):
    async with erp(tmp_path) as made:
        made.answers["/api/x"] = (200, b"<html>proxy</html>", {"Content-Type": "text/html"})
        error = await raised(made.sink.ask({"method": "GET", "path": "/x"}), EndpointError)

    assert "text/html" in str(error)


async def test_equal_questions_at_once_are_one_call_and_a_failure_reaches_all(tmp_path):
    async with erp(tmp_path) as made:
        made.gate.clear()
        made.answers["/api/x"] = (200, b"{}", {})
        asking = [asyncio.ensure_future(made.sink.ask({"method": "GET", "path": "/x"})) for _ in range(20)]
        await until(lambda: bool(made.asked))
        asking[0].cancel()
        made.answers["/api/x"] = (500, b"", {})
        made.gate.set()
        answers = await asyncio.gather(*asking, return_exceptions=True)

    assert len(made.asked) == 1
    assert isinstance(answers[0], asyncio.CancelledError)
    assert all(isinstance(answer, EndpointError) for answer in answers[1:])


async def test_a_fresh_answer_serves_again_and_an_old_one_does_not(tmp_path):
    async with erp(tmp_path) as made:
        question = {"method": "GET", "path": "/x", "cache": 60.0}
        made.answers["/api/x"] = (200, b"1", {})
        first = await made.sink.ask(question)
        made.answers["/api/x"] = (200, b"2", {})
        second = await made.sink.ask(question)
        made.world.clock.time += 61
        third = await made.sink.ask(question)
        without = await made.sink.ask({"method": "GET", "path": "/x"})

    assert (first, second, third, without) == (1, 1, 2, 2)
    assert len(made.asked) == 3


async def test_a_question_with_a_body_is_sent_and_never_kept(tmp_path):
    async with erp(tmp_path) as made:
        made.answers["/api/search"] = (200, b"[]", {})
        request = {"method": "POST", "path": "/search", "body": {"price": Decimal("1.10")}, "cache": 60.0}
        await made.sink.ask(request)
        await made.sink.ask(request)

    assert [body for _, _, _, body in made.asked] == [b'{"price":1.10}'] * 2


async def test_the_check_names_refused_credentials(tmp_path):
    async with erp(tmp_path) as made:
        made.answers["/api"] = (401, b"", {})
        error = await raised(made.sink.check(), EndpointError)

    assert "credentials are refused" in str(error)


# -- definitions


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"url": "erp.example"}, "https://"),
        ({"url": "https://u:p@erp.example"}, "credentials"),
        ({"auth": {}}, "write one of"),
        ({"auth": {"bearer": "token"}}, "secret"),
        ({"headers": {"Authorization": "x"}}, "under auth"),
        ({"headers": {"Host": "x"}}, "connection itself"),
        ({"headers": {"X Y": "x"}}, "pattern"),
        ({"method": "GET"}, "POST"),
        ({"effect": {"probe": {"path": "/x"}}}, "get"),
        ({"effect": {"probe": "/x/{{ nonsense }}"}}, "nonsense"),
    ],
)
def test_definitions_that_cannot_work_are_refused(options, says):
    with pytest.raises(ValidationError, match=says):
        HttpOut.model_validate({"type": "http_out", "url": "https://erp.example/", **options})


def test_a_missing_secret_is_named_before_anything_is_sent(tmp_path):
    spec = HttpOut.model_validate({"type": "http_out", "url": "https://x/", "auth": {"bearer": "secret://env/NONE"}})

    with pytest.raises(DefinitionError, match="secret://env/NONE"):
        spec.sink("erp", TestWorld(tmp_path))


def test_no_secret_stands_in_what_is_printed_of_a_definition():
    spec = HttpOut.model_validate({"type": "http_out", "url": "https://x/", "auth": {"bearer": "secret://env/TOKEN"}})

    assert "secret://env/TOKEN" in repr(spec)
    assert "s3cr3t" not in json.dumps(repr(spec))
