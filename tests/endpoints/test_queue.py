"""queue: messages cross to and from foreign brokers (a second RabbitMQ, a Redis), and none is lost on the way."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import kombu
import pika
import pytest
from pydantic import ValidationError

from esb.endpoints.queue import QueueEndpoint
from esb.endpoints.queue.account import broker_fault
from esb.endpoints.queue.arrivals import item_of
from esb.errors import DefinitionError, EndpointError, MessageError, RejectedError, StoreError, UnknownOutcomeError
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, journal_rows, order, raised, until
from esb.testing.endpoint_suite import SinkSuite, SourceSuite
from esb.testing.redis_server import RedisServer

PASSWORD = {"secret://env/PW": "guest"}

WORKER = """
import asyncio, sys
from pathlib import Path
import esb.routes.parts
from esb.endpoints.queue import QueueEndpoint
from esb.testing.endpoint_kit import RecordingIntake, TestWorld
folder, options = Path(sys.argv[1]), __import__("json").loads(sys.argv[2])
spec = QueueEndpoint.model_validate({"type": "queue", **options})
world = TestWorld(folder, {"secret://env/PW": "guest"})
asyncio.run(spec.source("foreign", world).run(RecordingIntake(folder / f"journal-{sys.argv[3]}"), once=False))
"""


class Amqp:
    """The second RabbitMQ, seen from its own side by another client."""

    def __init__(self, node):
        self.node, self.queue = node, f"q-{uuid4().hex[:12]}"
        self.options = {"url": f"amqp://127.0.0.1:{node.port}", "user": "guest", "password": "secret://env/PW"}
        self.declare()

    def declare(self):
        with self.channel() as channel:
            channel.queue_declare(self.queue, durable=True)

    @contextlib.contextmanager
    def channel(self):
        connection = pika.BlockingConnection(pika.URLParameters(self.node.url))
        try:
            yield connection.channel()
        finally:
            connection.close()

    def put(self, name, body, **properties):
        with self.channel() as channel:
            channel.confirm_delivery()
            given = pika.BasicProperties(message_id=name or None, delivery_mode=2, **properties)
            channel.basic_publish("", self.queue, body, given, mandatory=True)

    def held(self):
        """Return (message id, body, properties) of what waits there, leaving it there."""
        found = []
        with self.channel() as channel:
            while (got := channel.basic_get(self.queue))[0] is not None:
                found.append((got[1].message_id, got[2], got[1]))
        return found


class Redis:
    """A Redis, seen from its own side by the client library that shares its layout."""

    def __init__(self, server):
        self.server, self.queue = server, f"q-{uuid4().hex[:12]}"
        self.options = {"url": server.url, "hidden": "5s"}

    def put(self, name, body, **properties):
        with kombu.Connection(self.server.url) as connection:
            producer = connection.Producer(auto_declare=False)
            producer.publish(
                body, routing_key=self.queue, content_type="application/octet-stream", message_id=name, **properties
            )

    def held(self):
        with kombu.Connection(self.server.url) as connection:
            client = connection.default_channel.client
            waiting = [json.loads(each) for each in client.lrange(self.queue, 0, -1)]
            waiting += [json.loads(each)[0] for each in client.hvals("unacked") if self.queue.encode() in each]
        import base64

        return [
            (
                each["properties"].get("message_id"),
                base64.b64decode(each["body"]),
                SimpleNamespace(**each["properties"]),
            )
            for each in waiting
        ]


@pytest.fixture(scope="module")
def redis():
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    with RedisServer() as started:
        yield started


@pytest.fixture
def amqp(node):
    return Amqp(node)


@pytest.fixture(params=["amqp", "redis"])
def broker(request, node):
    return Amqp(node) if request.param == "amqp" else Redis(request.getfixturevalue("redis"))


def spec_of(broker, **options):
    return QueueEndpoint.model_validate({"type": "queue", "queue": broker.queue, **broker.options, **options})


def source_of(broker, folder, **options):
    world = TestWorld(folder, dict(PASSWORD))
    return spec_of(broker, **options).source("foreign", world), RecordingIntake(), world


@asynccontextmanager
async def sink_of(broker, folder, **options):
    sink = spec_of(broker, **options).sink("foreign", TestWorld(folder, dict(PASSWORD)))
    try:
        yield sink
    finally:
        await sink.close()


# -- taking


async def test_messages_arrive_as_they_are_and_are_gone_there(broker, tmp_path):
    source, intake, _ = source_of(broker, tmp_path)
    bodies = [f"{number} \xff".encode("latin-1") for number in range(150)]
    for number, body in enumerate(bodies[:20]):
        broker.put(f"m{number}", body)

    await source.run(intake, once=True)

    assert sorted(taken.body for taken in intake.taken) == sorted(bodies[:20])
    assert broker.held() == []


async def test_properties_and_headers_come_along_as_short_texts(amqp, tmp_path):
    source, intake, _ = source_of(amqp, tmp_path)
    headers = {"X-Shop": "berlin", "n": 7, "bytes": b"\xff", "list": [1], "long": "x" * 2000, "line": "a\nb"}
    amqp.put("m1", b"{}", headers=headers, content_type="application/json", correlation_id="c1", type="order")

    await source.run(intake, once=True)

    found = intake.taken[0].receipt.headers
    assert found["message-id"] == "m1"
    assert (found["correlation-id"], found["message-type"], found["routing-key"]) == ("c1", "order", amqp.queue)
    assert (found["x-shop"], found["n"]) == ("berlin", "7")
    assert not {"list", "long", "line"} & set(found)


async def test_a_message_that_comes_twice_is_recognised_by_its_id_or_its_content(broker, tmp_path):
    source, intake, world = source_of(broker, tmp_path)
    for name, body in (("m1", b"one"), ("m1", b"one"), ("", b"two"), ("", b"two"), ("m2", b"one")):
        broker.put(name, body)

    await source.run(intake, once=True)

    assert sorted(taken.body for taken in intake.taken) == [b"one", b"one", b"two"]
    assert world.log.events().count("queue.repeated") == 2


async def test_messages_without_a_name_may_each_be_new(amqp, tmp_path):
    source, intake, _ = source_of(amqp, tmp_path, unnamed="each")
    for _ in range(3):
        amqp.put("", b"tick")

    await source.run(intake, once=True)

    assert len(intake.taken) == 3


async def test_nothing_is_acknowledged_there_before_it_is_durable_here(broker, tmp_path):
    source, intake, _ = source_of(broker, tmp_path)
    broker.put("m1", b"one")

    def down(receipt):
        raise StoreError("the store is out of reach")

    intake.failing = down
    await raised(source.run(intake, once=True), StoreError)
    kept = [body for _, body, _ in broker.held()]
    intake.failing = lambda receipt: None
    await source.run(intake, once=True)

    assert kept == [b"one"]
    assert [taken.body for taken in intake.taken] == [b"one"]
    assert broker.held() == []


async def test_what_can_never_be_taken_is_kept_with_its_reason(amqp, tmp_path):
    source, intake, world = source_of(amqp, tmp_path, max_size="10B")
    amqp.put("m1", b"much too long")
    amqp.put("m2", b"fits")

    await source.run(intake, once=True)

    kept = sorted((tmp_path / ".state/refused/foreign").iterdir())
    assert [taken.body for taken in intake.taken] == [b"fits"]
    assert kept[0].read_bytes() == b"much too long"
    assert "max_size" in kept[1].read_text()
    assert world.log.events() == ["item.refused"]


async def test_what_can_never_be_taken_may_go_the_brokers_own_way(amqp, tmp_path):
    with amqp.channel() as channel:
        channel.queue_declare(f"{amqp.queue}-dead")
        channel.queue_delete(amqp.queue)
        arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{amqp.queue}-dead"}
        channel.queue_declare(amqp.queue, durable=True, arguments=arguments)
    source, intake, _ = source_of(amqp, tmp_path, refused="reject")
    amqp.put("m1", b"bad")

    def refuse(receipt):
        raise MessageError("never")

    intake.failing = refuse
    await source.run(intake, once=True)
    amqp.queue += "-dead"

    assert [body for _, body, _ in amqp.held()] == [b"bad"]


async def test_a_queue_that_is_missing_is_named(amqp, tmp_path):
    source, intake, _ = source_of(amqp, tmp_path, queue="no-such-queue")

    error = await raised(source.run(intake, once=True), EndpointError)

    assert "no-such-queue" in str(error)


async def test_refused_credentials_are_named_and_not_shown(amqp, tmp_path):
    source, intake, world = source_of(amqp, tmp_path)
    world.secrets["secret://env/PW"] = "wr0ng-secret"

    error = await raised(source.run(intake, once=True), EndpointError)

    assert "credentials" in str(error)
    assert "wr0ng-secret" not in str(error)


async def test_consumers_that_are_killed_again_and_again_lose_nothing(broker, tmp_path):
    total = 400
    for number in range(total):
        broker.put(f"m{number}", b"%d" % number)

    def rows():
        return [row for journal in tmp_path.glob("journal-*") for row in journal_rows(journal)]

    for turn in range(2):
        before = len(rows())
        given = [str(tmp_path), json.dumps({"queue": broker.queue, **broker.options, "prefetch": 40}), str(turn)]
        worker = subprocess.Popen([sys.executable, "-c", WORKER, *given], cwd=Path(__file__).parents[2])
        try:
            await until(lambda before=before: len(rows()) > before + 30, 20)
        finally:
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
    source, intake, _ = source_of(broker, tmp_path)
    while broker.held():  # a Redis gives back what the dead had lent when `hidden` is over
        await source.run(intake, once=True)

    taken = {row["key"].split()[0] for row in rows()} | {taken.key.split()[0] for taken in intake.taken}
    assert taken == {f"m{number}" for number in range(total)}


async def test_a_broker_that_restarts_is_waited_for(amqp, tmp_path):
    source, intake, world = source_of(amqp, tmp_path)
    amqp.put("m1", b"one")
    run = asyncio.ensure_future(source.run(intake, once=False))
    await until(lambda: len(intake.taken) == 1)
    await asyncio.to_thread(amqp.node.restart)
    await asyncio.to_thread(amqp.declare)  # a node that is killed may forget what it had just been told
    await asyncio.to_thread(amqp.put, "m2", b"two")
    await until(lambda: len(intake.taken) == 2, 30)
    run.cancel()
    await asyncio.wait([run])
    left = amqp.held()

    assert [taken.body for taken in intake.taken] == [b"one", b"two"]
    assert "queue.lost" in world.log.events()
    assert left == []


# -- publishing


async def test_a_message_is_there_when_it_is_delivered_with_its_id_type_and_headers(amqp, tmp_path):
    async with sink_of(amqp, tmp_path, headers={"shop": "{{ body.order.number }}"}) as sink:
        done = await sink.deliver(order(7), "key-7")
        name, body, properties = amqp.held()[0]

    assert (name, body) == ("key-7", order(7).body)
    assert (properties.content_type, properties.delivery_mode) == ("application/json", 2)
    assert properties.headers["shop"] == "PO-7"
    assert "confirmed" in done.detail


async def test_an_exchange_gets_the_routing_key_of_the_message(amqp, tmp_path):
    with amqp.channel() as channel:
        channel.exchange_declare(f"x-{amqp.queue}", "topic")
        channel.queue_bind(amqp.queue, f"x-{amqp.queue}", "orders.PO-1")
    options = {"queue": "", "exchange": f"x-{amqp.queue}", "routing_key": "orders.{{ body.order.number }}"}
    async with sink_of(amqp, tmp_path, **options) as sink:
        await sink.deliver(order(1), "k1")
        error = await raised(sink.deliver(order(2), "k2"), RejectedError)
        await sink.deliver(order(1), "k3")

    assert [name for name, _, _ in amqp.held()] == ["k1", "k3"]
    assert "no queue takes the routing key 'orders.PO-2'" in str(error)


async def test_an_exchange_that_is_missing_is_a_refusal(amqp, tmp_path):
    async with sink_of(amqp, tmp_path, queue="", exchange="no-such", routing_key="x") as sink:
        await raised(sink.deliver(order(1), "k"), RejectedError)
        told = await raised(sink.check(), EndpointError)

    assert "no-such" in str(told)


async def test_a_full_queue_that_refuses_may_heal(amqp, tmp_path):
    with amqp.channel() as channel:
        channel.queue_delete(amqp.queue)
        arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
        channel.queue_declare(amqp.queue, durable=True, arguments=arguments)
    async with sink_of(amqp, tmp_path) as sink:
        await sink.deliver(order(1), "k1")
        error = await raised(sink.deliver(order(2), "k2"), EndpointError)
        with amqp.channel() as channel:
            channel.queue_purge(amqp.queue)
        await sink.deliver(order(2), "k2")

    assert type(error) is EndpointError


async def test_a_confirm_that_never_comes_leaves_the_outcome_unknown(amqp, tmp_path):
    async with sink_of(amqp, tmp_path, timeout="500ms", concurrency=1) as sink:
        await sink.deliver(order(1), "k1")
        amqp.node.freeze()
        try:
            error = await raised(sink.deliver(order(2), "k2"), EndpointError)
        finally:
            amqp.node.thaw()

    assert type(error) is UnknownOutcomeError


async def test_a_secured_broker_is_reached_only_if_its_certificate_is_trusted(amqp, tmp_path, pki):
    async with tls_in_front(amqp.node.port, tmp_path, pki["server"]) as port:
        url = {"url": f"amqps://127.0.0.1:{port}"}
        sink = spec_of(amqp, **url).sink("foreign", TestWorld(tmp_path, dict(PASSWORD)))
        error = await raised(sink.deliver(order(1), "k"), EndpointError)
        await sink.close()
        world = TestWorld(tmp_path, {**PASSWORD, "secret://file/ca": pki["ca"]})
        trusting = spec_of(amqp, **url, authority="secret://file/ca").sink("foreign", world)
        await trusting.deliver(order(1), "k")
        await trusting.close()

    assert "certificate" in str(error).lower()
    assert len(amqp.held()) == 1


@asynccontextmanager
async def tls_in_front(port, folder, pair):
    """Serve TLS in front of a port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (folder / "server.pem").write_text("".join(pair))
    context.load_cert_chain(folder / "server.pem")

    async def pump(reader, writer):
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


