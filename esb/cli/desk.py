"""What the operator's commands share: the store opened, the person named, times and ids as people read them."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import AsyncIterator
from pathlib import Path

from esb.app import usable
from esb.app.releases import Releases
from esb.cli.options import settings_of
from esb.errors import DefinitionError
from esb.management.exceptions import Desk
from esb.ports import Store
from esb.runtime.clock import SystemClock
from esb.settings import Settings
from esb.stores import open_store

_MARKS = ("esb.yaml", "routes")
"""What makes a folder a project."""


def at_home(settings: Settings) -> Settings:
    """Return the settings once the folder for state is there; a mistyped folder gets none.

    Raises:
        DefinitionError: Nothing says where the store is: no project, no state and no --store.
    """
    home = settings.project.absolute()
    if not (settings.store or settings.state_dir.exists() or any((home / name).exists() for name in _MARKS)):
        raise DefinitionError(f"{home} is no project: neither {' nor '.join(_MARKS)} is there; choose one with -C")
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    return settings


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Store]:
    """Lend the store of a project, closed at the end."""
    at_home(settings)
    store = open_store(settings.store_url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def desk(project: Path, store: str) -> AsyncIterator[tuple[Store, Desk]]:
    """Lend the store and the desk where decisions are made; a retry takes today's release if there is one."""
    settings = settings_of(project, store=store)
    async with opened(settings) as open_:
        try:
            releases = Releases(usable(settings.project), open_)
            await releases.save()
            release = releases.current.release
        except DefinitionError:
            release = ""
        yield open_, Desk(open_, SystemClock(), release)


def person() -> str:
    """Return who decides: the account's name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
