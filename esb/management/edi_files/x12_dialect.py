"""How X12 is looked at: its framer as cuts, its envelope by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from esb.formats.x12.framing import Framer, Opened, Run
from esb.management.edi_files.cuts import Batch, Event, Opening, Piece, Skipped

BLANK = " \t\r\n\x00\x1a"

LABELS = {
    "ISA": (
        *("", "", "", "", "sender_qualifier", "sender", "receiver_qualifier", "receiver", "date", "time"),
        *("", "version", "number", "wants_ta1", "usage"),
    ),
    "GS": ("type", "sender", "receiver", "date", "time", "number", "agency", "version"),
    "GE": ("sets", "number"),
    "IEA": ("groups", "number"),
    "TA1": ("number", "date", "time", "verdict", "note"),
}


class X12Cutter:
    """Cuts X12."""

    def __init__(self, framer: Framer) -> None:
        self._framer = framer

    def feed(self, data: bytes, final: bool = False) -> Iterator[Event]:
        """Give what is complete, in order."""
        for event in self._framer.feed(data, final):
            if isinstance(event, Opened):
                yield _opening(event)
            elif isinstance(event, Run):
                yield Batch(event.text, event.offset, partial(_cut, event))
            else:
                yield Skipped(event.text, event.size, event.offset, event.line, event.reason)


def _opening(found: Opened) -> Opening:
    text = found.marks.element.join(["ISA", *found.elements])
    isa = [element.strip() for element in found.elements]
    return Opening(
        text=text,
        raw=text + found.marks.terminator,
        cooked=text,
        marks=found.marks,
        newline=found.newline,
        offset=found.offset,
        line=found.line,
        sender=f"{isa[4]}/{isa[5]}",
        receiver=f"{isa[6]}/{isa[7]}",
        number=isa[12],
        oddities=found.oddities,
    )


def _cut(run: Run) -> Iterator[Piece]:
    at = 0
    for index, cooked in enumerate(run.segments):
        reach = at + len(run.raw[index]) + run.width
        offset, line = run.locate(index)
        yield Piece(run.raw[index].lstrip(BLANK), run.text[at:reach], cooked, offset, line)
        at = reach
