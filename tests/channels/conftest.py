from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from esb.channels import open_channel
from esb.testing.channel_kit import Backend
from esb.testing.rabbitmq_node import RabbitNode


@pytest.fixture
def embedded(tmp_path: Path) -> Backend:
    where = f"embedded:{tmp_path / 'channel.db'}"
    return Backend(lambda: open_channel(where), where)


@pytest.fixture
def rabbitmq(node: RabbitNode) -> Backend:
    prefix = f"t{secrets.token_hex(4)}"
    return Backend(lambda: open_channel(node.url, prefix=prefix), node.url, prefix)


class Proxy:
    """Stands between us and the broker. `mute`: what the broker says does not arrive. `cut`: all connections end."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._audible = asyncio.Event()
        self._audible.set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    def mute(self) -> None:
        self._audible.clear()

    def cut(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()
        self._audible.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers |= {writer, broker_writer}
            await asyncio.gather(
                self._pump(reader, broker_writer, muted=False), self._pump(broker_reader, writer, muted=True)
            )
            self._writers -= {writer, broker_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, muted: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if muted:
                    await self._audible.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@pytest.fixture
async def proxy(node: RabbitNode) -> AsyncIterator[Proxy]:
    between = Proxy(node.port)
    await between.start()
    yield between
    await between.stop()
