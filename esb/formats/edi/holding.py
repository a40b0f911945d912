"""Holds documents back until their group or interchange is known to be good: `reject` wider than a set."""

from __future__ import annotations

from collections.abc import Callable

from esb.edge import Part


class Holding:
    """The documents of one group or interchange. Once it is `doomed`, all of them are refused, and none is held.

    `refuse` makes the exception for a document that is refused because of others, of why and of where it stands.
    """

    def __init__(self, limit: int, refuse: Callable[[Part, str, tuple[int, int]], Part]) -> None:
        self._limit, self._refuse = limit, refuse
        self._parts: list[tuple[Part, tuple[int, int]]] = []
        self._size = 0
        self.doomed = ""
        """Why everything is refused; empty while it is not."""

    def add(self, part: Part, place: tuple[int, int]) -> list[Part]:
        """Hold a document, or give what can be given now; `place` = byte offset and line of its header."""
        if self.doomed:
            return [self._refuse(part, self.doomed, place)]
        self._parts.append((part, place))
        self._size += len(part.raw) + 200
        if self._size > self._limit:
            return self.doom(f"more than {self._limit} bytes would have to be held back for reject:; raise limit:")
        return []

    def doom(self, reason: str) -> list[Part]:
        """Refuse everything; return what was held, as exceptions."""
        if not self.doomed:
            self.doomed = reason
        return [self._refuse(part, self.doomed, place) for part, place in self._taken()]

    def release(self) -> list[Part]:
        """Return what was held."""
        return [part for part, _ in self._taken()]

    def _taken(self) -> list[tuple[Part, tuple[int, int]]]:
        held, self._parts, self._size = self._parts, [], 0
        return held
