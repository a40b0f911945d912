"""Many processes: roles split over RabbitMQ and PostgreSQL, a worker that dies, a drain, a poison message."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.requests import Request
from starlette.responses import Response

from esb.management.trace import one
from esb.stores import open_store
from esb.testing.private_server import free_port
from esb.testing.sandbox.documents import Order, make, webhook, x12
from esb.testing.sandbox.erp import Erp
from esb.testing.sandbox.plant import TOKEN, Plant, serving

PROJECT = Path(__file__).parents[2]


async def until(condition: Callable[[], bool], plant: Plant, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, plant.log()[-4000:]
        await asyncio.sleep(0.02)


async def post_all(plant: Plant, orders: list[Order]) -> None:
    """Post orders, each again until it is taken."""
    limit = asyncio.Semaphore(8)
    async with aiohttp.ClientSession() as session:

        async def post(order: Order) -> None:
            async with limit:
                assert await plant.post(session, webhook(order), order.number) == 202

        await asyncio.gather(*(post(order) for order in orders))


async def story(plant: Plant, url: str, name: str) -> str:
    """Return what is told of a message once the recorder has caught up."""
    store = open_store(url)
    await store.open()
    try:
        deadline = time.monotonic() + 30
        while True:
            found = await one(store, name)
            if not found.waits_on or time.monotonic() > deadline:
                return found.sentence
            await asyncio.sleep(0.05)
    finally:
        await store.close()


class Worker:
    """One esb process with some roles on a plant's project, without the listener's port."""

    def __init__(self, plant: Plant, urls: tuple[str, str], role: str) -> None:
        self._plant = plant
        self._line = ["run", "-C", str(plant.folder), "--channel", urls[0], "--store", urls[1], "--role", role]
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with (self._plant.folder / "esb.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "esb", *self._line, env=self._plant.environment, stdout=log, stderr=log
            )

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), 30)


@pytest.mark.rabbitmq
@pytest.mark.postgresql
async def test_roles_in_processes_of_their_own_carry_a_day_and_survive_a_kill_each(
    site: Any, amqp_url: str, postgres_url: str
):
    plant, erp = site.plant("split", amqp_url, postgres_url), site.erp
    router, delivery = (Worker(plant, (amqp_url, postgres_url), role) for role in ("router", "delivery"))
    orders = make("S", 60, "C-SHOP", third_party_every=0)
    await plant.start("--role", "intake,recorder")
    try:
        await asyncio.gather(router.start(), delivery.start())
        await post_all(plant, orders[:20])
        await until(lambda: len(erp.effects) >= 5, plant)
        await asyncio.gather(router.kill(), delivery.kill())
        await asyncio.gather(router.start(), delivery.start(), post_all(plant, orders[20:]))
        await until(lambda: len(erp.effects) == len(erp.hook_effects) == 60, plant)
        sentence = await story(plant, postgres_url, "S00001")
    finally:
        ended = await asyncio.gather(plant.stop(), router.stop(), delivery.stop())

    assert ended == [0, 0, 0]
    assert set(erp.effects.values()) == set(erp.hook_effects.values()) == {1}
    assert sentence.startswith("It is done")


async def test_a_worker_that_is_killed_comes_back_and_nothing_is_lost(site: Any):
    plant, erp = site.plant("workers"), site.erp
    plant.environment["ESB_LISTEN"] = f"127.0.0.1:{plant.listen}"
    await plant.start("--workers", "2")

    def workers() -> list[int]:
        events = [json.loads(line) for line in plant.log().splitlines() if '"worker.started"' in line]
        return [event["pid"] for event in events]

    try:
        orders = make("S", 80, "C-SHOP", third_party_every=0)
        posting = asyncio.create_task(post_all(plant, orders))
        await until(lambda: len(erp.effects) >= 10, plant)
        for pid in workers():
            os.kill(pid, signal.SIGKILL)
        await until(lambda: len(workers()) == 4, plant)
        await posting
        await until(lambda: len(erp.effects) == len(erp.hook_effects) == 80, plant)
    finally:
        ended = await plant.stop()

    assert ended == 0
    assert set(erp.effects.values()) == set(erp.hook_effects.values()) == {1}
    assert plant.log().count('"worker.died"') == 2
    assert [pid for pid in workers() if Path(f"/proc/{pid}").exists()] == []


async def test_workers_that_can_never_start_end_the_supervisor_with_their_reason(site: Any):
    plant = site.plant("hopeless")
    await plant.start()  # takes the port that the workers will want
    try:
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "esb", "run", "-C", str(plant.folder), "--workers", "2",
            "--listen", f"127.0.0.1:{plant.listen}", env=plant.environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, said = await asyncio.wait_for(other.communicate(), 30)
    finally:
        await plant.stop()

    assert other.returncode == 64
    assert f"cannot listen on 127.0.0.1:{plant.listen}" in said.decode()
    assert "Traceback" not in said.decode()


class SlowErp(Erp):
    """Takes a while for each order."""

    async def _post(self, request: Request) -> Response:
        await asyncio.sleep(0.2)
        return await super()._post(request)


@contextlib.asynccontextmanager
async def slow_site(folder: Path) -> AsyncIterator[tuple[Plant, Erp]]:
    erp, port = SlowErp(TOKEN), free_port()
    async with serving(erp, port):
        plant = Plant(folder, port)
        plant.lay_out(PROJECT)
        yield plant, erp


async def test_a_stop_drains_in_time_and_the_next_start_goes_on(tmp_path: Path):
    async with slow_site(tmp_path / "drain") as (plant, erp):
        await plant.start()
        orders = make("S", 60, "C-SHOP", third_party_every=0)
        posting = asyncio.create_task(post_all(plant, orders))
        await until(lambda: len(erp.effects) >= 5, plant)
        began = time.monotonic()
        code = await plant.stop()
        seconds = time.monotonic() - began
        done = len(erp.effects)
        await plant.start()
        await posting
        await until(lambda: len(erp.effects) == len(erp.hook_effects) == 60, plant)
        ended = await plant.stop()

    assert (code, ended) == (0, 0)
    assert seconds < 20
    assert done < 60
    assert set(erp.effects.values()) == {1}
    assert erp.repeats == 0
    assert "Traceback" not in plant.log()


POISONED = """
import os, sys
import esb.runtime.router as router
run = router.run
def deadly(route, message, at):
    if "A66666" in repr(message.body):
        os._exit(9)
    return run(route, message, at)
router.run = deadly
from esb.cli import main
main(sys.argv[1:])
"""


async def test_a_message_that_kills_its_worker_ends_as_an_exception_and_the_others_go_on(site: Any):
    plant, erp = site.plant("poison"), site.erp
    await plant.open_partners()
    (first, last) = make("A", 2, "C-ACME", third_party_every=0)
    poison = Order("A66666", "C-ACME", first.lines)
    plant.drop("acme", "orders.edi", x12([first, poison, last], 1))
    codes = []
    while not codes or codes[-1]:
        assert len(codes) < 8, plant.log()
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", POISONED, "run", "--once", "-C", str(plant.folder), env=plant.environment,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        codes.append(await asyncio.wait_for(child.wait(), 30))
    _, listed = await plant.command("dead", "list", "--json")
    await plant.stop()

    (row,) = [json.loads(line) for line in listed.splitlines()]
    assert codes == [9, 9, 9, 9, 0]
    assert (row["keys"]["order"], row["reason"][:30]) == ("A66666", "invalid: it has stopped severa")
    assert dict(erp.effects) == {first.number: 1, last.number: 1}
