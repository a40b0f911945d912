"""The simulated channel keeps the promises of every channel, on virtual time."""

from __future__ import annotations

from itertools import count
from random import Random
from types import SimpleNamespace

import pytest

from esb.testing import channel_suite
from esb.testing.channel_kit import Backend, Check, name_of
from esb.testing.channel_suite import CHECKS
from esb.testing.simulation.broker import Broker
from esb.testing.simulation.channel import SimulatedChannel
from esb.testing.simulation.faults import CALM, Faults
from esb.testing.simulation.loop import SeededLoop
from esb.testing.simulation.process import EPOCH, Process


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_the_simulated_channel_keeps_its_promise(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(7)
    loop = SeededLoop(random)
    broker = Broker(loop, Faults(random, CALM))
    lives = count(1)
    clock = SimpleNamespace(time=lambda: EPOCH + loop.time(), monotonic=loop.time)
    monkeypatch.setattr(channel_suite, "time", clock)

    loop.play(check(Backend(lambda: SimulatedChannel(broker, Process(loop, random, "test", next(lives), slow=0.0)))))
