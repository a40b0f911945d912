from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from esb.edge import Delivered
from esb.errors import EndpointError, RejectedError
from esb.management.exceptions import Decision, Desk

ORDERED = {
    "endpoints/erp.yaml": "type: http_out\nurl: http://127.0.0.1:1/x\nordered: true\neffect: { never_repeat: true }\n",
    "routes/orders.yaml": """
from: { endpoint: inbox, each: "$[*]" }
key: { order: $.n }
order_by: $.who
steps: [to: erp]
""",
}


def orders(*names: str) -> bytes:
    return json.dumps([{"n": name, "who": name[0]} for name in names]).encode()


class Judge:
    """A sink that refuses some orders, and lets others fail a few times first."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refused: set[str] = set()
        self.failing: dict[str, int] = {}

    async def deliver(self, message: Any, key: str) -> Any:
        name = json.loads(message.body)["n"]
        if name in self.refused:
            raise RejectedError("not that one")
        if self.failing.get(name, 0):
            self.failing[name] -= 1
            raise EndpointError("away", 0.05)
        self.taken.append(name)
        return Delivered()

    def of(self, key: str) -> list[str]:
        return [name for name in self.taken if name.startswith(key)]


@pytest.fixture
async def ordered(rigged: Any) -> Any:
    rig = await rigged(ORDERED)
    rig.sink = Judge()
    return rig


async def waiting(rig: Any) -> dict[str, Any]:
    return {row.keys[0].value: row for row in await rig.parked()}


async def test_what_may_heal_is_tried_again_in_its_place(ordered: Any):
    ordered.sink.failing = {"a2": 1}
    await ordered.take(orders("a1", "b1", "a2", "b2", "a3", "b3"))
    await ordered.work()

    assert ordered.sink.of("a") == ["a1", "a2", "a3"]
    assert ordered.sink.of("b") == ["b1", "b2", "b3"]
    assert ordered.sink.taken.index("b3") < ordered.sink.taken.index("a2")


async def test_what_is_refused_parks_its_followers_behind_it_and_no_other_key(ordered: Any):
    ordered.sink.refused = {"a1"}
    await ordered.take(orders("a1", "b1", "a2", "b2"))
    await ordered.work()
    await ordered.take(orders("a3", "b3"))
    await ordered.work()

    rows = await waiting(ordered)
    assert ordered.sink.taken == ["b1", "b2", "b3"]
    assert {name: row.failure_class for name, row in rows.items()} == {"a1": "rejected", "a2": "", "a3": ""}
    assert [rows[name].reason[:17] for name in ("a2", "a3")] == ["its order is kept"] * 2


async def test_a_new_process_knows_which_keys_are_blocked(ordered: Any):
    ordered.sink.refused = {"a1"}
    await ordered.take(orders("a1"))
    await ordered.work()
    ordered.sink.refused = set()
    await ordered.take(orders("a2", "b1"))
    await ordered.work(ordered.router(), ordered.deliverer(), ordered.recorder())

    assert ordered.sink.taken == ["b1"]
    assert set(await waiting(ordered)) == {"a1", "a2"}


async def test_a_person_lets_the_first_go_and_then_its_followers_in_their_order(ordered: Any):
    ordered.sink.refused = {"a1"}
    await ordered.take(orders("a1", "a2", "a3"))
    await ordered.work()
    desk, rows = Desk(ordered.bus.store, ordered.bus.clock, ordered.bus.plans.current.release), await waiting(ordered)
    ordered.sink.refused = set()

    assert await desk.retry(rows["a1"], Decision("me"))
    await ordered.work()
    after_the_first = list(ordered.sink.taken)
    await ordered.take(orders("a4"))
    await ordered.work()
    rows = await waiting(ordered)
    for row in sorted(rows.values(), key=lambda row: row.at):
        assert await desk.release(row, Decision("me"))
    await ordered.work()
    await ordered.take(orders("a5"))
    await ordered.work()

    assert after_the_first == ["a1"]
    assert sorted(rows) == ["a2", "a3", "a4"]
    assert ordered.sink.taken == ["a1", "a2", "a3", "a4", "a5"]
    assert await waiting(ordered) == {}


async def test_a_follower_that_fails_when_it_is_released_stops_those_released_with_it(ordered: Any):
    ordered.sink.refused = {"a1"}
    await ordered.take(orders("a1", "a2", "a3"))
    await ordered.work()
    desk, rows = Desk(ordered.bus.store, ordered.bus.clock, ordered.bus.plans.current.release), await waiting(ordered)
    ordered.sink.refused = {"a2"}

    await desk.discard(rows["a1"], Decision("me", "cancelled"))
    for name in ("a2", "a3"):
        await desk.release(rows[name], Decision("me"))
    await ordered.work()

    left = await waiting(ordered)
    assert ordered.sink.taken == []
    assert {name: row.failure_class for name, row in left.items()} == {"a2": "rejected", "a3": ""}


async def test_lanes_run_side_by_side(ordered: Any):
    ordered.sink.failing = {"a1": 1000}
    await ordered.take(orders("a1", *(f"b{n}" for n in range(1, 9))))
    await ordered.work(ordered.router())
    deliverer = ordered.deliverer()
    running = asyncio.create_task(deliverer.run())
    async with asyncio.timeout(10):
        while len(ordered.sink.taken) < 8:
            await asyncio.sleep(0.01)
    await asyncio.wait_for(deliverer.stop(), 10)
    await asyncio.wait_for(running, 10)

    assert ordered.sink.taken == [f"b{n}" for n in range(1, 9)]


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_who_stood_by_knows_what_was_blocked_meanwhile(ordered: Any):
    first, standing_by = ordered.deliverer(), ordered.deliverer()
    tasks = [asyncio.create_task(first.run())]
    await ordered.take(orders("b1"))
    await ordered.work(ordered.router(), ordered.recorder())
    await until(lambda: ordered.sink.taken == ["b1"])
    tasks.append(asyncio.create_task(standing_by.run()))
    await until(lambda: len(ordered.bus.channel._consumers) == 2)

    ordered.sink.refused = {"a1"}
    await ordered.take(orders("a1"))
    while not await ordered.parked():
        await ordered.work(ordered.router(), ordered.recorder())
    ordered.sink.refused = set()
    await first.stop()
    await ordered.take(orders("a2", "b2"))
    await ordered.work(ordered.router(), ordered.recorder())
    await until(lambda: "b2" in ordered.sink.taken)
    await standing_by.stop()
    await asyncio.wait(tasks, timeout=5)

    assert ordered.sink.taken == ["b1", "b2"]


async def test_who_decides_about_a_follower_that_was_lent_before_is_told_that_some_of_it_may_have_left(ordered: Any):
    ordered.sink.refused = {"a1"}
    await ordered.take(orders("a1"))
    await ordered.work()
    await ordered.take(orders("a2"))
    await ordered.work(ordered.router(), ordered.recorder())
    killed = ordered.bus.channel.consume("delivery/erp", 10)
    await anext(killed)
    await killed.aclose()
    await ordered.take(orders("a3"))
    await ordered.work()

    rows = await waiting(ordered)
    assert "some of it may have left already" in rows["a2"].reason
    assert "may have left" not in rows["a3"].reason
