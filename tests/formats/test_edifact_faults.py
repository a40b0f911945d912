"""For every fault: what people are told, and what the partner is told in the CONTRL."""

from __future__ import annotations

import pytest

from esb.testing.edifact_kit import answers, codes, documents, grouped, interchange, order, read

FAULTS = [
    ("RFF+CT:4477'", "RFF+CT:4477'XYZ+1'", "seg.unknown", ["UCS+5+15"]),
    ("RFF+CT:4477'", "RFF+CT:4477'CPS+1'", "seg.not-in-set", ["UCS+5+15"]),
    ("UNS+S'", "UNS+S'LIN+3'", "seg.order", ["UCS+13+15"]),
    ("RFF+CT:4477'", "RFF+CT:4477'BGM+220+PO2+9'", "seg.unexpected", ["UCS+5+15"]),
    ("UNS+S'", "", "seg.missing", ["UCS+11+13"]),
    ("DTM+137:20261121:102'", "", "seg.missing", ["UCS+2+13"]),
    ("PRI+AAA:12.50'", "PRI+AAA:12.50'PRI+AAB:1'" + "PRI+AAC:2'" * 24, "loop.too-many", ["UCS+34+36"]),
    ("RFF+CT:4477'", "RFF+CT:4477'" + "DTM+171:20261121:102'" * 6, "seg.too-many", ["UCS+10+35"]),
    ("BGM+220+PO1+9", "BGM+220+PO1+9+AC+x", "el.too-many", ["UCS+2", "UCD+16+6"]),
    ("RFF+CT:4477", "RFF", "el.missing", ["UCS+4", "UCD+13+2"]),
    ("RFF+CT:4477", "RFF+:4477", "el.missing", ["UCS+4", "UCD+13+2:1"]),
    ("NAD+BY+", "NAD++", "el.missing", ["UCS+5", "UCD+13+2"]),
    ("NAD+BY+", "NAD+BUYER+", "el.long", ["UCS+5", "UCD+39+2"]),
    ("QTY+21:10:PCE", "QTY+21:10:PIECES", "el.long", ["UCS+8", "UCD+39+2:3"]),
    ("QTY+21:10:PCE", "QTY+21:ten:PCE", "el.chars", ["UCS+8", "UCD+37+2:2"]),
    ("DTM+137:20261121:102", "DTM+137:20261320:102", "el.date", ["UCS+3", "UCD+12+2:2"]),
    ("DTM+137:20261121:102", "DTM+137:2561:401", "el.time", ["UCS+3", "UCD+12+2:2"]),
    ("PRI+AAA:12.50", "PRI+AAA:1E3", "el.chars", ["UCS+9", "UCD+37+2:2"]),
    ("PRI+AAA:12.50", "PRI+AAA:12,50", "num.decimal", ["UCS+9", "UCD+19+2:2"]),
    ("PRI+AAA:12.50", "PRI+AAA:12.", "num.decimal", ["UCS+9", "UCD+19+2:2"]),
    ("PRI+AAA:12.50", "PRI+AAA:.50", "num.digit", ["UCS+9", "UCD+38+2:2"]),
    ("RFF+CT:4477", "RFF+CT:4477:1:2:3:4:5", "el.components", ["UCS+4", "UCD+16+2:5"]),
    ("BGM+220+PO1+9", "BGM+220+PO1:2+9", "el.components", ["UCS+2", "UCD+16+3:2"]),
    ("++ACME", "++AC\x07ME", "charset", ["UCS+5", "UCD+21+5"]),
    ("++ACME", "++AC\x9fME", "charset", ["UCS+5", "UCD+21+5"]),
    ("UNT+COUNT", "UNT+99", "set.count", []),
    ("UNT+COUNT+1", "UNT+COUNT+2", "set.number", []),
    ("UNT+COUNT+1'", "", "set.no-trailer", []),
    ("CNT+2:2", "CNT+2:3", "set.check", []),
    ("ORDERS:D:96A:UN", "QUOTES:D:96A:UN", "set.unsupported", []),
    ("ORDERS:D:96A:UN", "ORDERS:9:999:UN", "set.unsupported", []),
    ("ORDERS:D:96A:UN", "ORDERS:D:96A:OD", "set.unsupported", []),
]
WHOLE = {"set.count": "29+UNT", "set.number": "28+UNT", "set.no-trailer": "13+UNT", "set.check": "12",
         "set.unsupported": "14+UNH"}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "notes"), FAULTS)
