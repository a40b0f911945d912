"""Sessions: one SFTP connection while it lives. Every call has a deadline; what breaks it ends the session for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, TypeVar, cast

import asyncssh
from asyncssh.sftp import SFTPClientFile

from esb.endpoints.polling.files import OutOfReachError
from esb.endpoints.polling.names import shown
from esb.endpoints.remote.place import DeniedError, MissingError
from esb.errors import EndpointError

_T = TypeVar("_T")
_GOODBYE = 2.0
"""Seconds that an orderly end may take."""
_SHORTEST = 4096
"""Bytes that every server takes at once, whatever it says: one that says less would drown us in requests."""
GONE = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
"""What servers answer about a path at which nothing stands."""


class Reached(Protocol):
    """What a session must know of its account: its name for people is `str(account)`."""

    @property
    def timeout(self) -> float: ...


class Session:
    """One connection. `usable` until it is lost, closed, or a call on it was not answered in time."""

    sftp: asyncssh.SFTPClient

    def __init__(self, connection: asyncssh.SSHClientConnection, account: Reached) -> None:
        self._connection = connection
        self._account = account
        self._limits: set[asyncio.Timeout] = set()
        self._ended = ""

    async def start(self) -> None:
        """Start SFTP on the connection. Names that are not UTF-8 come as surrogates: they are data, not an error."""
        self.sftp = await self._connection.start_sftp_client(path_encoding="utf-8", path_errors="surrogateescape")

    @property
    def usable(self) -> bool:
        """Whether calls can be made."""
        return not self._ended

    @property
    def server(self) -> str:
        """What the server calls itself."""
        version = str(self._connection.get_extra_info("server_version", "unknown"))
        return shown(version.removeprefix("SSH-2.0-")).strip("'")

    @asynccontextmanager
    async def turn(self, doing: str) -> AsyncIterator[asyncssh.SFTPClient]:
        """Lend the client for one call, or a few in a row that must be answered in time together.

        Raises:
            OutOfReachError: The connection is or gets lost, or there was no answer in time.
            MissingError: Nothing stands at the path.
            DeniedError: The server does not allow it.
            EndpointError: The server refused for another reason.
        """
        if self._ended:
            raise OutOfReachError(f"cannot {doing}: {self._ended}")
        try:
            async with asyncio.timeout(self._account.timeout) as limit:
                self._limits.add(limit)
                try:
                    yield self.sftp
                finally:
                    self._limits.discard(limit)
        except TimeoutError:
            self.end(f"{self._account} did not answer within {self._account.timeout:g} seconds")
            raise OutOfReachError(f"cannot {doing}: {self._ended}") from None
        except (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost, asyncssh.SFTPBadMessage) as error:
            self.end(f"{self._account}: {shown(error.reason)}")
            raise OutOfReachError(f"cannot {doing}: {self._ended}") from error
        except asyncssh.SFTPError as error:
            raise _refusal(doing, error) from error
        except (asyncssh.Error, OSError) as error:
            self.end(f"{self._account}: {error}")
            raise OutOfReachError(f"cannot {doing}: {self._ended}") from error

    async def open(self, path: str, flags: int, doing: str) -> SFTPClientFile:
        """Open a file; give it back with `close_file`. Raises as `turn` does."""
        async with self.turn(doing) as sftp:
            return await sftp.open(path, flags, encoding=None, block_size=None)
        raise AssertionError("unreachable")

    async def read(self, file: SFTPClientFile, size: int, offset: int, doing: str) -> bytes:
        """Return up to `size` bytes from `offset`, fetched side by side; less only at the end of the file."""
        async with self.turn(doing) as sftp:
            blocks = _blocks(size, sftp.limits.max_read_len)
            parts = await _together([_read(file, part, offset + start) for start, part in blocks])
        found = b""
        for (_, part), data in zip(blocks, parts, strict=True):
            found += data
            if len(data) < part:
                break  # the end; what stands behind it was written meanwhile
        return found

    async def write(self, file: SFTPClientFile, data: bytes, offset: int, doing: str) -> None:
        """Write data at `offset`, sent side by side."""
        async with self.turn(doing) as sftp:
            blocks = _blocks(len(data), sftp.limits.max_write_len)
            await _together([file.write(data[start : start + part], offset + start) for start, part in blocks])

    async def close_file(self, file: SFTPClientFile) -> None:
        """Give a file back; where that fails the server does it itself when the connection ends."""
        if self._ended:
            return
        with suppress(EndpointError):
            async with self.turn("close a file"):
                await file.close()

    def end(self, reason: str) -> None:
        """End the session at once: whoever waits for an answer is told now, not when time is up."""
        if not self._ended:
            self._ended = reason
            now = asyncio.get_running_loop().time()
            for limit in self._limits:
                if not limit.expired():
                    limit.reschedule(now)
            self._connection.abort()

    async def close(self) -> None:
        """End the session in good order."""
        if not self._ended:
            self._ended = "the endpoint was closed"
            self._connection.close()
        with suppress(TimeoutError, asyncssh.Error, OSError):
            async with asyncio.timeout(_GOODBYE):
                await self._connection.wait_closed()
        self._connection.abort()


class Link:
    """A session that is opened when it is first needed, and again after it was lost. One attempt at a time."""

    def __init__(self, connect: Callable[[], Awaitable[Session]]) -> None:
        self._connect = connect
        self._session: Session | None = None
        self._opening: asyncio.Task[Session] | None = None

    async def session(self) -> Session:
        """Return a usable session. Raises OutOfReachError; who waits for the same attempt gets the same answer."""
        if self._session is not None and self._session.usable:
            return self._session
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
            self._opening.add_done_callback(self._opened)
        return await asyncio.shield(self._opening)

    @asynccontextmanager
    async def turn(self, doing: str) -> AsyncIterator[asyncssh.SFTPClient]:
        """Lend the client of the session (see `Session.turn`), connecting first if need be."""
        session = await self.session()
        async with session.turn(doing) as sftp:
            yield sftp

    async def close(self) -> None:
        """End the session; a later call opens another one."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _open(self) -> Session:
        self._session = await self._connect()
        return self._session

    def _opened(self, attempt: asyncio.Task[Session]) -> None:
        self._opening = None
        if not attempt.cancelled():
            attempt.exception()  # everybody who waited may have been cancelled; nobody else asks for it


