"""Acknowledgments have one reader: a file of them says what their documents say."""

from __future__ import annotations

import io

import pytest

from esb.formats import X12, Edifact
from esb.management.edi.said import lines
from esb.management.edi_files import Skipped, dialect, segments, standard
from esb.management.edi_files.remarks import remarks
from esb.testing import edi_kit, edifact_kit

ORDERS = [
    edi_kit.order("0001"),
    edi_kit.order("0002", ("*10*EA", "*10*EACHES"), ("BEG*00", "BEG*9Z")),
    edi_kit.order("0003", ("REF*DP*038~", "REF*DP*038~XYZ*1~")),
    edi_kit.order("0004").replace("ST*850", "ST*889"),
    edi_kit.order("0005").replace("SE*", "SE*9"),
]
MESSAGES = [
    edifact_kit.order("1"),
    edifact_kit.order("2", ("QTY+21:10:PCE", "QTY+21:1X:PCE"), ("BGM+220", "BGM+22000")),
    edifact_kit.order("3").replace("UNT+", "UNT+9"),
]
LATER = edi_kit.interchange(*ORDERS, version="005010").replace("*U*00401*", "*^*00501*")


def answers(spec: X12 | Edifact, text: str) -> list[bytes]:
    reader = spec.build({}).reader()
    parts = [*reader.feed(text.encode()), *reader.end()]
    return [part.body for part in parts if part.acknowledgment and isinstance(part.body, bytes)]


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (X12(), edi_kit.interchange(*ORDERS)),
        (X12(ta1="always"), edi_kit.interchange(*ORDERS, count=9).replace("IEA*1*", "IEA*7*")),
        (X12(acknowledge="999"), LATER),
        (Edifact(), edifact_kit.interchange(*MESSAGES)),
        (Edifact(), edifact_kit.interchange(*MESSAGES, count=9)),
        (Edifact(), edifact_kit.grouped(*MESSAGES)),
    ],
)
def test_a_file_says_what_its_documents_say(spec: X12 | Edifact, text: str):
    made = answers(spec, text)
    assert made

    for answer in made:
        reads = dialect(standard(spec.type), {})
        reader = spec.build({}).reader()
        parts = [*reader.feed(answer), *reader.end()]
        by_file = [*remarks(s for s in segments(io.BytesIO(answer), reads) if not isinstance(s, Skipped))]
        by_document = [
            remark
            for part in parts
            for remark in remarks(lines(part.envelope["edi_set"], part.body))  # type: ignore[arg-type]
        ]

        assert by_file and by_file == by_document
