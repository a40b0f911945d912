"""Places: what can be done with the files of a server, whatever it offers. Paths are as the server takes them.

SFTP (version 3, which is what servers speak) says little about why it refuses, and servers differ in what a rename
does to a file that stands in its way. So nothing here relies on a refusal alone: what stands there is looked at.
"""

from __future__ import annotations

import stat
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from hashlib import sha256

import asyncssh

from esb.endpoints.polling.files import Moved, OutOfReachError
from esb.endpoints.polling.names import shown
from esb.endpoints.remote.place import CHUNK, MOST_NAMES, Found, MissingError, aside
from esb.endpoints.sftp.session import GONE, Link
from esb.errors import EndpointError

_BREATH = 500
"""Names after which a listing gets the whole time again: a long one is not a dead one."""
_OLD = (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists)


class Place:
    """The files of a server."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.notes = SftpNotes(link)

    async def server(self) -> str:
        """Connect if need be, and return what the server calls itself."""
        return (await self.link.session()).server

    async def close(self) -> None:
        """End the connection; a later call opens another one."""
        await self.link.close()

    async def stat(self, path: str) -> Found | None:
        """Return what stands at a path, links not followed, or None."""
        async with self.link.turn(f"look at {shown(path)}") as sftp:
            try:
                return _found(await sftp.lstat(path))
            except GONE:
                return None
        raise AssertionError("unreachable")

    async def is_folder(self, path: str) -> bool:
        """Return whether a folder stands there; here a link that its owner set up is followed."""
        async with self.link.turn(f"look at {shown(path)}") as sftp:
            try:
                return _found(await sftp.stat(path)).folder
            except GONE:
                return False
        raise AssertionError("unreachable")

    async def listing(self, path: str) -> list[tuple[str, Found]]:
        """Return what is in a folder, as name and what it is. Raises MissingError if there is none."""
        found: list[tuple[str, Found]] = []
        doing = f"list {shown(path)}"
        session = await self.link.session()
        names = session.sftp.scandir(path)
        try:
            more = True
            while more and len(found) < MOST_NAMES:
                async with session.turn(doing):
                    more = await _some(names, found)
        finally:
            with suppress(EndpointError):
                async with session.turn(doing):
                    await names.aclose()  # type: ignore[attr-defined]
        return found

    async def fetch(self, path: str, offset: int, size: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `offset` up to `size`, fewer if the file is shorter."""
        session = await self.link.session()
        doing, end = f"read {shown(path)}", offset + size
        file = await session.open(path, asyncssh.FXF_READ, doing)
        try:
            while offset < end:
                chunk = await session.read(file, min(CHUNK, end - offset), offset, doing)
                if not chunk:
                    return
                offset += len(chunk)
                yield chunk
        finally:
            await session.close_file(file)

    async def move(self, source: str, target: str, below: str) -> Moved:
        """Rename a file; it replaces nothing. Folders of the target that are missing are made, down from `below`.

        Some servers replace what stands at the target: look before you call, and let nobody else write there.
        """
        doing = f"move {shown(source)} to {shown(target)}"
        for attempt in range(2):
            async with self.link.turn(doing) as sftp:
                try:
                    await sftp.rename(source, target)
                    return "moved"
                except (*GONE, *_OLD) as error:
                    refusal = error
            if await self.stat(source) is None:
                return "gone"
            if await self.stat(target) is not None:
                return "exists"
            if not attempt:
                await self.make_folders(target.rpartition("/")[0], below)
        raise EndpointError(
            f"cannot {doing}: the server answers {shown(refusal.reason)}; both must be on one file system there"
        )

    async def make_folders(self, path: str, below: str) -> None:
        """Make a folder and those on the way to it, from `below` on, which is not made itself."""
        made, parts = below.rstrip("/"), path[len(below.rstrip("/")) :].strip("/").split("/")
        for number, part in enumerate(parts, 1):
            made = f"{made}/{part}" if made or path.startswith("/") else part
            # It exists, or what comes next says that it does not; above our own folders we need not be allowed to.
            fine = _OLD if number == len(parts) else (*_OLD, asyncssh.SFTPPermissionDenied)
            async with self.link.turn(f"make the folder {shown(made)}") as sftp:
                with suppress(*fine):
                    await sftp.mkdir(made)

    async def remove(self, path: str) -> None:
        """Delete a file; a missing one is fine."""
        async with self.link.turn(f"delete {shown(path)}") as sftp:
            with suppress(*GONE):
                await sftp.remove(path)

    async def upload(self, path: str, data: bytes) -> str:
        """Write data to a temporary name beside `path` and return that name.

        Nothing is cut off before it is written: a twin may be writing the same bytes to the same place.
        """
        beside = aside(path, sha256(data).hexdigest())
        session = await self.link.session()
        doing = f"write {shown(path)}"
        file = await session.open(beside, asyncssh.FXF_WRITE | asyncssh.FXF_CREAT, doing)
        try:
            for start in range(0, len(data), CHUNK):
                await session.write(file, data[start : start + CHUNK], start, doing)
            async with session.turn(doing):
                with suppress(asyncssh.SFTPOpUnsupported):
                    await file.fsync()
                size = (await file.stat()).size
        except OutOfReachError:
            raise
        except EndpointError:
            with suppress(EndpointError):
                await self.remove(beside)  # a full disk must not stay full of our halves
            raise
        finally:
            await session.close_file(file)
        if size != len(data):
            raise EndpointError(f"cannot {doing}: {len(data)} bytes were sent, but the server has {size}")
        return beside

    async def replace(self, source: str, target: str) -> None:
        """Rename a file over another: at once where the server offers it, else after deleting the other."""
        async with self.link.turn(f"rename to {shown(target)}") as sftp:
            try:
                await sftp.posix_rename(source, target)
            except asyncssh.SFTPOpUnsupported:
                with suppress(*GONE):
                    await sftp.remove(target)
                await sftp.rename(source, target)

    async def holds(self, path: str, data: bytes) -> bool:
        """Return whether a file with exactly these bytes stands at a path."""
        found = await self.stat(path)
        if found is None or found.size != len(data) or found.folder or found.fault:
            return False
        session = await self.link.session()
        doing = f"read {shown(path)}"
        try:
            file = await session.open(path, asyncssh.FXF_READ, doing)
        except MissingError:
            return False
        try:
            for start in range(0, len(data), CHUNK):
                wanted = data[start : start + CHUNK]
                if await session.read(file, len(wanted), start, doing) != wanted:
                    return False
        finally:
            await session.close_file(file)
        return True


