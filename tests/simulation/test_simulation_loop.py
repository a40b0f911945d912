"""The seeded loop and its processes: virtual time, any order, and deaths between two awaits."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from esb.testing.simulation.loop import EndlessError, SeededLoop
from esb.testing.simulation.process import EPOCH, KilledError, Process, turn


def _process(loop: SeededLoop, random: Random, slow: float = 0.0) -> Process:
    return Process(loop, random, "worker-1", 1, slow)


def test_an_hour_passes_at_once_when_nothing_is_to_be_done():
    loop = SeededLoop(Random(1))

    loop.play(asyncio.sleep(3600.0))

    assert loop.time() == 3600.0
    assert loop.steps < 10


def test_the_seed_decides_who_runs_first():
    async def race(order: list[int], number: int) -> None:
        await turn()
        order.append(number)

    async def all_of(order: list[int]) -> None:
        await asyncio.gather(*(race(order, number) for number in range(5)))

    def run(seed: int) -> list[int]:
        order: list[int] = []
        SeededLoop(Random(seed)).play(all_of(order))
        return order

    assert run(1) == run(1)
    assert len({tuple(run(seed)) for seed in range(20)}) > 10


def test_waiting_for_what_never_comes_is_said_and_does_not_hang():
    loop = SeededLoop(Random(1))

    async def forever() -> None:
        await loop.create_future()

    with pytest.raises(EndlessError, match="nothing will come"):
        loop.run_until_complete(forever())


def test_running_for_ever_is_said():
    loop = SeededLoop(Random(1))
    loop.limit = 100

    async def spin() -> None:
        while True:
            await turn()

    with pytest.raises(EndlessError, match="still running after"):
        loop.run_until_complete(spin())


def test_threads_and_networks_are_refused():
    async def cheat() -> None:
        await asyncio.to_thread(print)

    async def call_home() -> None:
        await asyncio.open_connection("localhost", 1)

    with pytest.raises(RuntimeError, match="no threads"):
        SeededLoop(Random(1)).play(cheat())
    with pytest.raises(RuntimeError, match="no network"):
        SeededLoop(Random(1)).play(call_home())


def test_a_killed_process_does_nothing_more_not_even_in_finally():
    random = Random(1)
    loop = SeededLoop(random)
    process = _process(loop, random)
    done: list[str] = []

    async def work() -> None:
        try:
            await process.clock.sleep(1.0)
            done.append("slept")
        finally:
            await process.wire.call(lambda: done.append("cleaned up"))

    async def world() -> None:
        task = process.start(work())
        await asyncio.sleep(0.5)
        process.kill()
        await asyncio.wait((task,))
        assert isinstance(task.exception(), KilledError)

    loop.play(world())

    assert done == []
    assert process.faults() == []


def test_tasks_of_tasks_belong_to_their_process():
    random = Random(1)
    loop = SeededLoop(random)
    process = _process(loop, random)
    done: list[str] = []

    async def child() -> None:
        await asyncio.sleep(1.0)
        done.append("child")

    async def parent() -> None:
        process.clock.spawn(child(), "child")
        await asyncio.gather(child())

    async def world() -> None:
        process.start(parent())
        await asyncio.sleep(0.5)
        process.kill()
        await asyncio.sleep(5.0)

    loop.play(world())

    assert done == []


def test_what_a_process_sent_before_it_died_may_arrive_later_or_never():
    arrived = []
    for seed in range(40):
        random = Random(seed)
        loop = SeededLoop(random)
        process = _process(loop, random, slow=1.0)
        came: list[float] = []

        async def world(process: Process = process, came: list[float] = came, loop: SeededLoop = loop) -> None:
            process.start(process.wire.call(lambda: came.append(loop.time())))
            while not process.wire.under_way:
                await turn()
            process.kill()
            await asyncio.sleep(10.0)

        loop.play(world())
        arrived.append(bool(came))

    assert 3 < sum(arrived) < 30


def test_the_clock_of_a_process_runs_on_virtual_time():
    random = Random(1)
    loop = SeededLoop(random)
    clock = _process(loop, random).clock

    loop.play(clock.sleep(90.0))

    assert clock.now() == EPOCH + 90.0


def test_an_error_that_nobody_noticed_is_found_when_the_process_ends():
    random = Random(1)
    loop = SeededLoop(random)
    process = _process(loop, random)

    async def broken() -> None:
        raise ZeroDivisionError("oh")

    async def world() -> None:
        process.start(broken(), name="broken")
        await asyncio.sleep(1.0)
        process.kill()

    loop.play(world())

    assert process.faults() == ["worker-1: task broken ended with ZeroDivisionError: oh"]
