"""Each endpoint keeps what endpoint_suite promises, against the real counterpart."""

from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from esb.endpoints.file import FileEndpoint
from esb.endpoints.http_out import HttpOut
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, serving
from esb.testing.endpoint_suite import SinkSuite, SourceSuite


class Folder:
    def __init__(self, folder):
        self.inbox = folder / "in"
        self.inbox.mkdir(exist_ok=True)
        self.intake = RecordingIntake()
        self.world = TestWorld(folder)
        spec = FileEndpoint.model_validate(
            {"type": "file", "directory": "in", "poll": "100ms", "ready": {"unchanged_for": "0s"}}
        )
        self.source = spec.source("inbox", self.world)

    async def put(self, name, body):
        (self.inbox / name).write_bytes(body)

    async def waiting(self):
        claims = self.inbox / ".esb-claims"
        return [path.name for path in (*self.inbox.iterdir(), *claims.rglob("*.dat")) if path.is_file()]


class TestFileSource(SourceSuite):
    @asynccontextmanager
    async def open_place(self, folder):
        yield Folder(folder)


class Outbox:
    def __init__(self, folder):
        self.folder = folder / "out"
        self.away = folder / "away"
        self.folder.mkdir()
        spec = FileEndpoint.model_validate({"type": "file", "directory": str(self.folder)})
        self.sink = spec.sink("outbox", TestWorld(folder))

    async def effects(self):
        return [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]

    async def fail(self, how):
        if how == "down":
            self.folder.rename(self.away)
        elif how == "refusing":
            spec = FileEndpoint.model_validate(
                {"type": "file", "directory": str(self.folder), "name": "../{{ message.id }}"}
            )
            self.sink = spec.sink("outbox", TestWorld(self.folder))
        else:
            self.away.rename(self.folder)


class TestFileSink(SinkSuite):
    @asynccontextmanager
    async def open_receiver(self, folder):
        yield Outbox(folder)


class Erp:
    """A server that honours the idempotency key."""

    def __init__(self):
        self.bodies = {}
        self.refusing = False
        self.app = Starlette(routes=[Route("/orders", self.orders, methods=["POST", "HEAD"])])
        self.port, self.server = 0, None

    async def orders(self, request):
        if self.refusing:
            return Response("the customer is blocked", 422)
        if request.method == "POST":
            self.bodies.setdefault(request.headers["idempotency-key"], await request.body())
        return Response(status_code=201)

    async def effects(self):
        return list(self.bodies.values())

    async def start(self):
        self.server = AsyncExitStack()
        self.port = await self.server.enter_async_context(serving(self.app, self.port))

    async def fail(self, how):
        self.refusing = how == "refusing"
        if how == "down":
            await self.server.aclose()
        elif how == "well":
            await self.start()


class TestHttpSink(SinkSuite):
    @asynccontextmanager
    async def open_receiver(self, folder):
        erp = Erp()
        await erp.start()
        spec = HttpOut.model_validate({"type": "http_out", "url": f"http://127.0.0.1:{erp.port}/orders"})
        erp.sink = spec.sink("erp", TestWorld(folder))
        try:
            yield erp
        finally:
            await erp.sink.close()
            await erp.server.aclose()
