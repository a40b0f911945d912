"""SFTP keeps what endpoint_suite promises, against a real OpenSSH server."""

from contextlib import asynccontextmanager

import pytest

from esb.endpoints.sftp import SftpEndpoint
from esb.testing.endpoint_kit import RecordingIntake, TestWorld
from esb.testing.endpoint_suite import SinkSuite, SourceSuite
from esb.testing.openssh import OpenSsh


@pytest.fixture(scope="module")
def server():
    with OpenSsh() as server:
        yield server


def spec(server, directory, **options):
    ready = {"unchanged_for": "0s"}
    return SftpEndpoint.model_validate(server.endpoint(directory, poll="100ms", timeout="5s", ready=ready, **options))


class Inbox:
    def __init__(self, server, folder):
        self.folder = server.folder / folder.name / "in"
        self.folder.mkdir(parents=True)
        self.intake = RecordingIntake()
        self.source = spec(server, f"{folder.name}/in").source("inbox", TestWorld(folder, server.secrets))

    async def put(self, name, body):
        (self.folder / name).write_bytes(body)

    async def waiting(self):
        claims = self.folder / ".esb-claims"
        return [path.name for path in (*self.folder.iterdir(), *claims.rglob("*.dat")) if path.is_file()]


class TestSftpSource(SourceSuite):
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


class TestSftpSink(SinkSuite):
    @pytest.fixture(autouse=True)
    def _server(self, server):
        self.server = server
        yield
        server.restart()

    @asynccontextmanager
    async def open_receiver(self, folder):
        outbox = Outbox(self.server, folder)
        try:
            yield outbox
        finally:
            await outbox.sink.close()
