"""What we write is understood by readers that we did not write: pyx12 for the envelopes of X12."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pyx12.x12file import X12Reader

from esb.formats import X12
from esb.formats.x12.library import VERSIONS, shipped, standard
from esb.testing.edi_documents import document as made_document
from esb.testing.edi_kit import interchange, order, read

FIXTURES = Path(__file__).parent.parent / "fixtures" / "x12"
ENVELOPE = {"sender": {"id": "HOUSE"}, "receiver": {"qualifier": "08", "id": "6112390050", "group": "ACME"}}
MARKS = [{}, {"element": "|", "component": ":", "terminator": "'"}, {"newline": True}]
SETS = [(name, version) for version in VERSIONS for name in sorted(shipped()) if standard(name, version) is not None]


def x12_reader(text: str) -> tuple[list[list[str]], list[tuple[str, ...]]]:
    """Return the segments as pyx12 reads them, and what it finds wrong with envelopes, counts, numbers and levels."""
    reader = X12Reader(io.StringIO(text))
    segments = [[segment.get_seg_id(), *(element.format() for element in segment.elements)] for segment in reader]
    reader.cleanup()
    return segments, reader.pop_errors()


def split(text: str) -> list[list[str]]:
    """Return the segments by their separators; data behind the last element means nothing."""
    segments = [segment.strip().split(text[3]) for segment in text.split(text[105]) if segment.strip()]
    for values in segments:
        while len(values) > 1 and not values[-1]:
            values.pop()
    return segments


@pytest.mark.parametrize(("name", "version"), SETS)
def test_x12_envelopes_that_we_write_are_understood(name: str, version: str):
    guide = standard(name, version)
    assert guide is not None
    for seed in range(6):
        spec = X12(guide=f"x12/{name}", envelope={**ENVELOPE, "version": version, **MARKS[seed % len(MARKS)]})
        made = [made_document(guide, 2 * seed), made_document(guide, 2 * seed + 1)]
        for number, document in enumerate(made):
            document["transaction"]["number"] = f"{number + 1:04d}"
        text = spec.build({}).render(made).decode()

        segments, wrong = x12_reader(text)

        assert wrong == []
        assert [values[0] for values in segments] == [values[0] for values in split(text)]
        assert [values[1:] for values in segments if values[0] == "ST"] == [
            values[1:] for values in split(text) if values[0] == "ST"
        ]


@pytest.mark.parametrize("sample", sorted(FIXTURES.glob("*.edi")), ids=lambda path: path.name)
def test_x12_samples_are_whole_for_other_readers_too(sample: Path):
    segments, wrong = x12_reader(sample.read_text())

    assert wrong == []
    assert len(segments) == sample.read_text().count("~")


@pytest.mark.parametrize(
    ("changed", "version"),
    [
        ((), "004010"),
        ((("PO1*1*10*EA", "PO1*1*ten*EACH"),), "004010"),
        ((("SE*11", "SE*12"),), "004010"),
        ((("CTT*2", "CTT*3"),), "005010"),
        ((("N4*Springfield*IL*62701~", "ZZZ*1~N4*Springfield*IL*62701~"), ("SE*11", "SE*12")), "005010"),
    ],
)
def test_x12_acknowledgments_that_we_write_are_understood(changed: tuple[tuple[str, str], ...], version: str):
    parts = read(interchange(order("0001", *changed), order("0002"), version=version))
    texts = [part.body.decode() for part in parts if part.acknowledgment]

    assert texts
    for text in texts:
        assert x12_reader(text)[1] == []
