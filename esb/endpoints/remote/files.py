"""The polling engine's port for folders of a file server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from esb.endpoints.polling.files import Entry, Moved, OutOfReachError, Root, Spot
from esb.endpoints.polling.names import name_fault, shown
from esb.endpoints.remote.lease import Lease
from esb.endpoints.remote.place import Found, MissingError, RemotePlace
from esb.endpoints.remote.spool import Copy, Spool
from esb.errors import EndpointError

CLAIMS = ".esb-claims"
_DEEPEST = 32
"""Folders below folders that are followed: a server could make them up without end."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where an endpoint's files stand at the server. `lease` seconds: see Lease. `spool`: our folder for copies."""

    inbox: str
    ok: str
    failed: str
    lease: float
    spool: Path


class RemoteFiles:
    """Folders of a server. One worker polls: it holds the lease, which is kept beside the claims."""

    def __init__(self, name: str, place: RemotePlace, folders: Folders) -> None:
        claims = f"{folders.inbox.rstrip('/')}/{CLAIMS}/{name}"
        self._place = place
        self._folders = folders
        self._roots: dict[Root, str] = {
            "inbox": folders.inbox,
            "claims": claims,
            "ok": folders.ok,
            "failed": folders.failed,
        }
        self._skip = frozenset({folders.ok, folders.failed, claims.rpartition("/")[0]})
        self._lease = Lease(place, claims, folders.lease)
        self._spool = Spool(folders.spool)
        self._prepared = False

    async def hold(self) -> bool:
        """Return whether we hold the lease. Raises EndpointError if the server is out of reach or not writable."""
        if not self._prepared:
            await self._prepare()
        held = await self._lease.hold()
        if not held:
            self._spool.close()
        return held

    async def walk(self, root: Root, recursive: bool) -> Sequence[Entry]:
        """Return the files under a root. Raises EndpointError if it cannot be listed."""
        if root != "claims":
            return await self._below(self._roots[root], "", recursive)
        found: list[Entry] = []
        for kind in ("files", "markers"):  # the lease stands there, too
            found.extend(await self._below(self._roots[root], kind, recursive))
        return found

    async def stat(self, spot: Spot) -> Entry | None:
        """Return what stands there, or None."""
        found = await self._place.stat(self._at(spot))
        if found is None:
            return None
        entry = found.entry(spot.path)
        if spot.root == "claims" and not entry.fault:
            self._spool.copy(spot.path, entry.state)
        return entry

    async def read(self, spot: Spot) -> AsyncGenerator[bytes, None]:
        """Yield the content of a regular file, from our copy as far as it goes, and the rest from the server."""
        copy = self._spool.known(spot.path)
        if copy is None:
            entry = await self.stat(spot)
            if entry is None or entry.fault:
                raise EndpointError(f"cannot read {shown(spot.path)}: {entry.fault if entry else 'it is gone'}")
            copy = self._spool.copy(spot.path, entry.state)
        offset = 0
        while offset < copy.have:
            chunk = await copy.read(offset)
            offset += len(chunk)
            yield chunk
        async for chunk in self._fetch(spot, copy):
            yield chunk

    async def move(self, source: Spot, target: Spot) -> Moved:
        """Move a file. Raises EndpointError if the server refuses, OutOfReachError if another worker polls by now."""
        self._check_lease()
        # Claims were looked at by who calls; elsewhere some servers would replace what stands there.
        if target.root != "claims" and await self._place.stat(self._at(target)) is not None:
            return "exists"
        moved = await self._place.move(self._at(source), self._at(target), self._made(target.root))
        if source.root == "claims" and moved != "exists":
            self._spool.drop(source.path)
        return moved

    async def write(self, spot: Spot, data: bytes) -> None:
        """Write a whole file. Raises EndpointError if the server refuses."""
        self._check_lease()
        at = self._at(spot)
        try:
            aside = await self._place.upload(at, data)
        except MissingError:
            await self._place.make_folders(at.rpartition("/")[0], self._made(spot.root))
            aside = await self._place.upload(at, data)
        await self._place.replace(aside, at)

    async def remove(self, spot: Spot) -> None:
        """Delete a file. Raises EndpointError if the server refuses."""
        self._check_lease()
        await self._place.remove(self._at(spot))

    async def close(self) -> None:
        """Let another worker poll, and end the connection."""
        self._spool.close()
        await self._lease.close()
        await self._place.close()

    def _at(self, spot: Spot) -> str:
        return f"{self._roots[spot.root].rstrip('/')}/{spot.path}"

    def _made(self, root: Root) -> str:
        """Return the folder below which the folders of a root may be made: never the inbox itself."""
        inbox = self._folders.inbox
        return inbox if self._roots[root].startswith(f"{inbox.rstrip('/')}/") else ""

    def _check_lease(self) -> None:
        """Stop at once when the lease was lost: whoever has it now goes on with what is claimed."""
        if not self._lease.held:
            raise OutOfReachError("the lease was lost (the server did not answer in time, or another worker polls now)")

    async def _prepare(self) -> None:
        inbox = self._folders.inbox
        if not await self._place.is_folder(inbox):
            raise EndpointError(f"{inbox} is not a directory at the server; create it there")
        await self._place.make_folders(self._roots["claims"], inbox)
        self._prepared = True

    async def _below(self, base: str, start: str, recursive: bool) -> list[Entry]:
        """Return the files below a folder; folders with a leading dot and our own are passed over."""
        found: list[Entry] = []
        folders = [start]
        while folders:
            prefix = folders.pop()
            for name, item in await self._listing(f"{base}/{prefix}" if prefix else base, inbox=not prefix):
                path = f"{prefix}/{name}" if prefix else name
                if not item.folder:
                    found.append(item.entry(path))
                elif recursive and self._followed(base, path, name):
                    folders.append(path)
        return found

    def _followed(self, base: str, path: str, name: str) -> bool:
        own = f"{base.rstrip('/')}/{path}" in self._skip
        deep = base == self._folders.inbox and path.count("/") >= _DEEPEST
        return not (own or deep or name.startswith(".") or name_fault(name))

    async def _listing(self, path: str, inbox: bool) -> Sequence[tuple[str, Found]]:
        try:
            return await self._place.listing(path)
        except MissingError:
            if inbox:
                self._prepared = False
                raise
            return []

    async def _fetch(self, spot: Spot, copy: Copy) -> AsyncGenerator[bytes, None]:
        """Yield what our copy lacks, keeping it."""
        size = copy.state[0]
        if copy.have >= size:
            return
        async with aclosing(self._place.fetch(self._at(spot), copy.have, size - copy.have)) as chunks:
            async for chunk in chunks:
                await copy.add(chunk)
                yield chunk
