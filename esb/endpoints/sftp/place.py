"""Places: what can be done with the files of a server, whatever it offers. Paths are as the server takes them.

SFTP (version 3, which is what servers speak) says little about why it refuses, and servers differ in what a rename
does to a file that stands in its way. So nothing here relies on a refusal alone: what stands there is looked at.
"""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from hashlib import sha256

import asyncssh
from msgspec import Struct

from esb.endpoints.polling.files import Entry, Moved, OutOfReachError
from esb.endpoints.polling.names import name_fault, shown
from esb.endpoints.sftp.session import GONE, Link, MissingError
from esb.errors import EndpointError
from esb.message import derive

CHUNK = 2 << 20
"""Bytes read or written in one turn, by many requests side by side."""
_MOST_NAMES = 100_000
"""A listing is read no further: a folder of millions must not fill our memory. The rest is seen when these are gone."""
_BREATH = 500
"""Names after which a listing gets the whole time again: a long one is not a dead one."""
_OLD = (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists)


class Found(Struct, frozen=True):
    """What stands at a path. `fault` set: it is neither a regular file nor a folder."""

    size: int
    mtime: int
    folder: bool
    fault: str = ""

    def entry(self, path: str) -> Entry:
        """Return it as the polling engine sees it."""
        fault = "it is a folder" if self.folder else self.fault
        return Entry(path, self.size, self.mtime * 1_000_000_000, name_fault(path.rpartition("/")[2]) or fault)


class Place:
    """The files of a server."""

    def __init__(self, link: Link) -> None:
        self.link = link

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
            while more and len(found) < _MOST_NAMES:
                async with session.turn(doing):
                    more = await _some(names, found)
        finally:
            with suppress(EndpointError):
                async with session.turn(doing):
                    await names.aclose()  # type: ignore[attr-defined]
        return found

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

    async def forget(self, path: str) -> None:
        """Delete a file if that can be done; what stays is written over or deleted when its turn comes again."""
        with suppress(EndpointError):
            await self.remove(path)

    async def upload(self, path: str, data: bytes) -> str:
        """Write data to a temporary name beside `path` and return that name.

        The name derives from the content and nothing is cut off before it is written: twins that upload at once write
        the same bytes to the same places, so the file that one of them renames is whole whatever the other one does;
        and what a crash left is written over.
        """
        folder, slash, name = path.rpartition("/")
        aside = f"{folder}{slash}.{derive(name, sha256(data).hexdigest())[:20]}.tmp"
        session = await self.link.session()
        doing = f"write {shown(path)}"
        file = await session.open(aside, asyncssh.FXF_WRITE | asyncssh.FXF_CREAT, doing)
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
            await self.forget(aside)  # a full disk must not stay full of our halves
            raise
        finally:
            await session.close_file(file)
        if size != len(data):
            raise EndpointError(f"cannot {doing}: {len(data)} bytes were sent, but the server has {size}")
        return aside

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
