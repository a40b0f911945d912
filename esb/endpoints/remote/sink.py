"""The sink of file servers: a temporary name, fsync where offered, a rename.

A redelivery finds its file, or writes it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from esb.edge import Delivered
from esb.endpoints.outgoing import wire_bytes
from esb.endpoints.polling.files import Moved, OutOfReachError
from esb.endpoints.polling.names import shown
from esb.endpoints.polling.written import written_path
from esb.endpoints.remote.place import DeniedError, MissingError, RemotePlace
from esb.errors import EndpointError, RejectedError, UnknownOutcomeError
from esb.expressions import Expression
from esb.message import Message

_PROBE = ".esb-check.tmp"


@dataclass(frozen=True, slots=True)
class Target:
    """Where files go. `replace`: a file of that name with other content is overwritten, else that is an error."""

    directory: str
    name: Expression | None
    replace: bool


@contextmanager
def _judged() -> Iterator[None]:
    """Turn what the place says into what a delivery means: not allowed is a no, out of reach may heal."""
    try:
        yield
    except DeniedError as error:
        raise RejectedError(str(error)) from error
    except OutOfReachError as error:
        raise EndpointError(str(error)) from error


class RemoteSink:
    """Uploads each message as a file."""

    def __init__(self, place: RemotePlace, target: Target) -> None:
        self._place = place
        self._target = target

    async def deliver(self, message: Message, key: str) -> Delivered:
        """Upload the file. A file of that name with the same bytes is this delivery, come before.

        Raises:
            RejectedError: The name is not fit, another content stands under it, or the server does not allow it.
            UnknownOutcomeError: The connection was lost in the last moment: the file may stand there.
            EndpointError: The server is out of reach, did not let us in, or is full.
        """
        path, data = written_path(self._target.name, message), wire_bytes(message)
        at = self._at(path)
        with _judged():
            if await self._place.holds(at, data):
                return Delivered(f"{path} stands there already, with the same content")
            aside = await self._upload(at, data)
            await self._show(aside, at, data)
        return Delivered(f"{path}, {len(data)} bytes")

    async def applied(self, message: Message, key: str) -> bool | None:
        """Return True if the file stands there; None if not, for its reader may have taken it away."""
        path, data = written_path(self._target.name, message), wire_bytes(message)
        with _judged():
            return await self._place.holds(self._at(path), data) or None

    async def check(self) -> str:
        """Connect, sign in, list, write and delete a probe. Raises EndpointError saying in one line what is wrong."""
        directory = self._target.directory
        with _judged():
            return await self._check(directory)

    async def close(self) -> None:
        """End the connection."""
        await self._place.close()

    async def _check(self, directory: str) -> str:
        server = await self._place.server()
        if not await self._place.is_folder(directory):
            raise EndpointError(f"signed in, but {directory} is not a directory at the server; create it there")
        await self._place.listing(directory)
        probe = self._at(_PROBE)
        aside = await self._place.upload(probe, b"esb endpoint check\n")
        await self._place.replace(aside, probe)
        await self._place.remove(probe)
        return f"{directory} can be listed and written to ({server})"

    def _at(self, path: str) -> str:
        return f"{self._target.directory.rstrip('/')}/{path}"

    async def _upload(self, at: str, data: bytes) -> str:
        """Upload beside the final name, making folders below the directory, but not the directory itself."""
        try:
            return await self._place.upload(at, data)
        except MissingError:
            directory = self._target.directory
            if not await self._place.is_folder(directory):
                raise RejectedError(f"{directory} is not a directory at the server; create it there") from None
            await self._place.make_folders(at.rpartition("/")[0], directory)
            return await self._place.upload(at, data)

    async def _show(self, aside: str, at: str, data: bytes) -> None:
        """Give the uploaded file its name; a twin that was faster has done it for us."""
        try:
            moved = await self._rename(aside, at)
        except OutOfReachError as error:
            raise UnknownOutcomeError(f"{shown(at)} was uploaded, but it may lack its name: {error}") from error
        except MissingError:
            moved = "gone"
        except EndpointError:
            await self._forget(aside)
            raise
        if moved == "moved":
            return
        await self._forget(aside)
        if await self._place.holds(at, data):
            return
        if moved == "gone":
            raise EndpointError(f"{shown(at)}: what was uploaded is gone; something there deletes temporary files")
        raise RejectedError(
            f"{shown(at)} exists with other content; let `name` derive from what is unique, or write exists: replace"
        )

    async def _forget(self, path: str) -> None:
        """Delete a file if that can be done; what stays is written over or deleted when its turn comes again."""
        with suppress(EndpointError):
            await self._place.remove(path)

    async def _rename(self, aside: str, at: str) -> Moved:
        if self._target.replace:
            await self._place.replace(aside, at)
            return "moved"
        if await self._place.stat(at) is not None:
            return "exists"
        return await self._place.move(aside, at, self._target.directory)
