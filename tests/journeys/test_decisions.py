"""What a person decides reaches the ERP exactly once, however often and from wherever it is decided."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from esb.management.trace import Trace, one
from esb.records import ParkedFilter
from esb.stores import open_store
from esb.testing.sandbox.documents import of_nobody, too_dear, webhook
from esb.testing.sandbox.erp import CUSTOMERS
from esb.testing.sandbox.plant import Plant


async def story(plant: Plant, name: str) -> Trace:
    store = open_store(f"sqlite:{plant.folder}/var/store.db")
    await store.open()
    try:
        return await one(store, name)
    finally:
        await store.close()


async def waiting(plant: Plant) -> dict[str, str]:
    """Return the ids of what waits for a person, by order number."""
    store = open_store(f"sqlite:{plant.folder}/var/store.db")
    await store.open()
    try:
        return {row.keys[0].value: row.id for row in await store.parked(ParkedFilter())}
    finally:
        await store.close()


async def until(condition: Callable[[], bool], plant: Plant, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, plant.log()[-4000:]
        await asyncio.sleep(0.02)


async def test_a_released_order_and_a_mended_one_reach_the_erp_once(site: Any, monkeypatch: pytest.MonkeyPatch):
    plant, erp = site.plant("desk"), site.erp
    await plant.start()
    try:
        async with aiohttp.ClientSession() as session:
            for order in (too_dear("S1", "C-SHOP"), of_nobody("S2")):
                assert await plant.post(session, webhook(order), order.number) == 202
        deadline = time.monotonic() + 30
        while set(found := await waiting(plant)) != {"S1", "S2"}:
            assert time.monotonic() < deadline, plant.log()
        before = dict(erp.effects)

        told = await story(plant, "S1")
        released = await asyncio.gather(*(plant.command("dead", "release", found["S1"]) for _ in range(2)))
        customer = {"code": "C-9999", "name": "New", "credit_limit": Decimal("99"), "terms": "NET30"}
        monkeypatch.setitem(CUSTOMERS, "C-9999", customer)
        retried = await asyncio.gather(*(plant.command("dead", "retry", found["S2"]) for _ in range(2)))
        await until(lambda: set(erp.effects) == {"S1", "S2"} == set(erp.hook_effects), plant)
        left = await waiting(plant)
        history = await story(plant, "S1")
    finally:
        ended = await plant.stop()

    kinds = [record.kind for record in history.records]
    assert before == {}
    assert f"esb dead release {found['S1'][:12]}" in told.sentence
    assert sorted(code for code, _ in released) == [0, 1]
    assert sorted(code for code, _ in retried) == [0, 1]
    assert (dict(erp.effects), erp.repeats, left, ended) == ({"S1": 1, "S2": 1}, 0, {}, 0)
    assert kinds.index("held") < kinds.index("released") < kinds.index("delivered")
    assert kinds.count("released") == 1
