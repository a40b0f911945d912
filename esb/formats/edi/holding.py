"""Holds documents back until their group or interchange is known to be good: `reject` wider than a set."""

from __future__ import annotations

from collections.abc import Callable

from esb.edge import Part


class Holding:
    """The documents of one group or interchange. Once it is `doomed`, all of them are refused, and none is held.

    `refuse` makes the exception for a document that is refused because of others.
    """

    def __init__(self, limit: int, refuse: Callable[[Part, str], Part]) -> None:
        self._limit, self._refuse = limit, refuse
        self._parts: list[Part] = []
        self._size = 0
        self.doomed = ""
        """Why everything is refused; empty while it is not."""

    def add(self, part: Part) -> list[Part]:
        """Hold a document, or give what can be given now."""
        if self.doomed:
            return [self._refuse(part, self.doomed)]
        self._parts.append(part)
        self._size += len(part.raw) + 200
        if self._size > self._limit:
            return self.doom(f"more than {self._limit} bytes would have to be held back for reject:; raise limit:")
        return []

    def doom(self, reason: str) -> list[Part]:
        """Refuse everything; return what was held, as exceptions."""
        if not self.doomed:
            self.doomed = reason
        return [self._refuse(part, self.doomed) for part in self.release()]

    def release(self) -> list[Part]:
        """Return what was held."""
        held, self._parts, self._size = self._parts, [], 0
        return held
