from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from esb.errors import StoreError
from esb.stores import migrate, open_store, revisions, upgrade
from esb.stores.database import Database
from esb.stores.schema import metadata
from esb.testing.store_suite.values import line


@pytest.fixture
def fresh(request: pytest.FixtureRequest, tmp_path: Path, url: str) -> str:
    if url.startswith("sqlite"):
        return url
    name = request.node.name.partition("[")[0].removeprefix("test_")[:50]
    return str(request.getfixturevalue("cluster").create(name))


async def set_revision(url: str, revision: str) -> None:
    database = Database(url)
    await database.write(
        lambda connection: connection.execute(text(f"UPDATE {migrate.VERSION_TABLE} SET version_num = '{revision}'"))
    )
    await database.close()


async def test_the_migrated_schema_is_the_model(fresh: str):
    def compare(connection: Connection) -> list[object]:
        options = {"version_table": migrate.VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    assert await upgrade(fresh) == migrate.head()

    database = Database(fresh)
    differences = await database.read(lambda connection: connection.run_sync(compare))
    await database.close()
    assert differences == []


async def test_upgrading_twice_changes_nothing(fresh: str):
    await upgrade(fresh)
    store = open_store(fresh)
    await store.open()
    await store.append([line("r1")])

    await upgrade(fresh)

    assert len(await store.history("m1")) == 1
    await store.close()


async def test_an_older_schema_is_refused_with_the_command_that_mends_it(fresh: str, monkeypatch):
    await upgrade(fresh)
    monkeypatch.setattr(migrate, "head", lambda: "9998")
    store = open_store(fresh)

    with pytest.raises(StoreError, match="revision 0003, this esb needs 9998; run `esb store upgrade`"):
        await store.open()
    await store.close()


async def test_a_newer_schema_is_refused_by_open_and_by_upgrade(fresh: str):
    await upgrade(fresh)
    await set_revision(fresh, "9999")
    store = open_store(fresh)

    with pytest.raises(StoreError, match="made by a newer esb"):
        await store.open()
    with pytest.raises(StoreError, match="made by a newer esb"):
        await upgrade(fresh)
    await store.close()


async def test_the_tables_of_another_program_are_left_alone(fresh: str):
    database = Database(fresh)
    database.prepare()
    await database.write(lambda connection: connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)")))
    await database.write(lambda connection: connection.execute(text("INSERT INTO alembic_version VALUES ('theirs')")))

    await upgrade(fresh)

    found = await database.read(lambda connection: connection.execute(text("SELECT version_num FROM alembic_version")))
    assert found.scalar_one() == "theirs"
    await database.close()


def test_the_newest_revision_is_the_one_that_this_esb_asks_for():
    assert migrate.head() == revisions.newest()


def test_a_store_in_a_file_that_is_up_to_date_needs_neither_alembic_nor_a_client_of_postgresql(tmp_path: Path):
    code = (
        "import asyncio, sys; from esb.stores import open_store; store = open_store(sys.argv[1]);"
        "asyncio.run(store.open()); print(*[name for name in ('alembic', 'asyncpg') if name in sys.modules])"
    )
    line = [sys.executable, "-c", code, f"sqlite:{tmp_path / 'store.db'}"]
    first = subprocess.run(line, capture_output=True, text=True, check=True).stdout

    again = subprocess.run(line, capture_output=True, text=True, check=True).stdout

    assert (first.split(), again.split()) == (["alembic"], [])
