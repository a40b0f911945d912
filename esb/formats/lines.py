"""Text becomes lines as it comes: LF, CRLF or CR, each line bounded, so that no input can fill the memory."""

from __future__ import annotations

HEAD = 1024
"""Characters of an overlong line that are kept, for people who must find it."""


class Overlong(str):
    """The beginning of a line that was longer than allowed; the rest of it was skipped."""

    __slots__ = ()


class Lines:
    """Push splitter. Lines keep their ending; a file that ends its lines with CR alone is told by its first one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._end = ""
        self._carry: list[str] = []
        self._size = 0
        self._skipping: Overlong | None = None

    def feed(self, text: str) -> list[str]:
        """Return the lines that are complete."""
        if not text:
            return []
        if not self._end:
            text = "".join(self._carry) + text
            self._carry, self._size = [], 0
            self._end = _ending(text)
        if not self._end or self._end not in text:
            self._keep(text)
            return []
        if self._carry or self._skipping is not None:
            return self._with_carry(text)
        return self._cut(text)

    def end(self) -> list[str]:
        """Return the last line if it has no ending."""
        last = "".join(self._carry) if self._skipping is None else self._skipping
        self._carry, self._size, self._skipping = [], 0, None
        return [last] if last else []

    def _with_carry(self, text: str) -> list[str]:
        first, rest = text.split(self._end, 1)
        line = self._bounded("".join(self._carry) + first) if self._skipping is None else self._skipping
        self._carry, self._size, self._skipping = [], 0, None
        return [line, *self._cut(rest)]

    def _cut(self, text: str) -> list[str]:
        pieces = text.split(self._end)
        self._keep(pieces.pop())
        return [self._bounded(piece) for piece in pieces]

    def _bounded(self, piece: str) -> str:
        return piece + self._end if len(piece) <= self._limit else self._overlong(piece)

    def _overlong(self, piece: str) -> Overlong:
        return Overlong(piece[: min(HEAD, self._limit)])

    def _keep(self, text: str) -> None:
        if not text:
            return
        if self._skipping is None:
            self._carry.append(text)
            self._size += len(text)
            if self._size <= self._limit:
                return
            self._skipping = self._overlong("".join(self._carry))
        # a CR may still turn out to be how this file ends its lines
        self._carry = ["\r"] if not self._end and text.endswith("\r") else []
        self._size = len(self._carry)


def _ending(text: str) -> str:
    """Return how the lines of a text end that begins like this; empty = cannot be said yet."""
    newline, carriage = text.find("\n"), text.find("\r")
    if newline >= 0 and (carriage < 0 or newline <= carriage + 1):
        return "\n"
    if 0 <= carriage < len(text) - 1:
        return "\r"
    return ""
