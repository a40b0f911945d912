"""Scanning EDI: which interchanges a delivery holds, before anything of it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Any, Generic, TypeVar

from msgspec import Struct

from esb.edge import Interchange, Met

Event = TypeVar("Event")


class Opening(Struct, frozen=True):
    """The header of an interchange: whose it is, its `elements`, and what begins a segment of the envelope.

    `trailer` begins the last segment of the interchange.
    """

    dialect: str
    sender: str
    receiver: str
    number: str
    elements: Sequence[str]
    envelope: tuple[str, ...]
    trailer: str


class Scan(Generic[Event]):
    """Frames only: the digest is over the segments, so that line ends behind them do not make another interchange.

    `framed` gives the events of more bytes (and whether they are the last), `seen` what an event is to a scan: the
    beginning of an interchange, or its segments. `encode` makes bytes of characters for the digests.
    """

    def __init__(
        self,
        framed: Callable[[bytes, bool], Iterable[Event]],
        seen: Callable[[Event], Opening | Sequence[str]],
        encode: Callable[[str], bytes],
    ) -> None:
        self._framed, self._seen, self._encode = framed, seen, encode
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
        for event in self._framed(data, final):
            seen = self._seen(event)
            if isinstance(seen, Opening):
                self._close()
                self._open = _Open(seen, self._encode)
            elif self._open is not None:
                self._open.take(seen)

    def _close(self) -> None:
        if self._open is not None:
            self._found.append(self._open.interchange())
            self._open = None


class _Open:
    """An interchange under way."""

    def __init__(self, opening: Opening, encode: Callable[[str], bytes]) -> None:
        self._opening, self._encode = opening, encode
        self._all, self._content = blake2b(digest_size=16), blake2b(digest_size=16)
        self._all.update(self._bytes(opening.elements))
        self._whole = False

    def take(self, segments: Sequence[str]) -> None:
        """Add segments to the digests; behind the trailer there is nothing of this interchange."""
        if self._whole:
            return
        envelope, trailer = self._opening.envelope, self._opening.trailer
        kept = [segment for segment in segments if segment and not segment.startswith(envelope)]
        if len(kept) < len(segments):
            ends = (index for index, segment in enumerate(segments) if segment.startswith(trailer))
            end = next(ends, None)
            self._whole = end is not None
            segments = segments[: len(segments) if end is None else end + 1]
            kept = [segment for segment in segments if segment and not segment.startswith(envelope)]
        self._all.update(self._bytes(segment for segment in segments if segment))
        self._content.update(self._bytes(kept))

    def interchange(self) -> Interchange:
        """Return what it is known by."""
        opening = self._opening
        return Interchange(
            dialect=opening.dialect,
            sender=opening.sender,
            receiver=opening.receiver,
            number=opening.number,
            digest=_hex(self._all),
            content=_hex(self._content),
            whole=self._whole,
        )

    def _bytes(self, texts: Iterable[str]) -> bytes:
        return self._encode("".join(f"{text}\x1e" for text in texts))


def _hex(digest: Any) -> str:
    return str(digest.hexdigest())


def within(found: Iterable[Interchange]) -> list[Met]:
    """Return what the interchanges of one delivery are to each other, for a reader whom no store tells what came.

    The same bytes under a number are a retransmission, others a duplicate; one that was cut is not remembered.
    """
    first: dict[tuple[str, ...], str] = {}
    met: list[Met] = []
    for one in found:
        key = one.dialect, one.sender, one.receiver, one.number
        if not one.whole or key not in first:
            met.append("new")
        else:
            met.append("again" if first[key] == one.digest else "other")
        if one.whole:
            first.setdefault(key, one.digest)
    return met
