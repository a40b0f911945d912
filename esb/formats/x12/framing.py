"""Finds interchanges in bytes as they come, takes the separators from each ISA, and cuts segments in runs.

Bytes are read as Latin-1, so that a character is a byte and offsets are exact; values that are not ASCII are decoded
where they are used. Nothing is looked at twice and no segment is looked at alone: a run is one split.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, IncrementalDecoder, getincrementaldecoder
from collections.abc import Iterator

from msgspec import Struct

from esb.formats.edi.patterns import Marks
from esb.formats.x12.isa import head

WINDOW = 1 << 18
"""Bytes that are cut into segments at once."""

_IGNORED = re.compile("(?:[ \\t\\r\\n\\f\\v\\x00\\x1a]|\u00ef\u00bb\u00bf)*")
_ISA = re.compile(r"ISA(?=[^A-Za-z0-9 \t\r\n])")
_NEWLINE = re.compile(r"[\r\n]*")
_HEAD = 200
_KEPT = 4096
_BLANK = " \t\r\n\x00\x1a"


class Opened(Struct):
    """An ISA: its 16 elements as they stand, the separators, where it is, and what is odd about it (code, text)."""

    elements: list[str]
    marks: Marks
    newline: str
    offset: int
    line: int
    oddities: tuple[tuple[str, str], ...] = ()


class Run(Struct):
    """Whole segments behind an ISA: as they came, and without the white space before them.

    A segment with binary data is a run of its own, its data as hexadecimal digits in `segments`; `note` says what is
    wrong with its length (code, text).
    """

    text: str
    raw: list[str]
    segments: list[str]
    width: int
    offset: int
    line: int
    note: tuple[str, str] | None = None
    _at: int = 0
    _offset: int = 0
    _line: int = 0

    def locate(self, index: int) -> tuple[int, int]:
        """Return the byte offset and line of a segment; asked in rising order it costs each byte once."""
        if index < self._at:
            self._at = self._offset = self._line = 0
        begin = self._offset
        begin += sum(map(len, self.raw[self._at : index])) + (index - self._at) * self.width
        self._line += self.text.count("\n", self._offset, begin)
        self._at, self._offset = index, begin
        lead = len(self.raw[index]) - len(self.raw[index].lstrip(_BLANK)) if index < len(self.raw) else 0
        return self.offset + begin + lead, self.line + self._line + self.text.count("\n", begin, begin + lead)

    def whole(self, index: int) -> str:
        """Return a segment as it came, with its terminator."""
        first = len(self.raw[0])
        return self.raw[index] + self.text[first : first + self.width]

    def begin(self, index: int, known: tuple[int, int]) -> int:
        """Return where a segment begins in `text`; `known` = (index, position) of an earlier one."""
        return known[1] + sum(map(len, self.raw[known[0] : index])) + (index - known[0]) * self.width


class Junk(Struct):
    """What stands where an interchange should begin."""

    text: str
    size: int
    offset: int
    line: int
    reason: str


_PLAIN: list[Opened | Run | Junk] = []
"""Answer of a look at binary data: there is none, the segment ends at its terminator."""


class Framer:
    """Push cutter. `limit` bounds a segment, so that no input can fill the memory.

    `unwrap`: line ends are removed wherever they stand, not only where lines are wrapped at the width of the ISA.
    """

    def __init__(self, limit: int, unwrap: bool = False) -> None:
        self._limit, self._unwrap = limit, unwrap
        self._text = ""
        self._offset, self._line = 0, 1
        self._marks: Marks | None = None
        self._wrapped = False
        self._junk: Junk | None = None
        self._head: bytes | None = b""
        self._wide: IncrementalDecoder | None = None
        self._note: tuple[str, str] | None = None

    def feed(self, data: bytes, final: bool = False) -> Iterator[Opened | Run | Junk]:
        """Give what is complete, in order."""
        for at in range(0, len(data), WINDOW) or (0,):
            self._text += self._latin(data[at : at + WINDOW], final)
            if self._wrapped:
                self._text = self._text.replace("\r", "").replace("\n", "")
            yield from self._cut(False)
        if final:
            yield from self._cut(True)
            if self._junk is not None:
                yield self._junk
                self._junk = None

    def _latin(self, data: bytes, final: bool) -> str:
        if self._head is not None:
            data = self._head + data
            if len(data) < 2 and not final:
                self._head = data
                return ""
            self._head = None
            for mark, name in ((BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be")):
                if data.startswith(mark):
                    self._wide, data = getincrementaldecoder(name)("replace"), data[len(mark) :]
        if self._wide is not None:
            data = self._wide.decode(data, final).encode("utf-8", "replace")
        return data.decode("latin-1")

    def _cut(self, final: bool) -> Iterator[Opened | Run | Junk]:
        while self._text:
            found = self._seek(final) if self._marks is None else self._segments(self._marks, final)
            if found is None:
                return
            yield from found

    def _skip(self, count: int) -> None:
        self._line += self._text.count("\n", 0, count)
        self._offset += count
        self._text = self._text[count:]

    # between interchanges

    def _seek(self, final: bool) -> list[Opened | Run | Junk] | None:
        ignored = _IGNORED.match(self._text)
        assert ignored is not None
        if self._junk is None:
            self._skip(ignored.end())
            if not self._text:
                return []
        if not _ISA.match(self._text):
            return self._no_head(final)
        if len(self._text) < _HEAD and not final:
            return None
        out: list[Opened | Run | Junk] = [self._junk] if self._junk is not None else []
        self._junk = None
        found = head(self._text[:_HEAD])
        if isinstance(found, str):
            self._junk = Junk("", 0, self._offset, self._line, found)
            self._waste(3)
            return out
        place = self._offset, self._line
        self._marks = found.marks
        self._skip(found.length)
        ending = _NEWLINE.match(self._text)
        assert ending is not None
        unwrap = self._unwrap and found.marks.terminator not in "\r\n"
        self._wrapped = unwrap or any(code == "wrapped" for code, _ in found.oddities)
        if self._wrapped:
            self._text = self._text.replace("\r", "").replace("\n", "")
        newline = "" if found.marks.terminator in ending[0] else ending[0][:2]
        return [*out, Opened(found.elements, found.marks, newline, *place, found.oddities)]

    def _no_head(self, final: bool) -> list[Opened | Run | Junk] | None:
        """Skip to the next thing that looks like an ISA; keep the beginning of what was skipped."""
        if len(self._text) < 4 and not final:
            return None
        match = _ISA.search(self._text, 1)
        end = match.start() if match else len(self._text) if final else len(self._text) - 3
        if self._junk is None:
            self._junk = Junk("", 0, self._offset, self._line, "there is no ISA")
        self._waste(end)
        return [] if match or final else None

    def _waste(self, count: int) -> None:
        assert self._junk is not None
        self._junk.text += self._text[: min(count, _KEPT - len(self._junk.text))]
        self._junk.size += count
        self._skip(count)

    # within an interchange

    def _segments(self, marks: Marks, final: bool) -> list[Opened | Run | Junk] | None:
        text, term = self._text, marks.terminator
        mark = re.escape(marks.element)
        envelope = rf"[{_BLANK}]*(IEA(?={mark}|{re.escape(term)})|(?:ISA|BIN|BDS)(?={mark}))"
        first = re.compile(envelope).match(text)
        if first and first[1][0] == "B" and (taken := self._binary(first, marks, final)) is not _PLAIN:
            return taken
        length = text.find(term)
        if (length if length >= 0 else len(text)) > self._limit:
            return self._give_up()
        if first and first[1][0] == "B" and length >= 0:
            return [self._run(length + len(term), marks)]
        if first and first[1] == "ISA":
            self._marks, self._wrapped = None, False
            return []
        return self._plain(marks, final, first, re.compile(re.escape(term) + envelope))

    def _plain(
        self, marks: Marks, final: bool, first: re.Match[str] | None, border: re.Pattern[str]
    ) -> list[Opened | Run | Junk] | None:
        """Cut what stands before the next segment of another kind; `first` = the IEA at the beginning, if it is one."""
        text, term = self._text, marks.terminator
        found = None if first else border.search(text)
        if (first and first[1] == "IEA") or (found and found[1] == "IEA"):
            close = text.find(term, (first or found).end())  # type: ignore[union-attr]
            if close >= 0 or final:
                self._marks, self._wrapped = None, False
                return [self._run(close + len(term) if close >= 0 else len(text), marks)]
            end = found.start() + len(term) if found else 0
        else:
            end = found.start() + len(term) if found else text.rfind(term) + len(term)
        if end >= len(term):
            return [self._run(end, marks)]
        return [self._run(len(text), marks)] if final else None

    def _binary(self, tag: re.Match[str], marks: Marks, final: bool) -> list[Opened | Run | Junk] | None:
        """Cut a segment with binary data by its length; `_PLAIN` = its length is wrong, it is cut as any other.

        BIN01 is the length of BIN02 in bytes; BDS02 that of BDS03 (BDS01 names its filter).
        """
        text, term, mark = self._text, marks.terminator, re.escape(marks.element)
        before = rf"[^{mark}{re.escape(term)}]*{mark}" if tag[1] == "BDS" else ""
        head = re.compile(rf"{mark}{before}(\d{{1,12}}){mark}", re.ASCII).match(text, tag.end())
        if head is None:
            complete = final or text.find(term, tag.end()) >= 0 or len(text) > tag.end() + _HEAD
            return _PLAIN if complete else None
        begin, size = head.end(), int(head[1])
        if size > self._limit:
            self._note = "seg.binary", f"{tag[1]} says {size} bytes, more than segment_limit: {self._limit} allows"
            return _PLAIN
        end = begin + size
        if len(text) < end + len(term) and not final:
            return None
        if text[end : end + len(term)] not in (term, "") or len(text) < end:
            self._note = "seg.binary", f"{tag[1]} says {size} bytes, but no terminator stands behind them"
            return _PLAIN
        whole, raw = text[: end + len(term)], text[:end]
        data = text[begin:end].encode("latin-1").hex()
        run = Run(whole, [raw], [text[tag.start(1) : begin] + data], len(term), self._offset, self._line)
        self._skip(len(whole))
        return [run]

    def _give_up(self) -> list[Opened | Run | Junk]:
        """Leave an interchange whose segments do not end; what looks like the next ISA is tried."""
        self._marks, self._wrapped = None, False
        reason = f"a segment is longer than {self._limit} bytes"
        self._junk = Junk("", 0, self._offset, self._line, reason)
        self._waste(1)
        return []

    def _run(self, end: int, marks: Marks) -> Run:
        text, width = self._text[:end], len(marks.terminator)
        raw = text.split(marks.terminator)
        if not raw[-1].strip(_BLANK):
            raw.pop()
        if len(text) > self._limit and (long := _first_longer(raw, self._limit)):
            # the long one is seen again at the beginning of the text, as if it had come in a piece of its own
            self._marks, raw = marks, raw[:long]
            text = text[: sum(map(len, raw)) + long * width]
        blank = "\n" in text or "\r" in text or f"{marks.terminator} " in text or text[:1] == " "
        segments = [segment.lstrip(_BLANK) for segment in raw] if blank else raw
        run = Run(text, raw, segments, width, self._offset, self._line, self._note)
        self._note = None
        self._skip(len(text))
        return run


def _first_longer(segments: list[str], limit: int) -> int:
    """Return the index of the first segment over the limit; 0 = none (the first was looked at before)."""
    if max(map(len, segments), default=0) <= limit:
        return 0
    return next(index for index, segment in enumerate(segments) if len(segment) > limit)
