"""FTPS keeps what endpoint_suite promises, against a real server; and what is special about it."""

import asyncio
import signal
from contextlib import asynccontextmanager

import pytest
from ftps_kit import AUTHORITY, FtpsServer, make_certificate

from esb.endpoints.ftps import FtpsEndpoint
from esb.errors import EndpointError, RejectedError
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, order, raised
from esb.testing.endpoint_suite import SinkSuite, SourceSuite


@pytest.fixture(scope="module", params=["usual", "plain-listings", "implicit"])
def server(request, tmp_path_factory):
    with FtpsServer(tmp_path_factory.mktemp(request.param), request.param) as server:
        yield server


def spec(server, directory, **options):
    ready = {"unchanged_for": "0s"}
    return FtpsEndpoint.model_validate(server.endpoint(directory, poll="100ms", timeout="5s", ready=ready, **options))


class Inbox:
    def __init__(self, server, folder):
        self.folder = server.folder / folder.name / "in"
        self.folder.mkdir(parents=True)
        self.intake = RecordingIntake()
        self.world = TestWorld(folder, server.secrets)
        self.source = spec(server, f"{folder.name}/in").source("inbox", self.world)

    async def put(self, name, body):
        (self.folder / name).write_bytes(body)

    async def waiting(self):
        claims = self.folder / ".esb-claims"
        return [path.name for path in (*self.folder.iterdir(), *claims.rglob("*.dat")) if path.is_file()]


class TestFtpsSource(SourceSuite):
    @pytest.fixture(autouse=True)
    def _server(self, server):
        self.server = server

    @asynccontextmanager
    async def open_place(self, folder):
        yield Inbox(self.server, folder)


class Outbox:
    def __init__(self, server, folder):
        self.server = server
        self.name, self.world = folder.name, TestWorld(folder, server.secrets)
        self.folder = server.folder / folder.name
        self.folder.mkdir()
        self.sink = spec(server, self.name).sink("outbox", self.world)

    async def effects(self):
        return [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]

    async def fail(self, how):
        if how == "down":
            self.server.kill()
        elif how == "refusing":
            await self.sink.close()
            self.sink = spec(self.server, self.name, name="../{{ message.id }}").sink("outbox", self.world)
        else:
            self.server.start()


class TestFtpsSink(SinkSuite):
    @pytest.fixture(autouse=True)
    def _server(self, server):
        self.server = server
        yield
        server.kill()
        server.start()

    @asynccontextmanager
    async def open_receiver(self, folder):
        outbox = Outbox(self.server, folder)
        try:
            yield outbox
        finally:
            await outbox.sink.close()


async def test_files_below_and_names_that_are_not_ascii_are_taken_whole(server, tmp_path):
    inbox = Inbox(server, tmp_path)
    (inbox.folder / "sub").mkdir()
    big = bytes(range(256)) * 20_000
    await inbox.put("größe.edi", big)
    await inbox.put("sub/b.edi", b"two")

    source = spec(server, f"{tmp_path.name}/in", recursive=True).source("inbox", inbox.world)
    await source.run(inbox.intake, once=True)

    assert {taken.receipt.name: taken.body for taken in inbox.intake.taken} == {"größe.edi": big, "sub/b.edi": b"two"}
    assert (inbox.folder / "done" / "größe.edi").read_bytes() == big
    assert (inbox.folder / "done" / "sub" / "b.edi").read_bytes() == b"two"


async def test_only_one_of_many_workers_polls(server, tmp_path):
    inbox = Inbox(server, tmp_path)
    for number in range(20):
        await inbox.put(f"{number}.edi", b"%d" % number)

    sources = [spec(server, f"{tmp_path.name}/in", lease="2s").source("inbox", inbox.world) for _ in range(3)]
    await asyncio.gather(*(source.run(inbox.intake, once=True) for source in sources))

    names = [taken.receipt.name for taken in inbox.intake.taken]
    assert sorted(names) == sorted(f"{number}.edi" for number in range(20))


async def test_a_silent_server_costs_no_more_than_the_timeout(server, tmp_path):
    outbox = Outbox(server, tmp_path)
    outbox.sink = spec(server, tmp_path.name).model_copy(update={"timeout": 0.5}).sink("outbox", outbox.world)
    await outbox.sink.check()
    server.signal(signal.SIGSTOP)
    try:
        with pytest.raises(EndpointError, match=r"did not answer within 0\.5 seconds"):
            await asyncio.wait_for(outbox.sink.deliver(order(1), "1"), 5)
    finally:
        server.signal(signal.SIGCONT)
        await outbox.sink.close()


async def test_check_says_in_one_line_what_is_wrong(server, tmp_path):
    (server.folder / tmp_path.name).mkdir()
    stranger = make_certificate(tmp_path / "other.pem")
    told = {}
    for what, options, secrets in (
        ("fine", {}, {}),
        ("folder", {"directory": "nowhere"}, {}),
        ("user", {"user": "mallory"}, {}),
        ("certificate", {}, {AUTHORITY: stranger}),
        ("name", {"server_name": "elsewhere.example"}, {}),
    ):
        world = TestWorld(tmp_path, {**server.secrets, **secrets})
        sink = spec(server, **{"directory": tmp_path.name, **options}).sink("outbox", world)
        try:
            told[what] = await sink.check()
        except EndpointError as error:
            told[what] = str(error)
        await sink.close()

    assert "can be listed and written to" in told["fine"]
    assert "nowhere is not a directory at the server" in told["folder"]
    assert "530" in told["user"]
    assert "certificate" in told["certificate"].lower()
    assert "elsewhere.example" in told["name"]
    assert all("\n" not in line and "s3cret" not in line for line in told.values())


async def test_a_name_that_would_end_the_command_never_reaches_the_server(server, tmp_path):
    outbox = Outbox(server, tmp_path)
    outbox.sink = spec(server, outbox.name, name="a\r\nDELE y").sink("outbox", outbox.world)

    await raised(outbox.sink.deliver(order(1), "1"), RejectedError)

    assert await outbox.effects() == []
    await outbox.sink.close()
