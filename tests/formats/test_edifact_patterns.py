"""The accept path and the diagnosis are of one mind about every segment of EDIFACT."""

from __future__ import annotations

from random import Random

import pytest

from esb.formats.edi.diagnosis import flaws
from esb.formats.edi.patterns import RELEASED, Marks, acceptor
from esb.formats.edi.segment_writer import SegmentWriter
from esb.formats.edifact.library import SYNTAXES, VERSIONS, dictionary
from esb.testing.edi_documents import disturbed
from esb.testing.edifact_documents import MessageMaker

TEXTS = ("", "", "A", "AB", "12", "-5", "1.5", ".5", "5.", "1,5", "20261121", "X" * 90, "a:b", ":", "a:b:c:d:e:f:g",
         "1:2", "é", "\x01", "\ufffd", "1*2", chr(RELEASED + ord("'")) + "x")  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_is_accepted_has_no_flaw_and_what_has_no_flaw_is_accepted(version: str, syntax: str):
    words, chance = dictionary(version, syntax), Random(version + syntax)
    marks = Marks("+", ":", "*" if syntax == "4" else "", "'", "?", ".", wide=True, reserved=True)
    maker = MessageMaker(chance)
    released = {ord(char): chr(RELEASED + ord(char)) for char in "+:'?*"}
    for tag in sorted(words.tags):
        segment = words.segment(tag)
        accept = acceptor(segment, marks)
        writer = SegmentWriter(segment, marks, lambda text: text.translate(released))
        for _ in range(60):
            values = writer.text(maker.fields(segment.items, segment.notes), "$", {}).split("+")[1:]
            values = disturbed(values, TEXTS, chance)
            text = "+".join([tag, *values])

            found = list(flaws(segment, values, marks))

            assert not (accept(text) and found), (text, found)
            assert accept(text) or found or "\ufffd" in text, text
