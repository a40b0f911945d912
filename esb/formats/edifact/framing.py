"""Finds interchanges of EDIFACT, takes the separators from each UNA, and cuts segments in runs.

A run is decoded by the character set that its UNB names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct

from esb.formats.edi.framing import Framing, Junk
from esb.formats.edi.patterns import Marks
from esb.formats.edifact.charsets import hidden
from esb.formats.edifact.packages import Package, Packet
from esb.formats.edifact.run import BLANK, Run, run
from esb.formats.edifact.service import HEAD, Head, find_terminator, head, released


class Opened(Struct):
    """A UNB, with the UNA before it if there was one; where it is, and whether lines end behind its terminator."""

    head: Head
    newline: str
    offset: int
    line: int
    raw: str


Event: TypeAlias = Opened | Run | Junk | Package


class Framer(Framing[Head, Opened | Package]):
    """Push cutter of EDIFACT. `object_limit` bounds an object between UNO and UNP, in bytes.

    `encoding` beats the character set of every UNB.
    """

    begins = re.compile(r"UNB[+\x1d]|UNA[^A-Za-z0-9]{2}")
    least = 5
    longest = HEAD
    missing = "there is no UNA or UNB"

    def __init__(self, limit: int, object_limit: int, encoding: str = "", unwrap: bool = False) -> None:
        super().__init__(limit, unwrap)
        self._object_limit, self._encoding = object_limit, encoding
        self._border = self._behind = self.begins
        self._packet: Packet | None = None

    def _cut(self, final: bool) -> Iterator[Event]:
        yield from super()._cut(final)
        while final and self._packet is not None:
            # an object that was cut ends with what came of it, also if that was nothing
            yield from self._object(self._packet, final) or ()
            yield from super()._cut(final)

    def _head(self, text: str, final: bool) -> Head | str | None:
        return head(text, final, "utf-8" if self._wide is not None else self._encoding)

    def _opened(self, found: Head, raw: str, place: tuple[int, int]) -> Opened:
        mark, term = re.escape(found.marks.element), re.escape(found.marks.terminator)
        begin = rf"UNZ(?={mark}|{term})|UNO(?={mark})|UNB(?={mark})|UNA(?=[^A-Za-z0-9].{{4,5}}[ \t\r\n]*UNB)"
        self._border = re.compile(rf"[{BLANK}]*({begin})", re.DOTALL)
        self._behind = re.compile(rf"{term}[{BLANK}]*(?:{begin})", re.DOTALL)
        ending = re.match(r"\r?\n", self._text) if not self._wrapped else None
        newline = ending[0] if ending and found.marks.terminator not in "\r\n" else ""
        return Opened(found, newline, *place, raw)

    # within an interchange

    def _segments(self, found: Head, final: bool) -> list[Event] | None:
        if self._packet is not None:
            return self._object(self._packet, final)
        text, marks = hidden(self._text, found.charset), found.marks
        first = self._border.match(text)
        if first and first[1] == "UNO":
            return self._package(marks, first.start(1), final)
        length = find_terminator(text, marks)
        if (length if length >= 0 else len(text)) > self._limit:
            return self._give_up()
        if first and first[1] in ("UNB", "UNA"):
            self._close()
            return []
        if first:
            if length < 0 and not final:
                return None
            self._close()
            return [self._run(length + 1 if length >= 0 else len(text), found)]
        return self._plain(found, final)

    def _plain(self, found: Head, final: bool) -> list[Event] | None:
        """Cut what stands before the next UNZ, UNO or UNB, or before what is not complete yet."""
        text, marks = hidden(self._text, found.charset), found.marks
        for border in self._behind.finditer(text):
            if not released(text, border.start(), marks.release):
                return [self._run(border.start() + 1, found)]
        end = text.rfind(marks.terminator)
        while end >= 0 and released(text, end, marks.release):
            end = text.rfind(marks.terminator, 0, end)
        if end >= 0:
            return [self._run(end + 1, found)]
        return [self._run(len(text), found)] if final else None

    def _run(self, end: int, found: Head) -> Run:
        made = run(self._text[:end], found.marks, found.charset, self._offset, self._line, self._limit)
        return self._took(made, end, found)

    # objects

    def _package(self, marks: Marks, start: int, final: bool) -> list[Event] | None:
        close = find_terminator(self._text, marks, start)
        if close < 0:
            if len(self._text) > self._limit:
                return self._give_up()
            if not final:
                return None
            close = len(self._text)
        line = self._line + self._text.count("\n", 0, start)
        self._packet = Packet(self._text[start:close], marks, self._object_limit, self._offset + start, line)
        self._skip(min(close + 1, len(self._text)))
        return []

    def _object(self, packet: Packet, final: bool) -> list[Event] | None:
        text = self._text
        packet.take(text, final)
        self._skip(len(text))
        if packet.done is None:
            return None
        # what was taken too much is looked at again
        self._packet, self._text = None, packet.back
        self._offset -= len(packet.back)
        self._line -= packet.back.count("\n")
        return [packet.done]
