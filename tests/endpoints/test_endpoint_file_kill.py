import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from esb.testing.endpoint_kit import journal_rows

WORKER = Path(__file__).parent / "file_kill_worker.py"


@pytest.mark.parametrize("ready", ["unchanged", "marker"])
def test_a_kill_at_any_step_takes_each_file_once_and_leaves_it_where_it_belongs(tmp_path, ready):
    command = [sys.executable, str(WORKER), str(tmp_path), ready]
    done = subprocess.run(command, capture_output=True, timeout=100, check=False)

    assert done.returncode == 0, done.stderr.decode()[-3000:]
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(runs) > 15
    for run in runs:
        assert sorted(row["name"] for row in run["taken"]) == ["a.edi", "sub/b.edi"], run
        moved = [path for path in run["places"] if path != ".esb-claims/inbox/lock"]
        assert moved == ["done/a.edi", "done/sub/b.edi", "failed/bad.edi", "failed/bad.edi.error.txt"], run


LOOP = """
import asyncio, sys
from pathlib import Path
import esb.routes.parts
from esb.endpoints.file import FileEndpoint
from esb.testing.endpoint_kit import RecordingIntake, TestWorld

folder = Path(sys.argv[1])
spec = FileEndpoint.model_validate(
    {"type": "file", "directory": str(folder / "in"), "poll": "5ms", "ready": {"unchanged_for": "0s"}}
)
world = TestWorld(folder)
asyncio.run(spec.source("inbox", world).run(RecordingIntake(folder / "taken.jsonl"), once=False))
"""


async def test_random_kills_of_two_rivals_under_load_lose_and_double_nothing(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "loop.py").write_text(LOOP)
    chance = random.Random(7)
    names = [f"{number}.edi" for number in range(200)]
    rivals = [await start(tmp_path), await start(tmp_path)]
    try:
        for number, name in enumerate(names):
            aside = tmp_path / f"{name}.tmp"
            aside.write_text(f"content of {name}")
            aside.rename(tmp_path / "in" / name)
            if number % 40 == 39:
                await settled(tmp_path, number - 25)  # killed at work, and not while they start
                victim = chance.randrange(2)
                rivals[victim].kill()
                await rivals[victim].wait()
                rivals[victim] = await start(tmp_path)
        await settled(tmp_path, len(names))
    finally:
        for rival in rivals:
            os.kill(rival.pid, signal.SIGKILL)
            await rival.wait()

    assert sorted(row["name"] for row in journal_rows(tmp_path / "taken.jsonl")) == sorted(names)
    assert sorted(path.name for path in (tmp_path / "in" / "done").iterdir()) == sorted(names)


async def start(folder):
    return await asyncio.create_subprocess_exec(sys.executable, str(folder / "loop.py"), str(folder))


async def settled(folder, count):
    done = folder / "in" / "done"
    for _ in range(3000):
        if done.is_dir() and len(list(done.iterdir())) >= count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not all files were moved away")
