"""A working day from partner to partner, on both channels, undisturbed and under kill -9."""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from esb.testing.openssh import OpenSsh
from esb.testing.rabbitmq_node import RabbitNode
from esb.testing.sandbox.erp import Erp
from esb.testing.sandbox.plant import Plant
from esb.testing.sandbox.scenario import Day, Outcome, faults, feed, settle, working_day

pytestmark = pytest.mark.timeout(400)

SEED = int(os.environ.get("ESB_KILLS_SEED", "3"))
"""Of the moments of the fifty kills."""


def silent(text: str) -> None:
    pass


async def play(
    plant: Plant, erp: Erp, day: Day, disturb: Callable[[], Awaitable[None]] | None = None, patience: float = 120.0
) -> Outcome:
    """Feed a day into a plant, perhaps disturbed, and return how it ended."""
    await plant.start()
    trouble = asyncio.create_task(disturb()) if disturb else None
    try:
        refused = await feed(plant, erp, day, silent, outage=2.0, patience=patience)
        if trouble is not None:
            await trouble
        seen = await settle(plant, erp, day, patience=120)
    finally:
        if trouble is not None:
            trouble.cancel()
        await plant.stop()
    assert refused == day.forged
    return seen


def told(row: dict[str, Any]) -> tuple[str, str, str]:
    """Return what an exception says, whatever was tried before (that depends on the moment)."""
    return row["class"], row["place"], row["reason"].rpartition("GET ")[2]


def unnumbered(raw: bytes) -> bytes:
    """Return an acknowledgment without its own control numbers: which comes first depends on the moment."""
    return re.sub(rb"(?<=\*)\d{9}(?=\*0\*P|~)|(?<=\*)\d+(?=\*X\*004010)|(?<=GE\*1\*)\d+", b"#", raw)


def summary(seen: Outcome) -> dict[str, Any]:
    return {
        "erp": dict(seen.erp),
        "3pl": dict(seen.third_party),
        "news": dict(seen.news),
        "held": sorted(seen.held),
        "exceptions": sorted(told(row) for row in seen.exceptions),
        "acknowledgments": sorted(map(unnumbered, seen.acknowledgments.values())),
        "buyers": {name: sorted((one.set, one.about) for one in buyer.got) for name, buyer in seen.buyers.items()},
    }


@pytest.mark.rabbitmq
@pytest.mark.postgresql
async def test_a_day_ends_alike_on_the_embedded_bus_and_on_rabbitmq_with_postgresql(
    site: Any, amqp_url: str, postgres_url: str
):
    embedded = await play(site.plant("embedded"), site.erp, working_day())
    orders = dict(site.erp.orders)
    site.erp.__init__(site.erp.token)
    real = await play(site.plant("real", amqp_url, postgres_url), site.erp, working_day())

    assert faults(working_day(), embedded) == []
    assert summary(real) == summary(embedded)
    assert site.erp.orders == orders


async def test_a_day_ends_well_with_a_partner_whose_sftp_server_is_openssh_and_is_killed_meanwhile(site: Any):
    with OpenSsh() as server:
        plant, day = site.plant_beside(server, "openssh"), working_day()

        async def disturb() -> None:
            for _ in range(3):
                await asyncio.to_thread(server.restart)
                await asyncio.sleep(0.5)

        seen = await play(plant, site.erp, day, disturb)

    assert faults(day, seen) == []
    assert "sftp.acme.example" not in (plant.folder / "endpoints/acme-inbox.yaml").read_text()


def killing(plant: Plant, erp: Erp, times: int, seed: int) -> Callable[[], Awaitable[None]]:
    """Return what kills the bus with -9 at moments spread over the day's work, and starts it again."""
    chance = random.Random(seed)

    async def disturb() -> None:
        done = 0
        for _ in range(times):
            target = done + chance.randint(5, 30)
            for _ in range(chance.randint(20, 400)):
                if len(erp.effects) >= target:
                    break
                await asyncio.sleep(0.01)
            done = len(erp.effects)
            await plant.kill()
            await plant.start()

    return disturb


async def test_five_kills_on_the_embedded_channel_lose_nothing_and_repeat_nothing(site: Any):
    plant, day = site.plant("embedded"), working_day()
    seen = await play(plant, site.erp, day, killing(plant, site.erp, 5, seed=1))

    assert faults(day, seen) == []


@pytest.mark.rabbitmq
@pytest.mark.postgresql
async def test_five_kills_on_rabbitmq_lose_nothing_and_repeat_nothing(site: Any, amqp_url: str, postgres_url: str):
    plant, day = site.plant("real", amqp_url, postgres_url), working_day()
    seen = await play(plant, site.erp, day, killing(plant, site.erp, 5, seed=2))

    assert faults(day, seen) == []


@pytest.mark.rabbitmq
@pytest.mark.postgresql
async def test_a_broker_that_is_killed_and_restarted_under_load_loses_nothing(
    site: Any, node: RabbitNode, amqp_url: str, postgres_url: str
):
    plant, day = site.plant("real", amqp_url, postgres_url), working_day()
    await plant.start()
    await plant.stop()
    # A 3.10 node that is killed within moments of declaring a queue may forget it (its directory is not on
    # disk yet), and the queue comes back without a leader. A day begins on queues that were there yesterday.
    node.ctl("stop_app")
    node.ctl("start_app")

    async def disturb() -> None:
        while len(site.erp.effects) < 10:
            await asyncio.sleep(0.02)
        await asyncio.to_thread(node.restart)

    seen = await play(plant, site.erp, day, disturb)

    assert faults(day, seen) == []


async def test_two_worker_processes_share_one_embedded_file(site: Any):
    plant, day = site.plant("embedded"), working_day()
    start = plant.start

    async def start_two(*more: str) -> None:
        await start("--workers", "2", *more)

    plant.start = start_two
    seen = await play(plant, site.erp, day)

    assert faults(day, seen) == []


@pytest.mark.soak
@pytest.mark.timeout(1700)
@pytest.mark.parametrize("channel", ["embedded", "rabbitmq"])
async def test_fifty_kills_lose_nothing_and_repeat_nothing(
    site: Any, channel: str, request: pytest.FixtureRequest, tmp_path: Path
):
    urls = (
        () if channel == "embedded" else (request.getfixturevalue("amqp_url"), request.getfixturevalue("postgres_url"))
    )
    plant, day = site.plant("soak", *urls), working_day(scale=5)
    # A place at a server is polled by whoever has watched its lease for the whole time of one. While every process is
    # killed sooner than that, nobody polls: what waits there is taken when the killing is over.
    seen = await play(plant, site.erp, day, killing(plant, site.erp, 50, seed=SEED), patience=1200)

    assert faults(day, seen) == []
