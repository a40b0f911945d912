"""esb edi lint-guide, diff, doc and --partner: guides as they are written, and as a partner uses them."""

from __future__ import annotations

import pytest

from esb.testing.command_line import CommandLine
from esb.testing.edi_kit import interchange, order

PARTNER = """\
description: ACME
edi:
  versions: ["004010"]
  tolerate: [el.long]
  change:
    "850":
      - {at: "REF[DP]", use: M}
      - {at: lines.PO1.unit, codes: [EA]}
"""
TINY = "set: '850'\nis: tiny order\ngroup: PO\nversions: ['004010']\nbody:\n  - BEG: {use: M, into: order}\n"


@pytest.fixture
def desk(desk: CommandLine) -> CommandLine:
    desk.file("defaults: { owner: desk }\n", "esb.yaml")
    desk.file(PARTNER, "schemas/partners/acme.yaml")
    return desk


def test_shipped_guides_are_without_doubt(desk: CommandLine) -> None:
    assert desk("lint-guide", "x12/850", "edifact/ORDERS@D96A") == []
    assert desk.code == 0
    assert desk.err == "3 guides by version, 0 doubtful places\n"


def test_a_segment_that_nothing_reaches_is_doubtful(desk: CommandLine) -> None:
    desk.file(TINY + "  - REF: {max: 9}\n  - REF: {max: 2, into: more}\n", "tiny.yaml")

    (doubt, *_) = desk.values("lint-guide", "tiny.yaml", "--json", "--strict")

    assert desk.code == 1
    assert doubt["code"] == "W424"
    assert "REF" in doubt["message"]


def test_a_wrong_guide_is_an_error_with_its_place(desk: CommandLine) -> None:
    desk.file(TINY.replace("BEG", "BGE"), "tiny.yaml")

    desk("lint-guide", "tiny.yaml")

    assert desk.code == 78
    assert "tiny.yaml:6:" in desk.err
    assert "has no segment BGE" in desk.err


def test_two_versions_are_told_apart_by_path(desk: CommandLine) -> None:
    found = desk.values("diff", "x12/850@004010", "x12/850@005010", "--json")

    assert {"path": "references.value", "kind": "changed", "message": "was AN 1..30, is AN 1..50"} in found


def test_what_a_partner_makes_of_a_standard_is_a_difference(desk: CommandLine) -> None:
    found = desk("diff", "x12/850", "--partner", "acme")

    assert any("lines" in line and "EA" in line for line in found)
    assert desk.code == 0


def test_a_difference_needs_two_sides(desk: CommandLine) -> None:
    desk("diff", "x12/850")

    assert desk.code == 64


def test_the_guide_of_a_partner_is_printed_with_what_is_agreed(desk: CommandLine) -> None:
    page = desk("doc", "x12/850", "--partner", "acme")
    html = desk("doc", "x12/850", "--partner", "acme", "--html")

    assert page[0] == "# 850 purchase order, version 004010, group PO"
    assert any("REF" in line and "DP" in line for line in page)
    assert html[0].lower().startswith("<!doctype html")


AGREED = "description: X\nedi:\n  delimiters:\n    x12: { element: '|', terminator: \"\\n\", repetition: '^' }\n"


def test_agreed_delimiters_are_on_the_page_and_a_difference(desk: CommandLine) -> None:
    desk.file(AGREED, "schemas/partners/acme.yaml")

    page = desk("doc", "x12/850", "--partner", "acme")
    found = desk("diff", "x12/850", "--partner", "acme")

    assert "## Delimiters" in page
    assert "| element separator | \\| |" in page
    assert "| segment terminator | line feed (0A) |" in page
    assert "~ delimiters.element: element separator '|' (schemas/partners/acme.yaml:4)" in found
    assert not [line for line in desk("doc", "edifact/ORDERS", "--partner", "acme") if "Delimiters" in line]


def test_delimiters_that_nobody_could_tell_apart_are_an_error_with_its_place(desk: CommandLine) -> None:
    desk.file(AGREED.replace("'^'", "'|'"), "schemas/partners/acme.yaml")

    desk("lint-guide", "x12/850", "--partner", "acme")

    assert desk.code == 78
    assert "schemas/partners/acme.yaml:4:" in desk.err
    assert "'|' is the element separator already" in desk.err


