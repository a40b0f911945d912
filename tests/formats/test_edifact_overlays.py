"""Overlays: what a partner does otherwise than the standard, by path, in EDIFACT as in X12."""

from __future__ import annotations

import pytest

from esb.errors import DefinitionError
from esb.formats import Edifact
from esb.testing.edifact_kit import answers, documents, interchange, order


def overlay(*changes: str, more: str = "") -> dict[str, bytes]:
    lines = "".join(f"      - {{ {change} }}\n" for change in changes)
    change = f"  change:\n    ORDERS:\n{lines}" if changes else ""
    return {"schemas/partners/hansa.yaml": f"description: HANSA\nedi:\n{more}{change}".encode()}


def read(text: str, files: dict[str, bytes]) -> list:
    reader = Edifact(partner="hansa").build(files).reader("message")
    return [*reader.feed(text.encode()), *reader.end()]


CASES = [
    ("at: RFF, use: M", [], []),
    ("at: 'references[CT]', use: M", [], []),
    ("at: 'references[AAN]', use: M", ["impl.seg-needed"], ["UCS+14+13"]),
    ("at: RFF, use: X", ["impl.seg-not-used"], ["UCS+4+15"]),
    ("at: 'parties[SU]', use: X", ["impl.seg-not-used"], ["UCS+6+15"]),
    ("at: lines, max: 1", ["loop.too-many"], ["UCS+10+36"]),
    ("at: lines.PRI, use: M", ["impl.seg-needed"], ["UCS+10+13"]),
    ("at: BGM.purpose, codes: ['9', '31']", [], []),
    ("at: BGM.purpose, codes: ['31']", ["impl.code"], ["UCS+2", "UCD+14+4"]),
    ("at: lines.QTY.unit, codes: [KGM]", ["impl.code", "impl.code"], ["UCS+8", "UCD+14+2:3", "UCS+11", "UCD+14+2:3"]),
    ("at: BGM.number, length: 5..10", ["el.short"], ["UCS+2", "UCD+40+3"]),
    ("at: BGM.number, pattern: 'PO\\d{4}'", ["impl.pattern"], ["UCS+2", "UCD+12+3"]),
    ("at: BGM.response, use: M", ["impl.el-needed"], ["UCS+2", "UCD+13+5"]),
    ("at: NAD.name_2, use: X", [], []),
]


@pytest.mark.parametrize(("change", "codes", "notes"), CASES)
def test_a_change_is_named_and_answered(change: str, codes: list[str], notes: list[str]):
    parts = read(interchange(order()), overlay(change))

    assert [finding.code for finding in parts[0].findings] == codes
    (contrl,) = answers(parts)
    own = next(index for index, segment in enumerate(contrl) if segment.startswith("UCM"))
    assert contrl[own + 1 : -2] == notes


def test_other_versions_than_those_agreed_are_not_supported():
    parts = read(interchange(order()), overlay(more="  versions: [D01B]\n"))

    assert [finding.code for finding in parts[0].findings] == ["set.unsupported"]


def test_a_partner_may_be_tolerated():
    text = interchange(order("1", ("+9'DTM", "+9+AC+x'DTM")))

    assert documents(read(text, overlay(more="  tolerate: [el.too-many]\n")))


def test_a_path_that_matches_nothing_is_told_with_its_place():
    with pytest.raises(DefinitionError, match=r"schemas/partners/hansa\.yaml:5:\d+: error.*at: BGM\.colour"):
        Edifact(partner="hansa").build(overlay("at: BGM.colour, use: M"))
