from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from esb.app import Releases, usable, written_settings
from esb.errors import DefinitionError, StoreError
from esb.ports import Store
from esb.stores import open_store

FILES = {
    "esb.yaml": "settings: { listen: '127.0.0.1:9999' }\ndefaults: { owner: me }\n",
    "endpoints/inbox.yaml": "type: file\ndirectory: var/in\nformat: json\n",
    "endpoints/outbox.yaml": "type: file\ndirectory: var/out\n",
    "routes/r.yaml": "from: { endpoint: inbox }\nsteps: [to: outbox]\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(f"sqlite:{tmp_path}/store.db")
    await opened.open()
    yield opened
    await opened.close()


def test_settings_are_those_of_esb_yaml_or_none_where_there_is_no_project(project: Path):
    assert written_settings(project)["listen"] == "127.0.0.1:9999"
    assert written_settings(project / "nowhere") == {}


def test_a_project_with_errors_cannot_be_used_and_tells_all_of_them(project: Path):
    (project / "routes/r.yaml").write_text("from: { endpoint: inbxo }\nsteps: [to: outbx]\n")

    with pytest.raises(DefinitionError, match="nothing runs before they are mended") as failed:
        usable(project)

    assert len(failed.value.diagnostics) >= 2


async def test_a_release_comes_back_from_the_store_after_the_files_have_changed(project: Path, store: Store):
    first = Releases(usable(project), store)
    await first.save()
    (project / "routes/r.yaml").write_text("from: { endpoint: inbox }\nsteps: [log: seen, to: outbox]\n")
    second = Releases(usable(project), store)
    await second.save()

    older = await second.get(first.current.release)

    assert first.current.release != second.current.release
    assert older.release == first.current.release
    assert await second.get(first.current.release) is older
    assert await second.get("") is second.current
    assert await second.get(second.current.release) is second.current


async def test_equal_files_are_the_same_release(project: Path, store: Store):
    assert Releases(usable(project), store).current.release == Releases(usable(project), store).current.release


async def test_a_release_that_nobody_has_is_an_error_that_says_what_to_do(project: Path, store: Store):
    with pytest.raises(StoreError, match="restore it, or retry the message as of today"):
        await Releases(usable(project), store).get("0" * 64)