class SftpNotes:
    """Notes as files; each is written whole in one request of one length, so that nobody ever reads a part of it."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def make(self, path: str, content: bytes) -> None:
        """Create it. Raises EndpointError if it is there: SFTP servers create exclusively when asked to."""
        await self._write(path, content, asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | asyncssh.FXF_EXCL)

    async def renew(self, path: str, content: bytes) -> None:
        """Write it again. Raises MissingError if it is gone."""
        await self._write(path, content, asyncssh.FXF_WRITE)

    async def read(self, path: str, length: int) -> bytes:
        """Return what is written there, or nothing."""
        session = await self._link.session()
        doing = "read the lease"
        try:
            file = await session.open(path, asyncssh.FXF_READ, doing)
        except MissingError:
            return b""
        try:
            return await session.read(file, length, 0, doing)
        finally:
            await session.close_file(file)

    async def remove(self, path: str) -> None:
        """Delete it; a missing one is fine."""
        async with self._link.turn("delete a lease") as sftp:
            with suppress(*GONE):
                await sftp.remove(path)

    async def _write(self, path: str, content: bytes, flags: int) -> None:
        session = await self._link.session()
        doing = "write the lease"
        file = await session.open(path, flags, doing)
        try:
            await session.write(file, content, 0, doing)
        finally:
            await session.close_file(file)


async def _some(names: AsyncIterator[asyncssh.SFTPName], found: list[tuple[str, Found]]) -> bool:
    """Read on for a while; return whether there may be more."""
    for _ in range(_BREATH):
        item = await anext(names, None)
        if item is None:
            return False
        name = str(item.filename)
        if name not in {".", ".."}:
            found.append((name, _found(item.attrs)))
    return True


def _found(attrs: asyncssh.SFTPAttrs) -> Found:
    """Return what attributes say; a server that does not tell the kind is believed to mean a regular file."""
    kind = stat.S_IFMT(attrs.permissions or 0)
    fault = ""
    if kind == stat.S_IFLNK:
        fault = "it is a symbolic link; links are not followed"
    elif kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        fault = "it is not a regular file"
    return Found(attrs.size or 0, int(attrs.mtime or 0), kind == stat.S_IFDIR, fault)
