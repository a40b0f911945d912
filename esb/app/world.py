"""The world that endpoints go live in: clock, log, folders, and secrets that are read when they are used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from esb.app.logs import Redactor
from esb.errors import DefinitionError
from esb.management.trace import is_moving, trace
from esb.ports import Clock, Log, Store
from esb.specs import SecretRef


class LiveWorld:
    """`secret://env/NAME` is read from the environment, `secret://file/NAME` below the secrets folder."""

    def __init__(self, clock: Clock, log: Log, project: Path, state: Path, redactor: Redactor) -> None:
        self.clock, self.log, self.project, self.state = clock, log, project, state
        self._redactor = redactor
        self._environment: Mapping[str, str] = os.environ
        self.store: Store | None = None
        """Set when it is open."""
        self._folder = Path(os.environ.get("ESB_SECRETS", str(project / "secrets")))

    def secret(self, reference: SecretRef) -> str:
        """Return the value, without the line end of a file; it will never appear in a log line.

        Raises:
            DefinitionError: It is not there; names the reference only.
        """
        kind, _, name = reference.source.removeprefix("secret://").partition("/")
        value = self._environment.get(name) if kind == "env" else self._file(name)
        if not value:
            where = f"the environment variable {name}" if kind == "env" else f"the file {self._folder / name}"
            raise DefinitionError(f"{reference.source} has no value; set {where}")
        self._redactor.add(value)
        return value

    def redacted(self, text: str) -> str:
        """Return a text without the values of secrets that were read so far."""
        return self._redactor.text(text)

    async def under_way(self, message_id: str) -> bool:
        """Return whether something of a message is still on its way; one that no history tells of yet is."""
        if self.store is None:
            return False
        return is_moving(await trace(self.store, message_id))

    def _file(self, name: str) -> str:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder.resolve()) or not path.is_file():
            return ""
        return path.read_text(encoding="utf-8").rstrip("\r\n")