def test_a_fault_is_named_and_answered(old: str, new: str, code: str, notes: list[str]):
    parts = read(interchange(order("7"), order("1", (old, new)), order("8")))

    assert [document["order"]["number"] for document in documents(parts)] == ["PO7", "PO8"]
    refused = parts[1]
    assert refused.error.startswith("edifact: ") and "(UNH 1" in refused.error
    assert "ask the partner to resend" in refused.error
    assert [finding.code for finding in refused.findings] == [code]
    assert refused.raw.startswith(b"UNH+1+")
    (contrl,) = answers(parts)
    own = next(index for index, segment in enumerate(contrl) if segment.startswith("UCM+1+"))
    assert contrl[own].rpartition(":")[2].partition("+")[2] == f"4+{WHOLE[code]}" if code in WHOLE else "4"
    assert contrl[own + 1 : contrl.index("UCM+8+ORDERS:D:96A:UN+7")] == notes
    assert "UCI+REF0001+5412345000013:14+4012345000009:14+7" in contrl


@pytest.mark.parametrize(("old", "new", "code", "ucm"), [
    ("UNH+1+", "UNH++", "set.number-bad", "UCM+0+ORDERS:D:96A:UN+4+12+UNH"),
    ("UNH+1+", "UNH+123456789012345+", "set.number-bad", "UCM+0+ORDERS:D:96A:UN+4+12+UNH"),
    ("+ORDERS:D:96A:UN", "+:D:96A:UN", "set.id", "UCM+1+XXXXXX:D:96A:UN+4+13+UNH"),
    ("+ORDERS:D:96A:UN", "", "set.id", "UCM+1+XXXXXX:D:96A:UN+4+13+UNH"),
    ("UNS+S", "UNS+X", "el.code", "UCM+1+ORDERS:D:96A:UN+4"),
])  # fmt: skip
def test_a_useless_header_and_a_code_that_is_none_are_answered(old: str, new: str, code: str, ucm: str):
    parts = read(interchange(order("1", (old, new))))

    assert code in codes(parts) and documents(parts) == []
    (contrl,) = answers(parts)
    assert ucm in contrl and ("UCD+12+2" in contrl) == (code == "el.code")
    assert [part.error for part in read(next(part.body for part in parts if part.acknowledgment))] == [""]


REPEATED = ["UCM+1+ORDERS:D:96A:UN+4", "UCS+2", "UCD+35+4", "UNT+6+1"]


def test_too_many_repeats_are_told_with_their_occurrence():
    later = interchange(order("1", ("+9'DTM", "+9*31'DTM")), una="UNA:+.?*'").replace("UNOC:3", "UNOC:4")

    parts = read(later.replace("261121:0930", "20261121:0930"))

    assert codes(parts) == ["el.repeats"] and answers(parts)[0][4:8] == REPEATED


def test_all_faults_of_a_message_are_named_in_one_pass():
    bad = order("1", ("QTY+21:10:PCE", "QTY+21:ten:PIECES"), ("RFF+CT:4477", "RFF"), ("UNT+COUNT", "UNT+9"))

    parts = read(interchange(bad))

    assert codes(parts) == ["el.missing", "el.chars", "el.long", "set.count"]
    assert parts[0].error == (
        "edifact: RFF01 (reference) is missing (UNH 1, segment 4) (and 3 more faults); ask the partner to resend"
    )
    (contrl,) = answers(parts)
    assert contrl[3:8] == [
        "UCM+1+ORDERS:D:96A:UN+4+29+UNT", "UCS+4", "UCD+13+2", "UCS+8", "UCD+37+2:2",
    ]  # fmt: skip


def test_a_finding_says_the_byte_and_the_line():
    text = interchange(order("1", ("++ACME", "++A?'C?+M?:E??x"), ("PCE'PRI", "PIECES'PRI"))).replace("'", "'\r\n")
    text = text.replace("?'\r\n", "?'")

    finding = read(text)[0].findings[0]

    assert text.encode()[finding.offset :].startswith(b"QTY+21:10:PIECES")
    assert text[: finding.offset].count("\n") + 1 == finding.line == 10
    assert finding.where == "segment 8 QTY, element 1:3"


def test_findings_are_capped_and_the_rest_is_counted():
    bad = order("1", ("UNS+S'", "".join(f"LIN+{n}'QTY+21:x'" for n in range(500)) + "UNS+S'"))

    part = read(interchange(bad))[0]

    assert len(part.findings) == 100 and "more faults" in part.error


