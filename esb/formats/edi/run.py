"""A run: whole segments of an interchange, cut at once; each knows where it stood."""

from __future__ import annotations

from msgspec import Struct

BLANK = " \t\r\n\x00\x1a"
"""What may stand before a segment without being part of it."""


class Run(Struct):
    """Whole segments: `text` as they came, `segments` ready to be read, `raw` as long as they came.

    `width` = how long the terminator is. A segment with binary data is a run of its own, its data as hexadecimal digits
    in `segments`; `note` says what is wrong with its length (code, text).
    """

    text: str
    raw: list[str]
    segments: list[str]
    offset: int
    line: int
    width: int = 1
    note: tuple[str, str] | None = None
    _at: int = 0
    _offset: int = 0
    _line: int = 0

    def locate(self, index: int) -> tuple[int, int]:
        """Return the byte offset and line of a segment; asked in rising order it costs each byte once."""
        begin = self._reach(index)
        lead = len(self.raw[index]) - len(self.raw[index].lstrip(BLANK)) if index < len(self.raw) else 0
        return self.offset + begin + lead, self.line + self._line + self.text.count("\n", begin, begin + lead)

    def begin(self, index: int, known: tuple[int, int]) -> int:
        """Return where a segment begins in `text`; `known` = (index, position) of an earlier one."""
        return known[1] + sum(map(len, self.raw[known[0] : index])) + (index - known[0]) * self.width

    def whole(self, index: int) -> str:
        """Return a segment as it came, with its terminator; asked in rising order it costs each byte once."""
        begin = self._reach(index)
        return self.text[begin : begin + len(self.raw[index]) + self.width]

    def _reach(self, index: int) -> int:
        """Return where a segment begins in `text`, and remember how many lines stand before it."""
        if index < self._at:
            self._at = self._offset = self._line = 0
        begin = self.begin(index, (self._at, self._offset))
        self._line += self.text.count("\n", self._offset, begin)
        self._at, self._offset = index, begin
        return begin


def split(text: str, terminator: str, limit: int) -> tuple[str, list[str]]:
    """Return a text and its segments, without what follows their last terminator if that is blank.

    One over the limit and all behind it are left out of both: it is seen again at the beginning of a text, as if it
    had come in a piece of its own. (The first was looked at before.)
    """
    raw = text.split(terminator)
    if not raw[-1].strip(BLANK):
        raw.pop()
    if len(text) > limit and max(map(len, raw), default=0) > limit:
        long = next(index for index, segment in enumerate(raw) if len(segment) > limit)
        if long:
            raw = raw[:long]
            text = text[: sum(map(len, raw)) + long * len(terminator)]
    return text, raw


def bare(segments: list[str], text: str, terminator: str) -> list[str]:
    """Return the segments of a text without the white space before them."""
    if "\n" in text or "\r" in text or f"{terminator} " in text or text[:1] == " ":
        return [segment.lstrip(BLANK) for segment in segments]
    return segments
