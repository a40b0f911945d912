"""The bytes of a transaction set or message as they came, kept while it is read, up to a limit."""

from __future__ import annotations

KEPT = 65_536
"""Bytes that are kept of what stands beside documents: outside of everything, or before the lines of a streamed set."""

_HEAD = 4096
_BLANK = b" \t\r\n\x00\x1a"


class Kept:
    """Pieces of text (one character a byte). Over the limit only the first bytes are kept, for people who look."""

    __slots__ = ("_limit", "_pieces", "_size", "overfull")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[str] = []
        self._size = 0
        self.overfull = False

    def take(self, text: str) -> None:
        """Keep more, if there is room."""
        self._size += len(text)
        if self._size <= self._limit:
            self._pieces.append(text)
        elif not self.overfull:
            self.overfull = True
            self._pieces = [(self._pieces[0] if self._pieces else text)[:_HEAD]]

    def clear(self) -> None:
        """Forget all, to keep what follows."""
        self._pieces, self._size, self.overfull = [], 0, False

    def raw(self) -> bytes:
        """Return the bytes, without the white space before them."""
        text = self._pieces[0] if len(self._pieces) == 1 else "".join(self._pieces)
        return text.encode("latin-1").lstrip(_BLANK)
