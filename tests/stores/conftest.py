from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from esb.stores import SqlStore, open_store, upgrade
from esb.stores.database import Database
from esb.stores.schema import metadata
from esb.testing.postgres_cluster import PostgresCluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[PostgresCluster]:
    # Nothing here is about a crash of the machine; the tests that kill a server have one of their own.
    with PostgresCluster(durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def postgres_url(cluster: PostgresCluster) -> str:
    return cluster.create("stores")


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stores") / "empty.db"
    asyncio.run(upgrade(f"sqlite:{path}"))
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'store.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def store(url: str, empty_file: Path) -> AsyncIterator[SqlStore]:
    if url.startswith("sqlite"):
        shutil.copy(empty_file, url.partition(":")[2])
    opened = open_store(url)
    await opened.open()
    await _empty(url)
    yield opened
    await opened.close()


async def _empty(url: str) -> None:
    if url.startswith("sqlite"):
        return
    database = Database(url)
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    await database.write(lambda connection: connection.exec_driver_sql(f"TRUNCATE {tables} CASCADE"))
    await database.close()
