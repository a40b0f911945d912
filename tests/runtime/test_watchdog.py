from __future__ import annotations

import subprocess
import sys

STUCK = """
import asyncio, sys, time
from esb.runtime.clock import SystemClock
from esb.runtime.watchdog import Watchdog

class Log:
    def error(self, event, **fields):
        print(event, fields["hint"], flush=True)

async def main(seconds):
    dog = Watchdog(SystemClock(), Log(), limit=0.3)
    dog.start()
    await asyncio.sleep(0.4)
    time.sleep(seconds)
    await asyncio.sleep(0.4)
    dog.stop()
    print("lived")

asyncio.run(main(float(sys.argv[1])))
"""


def watched(seconds: float) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", STUCK, str(seconds)]
    return subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)


def test_a_step_that_does_not_return_costs_its_worker():
    done = watched(20)

    assert done.returncode == 70
    assert done.stdout == "worker.stuck a step does not return; the worker ends\n"


def test_a_worker_that_turns_is_left_alone():
    done = watched(0.05)

    assert (done.returncode, done.stdout) == (0, "lived\n")
