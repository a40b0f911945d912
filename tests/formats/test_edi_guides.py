"""Guides are looked at before they are used: what cannot be reached, what differs, and the page that partners get."""

from __future__ import annotations

import pytest

from esb.errors import DefinitionError
from esb.formats.edi.difference import diff
from esb.formats.edi.guide_page import doc
from esb.formats.edi.lint import lint_guide
from esb.formats.edi_guides import find_guide, lint_guides
from esb.formats.edifact import library as edifact
from esb.formats.x12 import library as x12

SHIPPED = [f"x12/{name}" for name in sorted(x12.shipped())] + [f"edifact/{name}" for name in sorted(edifact.shipped())]
ACME = b"""edi:
  versions: ['004010']
  change:
    '850':
      - { at: 'REF[DP]', use: M }
      - { at: lines.PO1.unit, codes: [EA, CA] }
      - { at: lines.PO1, drop: C0302 }
      - { at: CSH, use: X }
"""
PARTNER = {"schemas/partners/acme.yaml": ACME}


def own(body: str) -> dict[str, bytes]:
    return {"schemas/guides/mine.yaml": f"set: '850'\nis: ours\nversions: ['004010']\nbody:\n{body}".encode()}


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_is_doubtful_about_the_guides_that_ship(name: str):
    assert [str(finding) for finding in lint_guide(find_guide(name))] == []


@pytest.mark.parametrize(
    ("body", "line", "text"),
    [
        ("  - BEG: {use: M}\n  - REF: {max: 5}\n  - REF: {into: more}\n", 7, "REF can never be reached here"),
        ("  - BEG: {use: M}\n  - REF: {max: 5}\n  - DTM\n  - REF: {into: more}\n", 6, "REF may also begin what"),
        ("  - BEG: {use: M}\n  - loop A: {body: [N1, N2]}\n  - loop B: {body: [N1]}\n", 6, "N1 may also begin"),
    ],
)
def test_what_can_never_be_meant_is_a_warning_with_its_line(body: str, line: int, text: str):
    findings = lint_guides(own(body))

    assert [(finding.code, finding.severity) for finding in findings][:1] == [("W424", "warning")]
    assert any(text in finding.text and finding.place.line == line for finding in findings), findings


@pytest.mark.parametrize(
    ("files", "text"),
    [
        (own("  - BEGG: {use: M}\n"), "has no segment BEGG"),
        (own("  - REF: {key: code}\n"), "REF has no element 'code'"),
        ({"schemas/partners/acme.yaml": ACME.replace(b"lines.PO1.unit", b"lines.PO1.uom")}, "has no element 'uom'"),
        ({"schemas/partners/acme.yaml": ACME.replace(b"'850'", b"'859'")}, "there is no guide for set '859'"),
        ({"schemas/partners/acme.yaml": b"edi: { chnge: {} }"}, "chnge"),
    ],
)
def test_mistakes_of_guides_and_overlays_are_errors_with_their_place(files: dict[str, bytes], text: str):
    (finding, *_) = lint_guides(files)

    assert finding.severity == "error" and text in finding.text and finding.place.line > 0


def test_a_good_project_has_no_findings():
    assert lint_guides({**PARTNER, "schemas/order@1.json": b"{}"}) == []
    assert lint_guides(own("  - BEG: {use: M}\n  - REF\n")) == []


def test_an_overlay_of_edifact_is_held_against_its_directories():
    files = {
        "schemas/partners/nord.yaml": b"edi: { change: { ORDERS: [{ at: dates, use: M }, { at: nowhere, use: X }] } }"
    }

    (finding,) = lint_guides(files)

    assert "nothing is called 'nowhere' there" in finding.text


def test_the_difference_to_a_partner_is_what_the_overlay_says():
    found = [str(one) for one in diff(find_guide("x12/850"), find_guide("x12/850", files=PARTNER, partner="acme"))]

    assert found == [
        "~ references: REF[DP]: at least 1 (schemas/partners/acme.yaml:5)",
        "~ sales_requirements: not used (schemas/partners/acme.yaml:8)",
        "~ lines.PO1.unit: only CA, EA (schemas/partners/acme.yaml:6)",
        "~ lines.PO1: without condition C0302",
    ]


def test_the_difference_of_versions_names_elements():
    found = [str(one) for one in diff(find_guide("x12/850", "004010"), find_guide("x12/850", "005010"))]

    assert "~ references.value: was AN 1..30, is AN 1..50" in found


def test_segments_that_come_and_go_are_named():
    files = own("  - BEG: {use: M}\n  - REF: {max: 5}\n")
    changed = own("  - BEG: {use: M}\n  - REF: {max: 9, use: M}\n  - DTM: {max: 3}\n")

    found = diff(find_guide("guides/mine", files=files), find_guide("guides/mine", files=changed))

    assert [str(one) for one in found] == [
        "~ ref: was optional, is mandatory",
        "~ ref: came at most 5 times, now 9",
        "+ dtm: segment DTM (date or time), optional, at most 3 times",
    ]
    assert diff(find_guide("x12/856"), find_guide("x12/856")) == []


@pytest.mark.parametrize("name", SHIPPED)
def test_every_guide_has_a_page(name: str):
    guide = find_guide(name)
    text, html = doc(guide), doc(guide, html=True)

    assert text.startswith(f"# {guide.set} {guide.title}") and "## Structure" in text
    assert html.startswith("<!doctype html>") and html.count("<table>") == html.count("</table>") > 1


def test_the_page_says_what_is_agreed_with_a_partner():
    text = doc(find_guide("x12/850", files=PARTNER, partner="acme"))

    assert "| REF | O | >1 | reference | references by qualifier | REF[DP]: at least 1 |" in text
    assert "only CA, EA |" in text and "| CSH | O | 5 | sales requirements | sales_requirements | not used |" in text


@pytest.mark.parametrize(
    ("name", "version", "partner"),
    [("x12/859", "", ""), ("x12/850", "D96A", ""), ("mine", "", ""), ("x12/850", "", "x")],
)
def test_a_guide_that_does_not_exist_is_an_error(name: str, version: str, partner: str):
    with pytest.raises(DefinitionError):
        find_guide(name, version, {}, partner)
