"""The port of a file server: the few things it must be able to do. Paths are as the server takes them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from msgspec import Struct

from esb.endpoints.polling.files import Entry, Moved
from esb.endpoints.polling.names import name_fault
from esb.errors import EndpointError
from esb.message import derive

CHUNK = 2 << 20
"""Bytes read or written in one turn."""
MOST_NAMES = 100_000
"""A listing is read no further: a folder of millions must not fill our memory. The rest is seen when these are gone."""


class MissingError(EndpointError):
    """The path, or a folder on the way to it, does not exist."""


class DeniedError(EndpointError):
    """The server says that this user may not do this."""


class Found(Struct, frozen=True):
    """What stands at a path. `fault` set: it is neither a regular file nor a folder. `mtime` in seconds."""

    size: int
    mtime: int
    folder: bool
    fault: str = ""

    def entry(self, path: str) -> Entry:
        """Return it as the polling engine sees it."""
        fault = "it is a folder" if self.folder else self.fault
        return Entry(path, self.size, self.mtime * 1_000_000_000, name_fault(path.rpartition("/")[2]) or fault)


class Notes(Protocol):
    """Short texts at the server by which workers tell each other who polls (see Lease).

    `make` raises EndpointError if one of that name is there: only one of many succeeds. `renew` raises MissingError
    if it is gone. `read` gives an empty text if there is none. A reader may see a text that is half written.
    """

    async def make(self, path: str, content: bytes) -> None: ...
    async def renew(self, path: str, content: bytes) -> None: ...
    async def read(self, path: str, length: int) -> bytes: ...
    async def remove(self, path: str) -> None: ...


class RemotePlace(Protocol):
    """The files of a server. Every method raises OutOfReachError if the server is lost or silent.

    MissingError: nothing stands at the path, or a folder on the way is missing; DeniedError: not allowed;
    EndpointError: refused for another reason.
    """

    @property
    def notes(self) -> Notes: ...
    async def stat(self, path: str) -> Found | None:
        """Return what stands at a path, links not followed, or None."""
        ...

    async def is_folder(self, path: str) -> bool:
        """Return whether a folder stands there; here a link that its owner set up is followed."""
        ...

    async def listing(self, path: str) -> Sequence[tuple[str, Found]]:
        """Return what is in a folder, as name and what it is."""
        ...

    def fetch(self, path: str, offset: int, size: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `offset` up to `size`, fewer if the file is shorter."""
        ...

    async def move(self, source: str, target: str, below: str) -> Moved:
        """Rename a file; look first whether something stands there. Missing folders are made, down from `below`."""
        ...

    async def make_folders(self, path: str, below: str) -> None: ...
    async def remove(self, path: str) -> None:
        """Delete a file; a missing one is fine."""
        ...

    async def upload(self, path: str, data: bytes) -> str:
        """Write data to a temporary name beside `path` (see `aside`) and return that name."""
        ...

    async def replace(self, source: str, target: str) -> None:
        """Rename a file over another."""
        ...

    async def holds(self, path: str, data: bytes) -> bool:
        """Return whether a file with exactly these bytes stands at a path."""
        ...

    async def server(self) -> str:
        """Connect if need be, and return what the server calls itself."""
        ...

    async def close(self) -> None: ...


def aside(path: str, digest: str) -> str:
    """Return the temporary name beside `path` for a content.

    It derives from the content: twins that upload at once write the same bytes to the same place, so the file that one
    of them renames is whole whatever the other one does; and what a crash left is written over.
    """
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}.{derive(name, digest)[:20]}.tmp"
