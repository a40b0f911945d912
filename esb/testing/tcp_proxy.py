"""A TCP proxy that misbehaves: it cuts a connection after so many bytes, or goes on accepting and never answers.

async with TcpProxy(server.port) as proxy:
    proxy.cut_after = 1_000_000      # bytes towards the client, then the connection is reset, once
    proxy.stall()                    # nothing moves any more, in either direction
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from types import TracebackType

_BLOCK = 1 << 16
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time left: closing sends a reset, as a crashed machine or a firewall does."""


class TcpProxy:
    """Forwards connections to a port of this machine. `down` and `up` count the bytes to and from the client.

    `cut_after`, `cut_up_after`: reset the connection when so many bytes more went down or up; it happens once.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.port = 0
        self.down = self.up = self.connections = 0
        self.cut_after: int | None = None
        self.cut_up_after: int | None = None

    async def __aenter__(self) -> TcpProxy:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and end every connection."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def stall(self) -> None:
        """Let nothing through from now on; connections are accepted and stay open."""
        self._flowing.clear()

    def flow(self) -> None:
        """Let everything through again."""
        self._flowing.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far: asyncio.StreamWriter | None = None
        try:
            await self._flowing.wait()
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._target)
            ways = [
                asyncio.ensure_future(self._pass_on(reader, far, "up")),
                asyncio.ensure_future(self._pass_on(far_reader, writer, "down")),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass
        finally:
            for each in filter(None, (writer, far)):
                _reset(each)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        with suppress(OSError):
            while data := await reader.read(_BLOCK):
                await self._flowing.wait()
                if self._count(way, len(data)):
                    return
                writer.write(data)
                await writer.drain()

    def _count(self, way: str, size: int) -> bool:
        """Return whether this is where the connection is cut."""
        name = "cut_after" if way == "down" else "cut_up_after"
        setattr(self, way, getattr(self, way) + size)
        left = getattr(self, name)
        if left is None:
            return False
        setattr(self, name, left - size if left > size else None)
        return bool(left <= size)


def _reset(writer: asyncio.StreamWriter) -> None:
    one = writer.get_extra_info("socket")
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