def _blocks(size: int, longest: int) -> list[tuple[int, int]]:
    """Return what requests of the longest length that the server takes cover `size`: start and length of each."""
    longest = max(longest, _SHORTEST)
    return [(start, min(longest, size - start)) for start in range(0, size, longest)]


async def _read(file: SFTPClientFile, size: int, offset: int) -> bytes:
    """Return `size` bytes, less at the end: a server may answer with a part of what was asked for."""
    found = b""
    while len(found) < size:
        data = cast(bytes, await file.read(size - len(found), offset + len(found)))
        if not data:
            break
        found += data
    return found


async def _together(work: Sequence[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Await all; where one fails or we are cancelled none is left behind, whose failure would be nobody's."""
    if len(work) == 1:
        return [await work[0]]
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _refusal(doing: str, error: asyncssh.SFTPError) -> EndpointError:
    """Return the house's error for what the server answered."""
    if isinstance(error, GONE):
        return MissingError(f"cannot {doing}: there is no such file or folder at the server")
    if isinstance(error, asyncssh.SFTPPermissionDenied | asyncssh.SFTPWriteProtect):
        return DeniedError(f"cannot {doing}: the server does not allow it ({shown(error.reason)})")
    if type(error) is asyncssh.SFTPFailure:
        return EndpointError(
            f"cannot {doing}: the server answers {shown(error.reason)} and no reason; its disk may be full"
        )
    return EndpointError(f"cannot {doing}: the server answers {shown(error.reason)}")
