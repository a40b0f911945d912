"""Finds interchanges in bytes as they come, takes the separators from each UNA, and cuts segments in runs.

Bytes are read as Latin-1, so that a character is a byte and offsets are exact; a run is decoded by the character set
that its UNB names. No segment is looked at alone: a run is one split.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, IncrementalDecoder, getincrementaldecoder
from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct

from esb.formats.edi.patterns import Marks
from esb.formats.edifact.charsets import hidden
from esb.formats.edifact.packages import Package, Packet
from esb.formats.edifact.run import BLANK, Run, run
from esb.formats.edifact.service import HEAD, Head, find_terminator, head, released

WINDOW = 1 << 18
"""Bytes that are cut into segments at once."""

_SEEKING = 1 << 12
"""Bytes that are looked at at once while there is no interchange."""

_IGNORED = re.compile("(?:[ \\t\\r\\n\\f\\v\\x00\\x1a]|\u00ef\u00bb\u00bf)*")
_BEGIN = re.compile(r"UNB[+\x1d]|UNA[^A-Za-z0-9]{2}")
_KEPT = 4096


class Opened(Struct):
    """A UNB, with the UNA before it if there was one; where it is, and whether lines end behind its terminator."""

    head: Head
    newline: str
    offset: int
    line: int
    raw: str


class Junk(Struct):
    """What stands where an interchange should begin."""

    text: str
    size: int
    offset: int
    line: int
    reason: str


Event: TypeAlias = Opened | Run | Junk | Package


class Framer:
    """Push cutter. `limit` bounds a segment and `object_limit` an object between UNO and UNP, in bytes.

    `encoding` beats the character set of every UNB; `unwrap` removes all line ends.
    """

    def __init__(self, limit: int, object_limit: int, encoding: str = "", unwrap: bool = False) -> None:
        self._limit, self._object_limit, self._encoding, self._unwrap = limit, object_limit, encoding, unwrap
        self._text = ""
        self._offset, self._line = 0, 1
        self._head: Head | None = None
        self._border = self._behind = _BEGIN
        self._wrapped = False
        self._junk: Junk | None = None
        self._packet: Packet | None = None
        self._first: bytes | None = b""
        self._wide: IncrementalDecoder | None = None

    def feed(self, data: bytes, final: bool = False) -> Iterator[Event]:
        """Give what is complete, in order."""
        at = 0
        while at < len(data) or not at:
            # what is no interchange is looked at in small pieces: each step through it copies the rest
            size = WINDOW if self._head is not None else _SEEKING
            piece = self._latin(data[at : at + size], final and at + size >= len(data))
            if self._wrapped:
                piece = piece.replace("\r", "").replace("\n", "")
            self._text += piece
            yield from self._cut(False)
            at += size
        if final:
            yield from self._cut(True)
            if self._junk is not None:
                yield self._junk
                self._junk = None

    def _latin(self, data: bytes, final: bool) -> str:
        if self._first is not None:
            data = self._first + data
            if len(data) < 2 and not final:
                self._first = data
                return ""
            self._first = None
            for mark, name in ((BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be")):
                if data.startswith(mark):
                    self._wide, data = getincrementaldecoder(name)("replace"), data[len(mark) :]
                    self._encoding = "utf-8"
        if self._wide is not None:
            data = self._wide.decode(data, final).encode("utf-8", "replace")
        return data.decode("latin-1")

    def _cut(self, final: bool) -> Iterator[Event]:
        while self._text or (final and self._packet is not None):
            if self._packet is not None:
                found = self._object(self._packet, final)
            else:
                found = self._seek(final) if self._head is None else self._segments(self._head, final)
            if found is None:
                return
            yield from found

    def _skip(self, count: int) -> None:
        self._line += self._text.count("\n", 0, count)
        self._offset += count
        self._text = self._text[count:]

    # between interchanges

    def _seek(self, final: bool) -> list[Event] | None:
        ignored = _IGNORED.match(self._text)
        assert ignored is not None
        if self._junk is None:
            self._skip(ignored.end())
            if not self._text:
                return []
        if not _BEGIN.match(self._text):
            return self._no_head(final)
        found = head(self._text[:HEAD], final, self._encoding) if final or len(self._text) >= HEAD else None
        if found is None:
            return None
        if isinstance(found, str):
            self._junk = self._junk or Junk("", 0, self._offset, self._line, found)
            self._waste(3)
            return []
        out: list[Event] = [self._junk] if self._junk is not None else []
        self._junk = None
        place, raw = (self._offset, self._line), self._text[: found.length]
        self._open(found)
        self._skip(found.length)
        if self._wrapped:
            self._text = self._text.replace("\r", "").replace("\n", "")
        ending = re.match(r"\r?\n", self._text)
        newline = ending[0] if ending and found.marks.terminator not in "\r\n" else ""
        return [*out, Opened(found, newline, *place, raw)]

    def _open(self, found: Head) -> None:
        self._head, self._wrapped = found, found.wrapped or self._unwrap
        mark, term = re.escape(found.marks.element), re.escape(found.marks.terminator)
        begin = rf"UNZ(?={mark}|{term})|UNO(?={mark})|UNB(?={mark})|UNA(?=[^A-Za-z0-9].{{4,5}}[ \t\r\n]*UNB)"
        self._border = re.compile(rf"[{BLANK}]*({begin})", re.DOTALL)
        self._behind = re.compile(rf"{term}[{BLANK}]*(?:{begin})", re.DOTALL)

    def _close(self) -> None:
        self._head, self._wrapped = None, False

    def _no_head(self, final: bool) -> list[Event] | None:
        """Skip to the next thing that looks like a UNA or UNB; keep the beginning of what was skipped."""
        if len(self._text) < 5 and not final:
            return None
        match = _BEGIN.search(self._text, 1)
        end = match.start() if match else len(self._text) if final else len(self._text) - 4
        if self._junk is None:
            self._junk = Junk("", 0, self._offset, self._line, "there is no UNA or UNB")
        self._waste(end)
        return [] if match or final else None

    def _waste(self, count: int) -> None:
        assert self._junk is not None
        self._junk.text += self._text[: min(count, _KEPT - len(self._junk.text))]
        self._junk.size += count
        self._skip(count)

    # within an interchange

    def _segments(self, found: Head, final: bool) -> list[Event] | None:
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
        self._skip(len(made.text))
        if self._head is None and len(made.text) < end:
            self._head = found
        return made

    def _give_up(self) -> list[Event]:
        """Leave an interchange whose segments do not end; what looks like the next one is tried."""
        self._close()
        reason = f"a segment is longer than {self._limit} bytes"
        self._junk = Junk("", 0, self._offset, self._line, reason)
        self._waste(1)
        return []

    # objects

    def _package(self, marks: Marks, start: int, final: bool) -> list[Event] | None:
        close = find_terminator(self._text, marks, start)
        if close < 0:
            if len(self._text) > self._limit:
                return self._give_up()
            if not final:
                return None
            close = len(self._text)
        self._packet = Packet(self._text[start:close], marks, self._object_limit, self._offset + start, self._line)
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