# -- identity and definitions


def foreign(**given):
    blank = {"properties": {}, "headers": {}, "delivery_info": {}, "content_type": None, "content_encoding": None}
    return SimpleNamespace(**{**blank, "body": b"", **given})


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (foreign(body="ä", content_encoding="latin-1"), b"\xe4"),
        (foreign(body="ä", content_encoding="no-such"), "ä".encode()),
        (foreign(body=None), b""),
        (foreign(body=memoryview(b"x")), b"x"),
    ],
)
def test_bytes_are_what_the_sender_wrote(message, body):
    assert item_of(message, "content").body == body


def test_a_hostile_message_id_is_no_key():
    item = item_of(foreign(body=b"x", properties={"message_id": "a\nb", "type": "t" * 2000}), "content")

    assert item.key == ""
    assert "message-type" not in item.headers


@pytest.mark.parametrize(
    "url", ["http://x/", "amqp:///", "amqp://u:p@x/", "amqp://x:99999/", "redis://x/a", "amqp://x/?heartbeat=0", "x"]
)
def test_addresses_that_cannot_work_are_refused(url):
    assert broker_fault(url)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "write the queue"),
        ({"queue": "q", "exchange": "x"}, "write the queue"),
        ({"exchange": "x"}, "routing_key"),
        ({"url": "redis://x/0", "exchange": "x", "routing_key": "k"}, "no exchanges"),
        ({"queue": "q", "password": "guest"}, "secret"),
        ({"queue": "q\n"}, "pattern"),
    ],
)
def test_definitions_that_cannot_work_are_refused(options, says):
    with pytest.raises(ValidationError, match=says):
        QueueEndpoint.model_validate({"type": "queue", "url": "amqp://x/", **options})


