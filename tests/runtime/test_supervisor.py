from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from esb.runtime import supervisor
from esb.runtime.clock import SystemClock
from esb.runtime.supervisor import Supervisor


class Lines:
    """Keeps what the supervisor logged."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **fields: Any) -> None:
        self.events.append((event, fields))

    warning = error = info

    def of(self, event: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.events if name == event]


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for `python -m esb`: runs the words it is given as Python."""
    program = tmp_path / "child"
    program.write_text('#!/bin/sh\nshift 2\nexec python3 -c "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(supervisor.sys, "executable", str(program))
    monkeypatch.setattr(supervisor, "_FIRST", 0.01)
    return program


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


SLEEP = "import time; time.sleep(60)"


async def test_a_child_that_dies_comes_back_and_a_stop_ends_all(child: Path):
    log = Lines()
    watch = Supervisor([[SLEEP], [SLEEP]], {"COLOUR": "blue"}, SystemClock(), log, drain=5)
    running = asyncio.create_task(watch.run())
    await until(lambda: len(log.of("worker.started")) == 2)
    os.kill(log.of("worker.started")[0]["pid"], signal.SIGKILL)
    await until(lambda: len(log.of("worker.started")) == 3)
    watch.stop()

    assert await running == 0
    assert [(one["slot"], one["code"]) for one in log.of("worker.died")] == [(0, -9)]
    assert [pid for pid in (one["pid"] for one in log.of("worker.started")) if Path(f"/proc/{pid}").exists()] == []


@pytest.mark.parametrize("code", [64, 78])
async def test_a_child_that_can_never_start_ends_the_others_and_gives_its_code(child: Path, code: int):
    log = Lines()

    assert (
        await Supervisor(
            [[f"raise SystemExit({code})"], [SLEEP]], {"COLOUR": "blue"}, SystemClock(), log, drain=5
        ).run()
        == code
    )
    assert len(log.of("worker.started")) <= 3


async def test_a_child_gets_the_environment_that_it_was_given(child: Path, tmp_path: Path):
    told = tmp_path / "told"
    words = f"import os; open('{told}', 'w').write(os.environ['COLOUR'] + os.environ['PATH'][:1]); raise SystemExit(64)"
    await Supervisor([[words]], {"COLOUR": "blue"}, SystemClock(), Lines(), drain=5).run()

    assert told.read_text() == f"blue{os.environ['PATH'][:1]}"


async def test_a_child_that_does_not_stop_in_time_is_killed(child: Path, tmp_path: Path):
    deaf = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('{tmp_path}/up', 'w'); {SLEEP}"
    log = Lines()
    watch = Supervisor([[deaf]], {"COLOUR": "blue"}, SystemClock(), log, drain=-4.9)
    running = asyncio.create_task(watch.run())
    await until((tmp_path / "up").exists)
    watch.stop()

    assert await running == 0
    assert len(log.of("worker.killed")) == 1
