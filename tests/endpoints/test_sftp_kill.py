"""Pollers that are killed: each file is taken exactly once and ends where it belongs, whatever step the kill hits."""

import asyncio
import json
import os
import random
import sys

import pytest

import esb.endpoints.remote.spec as room
from esb.endpoints.remote.files import RemoteFiles
from esb.endpoints.sftp import SftpEndpoint
from esb.errors import FormatError
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, journal_rows
from esb.testing.openssh import OpenSsh

NAMES = ("sub/b.edi", "bad.edi")


@pytest.fixture(scope="module")
def server():
    with OpenSsh() as server:
        yield server


class Killed(BaseException):
    """There is no process any more: nobody catches this."""


class Killer:
    """Counts steps; from the chosen one on, nothing is done any more."""

    def __init__(self, at):
        self.left = at

    def step(self):
        self.left -= 1
        if self.left <= 0:
            raise Killed


class CutFiles(RemoteFiles):
    """Files at a server whose every call may be the last, before or after it had its effect."""

    killer: Killer

    async def _cut(self, work):
        self.killer.step()
        done = await work
        self.killer.step()
        return done

    async def hold(self):
        return await self._cut(super().hold())

    async def read(self, spot):
        async for chunk in super().read(spot):
            self.killer.step()
            yield chunk

    async def move(self, *args):
        return await self._cut(super().move(*args))

    async def write(self, *args):
        return await self._cut(super().write(*args))

    async def remove(self, *args):
        return await self._cut(super().remove(*args))

    async def close(self):
        """A process that was killed gives nothing back: its connection ends and its lease stays."""
        if self.killer.left <= 0:
            await self._lease._stop()
            (await self._place.link.session()).end("killed")
        else:
            await super().close()


class CutIntake(RecordingIntake):
    killer: Killer

    async def take(self, receipt):
        self.killer.step()
        if receipt.name.startswith("bad"):
            raise FormatError("not a thing we read")
        accepted = await super().take(receipt)
        self.killer.step()
        return accepted


async def run(server, folder, intake, at):
    CutFiles.killer = CutIntake.killer = Killer(at)
    ready = {"marker": "{name}.done"}
    spec = SftpEndpoint.model_validate(
        server.endpoint(str(folder), poll="10ms", ready=ready, recursive=True, concurrency=1)
    )
    try:
        await spec.source("inbox", TestWorld(folder, server.secrets)).run(intake, once=True)
    except (Killed, BaseExceptionGroup):
        return True
    return False


async def test_a_kill_at_any_step_takes_each_file_once_and_leaves_it_where_it_belongs(server, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "RemoteFiles", CutFiles)
    at, killed = 0, True
    while killed:
        at += 1
        folder = server.folder / tmp_path.name / str(at)
        prepare(folder)
        intake = CutIntake()

        killed = await run(server, folder, intake, at)
        for lease in folder.glob(".esb-claims/inbox/lease-*"):
            lease.unlink()  # else the next one would wait for as long as a lease is valid
        assert not await run(server, folder, intake, 10_000)

        assert sorted(taken.receipt.name for taken in intake.taken) == ["sub/b.edi"], at
        left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        assert [name for name in left if "lease-" not in name] == [
            "done/sub/b.edi", "failed/bad.edi", "failed/bad.edi.error.txt",
        ], at  # fmt: skip
    assert at > 15


def prepare(folder):
    for name in NAMES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
        os.utime(path, (1_700_000_000, 1_700_000_000))
        (path.parent / f"{path.name}.done").touch()


LOOP = """
import asyncio, json, sys
from pathlib import Path
import esb.routes.parts
from esb.endpoints.sftp import SftpEndpoint
from esb.runtime.clock import SystemClock
from esb.testing.endpoint_kit import RecordingIntake, TestWorld

folder, given = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
world = TestWorld(folder, given["secrets"], clock=SystemClock())
source = SftpEndpoint.model_validate(given["endpoint"]).source("inbox", world)
asyncio.run(source.run(RecordingIntake(folder / "taken.jsonl"), once=False))
"""


async def test_two_rivals_of_which_one_is_killed_again_and_again_take_each_file_once(server, tmp_path):
    inbox = server.folder / tmp_path.name / "in"
    inbox.mkdir(parents=True)
    endpoint = server.endpoint(
        f"{tmp_path.name}/in", poll="20ms", lease="400ms", timeout="5s", ready={"unchanged_for": "0s"}
    )
    (tmp_path / "given.json").write_text(json.dumps({"endpoint": endpoint, "secrets": server.secrets}))
    (tmp_path / "loop.py").write_text(LOOP)
    chance = random.Random(7)
    names = [f"{number}.edi" for number in range(300)]
    rivals = [await start(tmp_path), await start(tmp_path)]
    kills = 0
    try:
        for number, name in enumerate(names):
            aside = server.folder / f"{name}.tmp"
            aside.write_text(f"content of {name}")
            aside.rename(inbox / name)
            if number % 60 == 59:
                await taken(tmp_path, chance.randrange(number - 40, number))
                victim = kills % 2
                rivals[victim].kill()
                await rivals[victim].wait()
                rivals[victim] = await start(tmp_path)
                kills += 1
        await until_done(inbox / "done", len(names))
    finally:
        for rival in rivals:
            rival.kill()
            await rival.wait()

    assert kills == 5
    assert sorted(row["name"] for row in journal_rows(tmp_path / "taken.jsonl")) == sorted(names)
    assert sorted(path.name for path in (inbox / "done").iterdir()) == sorted(names)


async def start(folder):
    return await asyncio.create_subprocess_exec(
        sys.executable, str(folder / "loop.py"), str(folder), str(folder / "given.json")
    )


async def taken(folder, count):
    await waited(lambda: len(journal_rows(folder / "taken.jsonl")) >= count)


async def until_done(done, count):
    await waited(lambda: done.is_dir() and len(list(done.iterdir())) >= count)


async def waited(holds):
    for _ in range(3000):
        if holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come true in time")
