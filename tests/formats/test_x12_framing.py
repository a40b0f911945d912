"""X12 as partners send it: every row of the list of edge cases, and which test holds it."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from esb.formats.x12.framing import Framer, Junk, Opened, Run
from esb.testing.edi_kit import ISA, answers, codes, documents, interchange, order, read

ROWS = {
    "1 separators from the data": ["test_separators_come_from_the_data"],
    "2 an ISA that is not 106 wide": ["test_an_isa_of_another_length_is_read_with_a_note"],
    "3 newline, CR and CR LF as terminator": ["test_separators_come_from_the_data"],
    "4 line ends, blank lines and blanks before a tag": ["test_white_space_between_segments_is_skipped"],
    "5 wrapped lines": ["test_wrapped_lines_are_unwrapped"],
    "6 a line end inside an element": ["test_a_line_end_inside_an_element_is_a_fault_or_removed"],
    "7 byte order mark, blanks before, NUL and Ctrl-Z behind": ["test_byte_order_marks_and_padding_mean_nothing"],
    "8 separators of several bytes": ["test_separators_of_several_bytes_are_understood"],
    "9 a repetition separator only from 00402": ["test_repetitions_are_split_from_00402_on"],
    "10 the component separator within text": ["test_a_version_without_repetition_leaves_its_separator_in_the_text"],
    "11 many sets, groups and interchanges": ["test_interchanges_with_other_separators_follow_each_other"],
    "12 TA1 before GS, interchanges of TA1 only, ISB and ISE": [
        "test_a_ta1_and_the_segments_of_networks_may_stand_before_the_group",
        "test_a_technical_acknowledgment_is_a_document_and_is_not_answered",
    ],
    "13 control numbers": [
        "test_control_numbers_are_equal_as_numbers",
        "test_the_number_of_a_set_is_compared_as_text_and_blanks_behind_it_are_nothing",
    ],
    "14 counts, numbers, trailers and headers": [
        "test_a_fault_is_named_and_answered",
        "test_a_fault_of_the_group_is_an_exception_beside_its_documents",
        "test_a_fault_of_the_interchange_is_answered_with_a_ta1",
        "test_a_set_without_a_group_is_one_exception",
    ],
    "15 numbers that come twice": [
        "test_a_set_number_that_comes_twice_is_refused",
        "test_a_group_number_that_comes_twice_is_named",
        "test_an_interchange_that_comes_twice_in_a_delivery_is_taken_once",
    ],
    "16 separators behind the last element, empty segments": ["test_trailing_separators_and_empty_segments"],
    "17 no terminator at the very end": ["test_the_last_terminator_may_be_missing"],
    "18 trees of levels": [
        "test_levels_hang_by_number_whatever_their_order",
        "test_a_level_without_its_parent_is_named",
        "test_an_unknown_kind_of_level_is_kept",
    ],
    "19 bounded loops, and one tag that opens two": ["test_bounded_loops_and_tags_that_open_several"],
    "20 binary data": [
        "test_binary_data_is_cut_by_its_length",
        "test_a_wrong_length_of_binary_data_is_named_and_the_rest_is_read",
    ],
    "21 repeats of composites": ["test_repeats_and_components_are_counted_apart"],
    "22 conditions": ["test_conditions_mean_what_the_standard_says"],
    "27 words of the envelope inside data": ["test_tags_inside_text_mean_nothing"],
    "29 what is no X12": ["test_what_is_no_x12_is_one_exception_with_a_reason_and_no_answer"],
    "30 limits": [
        "test_a_segment_without_end_is_given_up_and_the_next_interchange_is_read",
        "test_endless_input_without_a_terminator_takes_no_memory",
        "test_findings_are_capped_and_the_rest_is_counted",
        "test_the_acknowledgment_of_a_group_tells_so_many_faults_and_no_more",
        "test_levels_have_a_greatest_depth",
    ],
    "31 one set of 100 MB": ["test_a_huge_set_is_streamed_by_line_in_little_memory"],
    "32 100,000 sets in a group": ["test_time_grows_with_the_number_of_sets_and_no_faster"],
    "33 numbers": ["test_numbers_as_people_write_them"],
    "34 dates": ["test_a_fault_is_named_and_answered", "test_29_february_is_a_day_when_it_is_one"],
}
"""Rows 23 to 26 and 28 are EDIFACT's."""


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_list_has_its_tests(row: str):
    sources = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))

    assert [name for name in ROWS[row] if f"def {name}(" not in sources] == []


def test_white_space_between_segments_is_skipped():
    text = interchange(order("0001")).replace("~", "~ \r\n\n   ")

    parts = read(text)

    assert len(documents(parts)) == 1 and codes(parts) == []


