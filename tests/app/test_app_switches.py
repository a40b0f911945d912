from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from esb.app.standing import enable
from esb.app.switches import Stop, Switches
from esb.management.pauses import pause, resume
from esb.ports import Store
from esb.runtime.clock import SystemClock
from esb.stores import open_store


class Lines:
    """Keeps what was logged."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def info(self, event: str, **fields: Any) -> None:
        self.events.append((event, fields["endpoint"]))

    warning = error = info


class Worker:
    """Something that runs for an endpoint."""

    def __init__(self) -> None:
        self.running = False

    def start(self) -> Stop:
        self.running = True
        return self._stop

    async def _stop(self) -> None:
        self.running = False


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(f"sqlite:{tmp_path}/store.db")
    await opened.open()
    yield opened
    await opened.close()


def disable(state: Path, name: str) -> None:
    (state / "disabled").mkdir(exist_ok=True)
    (state / "disabled" / name).write_text("the receiver answered 410 Gone\n")


async def test_what_its_receiver_disabled_stands_still_until_it_is_enabled(store: Store, tmp_path: Path):
    log, hook, erp = Lines(), Worker(), Worker()
    switches = Switches(store, SystemClock(), log, tmp_path)
    switches.add("hook", hook.start)
    switches.add("erp", erp.start)

    disable(tmp_path, "hook")
    await switches.look()
    await switches.look()
    stood = (hook.running, erp.running, switches.paused["hook"].text)
    enable(tmp_path, "hook")
    await switches.look()

    assert stood == (False, True, "disabled: the receiver answered 410 Gone")
    assert (hook.running, dict(switches.paused)) == (True, {})
    assert log.events == [("endpoint.paused", "hook"), ("endpoint.resumed", "hook")]


async def test_what_is_paused_and_disabled_goes_on_when_both_have_ended(store: Store, tmp_path: Path):
    clock, hook = SystemClock(), Worker()
    switches = Switches(store, clock, Lines(), tmp_path)
    switches.add("hook", hook.start)
    disable(tmp_path, "hook")
    await pause(store, clock, "hook", "ann", "month end")
    await switches.look()

    enable(tmp_path, "hook")
    await switches.look()
    still = (hook.running, switches.paused["hook"].text)
    await resume(store, clock, "hook", "ann", "")
    await switches.look()

    assert still == (False, "by ann: month end")
    assert hook.running


async def test_what_is_disabled_at_the_start_is_not_started(store: Store, tmp_path: Path):
    hook, switches = Worker(), Switches(store, SystemClock(), Lines(), tmp_path)
    disable(tmp_path, "hook")
    await switches.look()

    switches.add("hook", hook.start)

    assert not hook.running
