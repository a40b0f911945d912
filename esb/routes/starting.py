"""Starting: a small project that works, to change into one's own."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

from esb.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PLACEHOLDER = "PROJECT"


def starter(name: str) -> dict[str, bytes]:
    """Return the files of a new project by path.

    Raises:
        UsageError: The name cannot be one of a folder everywhere.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f'"{name}" cannot name a project: use letters, digits, ., - and _')
    found: dict[str, bytes] = {}
    _collect(files("esb.routes").joinpath("starter"), "", found)
    made = {path: raw.replace(_PLACEHOLDER.encode(), name.encode()) for path, raw in found.items()}
    made[".gitignore"] = made.pop("gitignore")  # under its own name it would hide files of this package
    return made


def _collect(folder: Traversable, prefix: str, found: dict[str, bytes]) -> None:
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.is_dir() and entry.name != "__pycache__":
            _collect(entry, f"{prefix}{entry.name}/", found)
        elif entry.is_file():
            found[prefix + entry.name] = entry.read_bytes()
