"""Scanning EDIFACT: which interchanges a delivery holds, before anything of it is read."""

from __future__ import annotations

from collections.abc import Sequence

from esb.edge import Interchange
from esb.formats.edi.scanner import Opening, Scan
from esb.formats.edifact.envelope import Interchange as Envelope
from esb.formats.edifact.envelope import elements_of
from esb.formats.edifact.framing import Event, Framer, Opened
from esb.formats.edifact.packages import Package
from esb.formats.edifact.run import Run

_OF_ENVELOPE = ("UNG", "UNE", "UNZ")


class EdifactScanner:
    """Frames only."""

    def __init__(self, framer: Framer) -> None:
        self._scan = Scan(framer.feed, _seen, lambda text: text.encode("utf-8", "surrogatepass"))

    def feed(self, data: bytes) -> None:
        """Take more bytes."""
        self._scan.feed(data)

    def end(self) -> Sequence[Interchange]:
        """Return the interchanges in their order, also those that were cut."""
        return self._scan.end()


def _seen(event: Event) -> Opening | Sequence[str]:
    if isinstance(event, Opened):
        return _opening(event)
    if isinstance(event, Package):
        return [event.text]
    return event.segments if isinstance(event, Run) else ()


def _opening(opened: Opened) -> Opening:
    """Return what an interchange is known by; a reference of digits is a number, however many zeros stand before it."""
    head = opened.head
    elements = elements_of(head.elements, head.charset)
    unb = Envelope(elements, head.marks, opened.offset, opened.line)
    digits = unb.number.isascii() and unb.number.isdigit()
    sender, receiver = unb.pair
    return Opening(
        dialect="edifact",
        sender=sender,
        receiver=receiver,
        number=(unb.number.lstrip("0") or "0") if digits else unb.number[:80],
        elements=elements,
        envelope=tuple(f"{tag}{head.marks.element}" for tag in _OF_ENVELOPE),
        trailer=f"UNZ{head.marks.element}",
    )
