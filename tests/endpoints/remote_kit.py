"""Folders at a real file server as the suites of endpoints want them: the same for SFTP and FTPS."""

from contextlib import asynccontextmanager

import pytest

from esb.testing.endpoint_kit import RecordingIntake, TestWorld
from esb.testing.endpoint_suite import SinkSuite, SourceSuite


def spec(model, server, directory, **options):
    ready = {"unchanged_for": "0s"}
    return model.model_validate(server.endpoint(directory, poll="100ms", timeout="5s", ready=ready, **options))


class Inbox:
    """A folder that a partner drops into, and the source that looks there."""

    def __init__(self, model, server, folder):
        self.folder = server.folder / folder.name / "in"
        self.folder.mkdir(parents=True)
        self.intake = RecordingIntake()
        self.world = TestWorld(folder, server.secrets)
        self.source = spec(model, server, f"{folder.name}/in").source("inbox", self.world)

    async def put(self, name, body):
        (self.folder / name).write_bytes(body)

    async def waiting(self):
        claims = self.folder / ".esb-claims"
        return [path.name for path in (*self.folder.iterdir(), *claims.rglob("*.dat")) if path.is_file()]


class Outbox:
    """A folder that a partner collects from, and the sink that writes there."""

    def __init__(self, model, server, folder):
        self.model, self.server = model, server
        self.name, self.world = folder.name, TestWorld(folder, server.secrets)
        self.folder = server.folder / folder.name
        self.folder.mkdir()
        self.sink = spec(model, server, self.name).sink("outbox", self.world)

    async def effects(self):
        return [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]

    async def fail(self, how):
        if how == "down":
            self.server.kill()
        elif how == "refusing":
            await self.sink.close()
            outside = spec(self.model, self.server, self.name, name="../{{ message.id }}")
            self.sink = outside.sink("outbox", self.world)
        else:
            self.server.start()


class RemoteSourceSuite(SourceSuite):
    """What every source promises, at the fixture `server`; `model` is the endpoint's spec."""

    @pytest.fixture(autouse=True)
    def _server(self, server):
        self.server = server

    @asynccontextmanager
    async def open_place(self, folder):
        yield Inbox(self.model, self.server, folder)


class RemoteSinkSuite(SinkSuite):
    """What every sink promises, at the fixture `server`; `model` is the endpoint's spec."""

    @pytest.fixture(autouse=True)
    def _server(self, server):
        self.server = server
        yield
        server.restart()

    @asynccontextmanager
    async def open_receiver(self, folder):
        outbox = Outbox(self.model, self.server, folder)
        try:
            yield outbox
        finally:
            await outbox.sink.close()
