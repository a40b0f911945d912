"""Suspects: which message a dead worker was running, so that only the culprit is dead-lettered.

A delivery that was lent before is run alone, under a mark on disk that names it and counts. If the worker dies with
the mark set, the next one reads it; a message that has killed `most` workers on its own becomes an exception.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from esb.message import derive


class Suspects:
    """Marks in a folder, one file a message that is under suspicion; the file holds how many workers it has cost."""

    def __init__(self, folder: Path, most: int = 3) -> None:
        self._folder, self._most = folder, most
        folder.mkdir(parents=True, exist_ok=True)
        self._before = frozenset(path.name for path in folder.iterdir())

    def known(self, identity: str) -> bool:
        """Return whether it was under suspicion when this process began.

        A twin of what killed a worker need not have been lent before: an intake that died with the worker has
        published it anew.
        """
        return bool(self._before) and self._path(identity).name in self._before

    def guilty(self, identity: str) -> bool:
        """Return whether the message has died alone too often."""
        return self._count(identity) >= self._most

    def begin(self, identity: str) -> None:
        """Mark before it runs, since the next line may be the last; a dead process leaves what it has written."""
        path = self._path(identity)
        count = self._count(identity) + 1
        with path.open("w") as file:
            json.dump({"count": count, "pid": os.getpid()}, file)

    def clear(self, identity: str) -> None:
        """It lived."""
        with contextlib.suppress(FileNotFoundError):
            self._path(identity).unlink()

    def _count(self, identity: str) -> int:
        try:
            return int(json.loads(self._path(identity).read_text())["count"])
        except (FileNotFoundError, ValueError, KeyError):
            return 0

    def _path(self, identity: str) -> Path:
        return self._folder / f"{derive('suspect', identity)}.json"
