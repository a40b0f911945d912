from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from esb.stores import SqlStore, open_store
from esb.stores.database import Database
from esb.stores.schema import metadata
from esb.testing.postgres_cluster import PostgresCluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[PostgresCluster]:
    with PostgresCluster() as running:
        yield running


@pytest.fixture(scope="session")
def postgres_url(cluster: PostgresCluster) -> str:
    return cluster.create("stores")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'store.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
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