def test_a_reference_that_comes_twice_is_refused():
    parts = read(interchange(order("1"), order("1")))

    assert parts[0].error == "" and "comes twice in the interchange" in parts[1].error
    assert codes(parts) == ["set.duplicate"]
    assert "UCM+1+ORDERS:D:96A:UN+4+26+UNH" in answers(parts)[0]


def test_a_tolerated_fault_is_noted_and_the_document_goes_on():
    bad = order("1", ("BGM+220+PO1+9", "BGM+220+PO1+9+AC+x"), ("PRI+AAA:12.50", "PRI+AAA:12,50"))

    parts = read(interchange(bad), tolerate=["el.too-many", "num.decimal"])

    assert str(documents(parts)[0]["lines"][0]["prices"]["net"]["price"]) == "12.50"
    assert [finding.severity for finding in parts[0].findings] == ["warning", "warning"]
    assert "UCM+1+ORDERS:D:96A:UN+7" in answers(parts)[0]


GROUP = [
    ("UNE+1+7", "UNE+2+7", "grp.count", "UCF+7+5412345000013+4012345000009+7+29+UNE"),
    ("UNE+1+7", "UNE+1+8", "grp.number", "UCF+7+5412345000013+4012345000009+7+28+UNE"),
    ("UNE+1+7'", "", "grp.no-trailer", "UCF+7+5412345000013+4012345000009+7+13+UNE"),
    ("0930+7+UN", "0930++UN", "grp.number-bad", "UCF+0+5412345000013+4012345000009+7+12+UNG"),
]


@pytest.mark.parametrize(("old", "new", "code", "ucf"), GROUP)
def test_a_fault_of_the_group_is_an_exception_beside_its_documents(old: str, new: str, code: str, ucf: str):
    parts = read(grouped(order("1")).replace(old, new))

    assert len(documents(parts)) == 1
    assert code in codes(parts)
    assert any(part.error.startswith("edifact: ") and "group" in part.error for part in parts)
    (contrl,) = answers(parts)
    assert ucf in contrl and "UCM+1+ORDERS:D:96A:UN+7" in contrl


INTERCHANGE = [
    ("UNZ+1+", "UNZ+2+", "ich.count", "7+29+UNZ"),
    ("UNZ+1+REF0001", "UNZ+1+REF0002", "ich.number", "7+28+UNZ"),
    ("UNZ+1+REF0001'", "", "ich.eof", "7+13+UNZ"),
    ("+5412345000013:14+4012345000009:14", "++4012345000009:14", "ich.sender", "7+23+UNB"),
    ("5412345000013:14+4012345000009:14", "5412345000013:14+", "ich.receiver", "7+7+UNB"),
    ("+261121:0930", "+261131:0930", "ich.date", "7+12+UNB"),
    ("+261121:0930", "+261121:2560", "ich.time", "7+12+UNB"),
    ("0930+REF0001'", "0930+'", "ich.number-bad", "7+12+UNB"),
    ("UNOC:3", "UNOC:9", "ich.version", "7+2+UNB"),
    ("UNOC:3", "UNOQ:3", "ich.standard", "7+2+UNB"),
]


@pytest.mark.parametrize(("old", "new", "code", "uci"), INTERCHANGE)
def test_a_fault_of_the_interchange_is_told_beside_its_documents(old: str, new: str, code: str, uci: str):
    parts = read(interchange(order("1")).replace(old, new))

    assert len(documents(parts)) == 1
    assert code in codes(parts)
    (contrl,) = answers(parts)
    assert next(segment for segment in contrl if segment.startswith("UCI")).endswith(f"+{uci}")


@pytest.mark.parametrize(("old", "new", "uci"), [
    ("UNZ+1+", "UNZ+2+", "4+29+UNZ"), ("UNZ+1+REF0001", "UNZ+1+R", "4+28+UNZ"), ("UNOC:3", "UNOC:9", "4+2+UNB"),
    ("+9'DTM", "+9+AC+x'DTM", "4+18"),
])  # fmt: skip
def test_an_interchange_is_refused_as_a_whole_where_the_profile_says_so(old: str, new: str, uci: str):
    parts = read(interchange(order("1")).replace(old, new), reject="interchange")

    assert documents(parts) == []
    (contrl,) = answers(parts)
    assert next(segment for segment in contrl if segment.startswith("UCI")).endswith(f"+{uci}")
    assert not any(segment.endswith("+7") for segment in contrl)