def test_delimiters_that_cannot_be_meant_are_doubtful(desk: CommandLine) -> None:
    desk.file(AGREED + "  versions: ['004010']\n", "schemas/partners/acme.yaml")

    (doubt,) = desk.values("lint-guide", "x12/850", "--partner", "acme", "--json")

    assert (doubt["code"], doubt["line"]) == ("W424", 4)
    assert "no version that has one: 004010" in doubt["message"]


def test_lint_notes_other_delimiters_of_a_partner_and_accepts_the_file(desk: CommandLine) -> None:
    desk.file(AGREED, "schemas/partners/acme.yaml")
    name = desk.file(interchange(order()), "in.edi")

    (report,) = desk.values("lint", name, "--partner", "acme", "--json")

    assert desk.code == 0
    assert report["verdict"] == "accepted"
    codes = [(finding["code"], finding["severity"], finding["line"]) for finding in report["findings"]]
    assert codes == [("ich.agreed-element", "warning", 1), ("ich.agreed-terminator", "warning", 1)]


def test_a_warning_of_an_envelope_with_errors_is_told_once(desk: CommandLine) -> None:
    desk.file(AGREED, "schemas/partners/acme.yaml")
    name = desk.file(interchange(order()).replace("IEA*1", "IEA*2"), "in.edi")

    (report,) = desk.values("lint", name, "--partner", "acme", "--json")

    codes = [finding["code"] for finding in report["findings"]]
    assert codes == ["ich.agreed-element", "ich.agreed-terminator", "ich.count"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("doc", "x12/999@004010"), 78, "not written for 004010"),
        (("doc", "x12/850@40"), 78, "is no version"),
        (("doc", "x12/851"), 78, "there is no guide 'x12/851'"),
        (("doc", "nothing"), 78, "no file schemas/nothing.yaml"),
        (("doc", "x12/850", "--partner", "bolt"), 78, "partner 'bolt' has no overlay"),
        (("lint", "in.edi", "--partner", "bolt"), 78, "partner 'bolt' has no overlay"),
    ],
)
def test_what_does_not_exist_is_named(desk: CommandLine, words: tuple[str, ...], code: int, says: str) -> None:
    desk.file(interchange(order()), "in.edi")

    desk(*words)

    assert desk.code == code
    assert says in desk.err


def test_files_are_read_as_a_partner_writes_them(desk: CommandLine) -> None:
    desk.file(interchange(order(), order("0002", ("REF*DP*038~", "")).replace("SE*11", "SE*10")), "in.edi")

    (report,) = desk.values("lint", "--json", "in.edi", "--partner", "acme")

    found = {(one["transaction"], one["code"]) for one in report["findings"] if one["severity"] == "error"}
    assert found == {("0001", "impl.code"), ("0002", "impl.code"), ("0002", "impl.seg-needed")}


def test_an_endpoint_of_a_partner_reads_with_its_overlay(desk: CommandLine) -> None:
    endpoint = "type: file\npartner: acme\ndirectory: in\nformat: { type: x12, guide: x12/850 }\n"
    desk.file(endpoint, "endpoints/orders.yaml")
    desk.file(interchange(order()), "in.edi")

    (report,) = desk.values("lint", "--json", "in.edi", "--endpoint", "orders")

    assert {one["code"] for one in report["findings"]} == {"impl.code"}


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        ("ids: { isa: 08/6112390050 }\n", 0),
        ("ids: { isa: 01/999 }\n", 1),
        ("ids: { isa: ZZ/HOUSE, gs: HOUSE }\n", 0),  # what we sent to them is looked at, too
    ],
)
def test_a_partner_that_only_has_identifiers_is_one_to_read_as(desk: CommandLine, ids: str, code: int) -> None:
    desk.file(ids, "schemas/partners/carla.yaml")
    desk.file(interchange(order()), "in.edi")

    desk("lint", "in.edi", "--partner", "carla")

    assert desk.code == code
