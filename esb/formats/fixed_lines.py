"""Cuts fixed width text into records as it comes: by line ends, or by the one width that all records have."""

from __future__ import annotations

from collections.abc import Sequence

from esb.formats.characters import Characters
from esb.formats.lines import Lines, Overlong

OVERLONG = "it is much longer than any record"


class FixedLines:
    """Push splitter. `lines`: records end with a line end; else each has exactly the widest width."""

    def __init__(self, encoding: str, widths: Sequence[int], lines: bool) -> None:
        self.characters = Characters(encoding)
        self._width = 0 if lines else max(widths)
        self._lines = Lines(10 * max(widths) + 1000)
        self._carry = ""

    def feed(self, data: bytes) -> list[str]:
        """Return the records that are complete."""
        return self._cut(self.characters.decode(data))

    def end(self) -> list[str]:
        """Return what is left."""
        lines = self._cut(self.characters.decode(b"", final=True))
        if self._width:
            return lines + ([self._carry] if self._carry.strip("\r\n\x1a") else [])
        return lines + self._lines.end()

    def content(self, line: str) -> str:
        """Return a record without its line end and end mark; empty = it is none."""
        return line if self._width else line.rstrip("\r\n\x1a")

    def fault(self, line: str) -> str:
        """Return why a record cannot be looked at, or nothing."""
        if type(line) is Overlong:
            return OVERLONG
        return f"it is not {self.characters.encoding}" if self.characters.broken(line) else ""

    def _cut(self, text: str) -> list[str]:
        if not self._width:
            return self._lines.feed(text)
        text, width = self._carry + text, self._width
        whole = len(text) // width * width
        self._carry = text[whole:]
        return [text[at : at + width] for at in range(0, whole, width)]