def test_an_interchange_that_comes_twice_in_a_delivery_is_a_duplicate():
    parts = read(interchange(order("1")) * 2)

    assert len(documents(parts)) == 1 and codes(parts) == ["set.with-others", "ich.duplicate"]
    assert [segment for contrl in answers(parts) for segment in contrl if segment.startswith("UCI")] == [
        "UCI+REF0001+5412345000013:14+4012345000009:14+7",
        "UCI+REF0001+5412345000013:14+4012345000009:14+4+26+UNB",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (interchange(order("1")), ["UCI+REF0001+5412345000013:14+4012345000009:14+4+29+UNZ"]),
        (grouped(order("1")), [
            "UCI+REF0001+5412345000013:14+4012345000009:14+7", "UCF+7+5412345000013+4012345000009+4+29+UNE",
        ]),
    ],
)  # fmt: skip
def test_what_lost_the_header_of_its_only_message_is_refused(text: str, said: list[str]):
    parts = read(text.replace("UNH+1+ORDERS:D:96A:UN'", ""))

    assert documents(parts) == []
    (contrl,) = answers(parts)
    assert [segment for segment in contrl if segment[:3] in ("UCI", "UCF", "UCM")] == said


def test_an_interchange_without_a_message_is_empty():
    parts = read(interchange())

    assert codes(parts) == ["ich.content"]
    assert "UCI+REF0001+5412345000013:14+4012345000009:14+7+32+UNB" in answers(parts)[0]


def test_groups_and_messages_mixed_are_told():
    text = grouped(order("1")).replace("UNZ+1+REF0001'", order("2") + "UNZ+1+REF0001'")

    parts = read(text)

    assert len(documents(parts)) == 2 and codes(parts) == ["ich.mixed"]
    assert "UCI+REF0001+5412345000013:14+4012345000009:14+7+30+UNH" in answers(parts)[0]


def test_a_group_is_refused_with_a_message_of_it():
    text = grouped(order("1"), order("2", ("+9'DTM", "+9+AC+x'DTM")))

    parts = read(text, reject="group")

    assert documents(parts) == [] and codes(parts) == ["set.with-others", "el.too-many"]
    (contrl,) = answers(parts)
    assert contrl[3:6] == ["UCF+7+5412345000013+4012345000009+4+18", "UCM+2+ORDERS:D:96A:UN+4", "UCS+2"]


@pytest.mark.parametrize("step", [1, 1 << 20])
def test_messages_and_objects_that_are_refused_with_others_have_the_places_of_their_headers(step: int):
    packet = "UNO+PKG1+1:5++5'HELLOUNP+5+PKG1'\n"
    text = interchange(order("1"), packet, order("2", ("+9'DTM", "+9+AC+x'DTM")), order("3")).replace("'", "'\n")
    text = text.replace("5'\nHELLO", "5'HELLO")

    parts = read(text, step, reject="interchange")

    found = [finding for part in parts for finding in part.findings if finding.code == "set.with-others"]
    assert [(finding.offset, finding.line) for finding in found] == [
        (text.index(header), 1 + text.count("\n", 0, text.index(header))) for header in ("UNH+1+", "UNO+", "UNH+3+")
    ]


def test_a_message_that_is_cut_by_the_end_of_the_file_is_refused_and_those_before_it_are_not():
    text = interchange(order("1"), order("2"))

    parts = read(text[: text.index("QTY", text.index("UNH+2+"))])

    assert [document["order"]["number"] for document in documents(parts)] == ["PO1"]
    assert "set.no-trailer" in codes(parts) and codes(parts)[-1] == "ich.eof"


def test_a_message_over_its_limit_is_refused_and_not_kept():
    many = "".join(f"LIN+{n}'QTY+21:1'" for n in range(5000))

    parts = read(interchange(order("1", ("UNS+S'", f"{many}UNS+S'"))), limit="20KB")

    assert codes(parts) == ["set.too-large"] and len(parts[0].raw) <= 4096


def test_segments_outside_of_everything_are_exceptions():
    text = interchange(order("1")).replace("UNH+1", "ZZZ+1'UNH+1").replace("UNZ+1", "UNT+1+1'UNZ+1")

    parts = read(text)

    assert [part.raw for part in parts if part.error] == [b"ZZZ+1'", b"UNT+1+1'"]
    assert len(documents(parts)) == 1
