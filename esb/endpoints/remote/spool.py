"""The spool: what was fetched of a file, so that it crosses the network once and a cut costs only what is missing.

A delivery is read at least twice (its digest, then its documents). Small files are kept in memory, larger ones in
nameless temporary files, which leave nothing behind however the process ends.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

from esb.endpoints.polling.files import OutOfReachError

CHUNK = 2 << 20
_MEMORY = 1 << 20
"""Bytes of one file that are kept in memory."""
_RESERVE = 64 << 20
"""Bytes that stay free on our disk: stores and channels need them more than a file that can wait at the server."""


class Copy:
    """The beginning of a file, as far as it was fetched. `state`: size and time of the file that it is a copy of."""

    def __init__(self, state: tuple[int, int], folder: Path) -> None:
        self.state = state
        self.have = 0
        self._folder = folder
        self._memory = b""
        self._file: IO[bytes] | None = None

    async def add(self, chunk: bytes) -> None:
        """Keep the next bytes. Raises OutOfReachError if our disk has no room for the file."""
        if self._file is None and self.have + len(chunk) <= _MEMORY:
            self._memory += chunk
        else:
            await asyncio.to_thread(self._write, chunk)
        self.have += len(chunk)

    async def read(self, offset: int) -> bytes:
        """Return some of what is there, from `offset`."""
        if self._file is None:
            return self._memory[offset : offset + CHUNK]
        return await asyncio.to_thread(os.pread, self._file.fileno(), min(CHUNK, self.have - offset), offset)

    def close(self) -> None:
        """Forget it."""
        self._memory = b""
        if self._file is not None:
            self._file.close()

    def _write(self, chunk: bytes) -> None:
        try:
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._check_room()
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
                chunk, self._memory = self._memory + chunk, b""
            at = self._file.seek(0, os.SEEK_END)
            view = memoryview(chunk)
            while view:
                written = os.pwrite(self._file.fileno(), view, at)
                at, view = at + written, view[written:]
        except OSError as error:
            raise OutOfReachError(f"cannot keep a fetched file in {self._folder}: {error.strerror or error}") from error

    def _check_room(self) -> None:
        free = shutil.disk_usage(self._folder).free
        if free - _RESERVE < self.state[0]:
            raise OutOfReachError(
                f"a file of {self.state[0]} bytes waits at the server: only {free} bytes are free in {self._folder}"
            )


class Spool:
    """The copies of one endpoint, by path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._copies: dict[str, Copy] = {}

    def copy(self, path: str, state: tuple[int, int]) -> Copy:
        """Return the copy of a file in this state; one of another state is forgotten."""
        found = self._copies.get(path)
        if found is None or found.state != state:
            self.drop(path)
            found = self._copies[path] = Copy(state, self._folder)
        return found

    def known(self, path: str) -> Copy | None:
        """Return the copy of a file in the state in which it was last looked at."""
        return self._copies.get(path)

    def drop(self, path: str) -> None:
        """Forget a file."""
        found = self._copies.pop(path, None)
        if found is not None:
            found.close()

    def close(self) -> None:
        """Forget all."""
        for path in list(self._copies):
            self.drop(path)
