"""The plant: a copy of the project wired to sandbox systems on free ports, and the bus running on it as a process."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from esb.testing.private_server import free_port
from esb.testing.sandbox.erp import Erp
from esb.testing.sandbox.partners import Buyer, Warehouse, acme, hansa
from esb.testing.sandbox.sftp import PartnerSftp, rewired

SECRET = "a-shared-secret-of-the-shop"  # noqa: S105 - the sandbox's own
TOKEN = "a-token-of-the-erp"  # noqa: S105 - the sandbox's own
SANDBOX_ADDRESS = "http://127.0.0.1:7101"
_FOLDERS = ("acme/in", "acme/out", "crm/in", "erp/out", "hansa/in", "hansa/out", "north-3pl/in", "north-3pl/out")
_SOONER = ("every: 15m", "every: 1s")
"""A quarter of an hour is too long for a day of a minute."""
_PARTS = ("esb.yaml", "routes", "transforms", "endpoints", "schemas", "tests/flows")


def copy_project(source: Path, target: Path, erp: str) -> None:
    """Copy the definitions, with the sandbox's address in place of the one that is written."""
    for part in _PARTS:
        found = source / part
        if found.is_dir():
            shutil.copytree(found, target / part, dirs_exist_ok=True)
        elif found.is_file():
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, target / part)
    for endpoint in (target / "endpoints").glob("*.yaml"):
        endpoint.write_text(endpoint.read_text().replace(SANDBOX_ADDRESS, erp).replace(*_SOONER))


