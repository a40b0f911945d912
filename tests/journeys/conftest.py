from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from esb.testing.openssh import OpenSsh
from esb.testing.private_server import free_port
from esb.testing.sandbox.erp import Erp
from esb.testing.sandbox.plant import TOKEN, Plant, serving
from esb.testing.sandbox.sftp import lines_for

PROJECT = Path(__file__).parents[2]


class Site:
    """Sandbox systems, and a plant on embedded or on RabbitMQ and PostgreSQL."""

    def __init__(self, folder: Path, erp: Erp, port: int) -> None:
        self.folder, self.erp, self._port = folder, erp, port

    def plant(self, name: str, channel: str = "", store: str = "") -> Plant:
        made = Plant(self.folder / name, self._port, channel, store)
        made.lay_out(PROJECT)
        return made

    def plant_beside(self, server: OpenSsh, name: str) -> Plant:
        """Return a plant whose partner ACME has a real OpenSSH server."""
        made = Plant(self.folder / name, self._port)
        exchange = made.folder / "var/exchange"
        exchange.mkdir(parents=True)
        (exchange / "acme").symlink_to(server.folder)
        reach = lines_for(server.port, server.user, server.fingerprint)
        made.lay_out(PROJECT, reach, server.client_key.read_text())
        return made


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    erp, port = Erp(TOKEN), free_port()
    async with serving(erp, port):
        yield Site(tmp_path, erp, port)
