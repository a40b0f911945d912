"""Named checks: counts, totals and check digits are declared by guides and told as findings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esb.errors import DefinitionError
from esb.formats import X12
from esb.formats.edi.checks import check_digit, counted, read_check
from esb.formats.edi.paths import Lost, path
from esb.testing.edi_kit import interchange, order, read

DOCUMENT = {
    "lines": [
        {"qty": Decimal(2), "ids": {"upc": "012345678905", "upc_2": "4006381333931", "sku": "X"}},
        {"qty": Decimal(3), "marks": [{"qualifier": "GM", "number": "006141411234567890"}]},
        {"parts": [{"marks": [{"qualifier": "CP", "number": "7"}]}]},
    ],
    "parties": {"ship_to": {"id": "1"}, "buyer": {"id": "2"}},
    "totals": {"lines": 3},
}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("totals.lines", [3]),
        ("lines.qty", [Decimal(2), Decimal(3)]),
        ("lines.ids.upc", ["012345678905"]),
        ("lines.ids.upc|ean", ["012345678905", "4006381333931"]),
        ("parties.*.id", ["1", "2"]),
        ("parties.ship*.id", ["1"]),
        ("parties.buyer|ship*.id", ["2", "1"]),
        ("**.marks.number", ["006141411234567890", "7"]),
        ("**.marks[qualifier=GM].number", ["006141411234567890"]),
        ("**.marks[qualifier=GM|CP].number", ["006141411234567890", "7"]),
        ("lines.nothing.there", []),
        ("parties.id", []),
    ],
)
def test_a_path_leads_through_lists_and_objects(source: str, found: list[Any]):
    assert path(source).find(DOCUMENT) == found


def test_a_key_that_came_often_is_found_each_time():
    ids = {"upc": "1", **{f"upc_{number}": str(number) for number in range(2, 12)}}

    assert path("ids.upc|ean").find({"ids": ids}) == [str(number) for number in range(1, 12)]


def test_lines_that_were_streamed_away_are_counted_but_have_no_values():
    document = {"lines": range(5)}

    assert path("lines").count(document) == 5
    for source in ("lines.qty", "**.qty"):
        with pytest.raises(Lost):
            path(source).find(document)


@pytest.mark.parametrize("source", ["", "a..b", "a-b", "a[b]", ".a"])
def test_what_is_no_path_is_a_definition_error(source: str):
    with pytest.raises(DefinitionError, match="is no path"):
        path(source)


def test_the_first_of_several_counts_is_the_one_that_is_written():
    rule = read_check({"id": "levels", "count": "lines, parties", "equals": "totals.lines"})

    assert counted(DOCUMENT, rule) == 3


@given(st.text("0123456789", min_size=7, max_size=17), st.integers(0, 16), st.integers(1, 9))
def test_a_check_digit_tells_each_single_wrong_digit(digits: str, at: int, change: int):
    at %= len(digits)
    wrong = f"{digits[:at]}{(int(digits[at]) + change) % 10}{digits[at + 1 :]}"

    assert check_digit(wrong) != check_digit(digits)


@pytest.mark.parametrize("number", ["96385074", "012345678905", "4006381333931", "00012345678905", "10614141000415"])
def test_check_digits_of_published_examples_are_right(number: str):
    assert check_digit(number[:-1]) == number[-1]


GUIDE = """
set: "850"
is: order with checks
body:
  - BEG: {use: M, into: order}
  - REF: {max: many, key: qualifier, into: references}
  - loop N1: {max: many, key: code, into: parties, body: [N1, N3: {into: .}, N4: {into: .}]}
  - loop PO1: {max: many, into: lines, body: [PO1, PID: {max: 9, into: texts}, MAN: {max: many, into: marks}]}
  - loop CTT: {into: totals, body: [CTT]}
checks:
  - {id: line-count, count: "lines, **.texts", equals: totals.lines}
  - {id: hash, sum: lines.qty + lines.price, equals: totals.hash, severity: error}
  - {id: gtin, gtin: lines.ids.upc|ean|gtin}
  - {id: sscc, sscc: "lines.marks[qualifier=GM].number"}
