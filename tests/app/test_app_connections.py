"""Connections of strangers: what is not one clear request gets an answer that says so, and is let go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from esb.app import connections
from esb.app.listener import Listener

GOOD = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"


class Served:
    """A listener with an echo, and raw conversations with it."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.bodies: list[bytes] = []
        self.listener = Listener([Route("/echo", self.echo, methods=["POST"])], ("127.0.0.1", 0))
        self.listener.bind()

    async def echo(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        await self.gate.wait()
        return Response(b"echo " + self.bodies[-1])

    async def say(self, *pieces: bytes, pause: float = 0.0) -> bytes:
        """Send the pieces, and return all that comes until the server hangs up or is quiet for a second."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        answer = b""
        try:
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(pause)
            while piece := await asyncio.wait_for(reader.read(65536), 1.0):
                answer += piece
        except (TimeoutError, ConnectionError):
            pass
        writer.close()
        return answer


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    made = Served()
    serving = asyncio.create_task(made.listener.serve())
    yield made
    made.gate.set()
    made.listener.stop()
    await asyncio.wait_for(serving, 15)


def problem(answer: bytes) -> dict[str, Any]:
    """Return the document of an answer that is a problem and ends its connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    found: dict[str, Any] = json.loads(body)
    return found


@pytest.mark.parametrize(
    "head",
    [
        b"Host: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked",
        b"Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2",
        b"Host: x\r\nContent-Length: 2\r\nContent-Length: 3",
        b"Host: x\r\nContent-Length: 2, 2",
        b"Host: x\r\nContent-Length: +2",
        b"Host: x\r\nTransfer-Encoding: gzip, chunked",
        b"Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Host: x\r\nTransfer-Encoding: xchunked",
        b"Host: x\r\nTransfer-Encoding : chunked",
        b"Host: x\r\nX: a\r\n b: folded",
        b"Host: x\r\nHost: y\r\nContent-Length: 2",
        b"Content-Length: 2",
        b"Host: x\r\nX\x00: y\r\nContent-Length: 2",
    ],
)
async def test_a_request_that_can_be_read_in_two_ways_is_refused_and_never_reaches_a_handler(
    served: Served, head: bytes
) -> None:
    answer = await served.say(b"POST /echo HTTP/1.1\r\n" + head + b"\r\n\r\n" + b"0\r\n\r\n" + GOOD)

    assert problem(answer)["status"] == 400
    assert served.bodies == []


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", 431),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(120)) + b"\r\n", 431),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000, 431),
        (b"\x16\x03\x01 no TLS here", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ],
    ids=["address", "field", "fields", "without end", "TLS", "HTTP/2"],
)
async def test_a_head_that_is_too_large_or_of_another_protocol_is_told_so(
    served: Served, request_: bytes, status: int
) -> None:
    assert problem(await served.say(request_))["status"] == status


@pytest.mark.parametrize(
    "pieces",
    [[b""], [b"\r\n"], [b"POST /echo HTTP/1.1\r\nHo"], [b"POST /echo HTTP/1.1\r\nHost: x\r\n", *[b"X: y\r\n"] * 4]],
    ids=["nothing", "empty lines", "a cut line", "line by line"],
)
async def test_a_head_that_does_not_come_is_let_go_in_time(
    served: Served, pieces: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)

    answer = await asyncio.wait_for(served.say(*pieces, pause=0.03), 5)

    assert problem(answer)["status"] == 408


async def test_a_slow_second_request_on_a_connection_is_let_go_too(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)

    answer = await served.say(GOOD, b"POST /ec", pause=0.1)

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"HTTP/1.1 408 Request Timeout" in answer


async def test_requests_behind_each_other_are_answered_in_order_and_what_is_garbled_behind_them_ends_it(
    served: Served,
) -> None:
    served.gate.clear()
    call = asyncio.ensure_future(served.say(GOOD + GOOD.replace(b"hi", b"ho") + b"garbled\r\n\r\n"))
    await asyncio.wait([call], timeout=0.2)
    served.gate.set()
    answer = await call

    assert answer.count(b"HTTP/1.1 200 OK") >= 1
    assert answer.index(b"echo hi") < (answer.find(b"HTTP/1.1 400") % (len(answer) + 1))
    assert answer.count(b"HTTP/1.1 400") <= 1


async def test_a_chunk_that_is_none_is_answered_and_the_handler_learns_that_nobody_is_there(served: Served) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    answer = await served.say(head + b"2\r\nhi\r\n", b"zz\r\n", pause=0.05)

    assert problem(answer)["status"] == 400
    assert served.bodies == []


async def test_more_connections_than_there_may_be_are_told_to_come_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 3)
    held = [await asyncio.open_connection("127.0.0.1", served.listener.port) for _ in range(3)]
    await asyncio.sleep(0)
    answer = await served.say(GOOD)
    for _, writer in held:
        writer.close()

    assert problem(answer)["status"] == 503
    assert b"retry-after: 5" in answer


async def test_no_redirect_is_made_from_what_a_request_says_of_its_host(served: Served) -> None:
    answer = await served.say(GOOD.replace(b"/echo", b"/echo/").replace(b"Host: x", b"Host: evil.example"))

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"evil" not in answer
