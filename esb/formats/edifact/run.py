"""A run: whole segments behind a UNB, cut at once, released and decoded; each knows where it stood."""

from __future__ import annotations

from msgspec import Struct

from esb.formats.edi.patterns import Marks
from esb.formats.edifact.charsets import Charset, decoded, hidden
from esb.formats.edifact.service import FILLER, shield

BLANK = " \t\r\n\x00\x1a"
"""What may stand before a segment without being part of it."""


class Run(Struct):
    """Whole segments: `text` as they came, `segments` ready to be read, `raw` as long as they came."""

    text: str
    raw: list[str]
    segments: list[str]
    offset: int
    line: int
    _at: int = 0
    _offset: int = 0
    _line: int = 0

    def locate(self, index: int) -> tuple[int, int]:
        """Return the byte offset and line of a segment; asked in rising order it costs each byte once."""
        if index < self._at:
            self._at = self._offset = self._line = 0
        begin = self._offset + sum(map(len, self.raw[self._at : index])) + index - self._at
        self._line += self.text.count("\n", self._offset, begin)
        self._at, self._offset = index, begin
        lead = len(self.raw[index]) - len(self.raw[index].lstrip(BLANK)) if index < len(self.raw) else 0
        return self.offset + begin + lead, self.line + self._line + self.text.count("\n", begin, begin + lead)

    def begin(self, index: int, known: tuple[int, int]) -> int:
        """Return where a segment begins in `text`; `known` = (index, position) of an earlier one."""
        return known[1] + sum(map(len, self.raw[known[0] : index])) + index - known[0]

    def whole(self, index: int) -> str:
        """Return a segment as it came, with its terminator."""
        begin = self.begin(index, (0, 0))
        return self.text[begin : begin + len(self.raw[index]) + 1]


def run(text: str, marks: Marks, charset: Charset, offset: int, line: int, limit: int) -> Run:
    """Return the segments of a text; a segment over the limit and all behind it are left out."""
    plain = text.isascii() and not charset.shifts and not (marks.release and marks.release + marks.terminator in text)
    shielded = text if plain else shield(hidden(text, charset), marks)
    raw = shielded.split(marks.terminator)
    if not raw[-1].strip(BLANK):
        raw.pop()
    if len(text) > limit and (long := _first_longer(raw, limit)):
        # the long one is seen again at the beginning of the text, as if it had come in a piece of its own
        raw = raw[:long]
        size = sum(map(len, raw)) + long
        text, shielded = text[:size], shielded[:size]
    segments = raw
    if not plain:
        segments = decoded(shielded.replace(FILLER, ""), charset).split(marks.terminator)[: len(raw)]
    elif marks.release and marks.release in text:
        release = marks.release
        segments = [shield(one, marks).replace(FILLER, "") if release in one else one for one in raw]
    if "\n" in text or "\r" in text or f"{marks.terminator} " in text or text[:1] == " ":
        segments = [segment.lstrip(BLANK) for segment in segments]
    return Run(text, raw, segments, offset, line)


def _first_longer(segments: list[str], limit: int) -> int:
    """Return the index of the first segment over the limit; 0 = none (the first was looked at before)."""
    if max(map(len, segments), default=0) <= limit:
        return 0
    return next(index for index, segment in enumerate(segments) if len(segment) > limit)
