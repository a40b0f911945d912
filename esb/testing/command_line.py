"""`esb` as somebody types it in a folder, run in this process: what it printed, what it complained of, how it ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from esb.cli import run


class CommandLine:
    """A folder with files and the command line in it. `code` and `err` are of the last command.

    `before` and `behind` are words that every command gets: the verb, or where the project is.
    """

    def __init__(
        self, folder: Path, capture: pytest.CaptureFixture[str], before: Sequence[str] = (), behind: Sequence[str] = ()
    ) -> None:
        self.folder, self._capture = folder, capture
        self._before, self._behind = before, behind
        self.code, self.err = 0, ""

    def file(self, content: str | bytes, name: str = "in.edi") -> str:
        """Write a file below the folder and return its name. Text is written in Latin-1, as EDI mostly is."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("latin-1") if isinstance(content, str) else content)
        return name

    def __call__(self, *words: str) -> list[str]:
        """Run a command and return the lines that it printed."""
        self._capture.readouterr()
        self.code = run([*self._before, *words, *self._behind])
        out, self.err = self._capture.readouterr()
        return out.splitlines()

    def values(self, *words: str) -> list[Any]:
        """Run a command that prints a JSON value on each line; return these."""
        return [json.loads(line) for line in self(*words)]
