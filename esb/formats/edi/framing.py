"""Finds interchanges in bytes as they come, and cuts them into runs of segments; how, is the dialect's.

Bytes are read as Latin-1, so that a character is a byte and offsets are exact. Nothing is looked at twice and no
segment is looked at alone: a run is one split.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, IncrementalDecoder, getincrementaldecoder
from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from esb.formats.edi.patterns import Marks
from esb.formats.edi.run import Run

WINDOW = 1 << 18
"""Bytes that are cut into segments at once."""

_SEEKING = 1 << 12
"""Bytes that are looked at at once while there is no interchange: each step through what is none copies the rest."""

_IGNORED = re.compile("(?:[ \\t\\r\\n\\f\\v\\x00\\x1a]|\u00ef\u00bb\u00bf)*")
_KEPT = 4096


class Beginning(Protocol):
    """The header of an interchange as a dialect reads it; what is odd about it is told by code and text."""

    @property
    def marks(self) -> Marks: ...

    @property
    def length(self) -> int: ...

    @property
    def oddities(self) -> Sequence[tuple[str, str]]: ...


Head = TypeVar("Head", bound=Beginning)
Own = TypeVar("Own")
"""What a dialect gives beside runs and junk."""


class Junk(Struct):
    """What stands where an interchange should begin."""

    text: str
    size: int
    offset: int
    line: int
    reason: str


class Framing(ABC, Generic[Head, Own]):
    """Push cutter. `limit` bounds a segment, so that no input can fill the memory.

    `unwrap`: line ends are removed wherever they stand, not only where lines are wrapped at a fixed width.

    An interchange begins with `begins`, which is found in `least` characters, and the header that opens it ends in
    `longest`; `missing` says that there is none.
    """

    begins: re.Pattern[str]
    least: int
    longest: int
    missing: str

    def __init__(self, limit: int, unwrap: bool = False) -> None:
        self._limit, self._unwrap = limit, unwrap
        self._text = ""
        self._offset, self._line = 0, 1
        self._within: Head | None = None
        self._wrapped = False
        self._junk: Junk | None = None
        self._first: bytes | None = b""
        self._wide: IncrementalDecoder | None = None

    def feed(self, data: bytes, final: bool = False) -> Iterator[Own | Run | Junk]:
        """Give what is complete, in order."""
        at = 0
        while at < len(data) or not at:
            size = WINDOW if self._within is not None else _SEEKING
            piece = self._latin(data[at : at + size], final and at + size >= len(data))
            self._text += self._unwrapped(piece)
            yield from self._cut(False)
            at += size
        if final:
            yield from self._cut(True)
            if self._junk is not None:
                yield self._junk
                self._junk = None

    def _latin(self, data: bytes, final: bool) -> str:
        """Return bytes as characters; UTF-16 becomes UTF-8 before."""
        if self._first is not None:
            data = self._first + data
            if len(data) < 2 and not final:
                self._first = data
                return ""
            self._first = None
            for mark, name in ((BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be")):
                if data.startswith(mark):
                    self._wide, data = getincrementaldecoder(name)("replace"), data[len(mark) :]
        if self._wide is not None:
            data = self._wide.decode(data, final).encode("utf-8", "replace")
        return data.decode("latin-1")

    def _unwrapped(self, text: str) -> str:
        return text.replace("\r", "").replace("\n", "") if self._wrapped else text

    def _cut(self, final: bool) -> Iterator[Own | Run | Junk]:
        while self._text:
            found = self._seek(final) if self._within is None else self._segments(self._within, final)
            if found is None:
                return
            yield from found

    def _skip(self, count: int) -> None:
        self._line += self._text.count("\n", 0, count)
        self._offset += count
        self._text = self._text[count:]

    # between interchanges

    def _seek(self, final: bool) -> list[Own | Run | Junk] | None:
        ignored = _IGNORED.match(self._text)
        assert ignored is not None
        if self._junk is None:
            self._skip(ignored.end())
            if not self._text:
                return []
        if not self.begins.match(self._text):
            return self._no_head(final)
        found = self._head(self._text[: self.longest], final) if final or len(self._text) >= self.longest else None
        if found is None:
            return None
        if isinstance(found, str):
            return self._unreadable(found)
        out: list[Own | Run | Junk] = [self._junk] if self._junk is not None else []
        self._junk = None
        return [*out, self._open(found)]

    def _open(self, found: Head) -> Own:
        place, raw = (self._offset, self._line), self._text[: found.length]
        unwrap = self._unwrap and found.marks.terminator not in "\r\n"
        self._within, self._wrapped = found, unwrap or any(code == "wrapped" for code, _ in found.oddities)
        self._skip(found.length)
        opened = self._opened(found, raw, place)
        self._text = self._unwrapped(self._text)
        return opened

    def _close(self) -> None:
        self._within, self._wrapped = None, False

    def _no_head(self, final: bool) -> list[Own | Run | Junk] | None:
        """Skip to the next thing that looks like a beginning; keep the first part of what was skipped."""
        if len(self._text) < self.least and not final:
            return None
        match = self.begins.search(self._text, 1)
        end = match.start() if match else len(self._text) - (0 if final else self.least - 1)
        self._waste(end, self.missing)
        return [] if match or final else None

    def _unreadable(self, reason: str) -> list[Own | Run | Junk]:
        """Skip a header that cannot be read; it is told with what was skipped before it."""
        self._waste(3, reason)
        return []

    def _give_up(self) -> list[Own | Run | Junk]:
        """Leave an interchange whose segments do not end; what looks like the next one is tried."""
        self._close()
        self._waste(1, f"a segment is longer than {self._limit} bytes")
        return []

    def _waste(self, count: int, reason: str) -> None:
        """Skip what is no interchange; the first reason is told."""
        if self._junk is None:
            self._junk = Junk("", 0, self._offset, self._line, reason)
        self._junk.text += self._text[: min(count, _KEPT - len(self._junk.text))]
        self._junk.size += count
        self._skip(count)

    # within an interchange

    def _took(self, run: Run, end: int, found: Head) -> Run:
        """Go on behind a run that was to reach to `end`; one that is shorter leaves the interchange open."""
        self._skip(len(run.text))
        if len(run.text) < end:
            self._within = found
        return run

    @abstractmethod
    def _head(self, text: str, final: bool) -> Head | str | None:
        """Return the header at the beginning of a text, why it cannot be read, or None: it may be with more."""

    @abstractmethod
    def _opened(self, found: Head, raw: str, place: tuple[int, int]) -> Own:
        """Return what is given for a header; what follows it is still as it came."""

    @abstractmethod
    def _segments(self, found: Head, final: bool) -> list[Own | Run | Junk] | None:
        """Cut what is complete of an interchange; None = nothing is."""
