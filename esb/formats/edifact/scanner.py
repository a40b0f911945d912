"""Scanning EDIFACT: which interchanges a delivery holds, before anything of it is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

from esb.edge import Interchange
from esb.formats.edifact.envelope import Interchange as Envelope
from esb.formats.edifact.envelope import elements_of
from esb.formats.edifact.framing import Framer, Opened
from esb.formats.edifact.packages import Package
from esb.formats.edifact.run import Run

_OF_ENVELOPE = ("UNG", "UNE", "UNZ")


class EdifactScanner:
    """Frames only: the digest is over the segments, so that line ends behind them do not make another interchange."""

    def __init__(self, framer: Framer) -> None:
        self._framer = framer
        self._found: list[Interchange] = []
        self._open: _Open | None = None

    def feed(self, data: bytes) -> None:
        """Take more bytes."""
        self._read(data, final=False)

    def end(self) -> Sequence[Interchange]:
        """Return the interchanges in their order, also those that were cut."""
        self._read(b"", final=True)
        self._close()
        return self._found

    def _read(self, data: bytes, final: bool) -> None:
        for event in self._framer.feed(data, final):
            if isinstance(event, Opened):
                self._close()
                self._open = _Open(event)
            elif isinstance(event, Run) and self._open is not None:
                self._open.take(event.segments)
            elif isinstance(event, Package) and self._open is not None:
                self._open.take([event.text])

    def _close(self) -> None:
        if self._open is not None:
            self._found.append(self._open.interchange())
            self._open = None


class _Open:
    """An interchange under way."""

    def __init__(self, opened: Opened) -> None:
        head = opened.head
        elements = elements_of(head.elements, head.charset)
        self._unb = Envelope(elements, head.marks, opened.offset, opened.line)
        self._envelope = tuple(f"{tag}{head.marks.element}" for tag in _OF_ENVELOPE)
        self._trailer = self._envelope[-1]
        self._all, self._content = blake2b(digest_size=16), blake2b(digest_size=16)
        self._all.update(_bytes(elements))
        self._whole = False

    def take(self, segments: Sequence[str]) -> None:
        """Add segments to the digests; behind UNZ there is nothing of this interchange."""
        if self._whole:
            return
        kept = [segment for segment in segments if segment and not segment.startswith(self._envelope)]
        if len(kept) < len(segments):
            ends = (index for index, segment in enumerate(segments) if segment.startswith(self._trailer))
            end = next(ends, None)
            self._whole = end is not None
            segments = segments[: len(segments) if end is None else end + 1]
            kept = [segment for segment in segments if segment and not segment.startswith(self._envelope)]
        self._all.update(_bytes(segment for segment in segments if segment))
        self._content.update(_bytes(kept))

    def interchange(self) -> Interchange:
        """Return what it is known by; a reference of digits is a number, however many zeros stand before it."""
        number = self._unb.number
        digits = number.isascii() and number.isdigit()
        sender, receiver = self._unb.pair
        return Interchange(
            dialect="edifact",
            sender=sender,
            receiver=receiver,
            number=(number.lstrip("0") or "0") if digits else number[:80],
            digest=_hex(self._all),
            content=_hex(self._content),
            whole=self._whole,
        )


def _bytes(texts: Iterable[str]) -> bytes:
    return "".join(f"{text}\x1e" for text in texts).encode("utf-8", "surrogatepass")


def _hex(digest: Any) -> str:
    return str(digest.hexdigest())
