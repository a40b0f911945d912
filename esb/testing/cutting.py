"""Kills at any call of a store or a channel: what a crash there leaves behind, tried call by call."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


class Cut(Exception):
    """The process was killed here."""


class Cutting:
    """Stands before a store or a channel, and kills at one of its calls: before it, or behind it.

    `calls` are the names of those that count; `fuse` holds how many of these moments are left, for all that share it.
    """

    def __init__(self, inner: Any, fuse: list[int], calls: Collection[str]) -> None:
        self._inner, self._fuse, self._calls = inner, fuse, calls

    def __getattr__(self, name: str) -> Any:
        """Return what is behind it, with a moment before and a moment behind each call."""
        inner = getattr(self._inner, name)
        if name not in self._calls:
            return inner

        async def call(*words: Any) -> Any:
            self._burn()
            result = await inner(*words)
            self._burn()
            return result

        return call

    def _burn(self) -> None:
        self._fuse[0] -= 1
        if self._fuse[0] == 0:
            raise Cut
