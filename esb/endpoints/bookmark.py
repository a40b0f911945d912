"""Bookmark: how far a poller came, durable, and the right to poll: one process of a machine at a time."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from esb.errors import EndpointError

T = TypeVar("T")


class Bookmark:
    """A small document in the state folder: `polls/NAME.json`. Beside it stands the lock of whoever polls."""

    def __init__(self, state: Path, name: str) -> None:
        self._folder = state / "polls"
        self._file = self._folder / f"{name}.json"
        self._lock: int | None = None

    async def hold(self) -> bool:
        """Return whether this process polls; the kernel frees the right when its holder dies, however it dies.

        Raises:
            EndpointError: The state folder cannot be written to.
        """
        if self._lock is None:
            self._lock = await self._try(self._take_lock, "lock")
        return self._lock is not None

    def release(self) -> None:
        """Let others poll."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def read(self) -> dict[str, Any]:
        """Return what was written last, or nothing.

        Raises:
            EndpointError: It cannot be read: going on without it would take everything again.
        """
        return await self._try(self._read, "read")

    async def write(self, document: Mapping[str, Any]) -> None:
        """Replace it; durable when this returns. Raises EndpointError if it cannot be."""
        await self._try(lambda: self._write(dict(document)), "write")

    async def _try(self, work: Callable[[], T], doing: str) -> T:
        try:
            return await asyncio.to_thread(work)
        except (OSError, ValueError) as error:
            hint = "make the state folder usable; after a restore, put back or remove this file"
            raise EndpointError(f"cannot {doing} the bookmark {self._file}: {error}; {hint}") from error

    def _take_lock(self) -> int | None:
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._file.read_bytes())
        except FileNotFoundError:
            return {}
        if not isinstance(found, dict):
            raise ValueError("it holds something else")
        return found

    def _write(self, document: dict[str, Any]) -> None:
        aside = self._file.with_suffix(".tmp")
        with aside.open("wb") as file:
            file.write(json.dumps(document).encode())
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._file)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
