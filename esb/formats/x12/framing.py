"""Finds interchanges of X12, takes the separators from each ISA, and cuts segments in runs.

Values that are not ASCII are decoded where they are used.
"""

from __future__ import annotations

import re

from msgspec import Struct

from esb.formats.edi.framing import Framing, Junk
from esb.formats.edi.patterns import Marks
from esb.formats.edi.run import BLANK, Run, bare, split
from esb.formats.x12.isa import Head, head

__all__ = ["Framer", "Junk", "Opened", "Run"]

_NEWLINE = re.compile(r"[\r\n]*")
_HEAD = 200


class Opened(Struct):
    """An ISA: its 16 elements as they stand, the separators, where it is, and what is odd about it (code, text)."""

    elements: list[str]
    marks: Marks
    newline: str
    offset: int
    line: int
    oddities: tuple[tuple[str, str], ...] = ()


_PLAIN: list[Opened | Run | Junk] = []
"""Answer of a look at binary data: there is none, the segment ends at its terminator."""


class Framer(Framing[Head, Opened]):
    """Push cutter of X12."""

    begins = re.compile(r"ISA(?=[^A-Za-z0-9 \t\r\n])")
    least = 4
    longest = _HEAD
    missing = "there is no ISA"

    def __init__(self, limit: int, unwrap: bool = False) -> None:
        super().__init__(limit, unwrap)
        self._first_tag = self._border = self.begins
        self._note: tuple[str, str] | None = None

    def _head(self, text: str, final: bool) -> Head | str | None:
        return head(text)

    def _opened(self, found: Head, raw: str, place: tuple[int, int]) -> Opened:
        marks = found.marks
        mark, term = re.escape(marks.element), re.escape(marks.terminator)
        tags = rf"[{BLANK}]*(IEA(?={mark}|{term})|(?:ISA|BIN|BDS)(?={mark}))"
        self._first_tag, self._border = re.compile(tags), re.compile(term + tags)
        ending = _NEWLINE.match(self._text)
        assert ending is not None
        newline = "" if marks.terminator in ending[0] else ending[0][:2]
        return Opened(found.elements, marks, newline, *place, found.oddities)

    def _unreadable(self, reason: str) -> list[Opened | Run | Junk]:
        """Skip an ISA that cannot be read; it is told apart from what was skipped before it."""
        before, self._junk = self._junk, None
        super()._unreadable(reason)
        return [before] if before is not None else []

    # within an interchange

    def _segments(self, found: Head, final: bool) -> list[Opened | Run | Junk] | None:
        text, marks = self._text, found.marks
        first = self._first_tag.match(text)
        if first and first[1][0] == "B" and (taken := self._binary(first, marks, final)) is not _PLAIN:
            return taken
        length = text.find(marks.terminator)
        if (length if length >= 0 else len(text)) > self._limit:
            return self._give_up()
        if first and first[1][0] == "B" and length >= 0:
            return [self._run(length + len(marks.terminator), found)]
        if first and first[1] == "ISA":
            self._close()
            return []
        return self._plain(found, final, first)

    def _plain(self, found: Head, final: bool, first: re.Match[str] | None) -> list[Opened | Run | Junk] | None:
        """Cut what stands before the next segment of another kind; `first` = the IEA at the beginning, if it is one."""
        text, term = self._text, found.marks.terminator
        border = None if first else self._border.search(text)
        if (first and first[1] == "IEA") or (border and border[1] == "IEA"):
            close = text.find(term, (first or border).end())  # type: ignore[union-attr]
            if close >= 0 or final:
                self._close()
                return [self._run(close + len(term) if close >= 0 else len(text), found)]
            end = border.start() + len(term) if border else 0
        else:
            end = border.start() + len(term) if border else text.rfind(term) + len(term)
        if end >= len(term):
            return [self._run(end, found)]
        return [self._run(len(text), found)] if final else None

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
        run = Run(whole, [raw], [text[tag.start(1) : begin] + data], self._offset, self._line, len(term))
        self._skip(len(whole))
        return [run]

    def _run(self, end: int, found: Head) -> Run:
        term = found.marks.terminator
        text, raw = split(self._text[:end], term, self._limit)
        run = Run(text, raw, bare(raw, text, term), self._offset, self._line, len(term), self._note)
        self._note = None
        return self._took(run, end, found)