def test_a_line_end_inside_an_element_is_a_fault_or_removed():
    text = interchange(order("0001", ("Widget", "Wid\r\nget")))

    assert codes(read(text)) == ["el.chars"]
    (document,) = documents(read(text, line_breaks="remove"))
    assert document["lines"][0]["descriptions"][0]["text"] == "Widget"


def test_lines_wrapped_wider_than_the_isa_are_unwrapped_if_that_is_wanted():
    text = interchange(order("0001"), order("0002"))
    wrapped = "\r\n".join(text[at : at + 120] for at in range(0, len(text), 120))

    for step in (1, 37, 1 << 20):
        assert len(documents(read(wrapped, step, line_breaks="remove"))) == 2


def test_line_ends_are_not_removed_where_they_end_segments():
    text = interchange(order("0001")).replace("~", "\n")

    assert len(documents(read(text, line_breaks="remove"))) == 1


def test_repetitions_are_split_from_00402_on():
    text = order("0001", ("REF*DP*038", "REF*DP*038**ZZ>1"))
    later = interchange(text, version="005010").replace("*U*00401*", "*^*00501*")

    assert codes(read(later)) == [] and codes(read(interchange(text))) == []
    assert repetition_of("^", "00501") == "^" and repetition_of("|", "00402") == "|"
    assert [repetition_of(*pair) for pair in (("U", "00501"), ("^", "00401"), (" ", "00501"))] == ["", "", ""]


def repetition_of(written: str, version: str) -> str:
    (opened,) = Framer(1000).feed(f"{ISA}~".replace("*U*00401*", f"*{written}*{version}*").encode(), final=True)
    assert isinstance(opened, Opened)
    return opened.marks.repetition


def test_a_ta1_and_the_segments_of_networks_may_stand_before_the_group():
    between = "ISB*1*2~TA1*000000009*261120*0800*A*000~ISE*1~"
    text = interchange(order("0001")).replace("~GS*", f"~{between}GS*")

    parts = read(text)

    assert [document.get("interchange_acknowledgment", {}).get("number") for document in documents(parts)] == [
        "000000009",
        None,
    ]
    assert codes(parts) == [] and len(answers(parts)) == 1


def test_the_number_of_a_set_is_compared_as_text_and_blanks_behind_it_are_nothing():
    assert codes(read(interchange(order("0001", ("SE*11*0001", "SE*11*0001 "))))) == []
    assert codes(read(interchange(order("0001", ("SE*11*0001", "SE*11*1"))))) == ["set.number"]


@pytest.mark.parametrize(
    ("version", "kind", "code"), [("004010", "997", "6"), ("005010", "997", "19"), ("005010", "999", "19")]
)
def test_a_group_number_that_comes_twice_is_named(version: str, kind: str, code: str):
    one = interchange(order("0001"), version=version)
    group = one[one.index("GS*") : one.index("IEA*")]

    parts = read(one.replace("IEA*1*", f"{group}IEA*2*"), acknowledge=kind)

    assert codes(parts) == ["grp.duplicate"] and f"AK9*E*1*1*1*{code}" in answers(parts)[1]


def test_trailing_separators_and_empty_segments():
    text = interchange(order("0001", ("N3*1 Main St~", "N3*1 Main St***~~~"), ("CTT*2~", "CTT*2~MSG~")))
    text = text.replace("SE*11*", "SE*12*")

    parts = read(text)

    assert codes(parts)[:2] == ["seg.empty", "seg.empty"]
    assert "el.missing" in codes(parts) or "seg.unexpected" in codes(parts)
    fine = read(interchange(order("0001", ("N3*1 Main St~", "N3*1 Main St***~~"))))
    assert len(documents(fine)) == 1 and [finding.severity for finding in fine[0].findings] == ["warning"]


def ship_notice(*levels: str) -> str:
    body = "".join(levels)
    count = body.count("~") + 3
    return f"ST*856*0001~BSN*00*SHP1*20261121*0930~{body}SE*{count}*0001~"


def test_levels_hang_by_number_whatever_their_order():
    text = ship_notice("HL*1**S~", "HL*5*1*O~PRF*PO1~", "HL*7*1*O~PRF*PO2~", "HL*8*5*I~LIN**VP*A~SN1**1*EA~")

    (document,) = documents(read(interchange(text, gs="SH")))

    first, second = document["shipments"][0]["orders"]
    assert first["items"][0]["item"]["id"] == "A" and "items" not in second


def test_a_level_without_its_parent_is_named():
    parts = read(interchange(ship_notice("HL*1**S~", "HL*2*9*O~PRF*PO1~"), gs="SH"))

    assert codes(parts) == ["el.code"] and "names parent '9', which did not come before" in parts[0].error


def test_an_unknown_kind_of_level_is_kept():
    text = ship_notice("HL*1**S~", "HL*2*1*ZZ~LIN**VP*A~")

    (document,) = documents(read(interchange(text, gs="SH")))

    assert document["shipments"][0]["level_zz"][0]["item"]["id"] == "A"