"""


def findings(*changed: tuple[str, str]) -> list[tuple[str, str]]:
    spec = X12(guide="mine").build({"schemas/mine.yaml": GUIDE.encode()})
    reader = spec.reader()
    parts = [*reader.feed(interchange(order("0001", *changed)).encode()), *reader.end()]
    return [(finding.severity, finding.text) for part in parts for finding in part.findings]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("CTT*2", "CTT*2*29.5", []),
        ("CTT*2", "CTT*1", []),
        ("CTT*2", "CTT*3", [("error", "line-count: lines are counted as 2, totals.lines says 3")]),
        ("CTT*2", "CTT*2*29", [("error", "hash: lines.qty + lines.price add up to 29.50, totals.hash says 29")]),
        (
            "012345678905",
            "012345678906",
            [("warning", "gtin: '012345678906' has a wrong check digit; 5 is right")],
        ),
        ("012345678905", "12345", [("warning", "gtin: '12345' is no GTIN: it has 8, 12, 13 or 14 digits")]),
        ("PID*F****Widget~", "PID*F****Widget~MAN*GM*006141411234567890~MAN*CP*7~", []),
        ("PID*F****Widget~", "PID*F****Widget~MAN*GM*00006141411234567890~MAN*CP*7~", []),
        (
            "PID*F****Widget~",
            "PID*F****Widget~MAN*GM*006141411234567891~MAN*GM*A~",
            [
                ("warning", "sscc: '006141411234567891' has a wrong check digit; 0 is right"),
                ("warning", "sscc: 'A' is no SSCC: it has 18 digits"),
            ],
        ),
    ],
)
def test_a_check_that_does_not_hold_is_a_finding(old: str, new: str, found: list[tuple[str, str]]):
    more = new.count("~") - old.count("~")

    assert findings((old, new), ("SE*11", f"SE*{11 + more}")) == found


def test_many_wrong_numbers_are_one_list_and_a_count():
    marks = "".join(f"MAN*GM*{number}~" for number in range(1, 15))

    texts = [text for _, text in findings(("CTT*2~", f"{marks}CTT*2~"), ("SE*11", "SE*25"))]

    assert len(texts) == 11 and texts[-1] == "sscc: and 4 more"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("lines", "a check is a mapping"),
        ({"id": "a", "cuont": "lines"}, "a check has no 'cuont'"),
        ({"id": "a", "equals": "totals.lines"}, "a check needs its id and one of"),
        ({"id": "a", "count": "lines"}, "need equals:"),
        ({"id": "a", "gtin": "lines.ids.upc", "equals": "b.c"}, "need equals:"),
        ({"id": "a", "gtin": "lines", "severity": "note"}, "severity 'note'"),
        ({"count": "lines", "equals": "a.b"}, "a check needs its id"),
    ],
)
def test_a_check_that_means_nothing_is_refused(given: Any, error: str):
    with pytest.raises(ValueError, match=error):
        read_check(given)


def test_a_bad_check_of_a_guide_is_said_with_its_place():
    guide = GUIDE.replace("gtin: lines.ids.upc|ean|gtin", "gtni: lines.ids.upc")

    with pytest.raises(DefinitionError, match=r"schemas/mine.yaml:13:.*a check has no 'gtni'"):
        X12(guide="mine").build({"schemas/mine.yaml": guide.encode()})


def test_the_levels_of_a_ship_notice_are_counted_or_its_items():
    lines = ["ST*856*0001", "BSN*00*S1*20261121*1000", "HL*1**S", "HL*2*1*O", "PRF*P1", "HL*3*2*I", "LIN**VP*Y",
             "SN1**4*EA", "HL*4*2*I", "LIN**VP*X", "SN1**6*EA", "CTT*{}*10", "SE*13*0001"]  # fmt: skip

    told = {
        number: [finding.text for part in read(interchange("~".join(lines).format(number) + "~", gs="SH"))
                 for finding in part.findings]
        for number in ("4", "2", "3")
    }  # fmt: skip

    assert told["4"] == told["2"] == []
    assert [text.partition(":")[0] for text in told["3"]] == ["level-count"]


def test_a_level_of_a_kind_of_the_partners_own_counts_like_any_other():
    lines = ["ST*856*0001", "BSN*00*S1*20261121*1000", "HL*1**S", "HL*2*1*O", "PRF*P1", "HL*3*2*K", "LIN**VP*Y",
             "CTT*3", "SE*9*0001"]  # fmt: skip

    (part,) = [one for one in read(interchange("~".join(lines) + "~", gs="SH")) if not one.acknowledgment]

    assert (part.error, part.findings) == ("", ())
