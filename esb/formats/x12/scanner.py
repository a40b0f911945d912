"""Scanning X12: which interchanges a delivery holds, before anything of it is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

from esb.edge import Interchange
from esb.formats.x12.framing import Framer, Opened, Run

_OF_ENVELOPE = ("ISA", "GS", "GE", "IEA", "TA1")


class X12Scanner:
    """Frames only: the digest is over the segments, so that line ends behind them do not make another interchange."""

    def __init__(self, segment_limit: int, unwrap: bool) -> None:
        self._framer = Framer(segment_limit, unwrap)
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

    def _close(self) -> None:
        if self._open is not None:
            self._found.append(self._open.interchange())
            self._open = None


class _Open:
    """An interchange under way."""

    def __init__(self, opened: Opened) -> None:
        self._isa = [element.strip() for element in opened.elements]
        self._envelope = tuple(f"{tag}{opened.marks.element}" for tag in _OF_ENVELOPE)
        self._trailer = f"IEA{opened.marks.element}"
        self._all, self._content = blake2b(digest_size=16), blake2b(digest_size=16)
        self._all.update(_bytes(self._isa))
        self._whole = False

    def take(self, segments: Sequence[str]) -> None:
        """Add segments to the digests; behind IEA there is nothing of this interchange."""
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
        """Return what it is known by; ISA13 is a number, however many zeros stand before it."""
        isa, number = self._isa, self._isa[12]
        plain = number.lstrip("0") or "0"
        return Interchange(
            dialect="x12",
            sender=f"{isa[4]}/{isa[5]}",
            receiver=f"{isa[6]}/{isa[7]}",
            number=f"{plain:0>9}" if number.isascii() and number.isdigit() else number[:80],
            digest=_hex(self._all),
            content=_hex(self._content),
            whole=self._whole,
        )


def _bytes(texts: Iterable[str]) -> bytes:
    return "".join(f"{text}\x1e" for text in texts).encode("latin-1", "replace")


def _hex(digest: Any) -> str:
    return str(digest.hexdigest())