@contextlib.asynccontextmanager
async def serving(erp: Erp, port: int) -> AsyncIterator[None]:
    """Serve the sandbox's ERP on the loopback."""
    config = uvicorn.Config(erp.app(), host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task


class Plant:
    """A project in a folder of its own, and `esb run` on it; `channel` and `store` empty = embedded."""

    def __init__(self, folder: Path, erp_port: int, channel: str = "", store: str = "") -> None:
        self.folder = folder
        self.listen = free_port()
        self.url = f"http://127.0.0.1:{self.listen}"
        self._flags = [*(("--channel", channel) if channel else ()), *(("--store", store) if store else ())]
        self.environment = {
            **os.environ,
            "ERP_TOKEN": TOKEN,
            "SHOP_WEBHOOK_SECRET": SECRET,
            "ESB_LOG_FORMAT": "json",
        }
        self.erp = f"http://127.0.0.1:{erp_port}"
        self.process: asyncio.subprocess.Process | None = None
        self.acme: PartnerSftp | None = None
        """ACME's SFTP server, if it is ours and not somebody else's (`reach_acme`)."""
        exchange = folder / "var/exchange"
        self.buyers = {"acme": acme(exchange / "acme"), "hansa": hansa(exchange / "hansa")}
        self.warehouse = Warehouse(exchange / "north-3pl")
        self._people: list[asyncio.Task[None]] = []

    def lay_out(self, source: Path, reach_acme: Mapping[str, str] | None = None, key: str = "") -> None:
        """Copy the project and make the folders that partners drop into.

        `reach_acme`: what endpoints must say to reach an SFTP server that shows `var/exchange/acme`, and `key` lets in;
        without it the plant has one of its own.
        """
        copy_project(source, self.folder, self.erp)
        for name in _FOLDERS:
            (self.folder / "var/exchange" / name).mkdir(parents=True, exist_ok=True)
        if reach_acme is None:
            self.acme = PartnerSftp(self.folder / "var/exchange/acme")
            key = self.acme.key
        else:
            self._reach_acme(reach_acme)
        secret = self.folder / "secrets/acme-sftp-key"
        secret.parent.mkdir(exist_ok=True)
        secret.unlink(missing_ok=True)
        secret.touch(0o600)
        secret.write_text(key)

    def _reach_acme(self, lines: Mapping[str, str]) -> None:
        for endpoint in (self.folder / "endpoints").glob("*.yaml"):
            endpoint.write_text(rewired(endpoint.read_text(), lines))

    async def start(self, *more: str) -> None:
        """Start the bus (and ACME's server); returns when it is ready for traffic."""
        await self.open_partners()
        log = (self.folder / "esb.log").open("ab")
        line = ["run", "-C", str(self.folder), "--listen", f"127.0.0.1:{self.listen}", *self._flags, *more]
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "esb", *line, env=self.environment, stdout=log, stderr=log
        )
        log.close()
        await self._until_ready()

    async def open_partners(self) -> None:
        """Start the servers of partners, and tell the endpoints where they are."""
        if self.acme is not None:
            await self.acme.start()
            self._reach_acme(self.acme.lines())
        if not self._people:
            workers: tuple[Buyer | Warehouse, ...] = (*self.buyers.values(), self.warehouse)
            self._people = [asyncio.create_task(each.work()) for each in workers]

    async def _until_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + 60
        async with aiohttp.ClientSession() as session:
            while time.monotonic() < deadline:
                if self.process.returncode is not None:
                    raise RuntimeError(f"esb ended with {self.process.returncode}:\n{self.log()[-4000:]}")
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)
        raise RuntimeError(f"esb was not ready in a minute:\n{self.log()[-4000:]}")

    async def stop(self) -> int:
        """Ask it to drain and end; return its exit code."""
        try:
            if self.process is None or self.process.returncode is not None:
                return self.process.returncode or 0 if self.process else 0
            self.process.terminate()
            return await asyncio.wait_for(self.process.wait(), 60)
        finally:
            for person in self._people:
                person.cancel()
            self._people = []
            if self.acme is not None:
                await self.acme.stop()

    async def kill(self) -> None:
        """Kill it with -9, as a crash would."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    def log(self) -> str:
        """Return what the bus has logged."""
        path = self.folder / "esb.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def store_url(self) -> str:
        """Where the bus keeps what it must remember."""
        flags = dict(zip(self._flags[::2], self._flags[1::2], strict=True))
        return flags.get("--store") or f"sqlite:{self.folder / 'var/store.db'}"

    def drop(self, partner: str, name: str, content: bytes) -> None:
        """Drop a file as a partner does: under another name first, then renamed."""
        folder = self.folder / "var/exchange" / partner / "in"
        part = folder / f"{name}.part"
        part.write_bytes(content)
        part.rename(folder / name)

    def collected(self, partner: str) -> dict[str, bytes]:
        """Return the files that wait for a partner."""
        folder = self.folder / "var/exchange" / partner / "out"
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}

    async def post(self, session: aiohttp.ClientSession, body: bytes, key: str, secret: str = SECRET) -> int:
        """Post a webhook as the shop signs it, and once more whenever nobody answers; return the status."""
        while True:
            stamp = str(int(time.time()))
            signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, sha256).hexdigest()
            headers = {
                "Content-Type": "application/json",
                "X-Shop-Timestamp": stamp,
                "X-Shop-Signature": signature,
                "Idempotency-Key": key,
            }
            with contextlib.suppress(aiohttp.ClientError, OSError, asyncio.TimeoutError):
                async with session.post(f"{self.url}/in/shop", data=body, headers=headers) as answer:
                    if answer.status not in (429, 503):
                        return answer.status
            await asyncio.sleep(0.1)

    async def command(self, *words: str) -> tuple[int, str]:
        """Run another esb command on this project; return its exit code and what it printed."""
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "esb", *words, "-C", str(self.folder), *self._store_flags(words),
            env=self.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await child.communicate()
        return child.returncode or 0, out.decode()

    def _store_flags(self, words: tuple[str, ...]) -> list[str]:
        flags: list[Any] = self._flags
        pairs = dict(zip(flags[::2], flags[1::2], strict=True))
        wanted = {"queue": ("--channel",), "run": ("--channel", "--store"), "send": ("--channel", "--store")}
        names = wanted.get(words[0], ("--store",))
        return [word for name in names if name in pairs for word in (name, pairs[name])]
