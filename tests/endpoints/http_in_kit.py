"""A listener with one http_in endpoint and a client of it, for tests."""

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
from starlette.applications import Starlette

from esb.endpoints.http_in import HttpIn
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, serving


class Shop:
    def __init__(self, folder, secrets=None, mounting=None, intake=None, **options):
        self.world = TestWorld(folder, {f"secret://env/{name}": text for name, text in (secrets or {}).items()})
        self.intake = intake or RecordingIntake()
        self.spec = HttpIn.model_validate({"type": "http_in", "auth": "none", **options})
        self.source = self.spec.source("orders", self.world)
        self.app = Starlette(routes=self.source.routes(self.intake, **(mounting or {})))

    async def call(self, method, path, body=None, headers=None):
        """Return the status, the headers and the bytes of an answer; a body has a type only if one is given."""
        named = {"Content-Type": "application/json", **(headers or {})}
        skip = ["Content-Type"] if named["Content-Type"] is None else []
        named = {name: value for name, value in named.items() if value is not None}
        url = f"http://127.0.0.1:{self.port}{path}"
        call = self.client.request(method, url, data=body, headers=named, skip_auto_headers=skip, allow_redirects=False)
        async with call as got:
            return got.status, got.headers, await got.read()

    async def post(self, body=b'{"a": 1}', path="/in/orders", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        status, answered, raw = await self.call("POST", path, body, named)
        return status, answered, json.loads(raw) if raw else None

    async def raw(self, request):
        """Send bytes as they are and return all that comes back until the server hangs up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer


@asynccontextmanager
async def shop(folder, **options):
    made = Shop(folder, **options)
    async with serving(made.app) as port, aiohttp.ClientSession() as client:
        made.port, made.client = port, client
        yield made