def test_levels_have_a_greatest_depth():
    deep = ship_notice("HL*1**S~", *(f"HL*{number}*{number - 1}*O~" for number in range(2, 40)))

    assert codes(read(interchange(deep, gs="SH"))) == []
    assert codes(read(interchange(deep, gs="SH"), depth=20)) == ["loop.too-deep"]


def test_bounded_loops_and_tags_that_open_several():
    extra = "LS*LDT~LDT*AF*5*DA~QTY*38*5~LE*LDT~N9*L1*x~MSG*Hello~N1*ST*Gate 7~SLN*1**I*2*EA~"
    text = order("0001", ("CTT*2~", f"{extra}CTT*2~"), ("SE*11", "SE*19"))

    (document,) = documents(read(interchange(text)))

    line = document["lines"][1]
    assert line["loop_begin"] and line["loop_end"] and line["lead_times"][0]["quantities"]
    assert line["parties"]["ship_to"]["name"] == "Gate 7"
    assert document["parties"]["ship_to"]["name"] == "ACME DC"


def binary(size: int | None = None, data: str = "a~b*c>\n\xff~SE*1*0001~", tag: str = "BIN") -> str:
    length = len(data) if size is None else size
    head = f"BIN*{length}*" if tag == "BIN" else f"BDS*ZIP*{length}*"
    return f"ST*841*0001~SPI*00~{head}{data}~SE*4*0001~"


@pytest.mark.parametrize("tag", ["BIN", "BDS"])
@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_binary_data_is_cut_by_its_length(tag: str, step: int):
    text = interchange(binary(tag=tag), order("0002"), gs="SP")

    parts = read(text, step, unsupported="carry")

    carried, known = documents(parts)
    assert [segment[0] for segment in carried["segments"]] == ["ST", "SPI", tag, "SE"]
    assert bytes.fromhex(carried["segments"][2][-1]) == b"a~b*c>\n\xff~SE*1*0001~"
    assert codes(parts) == ["set.unsupported"] and known["order"]["number"] == "PO0002"
    assert parts[0].raw == binary(tag=tag).encode("latin-1")


@pytest.mark.parametrize("size", [3, 10**6, 10**9])
@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_a_wrong_length_of_binary_data_is_named_and_the_rest_is_read(size: int, step: int):
    text = interchange(binary(size, "plain"), order("0002"), gs="SP")

    parts = read(text, step, unsupported="carry")

    assert len(documents(parts)) == 2 and codes(parts) == ["set.unsupported", "seg.binary"]


def test_binary_without_a_length_is_a_segment_like_any_other():
    text = interchange("ST*841*0001~BIN*x*y~BIN~BIN*~SE*5*0001~", order("0002"), gs="SP")

    for step in (1, 1 << 20):
        assert codes(read(text, step, unsupported="carry")) == ["set.unsupported"]


def test_repeats_and_components_are_counted_apart():
    text = order("0001", ("REF*DP*038", "REF*DP*038**ZZ>1>ZZ>2>ZZ>3>ZZ>4"))

    (finding,) = read(interchange(text))[0].findings

    assert finding.code == "el.components"


def test_tags_inside_text_mean_nothing():
    text = interchange(order("0001", ("Widget", "ISA GS ST SE IEA BIN 5"), ("ACME DC", "ISA*"[:3])))

    parts = read(text)

    assert len(documents(parts)) == 1 and codes(parts) == []


def test_endless_input_without_a_terminator_takes_no_memory():
    framer, before = Framer(100_000), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen: list[Opened | Run | Junk] = list(framer.feed(f"{ISA}~".encode()))
    piece = b"x" * 1_000_000

    for _ in range(100):
        seen += framer.feed(piece)
    seen += framer.feed(b"", final=True)

    assert [type(event).__name__ for event in seen] == ["Opened", "Junk"]
    assert isinstance(seen[1], Junk) and seen[1].size == 100_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000


def test_time_grows_with_the_number_of_sets_and_no_faster():
    def spent(count: int) -> float:
        text = interchange(*(f"ST*997*{n:09d}~AK1*PO*1~AK9*A*1*1*1~SE*4*{n:09d}~" for n in range(count)), gs="FA")
        begin = time.process_time()
        parts = read(text)
        assert len(parts) == count
        return time.process_time() - begin

    spent(500)
    few, many = spent(3_000), spent(30_000)

    assert many < 30 * few


@pytest.mark.parametrize(
    ("text", "number"), [("-.5", "-0.5"), ("5.", "5"), (".5", "0.5"), ("005", "5"), ("-5", "-5"), ("12.50", "12.5")]
)
def test_numbers_as_people_write_them(text: str, number: str):
    (document,) = documents(read(interchange(order("0001", ("*10*EA", f"*{text}*EA")))))

    assert str(document["lines"][0]["qty"].normalize() + 0) == number
