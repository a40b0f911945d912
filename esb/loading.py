"""What is imported when it is first needed: a process holds no client library of a kind that its project never uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Generic, TypeVar

Part = TypeVar("Part")


def load(place: str) -> Any:
    """Return what `package.module:Name` names, importing its module if this is the first time."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


class LoadedTable(Mapping[str, Part], Generic[Part]):
    """Parts by name, each imported when it is looked up; the names alone import nothing."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)

    def __getitem__(self, name: str) -> Part:
        """Return a part. Raises KeyError if there is none of this name."""
        part: Part = load(self._places[name])
        return part

    def __contains__(self, name: object) -> bool:
        """Return whether there is such a part, without importing it."""
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
