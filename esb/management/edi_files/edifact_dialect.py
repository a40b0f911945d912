"""How EDIFACT is looked at: its framer as cuts, its envelope by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from esb.formats.edi.patterns import RELEASED_CHARACTERS
from esb.formats.edifact.framing import Framer, Opened
from esb.formats.edifact.packages import Package
from esb.formats.edifact.run import BLANK, Run
from esb.management.edi_files.cuts import Batch, Event, Opening, Piece, Skipped

LABELS = {
    "UNB": (
        "syntax",
        "sender",
        "receiver",
        "date",
        "number",
        "",
        "application",
        "",
        "wants_contrl",
        "agreement",
        "test",
    ),
    "UNG": ("type", "sender", "receiver", "date", "number", "agency", "version"),
    "UNE": ("messages", "number"),
    "UNZ": ("count", "number"),
}


class EdifactCutter:
    """Cuts EDIFACT."""

    def __init__(self, framer: Framer) -> None:
        self._framer = framer

    def feed(self, data: bytes, final: bool = False) -> Iterator[Event]:
        """Give what is complete, in order; an object is one segment, whatever it holds."""
        for event in self._framer.feed(data, final):
            if isinstance(event, Opened):
                yield _opening(event)
            elif isinstance(event, Run):
                yield Batch(event.text, event.offset, partial(_cut, event))
            elif isinstance(event, Package):
                yield Batch(event.text, event.offset, partial(_object, event))
            else:
                yield Skipped(event.text, event.size, event.offset, event.line, event.reason)


def _opening(found: Opened) -> Opening:
    head, marks = found.head, found.head.marks
    plain = [[part.translate(RELEASED_CHARACTERS) for part in each.split(marks.component)] for each in head.elements]
    parties = [[*(plain[index] if index < len(plain) else []), "", ""] for index in (1, 2)]
    raw = found.raw
    lead = raw.rfind("UNB" + marks.element) if head.una else 0
    text = raw[max(lead, 0) :].removesuffix(marks.terminator)
    codec = head.charset.codec
    return Opening(
        text=text.replace("\r", "").replace("\n", "") if head.wrapped else text,
        raw=raw,
        cooked=marks.element.join(["UNB", *head.elements]),
        marks=marks,
        newline=found.newline,
        offset=found.offset,
        line=found.line,
        sender="/".join(reversed(parties[0][:2])),
        receiver="/".join(reversed(parties[1][:2])),
        number=plain[4][0].strip() if len(plain) > 4 else "",
        codec="" if codec == "ascii" else codec,
        oddities=head.oddities,
    )


def _cut(run: Run) -> Iterator[Piece]:
    at = 0
    for index, cooked in enumerate(run.segments):
        size = len(run.raw[index])
        offset, line = run.locate(index)
        yield Piece(run.text[at : at + size].lstrip(BLANK), run.text[at : at + size + 1], cooked, offset, line)
        at += size + 1


def _object(found: Package) -> Iterator[Piece]:
    mark = found.text[3:4]
    yield Piece(found.text[:200], found.text, mark.join(["UNO", *found.uno]), found.offset, found.line)