def test_an_exchange_cannot_be_taken_from(tmp_path):
    spec = QueueEndpoint.model_validate({"type": "queue", "url": "amqp://x/", "exchange": "x", "routing_key": "k"})

    with pytest.raises(DefinitionError, match="takes from nowhere"):
        spec.source("foreign", TestWorld(tmp_path))


# -- the suites


class TestQueueSource(SourceSuite):
    @pytest.fixture(autouse=True)
    def _broker(self, broker):
        self.broker = broker

    @asynccontextmanager
    async def open_place(self, folder):
        async def put(name, body):
            await asyncio.to_thread(self.broker.put, name, body)

        async def waiting():
            return [name for name, _, _ in await asyncio.to_thread(self.broker.held)]

        source, intake, _ = source_of(self.broker, folder)
        yield SimpleNamespace(source=source, intake=intake, put=put, waiting=waiting)


class TestQueueSink(SinkSuite):
    @pytest.fixture(autouse=True)
    def _broker(self, amqp):
        self.broker = amqp

    @asynccontextmanager
    async def open_receiver(self, folder):
        made = SimpleNamespace()

        async def fail(how):
            await made.sink.close()
            options = {"down": {"url": "amqp://127.0.0.1:1"}, "refusing": {"queue": "no-such-queue"}}.get(how, {})
            made.sink = spec_of(self.broker, **options).sink("foreign", TestWorld(folder, dict(PASSWORD)))

        async def effects():
            """Return what a receiver that heeds message ids has got."""
            return list({name: body for name, body, _ in await asyncio.to_thread(self.broker.held)}.values())

        made.effects, made.fail = effects, fail
        made.sink = spec_of(self.broker).sink("foreign", TestWorld(folder, dict(PASSWORD)))
        try:
            yield made
        finally:
            await made.sink.close()


class TestRedisSink(TestQueueSink):
    @pytest.fixture(autouse=True)
    def _broker(self, redis):
        self.broker = Redis(redis)

    async def test_a_receiver_that_says_no_is_not_asked_again(self, tmp_path):
        """A Redis takes whatever it is given: it refuses only to be full, which may heal."""
        with kombu.Connection(self.broker.server.url) as connection:
            client = connection.default_channel.client
            client.config_set("maxmemory", "1")
            try:
                async with self.open_receiver(tmp_path) as receiver:
                    error = await raised(receiver.sink.deliver(order(1), "k"), EndpointError)
            finally:
                client.config_set("maxmemory", "0")

        assert type(error) is EndpointError
