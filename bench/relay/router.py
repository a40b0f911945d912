"""Contestant: our router, one process of `esb` with the router's role alone, until it has settled so many messages.

python -m bench.relay.router PROJECT CHANNEL COUNT PREFETCH SERVER_PID [profile]     prints one line of JSON
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from bench.machine import cpu_seconds
from bench.sampling import Sampling
from esb.app import Process
from esb.envelope import Ack, Settlement
from esb.settings import Settings


def own_cpu() -> float:
    """Return the processor time of this process in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Tally:
    """Counts what the channel was told to settle, and stops the process at the last one."""

    def __init__(self, process: Process, count: int) -> None:
        self._process, self._left = process, count
        self._settle = process.channel.settle
        self.unusual = 0
        self.ended = self.cpu = 0.0

    async def settle(self, done: Sequence[Settlement]) -> None:
        """Settle and count."""
        await self._settle(done)
        self.unusual += sum(type(one) is not Ack for one in done)
        self._left -= len(done)
        if self._left <= 0 and not self.ended:
            self.ended, self.cpu = time.perf_counter(), own_cpu()
            self._process.stop()


async def relay(settings: Settings, count: int, server: int, profile: bool) -> dict[str, Any]:
    """Route `count` messages and return what it took."""
    process = Process(settings)
    await process.open()
    tally = Tally(process, count)
    process.channel.settle = tally.settle  # type: ignore[method-assign]
    sampling = Sampling()
    started, cpu, broker = time.perf_counter(), own_cpu(), cpu_seconds(server) if server else 0.0
    with sampling if profile else contextlib.nullcontext():
        await process.run()
    broker = cpu_seconds(server) - broker if server else 0.0
    await process.close()
    return {
        "seconds": tally.ended - started,
        "cpu": tally.cpu - cpu,
        "broker_cpu": broker,
        "unusual": tally.unusual,
        "shares": sampling.shares(),
        "lines": dict(sampling.lines.most_common(40)),
    }


def main() -> None:
    """Run and print."""
    folder, channel, count, prefetch, server, *profile = sys.argv[1:]
    settings = Settings(
        project=Path(folder),
        channel=channel,
        prefetch=int(prefetch),
        roles=("router",),
        log_level="error",
        log_format="json",
    )
    found = uvloop.run(relay(settings, int(count), int(server), bool(profile)))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
