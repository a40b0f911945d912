"""Bad parts: what a reader gives in place of a document that it cannot read, so that its siblings go on."""

from __future__ import annotations

from esb.edge import Finding, Part

KEPT = 4096
"""Bytes of a document over its limit that are kept, for people who must find it."""


def bad(name: str, code: str, text: str, raw: bytes, line: int = 0, offset: int = 0) -> Part:
    """Return a part that cannot be used, with its one finding; `name` is the format's."""
    finding = Finding(f"{name}.{code}", text, offset=offset, line=line)
    return Part(None, raw, error=f"{name}: {text}", findings=(finding,))


def too_large(name: str, head: bytes, limit: int, line: int = 1) -> Part:
    """Return the bad part for a document over its limit; `head` is what was kept of it."""
    text = f"the document at line {line} is larger than {limit} bytes; raise limit: or cut it with each:"
    return bad(name, "too-large", text, head[:KEPT], line)


def more_faults(count: int) -> str:
    """Return how many faults are not told here, to stand behind the one that is; nothing if that was all."""
    return f" (and {count} more fault{'s' if count > 1 else ''})" if count else ""


class Gathering:
    """Bytes of one document that is read whole: at most `limit`, then only counted."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Take more bytes; those over the limit are dropped, but for the first."""
        if self.size <= self.limit:
            self._pieces.append(data)
        self.size += len(data)

    def content(self) -> bytes:
        """Return what was kept."""
        return b"".join(self._pieces)

    @property
    def overfull(self) -> bool:
        """Return whether there was more than the limit."""
        return self.size > self.limit
