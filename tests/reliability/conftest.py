"""A bus of real processes on a project of its own, each with files of its own, and servers that they share."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import aiohttp
import pytest

from esb.testing.openssh import OpenSsh
from esb.testing.private_server import free_port


class Worker:
    """One `esb run`: its own listener, its own files, a log of its own."""

    def __init__(self, folder: Path, name: str, flags: tuple[str, ...], state: Path) -> None:
        self.name, self.port, self._folder, self._log = name, free_port(), folder, folder / f"{name}.log"
        self._line = [sys.executable, "-m", "esb", "run", "-C", str(folder), "--listen", f"127.0.0.1:{self.port}"]
        self._line += [*flags, "--log-format", "json"]
        self._environment = {**os.environ, "ESB_STATE": str(state)}
        self._child: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """The address of its listener."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process."""
        assert self._child is not None
        return self._child.pid

    async def start(self) -> None:
        """Start it and return when it is ready."""
        with self._log.open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                *self._line, env=self._environment, stdout=log, stderr=log
            )
        async with aiohttp.ClientSession() as session:
            await self.until(lambda: self._answers(session), 60)

    async def _answers(self, session: aiohttp.ClientSession) -> bool:
        assert self._child is not None
        assert self._child.returncode is None, self.log()[-4000:]
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        return False

    async def kill(self) -> None:
        """Kill it with -9, as a crash would."""
        assert self._child is not None
        with contextlib.suppress(ProcessLookupError):
            self._child.send_signal(signal.SIGKILL)
        await self._child.wait()

    async def stop(self) -> int:
        """Ask it to drain and end; return its exit code."""
        if self._child is None:
            return 0
        if self._child.returncode is None:
            self._child.terminate()
        return await asyncio.wait_for(self._child.wait(), 60)

    def log(self) -> str:
        """Return what it has logged."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def peak(self) -> int:
        """Return the most memory that it has held, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    async def until(self, holds: Callable[[], object], seconds: float = 60) -> None:
        """Wait for a condition, which may be a coroutine."""
        end = time.monotonic() + seconds
        while True:
            found = holds()
            if await found if asyncio.iscoroutine(found) else found:
                return
            assert time.monotonic() < end, f"it did not come true in time; the log ends:\n{self.log()[-4000:]}"
            await asyncio.sleep(0.02)


class Bus:
    """A project in a folder and the workers on it. Without `channel` and `store` they are embedded, in one state."""

    def __init__(self, folder: Path, channel: str = "", store: str = "") -> None:
        self.folder, self._shared = folder, not channel
        self._flags = (*(("--channel", channel) if channel else ()), *(("--store", store) if store else ()))
        self._workers: list[Worker] = []

    def write(self, files: Mapping[str, str]) -> None:
        """Write files of the project; `secrets/NAME` is for us only."""
        for name, text in {"esb.yaml": "defaults: { owner: test }\n", **files}.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            if name.startswith("secrets/"):
                path.chmod(0o600)

    async def worker(self, name: str, *flags: str) -> Worker:
        """Start a worker; it is stopped at the end of the test."""
        state = self.folder / ("var" if self._shared else f"var-{name}")
        made = Worker(self.folder, name, (*self._flags, *flags), state)
        self._workers.append(made)
        await made.start()
        return made

    async def command(self, *words: str) -> tuple[int, str]:
        """Run another command of `esb` on the project's store; return its exit code and what it said."""
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "esb", *words, "-C", str(self.folder), *self._flags[-2:],
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await child.communicate()
        return child.returncode or 0, said.decode()

    async def stop(self) -> None:
        """Stop every worker that still runs."""
        await asyncio.gather(*(worker.stop() for worker in self._workers))


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Callable[..., Bus]]:
    """Make buses: `bus()` is embedded, `bus(channel, store)` is not."""
    made: list[Bus] = []

    def make(channel: str = "", store: str = "") -> Bus:
        made.append(Bus(tmp_path / f"bus-{len(made)}", channel, store))
        return made[-1]

    yield make
    for one in made:
        await one.stop()


@pytest.fixture(scope="module")
def sshd() -> Iterator[OpenSsh]:
    with OpenSsh() as server:
        yield server
