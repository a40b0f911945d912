"""Releases: the definitions of a folder, checked and compiled, and older ones that messages are still pinned to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from esb import __version__
from esb.errors import DefinitionError, StoreError
from esb.plan import Plan
from esb.ports import Store
from esb.records import Bundle
from esb.routes import Project, compile_plan, lint, load, read_files

_KEPT = 20


def written_settings(directory: Path) -> dict[str, Any]:
    """Return the settings of esb.yaml, or nothing where there is no usable project: the command will say so."""
    try:
        return load(read_files(directory)).settings
    except DefinitionError:
        return {}


def usable(directory: Path) -> Project:
    """Return the project of a folder.

    Raises:
        DefinitionError: It has errors; all of them are in its diagnostics.
    """
    project = load(read_files(directory))
    errors = [finding for finding in lint(project) if finding.severity == "error"]
    if errors:
        raise DefinitionError(f"{directory}: {len(errors)} errors; nothing runs before they are mended", errors)
    return project


class Releases:
    """Plans by digest: today's, and those that come back from the store for messages taken in under them."""

    def __init__(self, project: Project, store: Store) -> None:
        self.project = project
        self.current: Plan = compile_plan(project)
        self._store = store
        self._older: dict[str, Plan] = {}

    async def save(self) -> None:
        """Keep today's release, so that a message pinned to it can always go on."""
        await self._store.save_release(Bundle(self.current.release, dict(self.project.files), __version__))

    async def get(self, release: str) -> Plan:
        """Return the plan of a release.

        Raises:
            StoreError: The store is out of reach, or does not have it (a restore without its releases).
        """
        if release in ("", self.current.release):
            return self.current
        found = self._older.get(release)
        if found is None:
            bundle = await self._store.release(release)
            if bundle is None:
                raise StoreError(f"release {release} is not in the store; restore it, or retry the message as of today")
            found = compile_plan(load(bundle.files))
            if len(self._older) >= _KEPT:
                self._older.pop(next(iter(self._older)))
            self._older[release] = found
        return found
