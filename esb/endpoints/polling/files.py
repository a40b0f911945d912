"""The port of the polling engine: the few things a place with files must be able to do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias

from msgspec import Struct

from esb.errors import EndpointError

Root: TypeAlias = Literal["inbox", "claims", "ok", "failed"]
"""Where files stand: where partners drop them, where we hold what we work on, and where they go afterwards."""

Moved: TypeAlias = Literal["moved", "exists", "gone"]


class Spot(NamedTuple):
    """A file's place: the root it stands under and its path below it, components joined by `/`."""

    root: Root
    path: str


class Entry(Struct, frozen=True):
    """What a listing says of a file. `fault` set: it must not be touched (its name or kind is not fit), and why."""

    path: str
    size: int = 0
    mtime_ns: int = 0
    fault: str = ""

    @property
    def state(self) -> tuple[int, int]:
        """Return what changes when somebody writes to the file."""
        return self.size, self.mtime_ns


class OutOfReachError(EndpointError):
    """The whole place is out of reach, or no longer ours to poll; that is no file's fault, and none is put aside."""


class Files(Protocol):
    """A place with files. Every method raises EndpointError when the place is out of reach or refuses.

    Nothing here follows a symbolic link. `move` never overwrites; a move to `ok` or `failed` is durable when it
    returns. `read` raises EndpointError if what stands there cannot be read, OutOfReachError if nothing there can be.
    """

    async def hold(self) -> bool:
        """Return whether this process is the one that polls; the place forgets a holder that died."""
        ...

    async def walk(self, root: Root, recursive: bool) -> Sequence[Entry]: ...
    async def stat(self, spot: Spot) -> Entry | None: ...
    def read(self, spot: Spot) -> AsyncGenerator[bytes, None]: ...
    async def move(self, source: Spot, target: Spot) -> Moved: ...
    async def write(self, spot: Spot, data: bytes) -> None:
        """Put a whole file in place, durable; it replaces what stands there."""
        ...

    async def remove(self, spot: Spot) -> None: ...
    async def close(self) -> None: ...
