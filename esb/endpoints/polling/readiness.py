"""Readiness: which files of a listing are complete. Pure: listings and times in, files out.

The age of a file is counted from when *we* first saw it in its present state: copies keep the times of their
originals, so a file's own time says nothing about whether its writer is done.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from esb.endpoints.polling.files import Entry

TEMPORARY = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", "~")
EMPTY_PATIENCE = 60.0
"""Seconds that an empty file may stay empty: many clients create a file first and fill it later."""


@dataclass(frozen=True, slots=True)
class ReadyRule:
    """Which names are meant, and when such a file is complete.

    `marker`: `{name}.done` or `{stem}.ok`; the file is complete when its marker stands beside it. Without a marker it
    is complete when size and time stayed the same for `unchanged_for` seconds. Names that end in one of `ignore` or
    begin with a dot are never looked at. `ending`: what the last bytes must match besides; a file whose end is missing
    is looked at again when it has changed, and given up after `patience` seconds.
    """

    match: str = "*"
    unchanged_for: float = 2.0
    marker: str = ""
    ignore: tuple[str, ...] = TEMPORARY
    ending: re.Pattern[bytes] | None = None
    patience: float = 3600.0

    def meant(self, path: str) -> bool:
        """Return whether a path is one of ours, complete or not."""
        name = path.rpartition("/")[2]
        if any(part.startswith(".") for part in path.split("/")) or name.endswith(self.ignore):
            return False
        return fnmatchcase(path if "/" in self.match else name, self.match)

    def marker_of(self, path: str) -> str:
        """Return the path of the marker of a file, or an empty text if no marker is asked for."""
        if not self.marker:
            return ""
        folder, slash, name = path.rpartition("/")
        stem = name.rpartition(".")[0] or name
        return f"{folder}{slash}{self.marker.replace('{name}', name).replace('{stem}', stem)}"


@dataclass(slots=True)
class _Sighting:
    state: tuple[int, int]
    since: float
    changed: bool = False


class Readiness:
    """Remembers how each file looked. `waiting` after a look: files that may be complete if they stay as they are."""

    def __init__(self, rule: ReadyRule) -> None:
        self._rule = rule
        self._seen: dict[str, _Sighting] = {}
        self._cut: dict[str, _Sighting] = {}
        self.waiting: dict[str, float] = {}

    def look(self, entries: Sequence[Entry], now: float) -> list[Entry]:
        """Return the files that are complete, oldest first; `now` in seconds."""
        there = {entry.path for entry in entries}
        meant = [entry for entry in entries if self._rule.meant(entry.path)]
        if self._rule.marker:
            markers = {self._rule.marker_of(entry.path) for entry in meant}
            meant = [entry for entry in meant if entry.path not in markers]
        self._seen = {path: sighting for path, sighting in self._seen.items() if path in there}
        self._cut = {path: sighting for path, sighting in self._cut.items() if path in there}
        self.waiting = {}
        ready = [entry for entry in meant if self._complete(entry, there, now)]
        return sorted(ready, key=lambda entry: (entry.mtime_ns, entry.path))

    def forget(self, path: str) -> None:
        """Take a file that was put back for one that is still being written."""
        self._seen[path] = _Sighting((-1, -1), 0.0)

    def cut(self, entry: Entry, now: float) -> bool:
        """Note that the end of a file is missing; return whether it has been so for longer than patience lasts."""
        first = self._cut.setdefault(entry.path, _Sighting(entry.state, now))
        first.state, first.since = entry.state, min(first.since, now)
        return now - first.since >= self._rule.patience

    def _complete(self, entry: Entry, there: set[str], now: float) -> bool:
        cut = self._cut.get(entry.path)
        if cut is not None and cut.state == entry.state and now - cut.since < self._rule.patience:
            return False
        if self._rule.marker:
            return self._rule.marker_of(entry.path) in there
        seen = self._seen.get(entry.path)
        if seen is None or seen.state != entry.state:
            seen = self._seen[entry.path] = _Sighting(entry.state, now, changed=seen is not None)
        patience = self._rule.unchanged_for if entry.size else max(EMPTY_PATIENCE, self._rule.unchanged_for)
        # A clock that was set back must not keep a file waiting for the length of the jump.
        seen.since = min(seen.since, now)
        left = seen.since + patience - now
        if left > 0 and entry.size and not seen.changed:
            self.waiting[entry.path] = left
        return left <= 0
