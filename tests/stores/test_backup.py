from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from esb.envelope import Addressed
from esb.errors import StoreError
from esb.records import Bundle, ParkedFilter
from esb.stores import SqlStore, backup, migrate, open_store, restore, upgrade
from esb.testing.postgres_cluster import PostgresCluster
from esb.testing.store_suite.values import ORDER, PACKET, PARKED, claim, entry, intake, line, parked


async def fill(store: SqlStore) -> None:
    await store.reserve([intake(at=1000.1 + 1 / 3)])
    await store.record({"ask": b"\x00\xff"}, {"ask": "m1"})
    await store.claim([claim("m1")])
    await store.conclude([entry(state="done", detail="ü \x00")])
    await store.park([PARKED, parked("p2")])
    await store.decide(PARKED, "retried", Addressed("delivery/erp", PACKET), line("r1"))
    await store.append([line(f"n{number}", at=number / 7, keys=(ORDER,)) for number in range(1200)])
    await store.put("b1", bytes(range(256)) * 5)
    await store.save_release(Bundle("rel", {"routes/a.yaml": b"x"}, "0.1.0"))
    await store.lease("poll", "a", 100.0, 50.0)


async def content(store: SqlStore) -> list[object]:
    return [
        await store.reserve([intake(at=1001.0)]),
        await store.recorded(["ask", claim("m1").name]),
        await store.claim([claim("m2")]),
        await store.entries([entry().key]),
        await store.parked(ParkedFilter(state=None)),
        await store.parked(ParkedFilter(key="po-10045")),
        await store.outbox(10),
        await store.history("m1"),
        await store.search("PO-10045", 5000),
        await store.get("b1"),
        await store.release("rel"),
        await store.lease("poll", "b", 149.0, 50.0),
    ]


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path, cluster: PostgresCluster) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'restored.db'}"
    cluster.numbered = getattr(cluster, "numbered", 0) + 1
    return cluster.create(f"restored{cluster.numbered}")


async def test_a_restored_store_knows_what_the_old_one_knew_on_either_database(
    store: SqlStore, url: str, target: str, tmp_path: Path
):
    await fill(store)

    await backup(url, tmp_path / "backup")
    rows = await restore(target, tmp_path / "backup")

    restored = open_store(target)
    await restored.open()
    assert rows > 1200
    assert await content(restored) == await content(store)
    await restored.append([line("new", at=1e9)])
    await restored.decide(parked("p2"), "released", Addressed("route/x", PACKET), line("r2"))
    assert [send.to for _, send in await restored.outbox(10)] == ["delivery/erp", "route/x"]
    await restored.close()


async def test_a_backup_is_readable_by_its_owner_only_and_never_overwrites(store: SqlStore, url: str, tmp_path: Path):
    await backup(url, tmp_path / "backup")

    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    with pytest.raises(StoreError, match="is there already"):
        await backup(url, tmp_path / "backup")
    with pytest.raises(StoreError, match="cannot be written"):
        await backup(url, tmp_path / "nowhere" / "backup")
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


async def test_restoring_needs_an_empty_store(store: SqlStore, url: str, tmp_path: Path):
    await store.append([line("r1")])
    await backup(url, tmp_path / "backup")

    with pytest.raises(StoreError, match="needs an empty store"):
        await restore(url, tmp_path / "backup")

    assert len(await store.history("m1")) == 1


async def test_a_store_that_has_its_schema_and_no_rows_counts_as_empty(
    store: SqlStore, url: str, target: str, tmp_path: Path
):
    await store.append([line("r1")])
    await backup(url, tmp_path / "backup")
    await upgrade(target)

    assert await restore(target, tmp_path / "backup") == 1


@pytest.mark.postgresql
async def test_a_backup_that_is_cut_or_damaged_changes_nothing(cluster: PostgresCluster, tmp_path: Path):
    url = cluster.create("damaged")
    store = open_store(url)
    await store.open()
    await fill(store)
    await store.close()
    await backup(url, tmp_path / "whole")
    lines = gzip.decompress((tmp_path / "whole").read_bytes()).splitlines(keepends=True)
    broken = {
        "cut": (tmp_path / "whole").read_bytes()[:-200],
        "short": gzip.compress(b"".join(lines[:-1])),
        "missing": gzip.compress(b"".join(lines[:40] + lines[41:])),
        "other": gzip.compress(b"{}\n"),
        "text": b"hello",
        "empty": b"",
    }

    target = f"sqlite:{tmp_path / 'restored.db'}"
    for name, raw in broken.items():
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(StoreError, match="not a whole backup"):
            await restore(target, tmp_path / name)

    restored = open_store(target)
    await restored.open()
    assert await restored.history("m1") == []
    await restored.close()


async def test_a_backup_of_a_newer_esb_is_refused(store: SqlStore, url: str, tmp_path: Path, monkeypatch):
    await backup(url, tmp_path / "backup")
    monkeypatch.setattr(migrate, "known", lambda: {"0000"})

    with pytest.raises(StoreError, match="made by a newer esb"):
        await restore(f"sqlite:{tmp_path / 'restored.db'}", tmp_path / "backup")


async def test_there_is_nothing_to_back_up_where_nothing_is(cluster: PostgresCluster, tmp_path: Path):
    with pytest.raises(StoreError, match="no such file"):
        await backup(f"sqlite:{tmp_path / 'nowhere.db'}", tmp_path / "backup")
    with pytest.raises(StoreError, match="nothing to back up"):
        await backup(cluster.create("nothing"), tmp_path / "backup")
