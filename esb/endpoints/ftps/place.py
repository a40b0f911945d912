"""Places: what can be done with the files of an FTPS server, whatever it offers (RFC 959, RFC 3659).

A refusal says little ("550"), so what stands there is looked at. Servers without MLST and MLSD are asked by SIZE, MDTM
and NLST, which takes a few calls a file.
"""

from __future__ import annotations

import ftplib
import os
import secrets
import socket
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256

from esb.endpoints.ftps.session import Call, Link, RefusedError
from esb.endpoints.ftps.wire import Wire, named, spelled
from esb.endpoints.polling.files import Moved
from esb.endpoints.polling.names import shown
from esb.endpoints.remote.place import CHUNK, MOST_NAMES, DeniedError, Found, MissingError, aside
from esb.errors import EndpointError

_UNKNOWN = frozenset({"500", "502", "504"})
"""Answers to a command that a server does not have."""
_NOTE = "note"
_LONGEST_LISTING = 64 << 20
"""Bytes of a listing that are read."""
_OURS = f"{os.getpid()}-{secrets.token_hex(4)}"
"""FTP cuts a file off before it is written again: workers that upload the same must not meet at one name."""


class FtpsPlace:
    """The files of a server, over one connection; the notes of the lease have one of their own."""

    def __init__(self, link: Link, for_notes: Link) -> None:
        self._link = link
        self.notes = FtpsNotes(for_notes)
        self._modern = True

    async def server(self) -> str:
        """Connect if need be, and return what the server calls itself."""
        async with self._link.turn("sign in"):
            return self._link.welcome

    async def close(self) -> None:
        """End the connections; a later call opens others."""
        await self._link.close()
        await self.notes.close()

    async def stat(self, path: str) -> Found | None:
        """Return what stands at a path, or None."""
        async with self._link.turn(f"look at {shown(path)}") as call:
            return await self._look(call, path)

    async def is_folder(self, path: str) -> bool:
        """Return whether a folder stands there."""
        found = await self.stat(path)
        return found is not None and found.folder

    async def listing(self, path: str) -> list[tuple[str, Found]]:
        """Return what is in a folder, as name and what it is. Raises MissingError if there is none."""
        async with self._link.turn(f"list {shown(path)}") as call:
            if self._modern:
                try:
                    return await call(partial(_list, path=self._at(path)))
                except RefusedError as error:
                    if error.code not in _UNKNOWN:
                        raise await self._judged(call, error, path) from error
                    self._modern = False
            return await self._plain_listing(call, path)

    async def fetch(self, path: str, offset: int, size: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `offset` up to `size`, fewer if the file is shorter."""
        async with self._link.turn(f"read {shown(path)}") as call:
            try:
                conn = await call(lambda wire: wire.begin(f"RETR {self._at(path)}", offset))
            except RefusedError as error:
                raise await self._judged(call, error, path) from error
            whole, left = False, size
            try:
                while left:
                    chunk = await call(partial(_some, conn=conn, size=min(CHUNK, left)))
                    left -= len(chunk)
                    whole = not chunk
                    if whole:
                        break
                    yield chunk
            finally:
                with suppress(EndpointError):
                    await call(lambda wire: wire.finish(conn, whole))

    async def move(self, source: str, target: str, below: str) -> Moved:
        """Rename a file; folders of the target that are missing are made, down from `below`. Look before you call."""
        doing = f"move {shown(source)} to {shown(target)}"
        for attempt in range(2):
            async with self._link.turn(doing) as call:
                try:
                    await call(lambda wire: wire.rename(self._at(source), self._at(target)))
                    return "moved"
                except RefusedError as error:
                    refusal = error
                if await self._look(call, source) is None:
                    return "gone"
                if await self._look(call, target) is not None:
                    return "exists"
            if not attempt:
                await self.make_folders(target.rpartition("/")[0], below)
        raise refusal

    async def make_folders(self, path: str, below: str) -> None:
        """Make a folder and those on the way to it, from `below` on, which is not made itself."""
        made = below.rstrip("/")
        for part in path[len(made) :].strip("/").split("/"):
            made = f"{made}/{part}" if made or path.startswith("/") else part
            async with self._link.turn(f"make the folder {shown(made)}") as call:
                with suppress(RefusedError):  # it exists, or what comes next says that it does not
                    await call(partial(_make, path=self._at(made)))

    async def remove(self, path: str) -> None:
        """Delete a file; a missing one is fine."""
        async with self._link.turn(f"delete {shown(path)}") as call:
            try:
                await call(lambda wire: wire.delete(self._at(path)))
            except RefusedError:
                if await self._look(call, path) is not None:
                    raise

    async def upload(self, path: str, data: bytes) -> str:
        """Write data to a temporary name beside `path` and return that name."""
        beside = aside(path, f"{sha256(data).hexdigest()}{_OURS}")
        async with self._link.turn(f"write {shown(path)}") as call:
            try:
                conn = await call(lambda wire: wire.begin(f"STOR {self._at(beside)}"))
                await self._send(call, conn, data)
                found = await self._look(call, beside)
            except RefusedError as error:
                with suppress(EndpointError):  # a full disk must not stay full of our halves
                    await call(lambda wire: wire.delete(self._at(beside)))
                folder = path.rpartition("/")[0]
                raise await self._judged(call, error, folder) from error
        if found is None or found.size != len(data):
            has = "none" if found is None else found.size
            raise EndpointError(f"cannot write {shown(path)}: {len(data)} bytes were sent, but the server has {has}")
        return beside

    async def replace(self, source: str, target: str) -> None:
        """Rename a file over another; where the server refuses that, the other is deleted first."""
        async with self._link.turn(f"rename to {shown(target)}") as call:
            try:
                await call(lambda wire: wire.rename(self._at(source), self._at(target)))
            except RefusedError:
                await call(lambda wire: wire.delete(self._at(target)))
                await call(lambda wire: wire.rename(self._at(source), self._at(target)))

    async def holds(self, path: str, data: bytes) -> bool:
        """Return whether a file with exactly these bytes stands at a path."""
        found = await self.stat(path)
        if found is None or found.size != len(data) or found.folder or found.fault:
            return False
        at, same = 0, True
        try:
            async for chunk in self.fetch(path, 0, len(data)):
                same = same and chunk == data[at : at + len(chunk)]
                at += len(chunk)
        except MissingError:
            return False
        return same and at == len(data)

    async def _send(self, call: Call, conn: socket.socket, data: bytes) -> None:
        sent = False
        try:
            for start in range(0, len(data), CHUNK):
                await call(partial(_push, conn=conn, data=data[start : start + CHUNK]))
            sent = True
        finally:
            if sent:
                await call(lambda wire: wire.finish(conn, True))

    async def _look(self, call: Call, path: str) -> Found | None:
        """Return what stands at a path, by MLST, or by SIZE and MDTM."""
        if self._modern:
            try:
                return await call(partial(_mlst, path=self._at(path)))
            except RefusedError as error:
                if error.code not in _UNKNOWN:
                    return None
                self._modern = False
        try:
            return await call(partial(_size, path=self._at(path)))
        except RefusedError:
            with suppress(RefusedError):
                await call(lambda wire: wire.cwd(self._at(path)))
                return Found(0, 0, folder=True)
        return None

    async def _plain_listing(self, call: Call, path: str) -> list[tuple[str, Found]]:
        if path and not ((found := await self._look(call, path)) and found.folder):
            raise MissingError(f"cannot list {shown(path)}: there is no such folder at the server")
        try:
            given = await call(partial(_lines, command=f"NLST {self._at(path)}"))
        except RefusedError as error:
            if error.code == "550":  # how some servers say that a folder is empty
                return []
            raise
        names = [named(name).rpartition("/")[2] for name in given[:MOST_NAMES]]
        found_there = [
            (name, await self._look(call, f"{path}/{name}")) for name in names if name not in ("", ".", "..")
        ]
        return [(name, found) for name, found in found_there if found is not None]

    async def _judged(self, call: Call, error: RefusedError, path: str) -> EndpointError:
        """Return what a refusal means, by what stands at the path."""
        if not error.code.startswith("5") or error.code in ("552", "553"):
            return error
        if path and await self._look(call, path) is None:
            return MissingError(f"{error}; there is no such file or folder at the server")
        return DeniedError(str(error))

    def _at(self, path: str) -> str:
        return _spelled(self._link, path)


class FtpsNotes:
    """Notes as folders with a file: making a folder is the one thing that only one of many can do by FTP."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def make(self, path: str, content: bytes) -> None:
        """Make it. Raises EndpointError if it is there."""
        async with self._link.turn("write the lease") as call:
            await call(partial(_make, path=_spelled(self._link, path)))
            await self._put(call, path, content)

    async def renew(self, path: str, content: bytes) -> None:
        """Write it again. Raises MissingError if it is gone."""
        async with self._link.turn("write the lease") as call:
            try:
                await self._put(call, path, content)
            except RefusedError as error:
                if error.code in ("550", "553"):
                    raise MissingError(str(error)) from error
                raise

    async def read(self, path: str, length: int) -> bytes:
        """Return what is written there, or nothing."""
        async with self._link.turn("read the lease") as call:
            try:
                return await call(partial(_whole, path=_spelled(self._link, f"{path}/{_NOTE}"), length=length))
            except RefusedError:
                return b""

    async def remove(self, path: str) -> None:
        """Delete it; a missing one is fine."""
        async with self._link.turn("delete a lease") as call:
            with suppress(RefusedError):
                await call(lambda wire: wire.delete(_spelled(self._link, f"{path}/{_NOTE}")))
            with suppress(RefusedError):
                await call(lambda wire: wire.rmd(_spelled(self._link, path)))

    async def close(self) -> None:
        """End the connection."""
        await self._link.close()

    async def _put(self, call: Call, path: str, content: bytes) -> None:
        at = _spelled(self._link, f"{path}/{_NOTE}")

        def put(wire: Wire) -> None:
            conn = wire.begin(f"STOR {at}")
            conn.sendall(content)
            wire.finish(conn, True)

        await call(put)


def _spelled(link: Link, path: str) -> str:
    try:
        return spelled(link.path(path))
    except ValueError as error:
        raise EndpointError(f"{shown(path)}: {error}") from error


def _make(wire: Wire, path: str) -> None:
    wire.voidcmd(f"MKD {path}")


def _some(wire: Wire, conn: socket.socket, size: int) -> bytes:
    """Return up to `size` bytes, as many as one turn takes; none at the end."""
    pieces, have = [], 0
    while have < size and (piece := conn.recv(min(size - have, 1 << 18))):
        pieces.append(piece)
        have += len(piece)
    return b"".join(pieces)


def _push(wire: Wire, conn: socket.socket, data: bytes) -> None:
    conn.sendall(data)


def _whole(wire: Wire, path: str, length: int) -> bytes:
    conn = wire.begin(f"RETR {path}")
    content = _some(wire, conn, length + 1)
    wire.finish(conn, len(content) <= length)
    return content[:length]


def _lines(wire: Wire, command: str) -> list[str]:
    """Return a listing, in binary: a change of type would make some servers refuse SIZE afterwards."""
    conn, pieces, have = wire.begin(command), [], 0
    while have < _LONGEST_LISTING and (piece := conn.recv(1 << 18)):
        pieces.append(piece)
        have += len(piece)
    wire.finish(conn, have < _LONGEST_LISTING)
    return b"".join(pieces).decode("latin-1").splitlines()


def _mlst(wire: Wire, path: str) -> Found:
    lines = wire.sendcmd(f"MLST {path}").splitlines()
    return _found(wire.facts(lines[1] if len(lines) > 1 else "")[1])


def _list(wire: Wire, path: str) -> list[tuple[str, Found]]:
    entries = (wire.facts(line) for line in _lines(wire, f"MLSD {path}")[:MOST_NAMES])
    return [
        (name, _found(facts))
        for name, facts in entries
        if name not in ("", ".", "..") and facts.get("type") not in ("cdir", "pdir")
    ]


def _size(wire: Wire, path: str) -> Found:
    size = wire.size(path)
    modified = ""
    with suppress(ftplib.error_perm):
        modified = wire.sendcmd(f"MDTM {path}")[4:].strip()
    return Found(size or 0, _seconds(modified), folder=False)


def _found(facts: dict[str, str]) -> Found:
    kind = facts.get("type", "")
    fault = "" if kind in ("file", "dir", "cdir", "pdir") else "it is not a regular file; links are not followed"
    size = facts.get("size", "0")
    return Found(
        size=int(size) if size.isdecimal() else 0,
        mtime=_seconds(facts.get("modify", "")),
        folder=kind in ("dir", "cdir", "pdir"),
        fault=fault,
    )


def _seconds(text: str) -> int:
    """Return a time of RFC 3659 (YYYYMMDDHHMMSS, UTC) in seconds; 0 if it is none."""
    try:
        return int(datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return 0
