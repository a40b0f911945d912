"""Run by test_endpoint_file_kill: kills itself (SIGKILL) before and after every step of the file source, in turn.

Each step count gets a fresh folder with the same files; after the kill a clean run follows, as after a restart. Prints
one JSON line for each count: what was taken, and where the files stand.
"""

import asyncio
import json
import os
import signal
import sys
import traceback
from pathlib import Path

import esb.routes.parts  # noqa: F401
from esb.endpoints.file import FileEndpoint
from esb.endpoints.file.local_files import LocalFiles
from esb.errors import FormatError
from esb.testing.endpoint_kit import RecordingIntake, TestWorld, journal_rows

NAMES = ("a.edi", "sub/b.edi", "bad.edi")


class Killer:
    """Counts steps; at the chosen one there is no process any more."""

    def __init__(self, at):
        self.left = at

    def step(self):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class CutFiles(LocalFiles):
    """Local files whose every call may be the last, before or after it had its effect."""

    killer: Killer

    async def walk(self, root, recursive):
        self.killer.step()
        return await super().walk(root, recursive)

    async def read(self, spot):
        async for chunk in super().read(spot):
            self.killer.step()
            yield chunk

    async def move(self, *args):
        self.killer.step()
        moved = await super().move(*args)
        self.killer.step()
        return moved

    async def write(self, *args):
        self.killer.step()
        await super().write(*args)
        self.killer.step()

    async def remove(self, *args):
        self.killer.step()
        await super().remove(*args)


class CutIntake(RecordingIntake):
    killer: Killer

    async def take(self, receipt):
        self.killer.step()
        if receipt.name.startswith("bad"):
            raise FormatError("not a thing we read")
        accepted = await super().take(receipt)
        self.killer.step()
        return accepted


def run(folder, at, ready):
    import esb.endpoints.file as room

    killer = Killer(at)
    CutFiles.killer = CutIntake.killer = killer
    room.LocalFiles = CutFiles
    spec = FileEndpoint.model_validate(
        {"type": "file", "directory": str(folder / "in"), "poll": "10ms", "ready": ready, "recursive": True}
    )
    intake = CutIntake(folder / "taken.jsonl")
    asyncio.run(spec.source("inbox", TestWorld(folder)).run(intake, once=True))


def forked(folder, at, ready):
    """Run in a child; return whether it was killed."""
    child = os.fork()
    if not child:
        try:
            run(folder, at, ready)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or status == 0, "the worker failed; its traceback stands above"
    return os.WIFSIGNALED(status)


def prepare(folder, marked):
    for name in NAMES:
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
        os.utime(path, ns=(1_700_000_000_000_000_000, 1_700_000_000_000_000_000))
        if marked:
            (path.parent / f"{path.name}.done").touch()


def main(root, marked):
    ready = {"marker": "{name}.done"} if marked else {"unchanged_for": "0s"}
    at = 0
    killed = True
    while killed:
        at += 1
        folder = root / str(at)
        prepare(folder, marked)
        killed = forked(folder, at, ready)
        forked(folder, -1, ready)
        places = sorted(str(path.relative_to(folder / "in")) for path in (folder / "in").rglob("*") if path.is_file())
        print(json.dumps({"at": at, "killed": killed, "taken": journal_rows(folder / "taken.jsonl"), "places": places}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] == "marker")
