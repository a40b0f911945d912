"""The polling engine's port for directories of this machine."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from esb.endpoints.file.trees import CHUNK, Tree, faults
from esb.endpoints.polling.files import Entry, Moved, Root, Spot
from esb.endpoints.polling.names import shown
from esb.errors import EndpointError

CLAIMS = ".esb-claims"

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Folders:
    """Where an endpoint's files stand. `create`: the inbox may be made when it is missing (not if it is a mount)."""

    inbox: Path
    ok: Path
    failed: Path
    create: bool = False


class LocalFiles:
    """Directories of this machine; blocking calls run in threads. One process polls: the others find the lock held."""

    def __init__(self, name: str, folders: Folders) -> None:
        claims = folders.inbox / CLAIMS / name
        self._folders = folders
        self._trees = {
            "inbox": Tree(folders.inbox),
            "claims": Tree(claims),
            "ok": Tree(folders.ok),
            "failed": Tree(folders.failed),
        }
        self._skip = frozenset({folders.ok, folders.failed, folders.inbox / CLAIMS})
        self._lock: int | None = None

    async def hold(self) -> bool:
        """Return whether we hold the lock; the kernel frees it when its holder dies, however it dies."""
        if self._lock is None:
            self._lock = await asyncio.to_thread(self._take_lock)
        return self._lock is not None

    async def walk(self, root: Root, recursive: bool) -> Sequence[Entry]:
        """Return the files under a root. Raises EndpointError if it cannot be listed."""
        tree = self._trees[root]
        found = await self._call(f"list {tree.root}", lambda: tree.walk(recursive, self._skip))
        return [entry for entry in found if entry.path != "lock"] if root == "claims" else found

    async def stat(self, spot: Spot) -> Entry | None:
        """Return what stands there, or None."""
        tree = self._trees[spot.root]
        return await self._call(f"look at {shown(spot.path)} in {tree.root}", lambda: tree.stat(spot.path))

    async def read(self, spot: Spot) -> AsyncGenerator[bytes, None]:
        """Yield the content of a regular file. Raises EndpointError if it cannot be read."""
        tree = self._trees[spot.root]
        opening = asyncio.ensure_future(self._call(f"open {shown(spot.path)}", lambda: tree.open(spot.path)))
        descriptor = await _finished(opening, os.close)
        reading: asyncio.Future[bytes] | None = None
        try:
            while True:
                reading = asyncio.ensure_future(
                    self._call(f"read {shown(spot.path)}", lambda: os.read(descriptor, CHUNK))
                )
                chunk = await asyncio.shield(reading)
                if not chunk:
                    return
                yield chunk
        finally:
            if reading is None or reading.done():
                os.close(descriptor)
            else:  # cancelled: a thread still reads from it, and its number must not be given to another file
                reading.add_done_callback(lambda _: os.close(descriptor))

    async def move(self, source: Spot, target: Spot) -> Moved:
        """Move a file. Raises EndpointError if a folder refuses."""
        tree, there = self._trees[source.root], self._trees[target.root]
        doing = f"move {shown(source.path)} to {there.root}"
        return await self._call(doing, lambda: tree.move(source.path, there, target.path, target.root == "claims"))

    async def write(self, spot: Spot, data: bytes) -> None:
        """Write a whole file, durable. Raises EndpointError if the folder refuses."""
        tree = self._trees[spot.root]
        await self._call(f"write {shown(spot.path)} to {tree.root}", lambda: tree.write(spot.path, data))

    async def remove(self, spot: Spot) -> None:
        """Delete a file. Raises EndpointError if the folder refuses."""
        tree = self._trees[spot.root]
        await self._call(f"delete {shown(spot.path)} in {tree.root}", lambda: tree.remove(spot.path))

    async def close(self) -> None:
        """Let another process poll."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _call(self, doing: str, work: Callable[[], _Result]) -> _Result:
        def guarded() -> _Result:
            with faults(doing):
                return work()

        return await asyncio.to_thread(guarded)

    def _take_lock(self) -> int | None:
        """Return the descriptor that holds the lock, or None if another process has it."""
        inbox = self._folders.inbox
        with faults(f"use {inbox} as an inbox"):
            if self._folders.create:
                inbox.mkdir(parents=True, exist_ok=True)
            elif not inbox.is_dir():
                raise EndpointError(f"{inbox} is not a directory; create it, or mount what should be there")
            with self._trees["claims"].folder("", create=True) as claims:
                descriptor = os.open(
                    "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=claims
                )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor


async def _finished(work: asyncio.Future[_Result], undo: Callable[[_Result], object]) -> _Result:
    """Return the result; if we are cancelled first, the result is undone as soon as it is there."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        work.add_done_callback(lambda done: None if done.cancelled() or done.exception() else undo(done.result()))
        raise
