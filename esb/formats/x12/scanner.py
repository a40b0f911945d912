"""Scanning X12: which interchanges a delivery holds, before anything of it is read."""

from __future__ import annotations

from collections.abc import Sequence

from esb.edge import Interchange
from esb.formats.edi.scanner import Opening, Scan
from esb.formats.x12.framing import Framer, Junk, Opened, Run

_OF_ENVELOPE = ("ISA", "GS", "GE", "IEA", "TA1")


class X12Scanner:
    """Frames only."""

    def __init__(self, segment_limit: int, unwrap: bool) -> None:
        framer = Framer(segment_limit, unwrap)
        self._scan = Scan(framer.feed, _seen, lambda text: text.encode("latin-1", "replace"))

    def feed(self, data: bytes) -> None:
        """Take more bytes."""
        self._scan.feed(data)

    def end(self) -> Sequence[Interchange]:
        """Return the interchanges in their order, also those that were cut."""
        return self._scan.end()


def _seen(event: Opened | Run | Junk) -> Opening | Sequence[str]:
    if isinstance(event, Opened):
        return _opening(event)
    return event.segments if isinstance(event, Run) else ()


def _opening(opened: Opened) -> Opening:
    """Return what an interchange is known by; ISA13 is a number, however many zeros stand before it."""
    isa = [element.strip() for element in opened.elements]
    number, plain = isa[12], isa[12].lstrip("0") or "0"
    return Opening(
        dialect="x12",
        sender=f"{isa[4]}/{isa[5]}",
        receiver=f"{isa[6]}/{isa[7]}",
        number=f"{plain:0>9}" if number.isascii() and number.isdigit() else number[:80],
        elements=isa,
        envelope=tuple(f"{tag}{opened.marks.element}" for tag in _OF_ENVELOPE),
        trailer=f"IEA{opened.marks.element}",
    )
