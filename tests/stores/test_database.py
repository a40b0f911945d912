from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pysqlite3
import pytest

from esb.errors import StoreError, TooLargeError, UsageError
from esb.records import Bundle, LedgerKey, ParkedFilter
from esb.stores import SqlStore, blobs, open_store
from esb.stores.database import Database
from esb.testing.postgres_cluster import PostgresCluster
from esb.testing.store_suite.values import PARKED, claim, entry, intake, line

CALLS = {
    "reserve": lambda store: store.reserve([intake()]),
    "advance": lambda store: store.advance([(intake(), 1, True)]),
    "recorded": lambda store: store.recorded(["a"]),
    "record": lambda store: store.record({"a": b"b"}, {"a": "m"}),
    "claim": lambda store: store.claim([claim("m1")]),
    "confirm": lambda store: store.confirm(["m1"]),
    "free": lambda store: store.free(["m1"]),
    "intend": lambda store: store.intend([entry()]),
    "conclude": lambda store: store.conclude([entry(state="done")]),
    "entries": lambda store: store.entries([LedgerKey("erp", "m1")]),
    "park": lambda store: store.park([PARKED]),
    "parked": lambda store: store.parked(ParkedFilter()),
    "decide": lambda store: store.decide(PARKED, "discarded", None, line("r1")),
    "outbox": lambda store: store.outbox(1),
    "sent": lambda store: store.sent([1]),
    "append": lambda store: store.append([line("r2")]),
    "search": lambda store: store.search("x"),
    "history": lambda store: store.history("m1"),
    "put": lambda store: store.put("d", b"b"),
    "get": lambda store: store.get("d"),
    "save_release": lambda store: store.save_release(Bundle("r")),
    "release": lambda store: store.release("r"),
    "lease": lambda store: store.lease("n", "o", 1.0, 1.0),
    "forget": lambda store: store.forget(0.0),
    "open": lambda store: store.open(),
}


async def refusals(store: SqlStore) -> dict[str, str]:
    found = {}
    for name, call in CALLS.items():
        try:
            await call(store)
        except StoreError as error:
            found[name] = str(error)
    return found


@pytest.mark.postgresql
async def test_every_call_says_that_a_killed_server_is_out_of_reach_and_works_when_it_is_back():
    with PostgresCluster(durable=False) as cluster:
        store = open_store(cluster.url)
        await store.open()
        await store.claim([claim("before")])
        cluster.kill()

        down = await refusals(store)
        cluster.restart()
        up = await refusals(store)

        assert set(down) == set(CALLS)
        assert all("out of reach" in text and "esb:" not in text for text in down.values())
        assert up == {}
        assert await store.claim([claim("after", key="PO-1", at=1.0)]) == [b"wait"]
        await store.close()


@pytest.mark.postgresql
async def test_what_was_answered_before_a_kill_under_load_is_there_afterwards():
    with PostgresCluster() as cluster:
        store = open_store(cluster.url)
        await store.open()
        answered: list[str] = []

        async def write(worker: int) -> None:
            for number in range(10_000):
                name = f"{worker}-{number}"
                try:
                    await store.append([line(name, "m1", at=float(number))])
                except StoreError:
                    return
                answered.append(name)

        writers = [asyncio.create_task(write(worker)) for worker in range(8)]
        while len(answered) < 300:
            await asyncio.sleep(0)
        cluster.kill()
        await asyncio.gather(*writers)
        cluster.restart()

        kept = await store.recorded([]), await _ids(store)
        assert set(answered) <= kept[1]
        await store.close()


async def _ids(store: SqlStore) -> set[str]:
    return {record.id for record in await store.history("m1")}


