"""Receivers that hang, drip or swell: they cost their own endpoint its time, and nobody else anything."""

import asyncio
import gzip
import json
import statistics
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from esb.app.process import Process, serve
from esb.endpoints.http_out import HttpOut
from esb.errors import EndpointError, UnknownOutcomeError
from esb.settings import Settings
from esb.testing.endpoint_kit import Lines, TestWorld, order, raised, serving, serving_by_hand, until
from esb.testing.tcp_proxy import TcpProxy

ENDPOINT = "type: http_out\nurl: http://127.0.0.1:{port}/{name}\ntimeout: 2s\neffect: {{ idempotency_key: x }}\n"
FILES = {
    "esb.yaml": "defaults: { owner: me }\n",
    "endpoints/hook.yaml": "type: http_in\nauth: none\nformat: json\n",
    "routes/r.yaml": "from: { endpoint: hook }\nsteps:\n  - to: well\n  - { id: other, to: ill }\n",
}


class Receivers:
    """Two receivers on one server; keeps when each message arrived at `well`."""

    def __init__(self):
        self.arrived = {}
        self.app = Starlette(routes=[Route("/{name}", self.take, methods=["POST"])])

    async def take(self, request):
        number = json.loads(await request.body())["n"]
        if request.path_params["name"] == "well":
            self.arrived[number] = asyncio.get_running_loop().time()
        return Response(status_code=201)


@asynccontextmanager
async def bus(folder, well, ill):
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name, port in (("well", well), ("ill", ill)):
        (folder / f"endpoints/{name}.yaml").write_text(ENDPOINT.format(port=port, name=name))
    process = Process(Settings(project=folder, listen="127.0.0.1:0", drain=3.0), Lines())
    task = asyncio.create_task(serve(process))
    try:
        await until(lambda: process.listener is not None or task.done())
        yield f"http://127.0.0.1:{process.listener.port}/in/hook"
    finally:
        process.stop()
        await asyncio.wait([task], timeout=15)


async def latencies(folder, stalled, count=120):
    """Return how long each message took from its 202 to the receiver that is well."""
    made = Receivers()
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(made.app))
        proxy = await stack.enter_async_context(TcpProxy(port))
        if stalled:
            proxy.stall()
        url = await stack.enter_async_context(bus(folder, port, proxy.port))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        sent = {}
        for number in range(count):
            async with session.post(url, json={"n": number}) as answer:
                assert answer.status == 202
            sent[number] = asyncio.get_running_loop().time()
        await until(lambda: len(made.arrived) == count, 30)
    return [max(made.arrived[number] - at, 0.0) for number, at in sent.items()]


async def test_a_receiver_that_hangs_delays_no_other(tmp_path):
    usual = await latencies(tmp_path / "usual", stalled=False)
    beside = await latencies(tmp_path / "beside", stalled=True)

    p99 = [statistics.quantiles(each, n=100)[98] for each in (usual, beside)]
    print(f"p99 to the receiver that is well: {p99[0] * 1000:.0f} ms, beside one that hangs {p99[1] * 1000:.0f} ms")
    assert p99[1] < p99[0] * 2 + 0.25


class Choosy:
    """A receiver that says `status` to whatever is below `until`; keeps how many it refused and what it took."""

    def __init__(self, status, until):
        self.status, self.until, self.refused, self.took = status, until, 0, set()
        self.app = Starlette(routes=[Route("/{name}", self.take, methods=["POST"])])

    async def take(self, request):
        number = json.loads(await request.body())["n"]
        if request.path_params["name"] == "ill" and number < self.until:
            self.refused += 1
            return Response("no", self.status)
        if request.path_params["name"] == "ill":
            self.took.add(number)
        return Response(status_code=201)


@asynccontextmanager
async def posted(folder, made, count):
    """Send messages through a bus to a receiver; lends the session and the address of the bus."""
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(made.app))
        url = await stack.enter_async_context(bus(folder, port, port))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        for number in range(count):
            async with session.post(url, json={"n": number}) as answer:
                assert answer.status == 202
        yield session, url.removesuffix("/in/hook")


async def is_open(session, address):
    async with session.get(f"{address}/metrics") as answer:
        return 'esb_endpoint_open{endpoint="ill"} 1.0' in await answer.text()


async def test_a_lost_credential_makes_exceptions_of_few_and_the_rest_go_on_when_it_is_back(tmp_path):
    made = Choosy(401, until=80)

    async with posted(tmp_path, made, 80) as (session, address):
        async with asyncio.timeout(20):
            while not await is_open(session, address):
                await asyncio.sleep(0.05)
        made.until = 0
        await until(lambda: made.refused + len(made.took) == 80, 30)

    assert 10 <= made.refused <= 40
    assert len(made.took) == 80 - made.refused


@asynccontextmanager
async def answering(head, body):
    """Serve one answer by hand: `head`, then whatever `body(writer)` writes."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        await body(writer)

    async with serving_by_hand(answer) as port:
        yield port


def sink_to(folder, port, **options):
    given = {"type": "http_out", "url": f"http://127.0.0.1:{port}/", "timeout": "500ms", **options}
    return HttpOut.model_validate(given).sink("erp", TestWorld(folder))


async def drip(writer):
    while not writer.is_closing():
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def test_an_answer_that_drips_for_ever_is_left_in_time_and_its_status_counts(tmp_path):
    head = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with answering(head, drip) as port:
        sink = sink_to(tmp_path, port)
        began = asyncio.get_running_loop().time()
        done = await sink.deliver(order(1), "k")
        took = asyncio.get_running_loop().time() - began
        error = await raised(sink.ask({"path": "/x"}), EndpointError)
        await sink.close()

    assert done.detail == "201 Created"
    assert took < 3
    assert type(error) is EndpointError


async def test_a_head_that_drips_for_ever_is_left_in_time(tmp_path):
    async def header(writer):
        while not writer.is_closing():
            writer.write(b"X: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with answering(b"HTTP/1.1 201 Created\r\n", header) as port:
        sink = sink_to(tmp_path, port)
        began = asyncio.get_running_loop().time()
        error = await raised(sink.deliver(order(1), "k"), EndpointError)
        took = asyncio.get_running_loop().time() - began
        await sink.close()

    assert took < 3
    assert type(error) is UnknownOutcomeError
    assert "it may have been applied" in str(error)


async def test_a_compressed_answer_is_not_inflated(tmp_path):
    bomb = gzip.compress(b"0" * 50_000_000)

    async def send(writer):
        writer.write(bomb)
        await writer.drain()

    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    async with answering(head, send) as port:
        sink = sink_to(tmp_path, port, timeout="5s")
        done = await sink.deliver(order(1), "k")
        await sink.close()

    assert len(done.reply) <= 64 * 1024
    assert done.reply == bomb[: len(done.reply)]
