"""A worker beside an on-premise system: it reaches the broker with least rights, and nothing else of home."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from esb.app.process import Process, serve
from esb.channels import RabbitChannel
from esb.errors import ChannelError
from esb.records import ParkedFilter
from esb.settings import Settings
from esb.testing.rabbitmq_node import RabbitNode

READ, WRITE, CONFIGURE = r"^esb\.delivery\.erp.*$", r"^(amq\.default|esb\.(route|retry|dead))$", "^$"
FILES = {
    "esb.yaml": "defaults: { owner: erp-desk }\n",
    "endpoints/inbox.yaml": "type: file\ndirectory: in\nready: { unchanged_for: 1ms }\npoll: 10ms\nformat: json\n",
    "endpoints/erp-orders.yaml": 'type: file\ndirectory: erp\nname: "{{ body.n }}.json"\n',
    "endpoints/copies.yaml": 'type: file\ndirectory: copies\nname: "{{ body.n }}.json"\n',
    "endpoints/erp-in.yaml": "type: file\ndirectory: erp-in\nready: { unchanged_for: 1ms }\npoll: 10ms\nformat: json\n",
    "routes/stock.yaml": "description: s\nfrom: { endpoint: erp-in }\nsteps:\n  - to: copies\n",
    "routes/orders.yaml": "description: o\nfrom: { endpoint: inbox }\nkey: { order: $.n }\n"
    "steps:\n  - { id: erp, to: erp-orders }\n  - { id: copy, to: copies }\n",
}


@pytest.fixture
def accounts(node: RabbitNode) -> tuple[str, str]:
    """Return the broker's address for home, and the one for the site, whose user may do as little as possible."""
    vhost, password = f"v{secrets.token_hex(4)}", secrets.token_hex(8)
    node.ctl("add_vhost", vhost)
    node.ctl("set_permissions", "-p", vhost, "guest", ".*", ".*", ".*")
    node.ctl("add_user", f"site-{vhost}", password)
    node.ctl("set_permissions", "-p", vhost, f"site-{vhost}", CONFIGURE, WRITE, READ)
    host = node.url.partition("@")[2].partition("/")[0]
    return f"amqp://guest:guest@{host}/{vhost}", f"amqp://site-{vhost}:{password}@{host}/{vhost}"


def laid_out(folder: Path) -> Path:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Process]:
    process = Process(settings)
    work = asyncio.create_task(serve(process))
    try:
        await until(lambda: _started(process, work))
        yield process
    finally:
        process.stop()
        await work


async def _started(process: Process, work: asyncio.Task[None]) -> bool:
    if work.done():
        await work
    return bool(process._roles)


async def until(fits: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await fits():
            await asyncio.sleep(0.05)


def home_settings(folder: Path, url: str) -> Settings:
    return Settings(
        project=folder, channel=url, listen="127.0.0.1:0", endpoints=("!erp*",), log_level="error", claim=1000
    )


def site_settings(folder: Path, url: str) -> Settings:
    return Settings(project=folder, channel=url, roles=("delivery",), endpoints=("erp*",), log_level="error")


def drop(folder: Path, n: str, size: int = 10) -> None:
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / f".{n}").write_text(json.dumps({"n": n, "text": "x" * size}))
    (folder / "in" / f".{n}").rename(folder / "in" / f"{n}.json")


async def test_a_site_delivers_its_endpoints_with_nothing_of_home_but_the_broker(
    tmp_path: Path, accounts: tuple[str, str]
) -> None:
    at_home, at_site = laid_out(tmp_path / "home"), laid_out(tmp_path / "site")

    async with running(home_settings(at_home, accounts[0])) as home:
        drop(at_home, "A1")
        await until(lambda: _is((at_home / "copies/A1.json").exists))
        assert not (at_site / "erp/A1.json").exists() and not (at_home / "erp/A1.json").exists()
        async with running(site_settings(at_site, accounts[1])):
            await until(lambda: _is((at_site / "erp/A1.json").exists))
            await until(lambda: _told(home, "A1", "erp-orders"))

    assert json.loads((at_site / "erp/A1.json").read_text())["n"] == "A1"
    assert not (at_home / "erp").exists()


async def test_what_fails_at_a_site_waits_for_a_person_at_home(tmp_path: Path, accounts: tuple[str, str]) -> None:
    at_home, at_site = laid_out(tmp_path / "home"), laid_out(tmp_path / "site")
    (at_site / "erp").mkdir()
    (at_site / "erp/B1.json").write_text("something else")

    async with running(home_settings(at_home, accounts[0])) as home, running(site_settings(at_site, accounts[1])):
        drop(at_home, "B1")
        drop(at_home, "B2", size=5000)
        await until(lambda: _count(home, 2))
        rows = {
            row.keys[0].value if row.keys else row.message_id: row for row in await home.store.parked(ParkedFilter())
        }

    assert rows["B1"].place == "erp-orders"
    assert any("waits in the store at home" in row.reason for row in rows.values())
    assert (at_home / "copies/B2.json").exists()


async def test_a_site_takes_in_for_routes_at_home(tmp_path: Path, accounts: tuple[str, str]) -> None:
    at_home, at_site = laid_out(tmp_path / "home"), laid_out(tmp_path / "site")
    (at_site / "erp-in").mkdir()
    (at_site / "erp-in/S1.json").write_text('{"n": "S1"}')
    settings = replace(site_settings(at_site, accounts[1]), roles=("intake", "delivery"), listen="127.0.0.1:0")

    async with running(home_settings(at_home, accounts[0])), running(settings):
        await until(lambda: _is((at_home / "copies/S1.json").exists))

    assert not (at_site / "erp-in/S1.json").exists()


async def test_the_site_may_read_nothing_that_is_not_its_own(tmp_path: Path, accounts: tuple[str, str]) -> None:
    async with running(home_settings(laid_out(tmp_path / "home"), accounts[0])):
        channel = RabbitChannel(accounts[1])
        await channel.open()
        try:
            with pytest.raises(ChannelError):
                await asyncio.wait_for(anext(channel.consume("journal", 1)), 5)
        finally:
            await channel.close()


async def _is(fact: Callable[[], bool]) -> bool:
    return fact()


async def _told(home: Process, key: str, endpoint: str) -> bool:
    return any(record.kind == "delivered" and record.place == endpoint for record in await home.store.search(key))


async def _count(home: Process, count: int) -> bool:
    return len(await home.store.parked(ParkedFilter())) >= count
