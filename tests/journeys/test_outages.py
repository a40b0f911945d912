"""The store or the broker goes away while webhooks come in: 503 with Retry-After, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import aiohttp
import pytest

from esb.testing.postgres_cluster import PostgresCluster
from esb.testing.private_server import free_port
from esb.testing.sandbox.documents import Order, make, webhook
from esb.testing.sandbox.plant import SECRET, Plant

pytestmark = pytest.mark.timeout(180)


def signed(body: bytes, key: str) -> dict[str, str]:
    stamp = str(int(time.time()))
    signature = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, sha256).hexdigest()
    kind = {"Content-Type": "application/json", "Idempotency-Key": key}
    return {"X-Shop-Timestamp": stamp, "X-Shop-Signature": signature, **kind}


class Shop:
    """Posts orders without a pause, each until it is taken, and remembers what it was told meanwhile."""

    def __init__(self, plant: Plant, orders: list[Order]) -> None:
        self._plant, self._orders = plant, orders
        self.told: Counter[int] = Counter()
        self.waits: set[str] = set()
        self.slowest = 0.0

    async def post_all(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            limit = asyncio.Semaphore(4)

            async def post(order: Order) -> None:
                async with limit:
                    while await self._post(session, order) != 202:
                        await asyncio.sleep(0.2)

            await asyncio.gather(*(post(order) for order in self._orders))

    async def _post(self, session: aiohttp.ClientSession, order: Order) -> int:
        body, began = webhook(order), time.monotonic()
        headers = signed(body, order.number)
        async with session.post(f"{self._plant.url}/in/shop", data=body, headers=headers) as answer:
            self.told[answer.status] += 1
            self.slowest = max(self.slowest, time.monotonic() - began)
            if answer.status == 503:
                self.waits.add(answer.headers.get("Retry-After", "none"))
            return answer.status


async def get(plant: Plant, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"{plant.url}{path}") as answer:
        return answer.status, await answer.text()


async def until(
    condition: Callable[[], Awaitable[bool]] | Callable[[], bool], plant: Plant, seconds: float = 60
) -> None:
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found is True or (found is not False and await found):
            return
        assert time.monotonic() < deadline, plant.log()[-4000:]
        await asyncio.sleep(0.05)


Switch: TypeAlias = Callable[[], Awaitable[None]]


async def survive(plant: Plant, erp: Any, stop: Switch, start: Switch, check: str) -> Shop:
    """Post orders, let a server go away in the middle and come back, and wait until every order is in the ERP."""
    shop = Shop(plant, make("S", 60, "C-SHOP", third_party_every=0))
    await plant.start()
    posting = asyncio.create_task(shop.post_all())
    try:
        await until(lambda: len(erp.effects) >= 5, plant)
        await stop()
        await until(lambda: shop.told[503] >= 4, plant)
        live, ready = await get(plant, "/livez"), await get(plant, "/readyz")
        unknown = await get(plant, "/v1/messages/" + "0" * 32)
        await start()
        await asyncio.wait_for(posting, 60)
        await until(lambda: len(erp.effects) == 60 and len(erp.hook_effects) == 60, plant)

        async def healthy() -> bool:
            return (await get(plant, "/readyz"))[0] == 200

        await until(healthy, plant)
    finally:
        posting.cancel()
        code = await plant.stop()
    assert live[0] == 200
    assert (ready[0], f"[-]{check}" in ready[1]) == (503, True)
    assert unknown[0] in (404, 503)
    assert code == 0
    return shop


def ended(shop: Shop, erp: Any, log: str) -> dict[str, Any]:
    """Return what became of the orders, and what the shop and the log said meanwhile."""
    return {
        "told": sorted(shop.told),
        "taken": shop.told[202],
        "waits": bool(shop.waits) and all(wait.isdigit() for wait in shop.waits),
        "slow": shop.slowest >= 30,
        "effects": set(erp.effects.values()) | set(erp.hook_effects.values()),
        "log": [text for text in ("Traceback", "never retrieved") if text in log],
    }


WELL = {"told": [202, 503], "taken": 60, "waits": True, "slow": False, "effects": {1}, "log": []}
"""Every order taken and applied once, and a 503 with its Retry-After in seconds meanwhile."""


class Line:
    """The cable to a server: it can be cut, and then nobody gets through until it is mended."""

    def __init__(self, port: int) -> None:
        self._there, self.port = port, free_port()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._there)
        self._open |= {writer, there_writer}
        await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.mark.postgresql
async def test_while_the_store_is_down_webhooks_are_told_to_come_again(
    site: Any, cluster: PostgresCluster, postgres_url: str
):
    plant = site.plant("store", store=postgres_url)

    async def stop() -> None:
        cluster.kill()

    async def start() -> None:
        cluster.restart()  # in this thread: the server ends with the thread that started it

    shop = await survive(plant, site.erp, stop, start, "store")

    assert ended(shop, site.erp, plant.log()) == WELL


@pytest.mark.rabbitmq
async def test_while_the_broker_is_out_of_reach_webhooks_are_told_to_come_again(site: Any, amqp_url: str):
    line = Line(urlsplit(amqp_url).port or 5672)
    await line.mend()
    plant = site.plant("broker", channel=amqp_url.replace(f":{urlsplit(amqp_url).port}/", f":{line.port}/"))
    shop = await survive(plant, site.erp, line.cut, line.mend, "channel")
    await line.cut()

    assert ended(shop, site.erp, plant.log()) == WELL
