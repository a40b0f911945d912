"""Sessions: one FTPS connection, worked by one thread, one call after another. Every call has a deadline."""

from __future__ import annotations

import asyncio
import ftplib
import ssl
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from esb.endpoints.ftps.wire import Server, Wire
from esb.endpoints.polling.files import OutOfReachError
from esb.endpoints.polling.names import shown
from esb.endpoints.unreached import unreached
from esb.errors import EndpointError

_T = TypeVar("_T")
_GOODBYE = 2.0
"""Seconds that an orderly end may take."""


class RefusedError(EndpointError):
    """The server refused one call; `code` is its answer (RFC 959, 4.2): 550 and the like."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code


class Link:
    """A connection that is opened when it is first needed, and again after it was lost."""

    def __init__(self, server: Server, context: Callable[[], ssl.SSLContext], password: Callable[[], str]) -> None:
        self.server = server
        self._context, self._password = context, password
        self._wire: Wire | None = None
        self._turn = asyncio.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._home = ""

    @property
    def welcome(self) -> str:
        """What the server said first."""
        return shown((self._wire.welcome or "") if self._wire is not None else "").strip("'")[:100]

    @asynccontextmanager
    async def turn(self, doing: str) -> AsyncIterator[Call]:
        """Lend the connection for calls in a row, connecting first if need be.

        Raises:
            OutOfReachError: The server is lost or silent, or did not let us in.
            RefusedError: It refused a call.
        """
        async with self._turn:
            if self._wire is None:
                await self._connect()
            yield Call(self, doing)

    def path(self, path: str) -> str:
        """Return a path as seen from the root, so that no change of folder at the server can move it."""
        return path if path.startswith("/") else f"{self._home.rstrip('/')}/{path}"

    async def run(self, work: Callable[[Wire], _T], doing: str) -> _T:
        """Do something on the connection, in its thread; only the holder of the turn may."""
        wire, thread = self._wire, self._thread
        if wire is None or thread is None:
            raise OutOfReachError(f"cannot {doing}: the connection to {self.server} was lost")
        pending = asyncio.get_running_loop().run_in_executor(thread, work, wire)
        try:
            async with asyncio.timeout(self.server.timeout):
                return await asyncio.shield(pending)
        except TimeoutError:
            await self._end(pending)
            raise OutOfReachError(
                f"cannot {doing}: {self.server} did not answer within {self.server.timeout:g} seconds"
            ) from None
        except asyncio.CancelledError:
            await self._end(pending)
            raise
        except (ftplib.error_perm, ftplib.error_temp) as error:
            code = str(error)[:3]
            if code in ("421", "425", "426", "530", "534", "535"):
                await self._end()
                raise OutOfReachError(f"cannot {doing}: {self.server} answers {shown(str(error))}") from error
            raise RefusedError(f"cannot {doing}: the server answers {shown(str(error))}", code) from error
        except (ftplib.Error, OSError, EOFError, ValueError) as error:
            await self._end()
            said = unreached(error) or (shown(str(error)) if str(error) else "it hung up")
            raise OutOfReachError(f"cannot {doing}: {self.server}: {said}") from error

    async def close(self) -> None:
        """End the connection; a later call opens another one."""
        wire, thread = self._wire, self._thread
        if wire is not None and thread is not None and not self._turn.locked():
            with suppress(TimeoutError, ftplib.Error, OSError, EOFError):
                async with asyncio.timeout(_GOODBYE):
                    await asyncio.get_running_loop().run_in_executor(thread, wire.quit)
        await self._end()

    async def _connect(self) -> None:
        wire = Wire(self.server, self._context())
        self._wire, self._thread = wire, ThreadPoolExecutor(1, thread_name_prefix=f"ftps {self.server.host}")
        password = self._password()
        try:
            await self.run(lambda each: each.sign_in(password), "sign in")
            self._home = await self.run(lambda each: each.pwd(), "sign in")
        except EndpointError as error:
            await self._end()
            raise OutOfReachError(str(error)) from error

    async def _end(self, pending: asyncio.Future[_T] | None = None) -> None:
        """Cut the connection; a call that is under way in the thread ends by that."""
        wire, self._wire = self._wire, None
        thread, self._thread = self._thread, None
        if wire is not None:
            wire.hang_up()
        if pending is not None:
            pending.add_done_callback(_heard)
        if thread is not None:
            thread.shutdown(wait=False)
        if wire is not None:
            wire.close()


class Call:
    """The turn of one caller. `doing` says what for, in errors."""

    def __init__(self, link: Link, doing: str) -> None:
        self._link, self._doing = link, doing

    async def __call__(self, work: Callable[[Wire], _T]) -> _T:
        """Do something on the connection."""
        return await self._link.run(work, self._doing)


def _heard(pending: asyncio.Future[_T]) -> None:
    """Take the error of a call that nobody waits for any more."""
    if not pending.cancelled():
        pending.exception()
