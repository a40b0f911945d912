from __future__ import annotations

import asyncio
import os
import sqlite3 as any_sqlite
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from esb.channels.embedded import EmbeddedChannel
from esb.channels.embedded_file import ChannelFile, Entry, encode_packet
from esb.channels.embedded_writer import BATCH_BYTES
from esb.channels.owners import identity
from esb.envelope import Ack, Addressed, ChannelSpec, Packet, Topology
from esb.errors import ChannelError, PublishError
from esb.testing.channel_kit import A, Backend, drain, fill, ids, lending, numbers, opened, take
from esb.testing.channel_process_suite import working

OLD, NEW = (3, 51, 2), (3, 51, 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "channel.db"


@pytest.fixture
def file(path: Path) -> Iterator[ChannelFile]:
    opened_file = ChannelFile(path)
    opened_file.begin(durable=False)
    opened_file.registry.declare(Topology((ChannelSpec(A),)))
    opened_file.commit()
    yield opened_file
    opened_file.close()


def entry(packet_id: str, size: int = 1) -> Entry:
    packet = Packet(packet_id, b"x" * size)
    return Entry(A, 0.0, 1, encode_packet(packet))


def test_an_old_library_may_hold_the_file_alone_but_not_with_another(path: Path) -> None:
    alone = ChannelFile(path, OLD)

    with pytest.raises(ChannelError, match=rf"open in process {os.getpid()}.*SQLite 3\.51\.2.*one process"):
        ChannelFile(path, NEW)

    alone.close()
    ChannelFile(path, OLD).close()


def test_an_old_library_is_refused_while_a_new_one_holds_the_file(path: Path) -> None:
    holder = ChannelFile(path, NEW)

    with pytest.raises(ChannelError, match="may damage a file"):
        ChannelFile(path, OLD)

    ChannelFile(path, NEW).close()
    holder.close()


def test_only_the_owner_may_read_the_file(path: Path, file: ChannelFile) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_something_else_is_refused_with_its_name(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)

    with pytest.raises(ChannelError, match="is not usable as a channel file"):
        ChannelFile(path)


def test_a_file_of_a_newer_esb_is_refused(path: Path) -> None:
    ChannelFile(path).close()
    with any_sqlite.connect(path) as db:
        db.execute("PRAGMA user_version = 99")

    with pytest.raises(ChannelError, match=r"newer version of esb \(layout 99\)"):
        ChannelFile(path)


async def test_a_path_that_cannot_be_made_is_an_error_of_the_channel(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ChannelError, match="cannot be opened"):
        await EmbeddedChannel(tmp_path / "file" / "channel.db").open()


def test_a_promise_waits_for_the_disk_and_a_claim_does_not(file: ChannelFile) -> None:
    levels = {}
    for durable in (True, False, True):
        file.begin(durable)
        levels[durable] = file._db.execute("PRAGMA synchronous").fetchone()[0]
        file.commit()

    assert levels == {True: 2, False: 1}


def test_a_batch_is_bounded_in_bytes_but_has_at_least_one(file: ChannelFile) -> None:
    file.begin(durable=False)
    file.put([entry("1", 500), entry("2", 500), entry("3", 5000)], now=0.0)

    batches = [[one.packet.id for one in file.lend(A, 10, 1500, now=0.0)] for _ in range(3)]

    file.rollback()
    assert batches == [["1", "2"], ["3"], []]
    assert BATCH_BYTES > 16 * 1024 * 1024


def test_a_subscription_of_an_unknown_channel_is_refused_and_changes_nothing(file: ChannelFile) -> None:
    file.begin(durable=False)
    with pytest.raises(ChannelError, match="names channel route/b"):
        file.registry.declare(Topology((ChannelSpec("route/new"),), (("order.*", "route/b"),)))
    file.commit()

    assert "route/new" not in file.registry


def test_the_subscriptions_are_those_of_the_latest_topology(file: ChannelFile) -> None:
    file.begin(durable=False)
    file.registry.declare(Topology((ChannelSpec(A),), (("order.*", A), ("invoice.*", A))))
    file.registry.declare(Topology((ChannelSpec(A),), (("invoice.*", A),)))
    file.put(
        [Entry("event/order.paid", 0.0, 1, b""), Entry("event/invoice.paid", 0.0, 1, encode_packet(Packet("1", b"")))],
        0.0,
    )

    lent = file.lend(A, 10, 1000, now=0.0)

    file.rollback()
    assert [one.packet.id for one in lent] == ["1"]


async def test_publishers_that_wait_share_a_commit(path: Path) -> None:
    channel = EmbeddedChannel(path)
    await channel.open()
    await channel.declare(Topology((ChannelSpec(A),)))
    before = await channel.run(lambda file: file._db.execute("PRAGMA data_version").fetchone())
    with any_sqlite.connect(path) as other:
        version = other.execute("PRAGMA data_version").fetchone()[0]
        await asyncio.gather(*(fill(channel, A, 1, start) for start in range(200)))
        commits = other.execute("PRAGMA data_version").fetchone()[0] - version
    await channel.close()

    assert before is not None
    assert 1 <= commits < 50


async def test_what_another_connection_published_wakes_a_waiting_consumer_soon(embedded: Backend) -> None:
    async with opened(embedded) as channel, opened(embedded) as other, lending(channel, A) as consumer:
        await fill(channel, A, 1)
        await take(consumer, 1)
        waiting = asyncio.create_task(take(consumer, 1))
        began = time.monotonic()

        await fill(other, A, 1, start=1)

        assert ids(await waiting) == ["1"]
        assert time.monotonic() - began < 1.0


async def test_a_full_disk_fails_the_publish_and_keeps_the_settlements_for_later(path: Path) -> None:
    channel = EmbeddedChannel(path)
    await channel.open()
    await channel.declare(Topology((ChannelSpec(A),)))
    await fill(channel, A, 3)
    async with lending(channel, A) as consumer:
        held = await take(consumer, 3)
        await channel.run(lambda file: file._db.execute("PRAGMA max_page_count = 1"))
        with pytest.raises(PublishError, match="full"):
            await channel.publish([Addressed(A, Packet("big", b"x" * 10_000_000))])
        await channel.settle([Ack(delivery) for delivery in held])
        await channel.run(lambda file: file._db.execute("PRAGMA max_page_count = 1000000"))

        await fill(channel, A, 1, start=3)
        assert await drain(channel, [consumer], 1) == ["3"]
    await channel.close()

    assert (await reopened(path)) == 0


async def reopened(path: Path) -> int:
    channel = EmbeddedChannel(path)
    await channel.open()
    depth = (await channel.depth([A]))[A]
    await channel.close()
    return depth.ready + depth.lent


async def test_a_channel_that_is_not_open_says_so(path: Path) -> None:
    channel = EmbeddedChannel(path)

    with pytest.raises(ChannelError, match="is not open"):
        await channel.declare(Topology(()))
    with pytest.raises(PublishError, match="is not open"):
        await fill(channel, A, 1)
    await channel.close()


async def test_a_fault_in_the_writer_reaches_whoever_waits(path: Path) -> None:
    channel = EmbeddedChannel(path)
    await channel.open()
    await channel.declare(Topology((ChannelSpec(A),)))
    consumer = channel.consume(A, 1)
    waiting = asyncio.create_task(anext(consumer))
    await asyncio.sleep(0.05)

    with pytest.raises(ChannelError, match="ZeroDivisionError"):
        await channel.run(lambda _: 1 / 0)

    with pytest.raises(ChannelError, match="ZeroDivisionError"):
        await waiting
    await consumer.aclose()
    await channel.close()


async def test_many_processes_may_make_the_file_at_once(embedded: Backend) -> None:
    workers = [working(embedded, "hold") for _ in range(4)]
    running = [await worker.__aenter__() for worker in workers]
    async with opened(embedded) as channel:
        await fill(channel, A, 1)
        assert all(not worker.said or worker.said == numbers(1) for worker in running)
    for worker in workers:
        await worker.__aexit__(None, None, None)


def test_a_process_is_known_by_its_start_and_a_dead_one_by_nothing() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    while identity(child):
        time.sleep(0.01)
    zombie = identity(child)
    os.waitpid(child, 0)

    assert identity(os.getpid()) == identity(os.getpid()) != ""
    assert zombie == identity(child) == ""
