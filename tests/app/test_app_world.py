from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from esb.app.logs import Redactor
from esb.app.world import LiveWorld
from esb.errors import DefinitionError, StoreError
from esb.runtime.clock import SystemClock
from esb.specs import SecretRef
from esb.stores import open_store
from esb.stores.migrate import upgrade


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


@pytest.fixture
def world(tmp_path: Path, redactor: Redactor, monkeypatch: pytest.MonkeyPatch) -> LiveWorld:
    monkeypatch.delenv("ESB_SECRETS", raising=False)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/erp").write_text("file-token\r\n")
    (tmp_path / "outside").write_text("not for you")
    log: Any = None
    return LiveWorld(SystemClock(), log, tmp_path, tmp_path / "var", redactor)


def reference(text: str) -> SecretRef:
    return SecretRef(text)


def test_a_secret_is_read_from_the_environment_when_it_is_used(world: LiveWorld, monkeypatch: pytest.MonkeyPatch):
    for value in ("first", "second"):
        monkeypatch.setenv("TOKEN", value)
        assert world.secret(reference("secret://env/TOKEN")) == value


def test_a_secret_of_a_file_comes_without_its_line_end(world: LiveWorld):
    assert world.secret(reference("secret://file/erp")) == "file-token"


@pytest.mark.parametrize("name", ["env/NO_SUCH", "file/no-such", "file/../outside", "file/"])
def test_a_secret_that_is_not_there_is_an_error_that_names_where_to_put_it(world: LiveWorld, name: str):
    with pytest.raises(DefinitionError, match=f"secret://{name} has no value; set"):
        world.secret(reference(f"secret://{name}"))


def test_what_was_read_as_a_secret_is_blanked_wherever_it_appears(world: LiveWorld, redactor: Redactor):
    world.secret(reference("secret://file/erp"))

    event = redactor(None, "info", {"reason": "Bearer file-token was refused", "count": 3})

    assert event == {"reason": "Bearer ••• was refused", "count": 3}
    assert redactor.text("file-tokens") == "•••s"


def test_a_very_short_value_blanks_nothing(redactor: Redactor):
    redactor.add("a1")

    assert redactor.text("a1 steak") == "a1 steak"


async def test_two_processes_of_a_state_folder_are_one_machine_and_other_folders_are_others(
    tmp_path: Path, redactor: Redactor
):
    await upgrade(f"sqlite:///{tmp_path}/store.db")
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    await store.open()
    log: Any = None
    first, again, other = (
        LiveWorld(SystemClock(), log, tmp_path, tmp_path / state, redactor) for state in ("a", "a", "b")
    )
    for each in (first, again, other):
        each.store = store

    leases = [await each.lease("poll/shop", 60.0) for each in (first, again, other)]
    await first.remember("poll/shop", b"12")

    assert leases == [True, True, False]
    assert await other.recall("poll/shop") == b"12"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["machine"]
    await store.close()


async def test_without_a_store_nothing_is_remembered(world: LiveWorld):
    with pytest.raises(StoreError):
        await world.remember("poll/shop", b"")