async def test_a_file_that_another_program_locks_is_out_of_reach_until_it_lets_go(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("esb.stores.sqlite._BUSY_SECONDS", 0.05)
    store = open_store(f"sqlite:{tmp_path / 'store.db'}")
    await store.open()
    other = pysqlite3.connect(str(tmp_path / "store.db"), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StoreError, match=r"out of reach .*locked"):
        await store.append([line("r1")])
    other.execute("ROLLBACK")
    other.close()
    await store.append([line("r1")])

    assert len(await store.history("m1")) == 1
    await store.close()


_LIMITED = """
import asyncio, resource, signal, sys
from esb.errors import StoreError
from esb.stores import open_store

async def main():
    store = open_store("sqlite:" + sys.argv[1])
    await store.open()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    for body in (b"x" * 400_000, b"y"):
        try:
            await store.put(body[:1].decode(), body)
        except StoreError as error:
            print(error)
    await store.close()

asyncio.run(main())
"""


def test_after_a_failed_write_of_the_disk_a_process_believes_nothing_until_it_starts_again(tmp_path: Path):
    path = str(tmp_path / "store.db")

    command = [sys.executable, "-c", _LIMITED, path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    first, second = done.stdout.splitlines()
    assert "failed a write" in first and "start esb again" in first
    assert second == first


async def test_a_store_file_is_readable_by_its_owner_only(tmp_path: Path):
    store = open_store(f"sqlite:{tmp_path / 'var' / 'store.db'}")
    await store.open()
    await store.close()

    assert (tmp_path / "var" / "store.db").stat().st_mode & 0o077 == 0


async def test_every_commit_of_sqlite_reaches_the_disk(tmp_path: Path):
    store = open_store(f"sqlite:{tmp_path / 'store.db'}")
    await store.open()

    async with store._database.writing.begin() as connection:
        found = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar() for name in ("synchronous", "journal_mode")
        ]

    assert found == [2, "wal"]
    await store.close()


async def test_a_path_that_is_no_database_is_refused(tmp_path: Path):
    (tmp_path / "store.db").write_text("not a database, but long enough to look at" * 50)

    with pytest.raises(StoreError, match="cannot be opened"):
        await open_store(f"sqlite:{tmp_path / 'store.db'}").open()
    with pytest.raises(StoreError, match="cannot be opened"):
        await open_store(f"sqlite:{tmp_path}").open()


async def test_a_server_that_does_not_exist_is_out_of_reach():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(StoreError, match=f"PostgreSQL at 127.0.0.1:{port}/esb is out of reach") as caught:
        await open_store(f"postgresql://esb:s3cret@127.0.0.1:{port}/esb").open()
    assert "s3cret" not in str(caught.value)


@pytest.mark.postgresql
async def test_a_wrong_password_or_database_is_said_without_the_password(postgres_url: str):
    for url in (postgres_url.replace("esb:", "esb:wrong"), f"{postgres_url}nowhere"):
        store = open_store(url)
        with pytest.raises(StoreError, match="check user, password and database") as caught:
            await store.open()
        assert "wrong" not in str(caught.value)
        await store.close()


@pytest.mark.parametrize(
    "url",
    ["", "store.db", "mysql://localhost/esb", "sqlite:", "sqlite://host/x", "postgresql:esb", "postgresql://[::1/x"],
)
def test_a_url_that_is_no_store_is_refused_without_being_shown(url: str):
    with pytest.raises(UsageError, match="postgresql://user:password@host") as caught:
        open_store(url)
    assert "localhost" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "path"),
    [("sqlite:a/b.db", "a/b.db"), ("sqlite:/a/b.db", "/a/b.db"), ("sqlite:///b.db", "b.db"), ("sqlite:////b", "/b")],
)
def test_sqlite_is_named_by_its_path(url: str, path: str):
    assert str(Database(url).path) == path


async def test_a_body_that_no_row_can_hold_is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(blobs, "LIMIT", 10)
    store = open_store(f"sqlite:{tmp_path / 'store.db'}")

    with pytest.raises(TooLargeError, match="11 bytes"):
        await store.put("d", b"x" * 11)


async def test_a_process_ends_although_its_store_was_never_closed(tmp_path: Path):
    code = (
        "import asyncio, sys\n"
        "from esb.stores import open_store\n"
        "async def main():\n"
        "    store = open_store('sqlite:' + sys.argv[1])\n"
        "    await store.open()\n"
        "    await store.lease('a', 'b', 1.0, 1.0)\n"
        "asyncio.run(main())\n"
    )

    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "store.db")], timeout=30, check=False)

    assert done.returncode == 0


async def test_kill_9_of_a_writer_loses_nothing_that_it_was_told(tmp_path: Path):
    code = (
        "import asyncio, sys\n"
        "from esb.records import Record\n"
        "from esb.stores import open_store\n"
        "async def main():\n"
        "    store = open_store('sqlite:' + sys.argv[1])\n"
        "    await store.open()\n"
        "    for n in range(100000):\n"
        "        await store.append([Record(id=str(n), kind='note', message_id='m1', at=float(n))])\n"
        "        print(n, flush=True)\n"
        "asyncio.run(main())\n"
    )
    path = tmp_path / "store.db"
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for told in writer.stdout:
            if int(told) == 200:
                os.kill(writer.pid, signal.SIGKILL)
                break
        rest = [int(told) for told in writer.stdout]
    last = rest[-1] if rest else 200

    store = open_store(f"sqlite:{path}")
    await store.open()
    found = await _ids(store)
    await store.close()

    assert {str(number) for number in range(last + 1)} <= found
