"""A run of EDIFACT: whole segments behind a UNB, cut at once, released and decoded."""

from __future__ import annotations

from esb.formats.edi.patterns import Marks
from esb.formats.edi.run import BLANK, Run, bare, split
from esb.formats.edifact.charsets import Charset, decoded, hidden
from esb.formats.edifact.service import FILLER, shield

__all__ = ["BLANK", "Run", "run"]


def run(text: str, marks: Marks, charset: Charset, offset: int, line: int, limit: int) -> Run:
    """Return the segments of a text; a segment over the limit and all behind it are left out."""
    plain = text.isascii() and not charset.shifts and not (marks.release and marks.release + marks.terminator in text)
    shielded, raw = split(text if plain else shield(hidden(text, charset), marks), marks.terminator, limit)
    text, segments = text[: len(shielded)], raw
    if not plain:
        segments = decoded(shielded.replace(FILLER, ""), charset).split(marks.terminator)[: len(raw)]
    elif marks.release and marks.release in text:
        release = marks.release
        segments = [shield(one, marks).replace(FILLER, "") if release in one else one for one in raw]
    return Run(text, raw, bare(segments, text, marks.terminator), offset, line)
