"""For every fault: what people are told, and what the partner is told in the 997."""

from __future__ import annotations

from itertools import pairwise

import pytest

from esb.testing.edi_kit import answers, codes, documents, interchange, order, read

LINE = "PO1*1*10*EA*12.50**VP*SKU-1*UP*012345678905"

FAULTS = [
    ("REF*DP*038~", "REF*DP*038~XYZ*1~", "seg.unknown", ["AK3*XYZ*4**1"], "5"),
    ("REF*DP*038~", "REF*DP*038~AK1*PO*1~", "seg.not-in-set", ["AK3*AK1*4**6"], "5"),
    ("N3*1 Main St~", "N3*1 Main St~LQ*0*X~", "seg.unexpected", ["AK3*LQ*6*N1*2"], "5"),
    ("N4*Springfield*IL*62701~", "N4*Springfield*IL*62701~N3*2 Main St~", "seg.order", ["AK3*N3*7*N1*7"], "5"),
    ("BEG*00*SA*PO0001**20261121~", "", "seg.missing", ["AK3*BEG*2**3"], "5"),
    ("N3*1 Main St~", "N3*1~N3*2~N3*3~", "seg.too-many", ["AK3*N3*7*N1*5"], "5"),
    ("CTT*2~", "CTT*2~CTT*2~", "loop.too-many", ["AK3*CTT*11*CTT*4"], "5"),
    ("BEG*00*SA*PO0001*", "BEG*00*SA**", "el.missing", ["AK3*BEG*2**8", "AK4*3*324*1"], "5"),
    ("REF*DP*038", "REF*DP", "el.needed", ["AK3*REF*3**8", "AK4*2*127*2"], "5"),
    ("*92*0042", "*92", "el.needed", ["AK3*N1*4*N1*8", "AK4*4*67*2"], "5"),
    (LINE, "PO1*1**EA", "el.needed", ["AK3*PO1*7*PO1*8", "AK4*2*330*2"], "5"),
    ("*VP*SKU-2", "*VP", "el.needed", ["AK3*PO1*9*PO1*8", "AK4*7*234*2"], "5"),
    ("N3*1 Main St", "N3*1 Main St**x", "el.too-many", ["AK3*N3*5*N1*8", "AK4*3**3*x"], "5"),
    ("*EA*", "*E*", "el.short", ["AK3*PO1*7*PO1*8", "AK4*3*355*4*E"], "5"),
    ("*EA*", "*EACH*", "el.long", ["AK3*PO1*7*PO1*8", "AK4*3*355*5*EACH"], "5"),
    ("*10*EA", "*ten*EA", "el.chars", ["AK3*PO1*7*PO1*8", "AK4*2*330*6*ten"], "5"),
    ("*10*EA", "*+10*EA", "el.chars", ["AK3*PO1*7*PO1*8", "AK4*2*330*6*+10"], "5"),
    ("*10*EA", "*1E1*EA", "el.chars", ["AK3*PO1*7*PO1*8", "AK4*2*330*6*1E1"], "5"),
    ("Main St", "Main\x07St", "el.chars", ["AK3*N3*5*N1*8", "AK4*1*166*6"], "5"),
    ("BEG*00*", "BEG*99*", "el.code", ["AK3*BEG*2**8", "AK4*1*353*7*99"], "5"),
    ("**20261121", "**20261131", "el.date", ["AK3*BEG*2**8", "AK4*5*373*8*20261131"], "5"),
    ("**20261121", "**20270229", "el.date", ["AK3*BEG*2**8", "AK4*5*373*8*20270229"], "5"),
    ("**20261121", "**261121", "el.date", ["AK3*BEG*2**8", "AK4*5*373*8*261121"], "5"),
    ("REF*DP*038~", "DTM*010*20261201*2561~", "el.time", ["AK3*DTM*3**8", "AK4*3*337*9*2561"], "5"),
    ("SE*11", "SE*14", "set.count", [], "4"),
    ("SE*11*0001", "SE*11*0002", "set.number", [], "3"),
    ("CTT*2", "CTT*3", "set.check", [], "5"),
    ("SE*11*0001~", "", "set.no-trailer", [], "2"),
    ("SE*11*0001", "SE*11*1", "set.number", [], "3"),
    ("*92*0042", "*92*0042*35*EA*9", "el.too-many", ["AK3*N1*4*N1*8", "AK4*7**3*9"], "5"),
    ("REF*DP*038", "REF*DP*038**ZZ>1>ZZ>2>ZZ>3>ZZ", "el.components", ["AK3*REF*3**8", "AK4*4>7**3"], "5"),
    ("REF*DP*038", "REF*DP*038**>1", "el.missing", ["AK3*REF*3**8", "AK4*4>1*128*1"], "5"),
    ("REF*DP*038", "REF*DP*038**ZZ>1>ZZ", "el.needed", ["AK3*REF*3**8", "AK4*4>4*127*2"], "5"),
    ("ST*850*", "ST*899*", "set.unsupported", [], "1"),
    ("ST*850*", "ST*8?0*", "set.id", [], "6"),
]


@pytest.mark.parametrize(("old", "new", "code", "notes", "verdict"), FAULTS)
def test_a_fault_is_named_and_answered(old: str, new: str, code: str, notes: list[str], verdict: str):
    bad = order("0001", (old, new))
    count = bad.count("~") if code not in ("set.count", "set.no-trailer") else 11
    bad = bad.replace("SE*11*", f"SE*{count}*")

    parts = read(interchange(order("0007"), bad, order("0008")))

    assert [document["order"]["number"] for document in documents(parts)] == ["PO0007", "PO0008"]
    refused = parts[1]
    assert refused.error.startswith("x12: ") and "(ST 0001" in refused.error
    assert "ask the partner to resend" in refused.error
    assert [finding.code for finding in refused.findings] == [code]
    assert refused.raw.startswith(b"ST*")
    (ack,) = answers(parts)
    name = {"set.unsupported": "899", "set.id": "000"}.get(code, "850")
    assert ack[ack.index(f"AK2*{name}*0001") + 1 : ack.index("AK2*850*0008")] == [*notes, f"AK5*R*{verdict}"]
    assert ack[-4].startswith("AK9*P*3*3*2")


IN_999 = {"el.components": {"*3": "*13"}}
"""What a 999 calls otherwise than a 997; everything else has the same codes."""


@pytest.mark.parametrize(("old", "new", "code", "notes", "verdict"), FAULTS)
def test_a_999_says_the_same_in_its_own_segments(old: str, new: str, code: str, notes: list[str], verdict: str):
    bad = order("0001", (old, new))
    count = bad.count("~") if code not in ("set.count", "set.no-trailer") else 11
    text = interchange(bad.replace("SE*11*", f"SE*{count}*"), order("0008"), version="005010")

    (whole,) = answers(read(text.replace("*U*00401*", "*^*00501*"), acknowledge="999"))

    contexts = [behind for segment, behind in pairwise(whole) if segment.startswith("IK3")]
    assert {behind for behind in contexts if behind.startswith("CTX")} <= {"CTX*BEG03>PO0001"}
    ack = [segment for segment in whole if not segment.startswith("CTX")]
    said = ack[ack.index("AK2*850*0008") - len(notes) - 1 : ack.index("AK2*850*0008")]
    wanted = [note.replace("AK3", "IK3").replace("AK4", "IK4") for note in notes]
    wanted = [
        note[:-2] + IN_999[code][note[-2:]] if code in IN_999 and note[-2:] in IN_999[code] else note for note in wanted
    ]
    assert said == [*wanted, f"IK5*R*{verdict}"]


def test_a_number_that_is_none_is_the_sets_own_fault():
    parts = read(interchange(order("0001", ("ST*850*0001", "ST*850*1"), ("SE*11*0001", "SE*11*1"))))

    assert codes(parts)[0] == "set.number-bad"
    assert "AK2*850*0000" in answers(parts)[0] and "AK5*R*7" in answers(parts)[0][5]


def test_29_february_is_a_day_when_it_is_one():
    parts = read(interchange(order("0001", ("**20261121", "**20280229"))))

    assert documents(parts)[0]["order"]["date"] == "2028-02-29" and codes(parts) == []


def test_all_faults_of_a_set_are_named_in_one_pass():
    bad = order("0001", ("BEG*00", "BEG*99"), ("*EA*", "*EACH*"), ("*10*", "*x*"), ("SE*11", "SE*12"))

    parts = read(interchange(bad))

    assert codes(parts) == ["el.code", "el.chars", "el.long", "set.count"]
    assert parts[0].error == (
        "x12: BEG01 (purpose) '99' is not in the code list (ST 0001, segment 2) (and 3 more faults); "
        "ask the partner to resend"
    )
    (ack,) = answers(parts)
    assert ack[5:11] == [
        "AK3*BEG*2**8", "AK4*1*353*7*99", "AK3*PO1*7*PO1*8", "AK4*2*330*6*x", "AK4*3*355*5*EACH", "AK5*R*5*4",
    ]  # fmt: skip


def test_a_finding_says_the_byte_and_the_line():
    text = interchange(order("0001", ("*EA*", "*EACH*"))).replace("~", "~\r\n")

    finding = read(text)[0].findings[0]

    assert text.encode()[finding.offset :].startswith(b"PO1*1*10*EACH")
    assert text[: finding.offset].count("\n") + 1 == finding.line == 9
    assert finding.where == "segment 7 PO1, element 3"


def test_findings_are_capped_and_the_rest_is_counted():
    bad = order("0001", ("CTT*2~", "".join(f"PO1*{n}*x*EA~" for n in range(500))))

    part = read(interchange(bad))[0]

    assert len(part.findings) == 100 and "more faults" in part.error


def test_a_set_number_that_comes_twice_is_refused():
    parts = read(interchange(order("0001"), order("0001")))

    assert parts[0].error == "" and "comes twice in the group" in parts[1].error
    assert codes(parts) == ["set.duplicate"] and "AK5*R*23" in answers(parts)[0]


def test_a_tolerated_fault_is_noted_and_the_document_goes_on():
    parts = read(interchange(order("0001", ("N3*1 Main St", "N3*1 Main St**x"))), tolerate=["el.too-many"])

    assert documents(parts)[0]["parties"]["ship_to"]["street"] == "1 Main St"
    assert [finding.severity for finding in parts[0].findings] == ["warning"]
    (ack,) = answers(parts)
    assert "AK5*E*5" in ack and "AK9*E*1*1*1" in ack


@pytest.mark.parametrize(
    ("old", "new", "code", "ak9"),
    [
        ("GE*1*7", "GE*2*7", "grp.count", "AK9*E*2*1*1*5"),
        ("GE*1*7", "GE*1*8", "grp.number", "AK9*E*1*1*1*4"),
        ("GE*1*7~", "", "grp.no-trailer", "AK9*E*1*1*1*3"),
        ("*7*X*", "*seven*X*", "grp.number-bad", "AK9*E*1*1*1*6"),
        ("GS*PO*", "GS*?*", "grp.unsupported", "AK9*E*1*1*1*1"),
    ],
)
def test_a_fault_of_the_group_is_an_exception_beside_its_documents(old: str, new: str, code: str, ak9: str):
    text = interchange(order("0001")).replace(old, new)
    text = text.replace("GE*1*7", "GE*1*seven") if code == "grp.number-bad" else text

    parts = read(text)

    assert len(documents(parts)) == 1
    assert code in codes(parts)
    assert any(part.error.startswith("x12: ") and "group" in part.error for part in parts)
    assert ak9 in answers(parts)[0]


@pytest.mark.parametrize(
    ("old", "new", "code", "note"),
    [
        ("IEA*1*", "IEA*2*", "ich.count", "021"),
        ("IEA*1*000000101", "IEA*1*000000102", "ich.number", "001"),
        ("IEA*1*000000101~", "", "ich.eof", "023"),
        ("*6112390050     *", "*               *", "ich.sender", "006"),
        ("ISA*00*", "ISA*99*", "ich.auth", "010"),
        ("*          *00*  ", "*          *77*  ", "ich.security", "012"),
        ("*08*6112390050 ", "*  *6112390050 ", "ich.sender-qualifier", "005"),
        ("*ZZ*HOUSE ", "*?!*HOUSE ", "ich.receiver-qualifier", "007"),
        ("*HOUSE          *26", "*               *26", "ich.receiver", "008"),
        ("*261121*0930*U", "*26NOV1*0930*U", "ich.date", "014"),
        ("*261121*0930*U", "*261121*9:30*U", "ich.time", "015"),
        ("*U*00401*", "*U*004X1*", "ich.version", "003"),
        ("*000000101*0*P", "*000000101*7*P", "ich.ack-flag", "019"),
        ("*000000101*0*P", "*00000010A*0*P", "ich.number-bad", "018"),
        ("*0*P*", "*0*X*", "ich.flags", "020"),
    ],
)
def test_a_fault_of_the_interchange_is_answered_with_a_ta1(old: str, new: str, code: str, note: str):
    parts = read(interchange(order("0001")).replace(old, new))

    assert len(documents(parts)) == 1
    assert code in codes(parts)
    ta1 = [segment for ack in answers(parts) for segment in ack if segment.startswith("TA1*")]
    assert len(ta1) == 1 and ta1[0].endswith(f"*E*{note}")


def test_control_numbers_are_equal_as_numbers():
    parts = read(interchange(order("0001")).replace("GE*1*7", "GE*01*0007").replace("IEA*1*000000101", "IEA*1*101"))

    assert codes(parts) == [] and len(documents(parts)) == 1


def test_a_set_that_is_cut_by_the_end_of_the_file_is_refused_and_those_before_it_are_not():
    text = interchange(order("0001"), order("0002"))

    parts = read(text[: text.index("PO1", text.index("ST*850*0002"))])

    assert [document["order"]["number"] for document in documents(parts)] == ["PO0001"]
    assert codes(parts) == ["set.no-trailer", "grp.no-trailer", "ich.eof"]
    assert "AK9*P*2*2*1*3" in answers(parts)[0]


def test_a_new_interchange_ends_one_that_was_never_closed():
    text = interchange(order("0001"))

    parts = read(text.partition("GE*")[0] + text.replace("000000101", "000000102"))

    assert len(documents(parts)) == 2 and codes(parts) == ["grp.no-trailer", "ich.eof"]


def test_a_set_over_its_limit_is_refused_and_not_kept():
    many = "".join(f"PO1*{n}*1*EA~" for n in range(5000))

    parts = read(interchange(order("0001", ("CTT*2~", many), ("SE*11", "SE*5010"))), limit="20KB")

    assert codes(parts) == ["set.too-large"] and len(parts[0].raw) <= 4096


@pytest.mark.parametrize("version", ["004010", "banana"])
def test_a_set_without_a_guide_is_an_exception_with_its_bytes(version: str):
    bad = order("0001", ("ST*850*", "ST*830*")) if version == "004010" else order("0001")

    parts = read(interchange(bad, version=version))

    assert parts[0].raw == bad.encode() and "there is no guide for set" in parts[0].error
    assert "AK5*R*1" in answers(parts)[0]
    assert any(segment.startswith("AK9*R*1*1*0") for segment in answers(parts)[0])


def test_a_set_without_a_guide_is_carried_as_segments_if_that_is_wanted():
    bad = order("0001", ("ST*850*", "ST*830*"), ("Widget", "Größe 7"))

    parts = read(interchange(bad, order("0002")).encode(), unsupported="carry")

    carried, known = documents(parts)
    assert (carried["set"], carried["version"]) == ("830", "004010")
    assert carried["segments"][:2] == [["ST", "830", "0001"], ["BEG", "00", "SA", "PO0001", "", "20261121"]]
    assert carried["segments"][7] == ["PID", "F", "", "", "", "Größe 7"] and carried["segments"][-1][0] == "SE"
    assert carried["raw"] == bad and known["order"]["number"] == "PO0002"
    assert [finding.code for finding in parts[0].findings] == ["set.unsupported"]
    assert "AK2*830*0001" in answers(parts)[0] and "AK5*R*1" in answers(parts)[0]


def test_a_set_that_is_carried_still_has_its_counts_checked():
    parts = read(interchange(order("0001", ("ST*850*", "ST*830*"), ("SE*11*0001", "SE*9*0009"))), unsupported="carry")

    assert codes(parts) == ["set.unsupported", "set.count", "set.number"]
    assert "AK5*R*1*4*3" in answers(parts)[0]


BAD = ("BEG*00", "BEG*99")


@pytest.mark.parametrize("good_first", [True, False])
def test_one_bad_set_refuses_its_group_if_the_policy_says_so(good_first: bool):
    good, bad = order("0001"), order("0002", BAD)
    text = interchange(*((good, bad) if good_first else (bad, good)))

    parts = read(text, reject="group")

    assert documents(parts) == []
    assert [part.raw for part in parts if part.error] == [
        one.encode() for one in (good, bad)[:: 1 if good_first else -1]
    ]
    (innocent,) = (part for part in parts if part.envelope.get("edi_transaction") == "0001")
    assert "its group is refused: set 0002 of it is wrong" in innocent.error
    assert [finding.code for finding in innocent.findings] == ["set.with-others"]
    (ack,) = answers(parts)
    assert [segment for segment in ack if segment[:3] in ("AK2", "AK5", "AK9")] == [
        *(("AK2*850*0001", "AK5*R") if good_first else ("AK2*850*0002", "AK5*R*5")),
        *(("AK2*850*0002", "AK5*R*5") if good_first else ("AK2*850*0001", "AK5*R")),
        "AK9*R*2*2*0",
    ]


@pytest.mark.parametrize("reject", ["group", "interchange"])
@pytest.mark.parametrize(
    ("kind", "reasons", "end"),
    [
        ("997", ["AK3*BEG*2**8", "AK4*1*353*7*99"], "AK5"),
        ("999", ["IK3*BEG*2**8", "CTX*BEG03>PO0002", "IK4*1*353*7*99"], "IK5"),
    ],
)
def test_what_refuses_others_with_it_says_why_and_they_do_not(reject: str, kind: str, reasons: list[str], end: str):
    text = interchange(order("0001"), order("0002", BAD), order("0003"))

    parts = read(text, reject=reject, acknowledge=kind)

    assert documents(parts) == []
    (ack,) = answers(parts)
    assert ack[4:-3] == [
        *("AK2*850*0001", f"{end}*R"),
        *("AK2*850*0002", *reasons, f"{end}*R*5"),
        *("AK2*850*0003", f"{end}*R"),
        "AK9*R*3*3*0",
    ]


@pytest.mark.parametrize("step", [1, 13, 1 << 20])
@pytest.mark.parametrize("reject", ["group", "interchange"])
def test_what_is_refused_with_others_has_the_place_of_its_header(reject: str, step: int):
    text = interchange(order("0001"), order("0002", BAD), order("0003")).replace("~", "~\r\n")

    parts = read(text, step, reject=reject)

    found = [finding for part in parts for finding in part.findings if finding.code == "set.with-others"]
    assert [(finding.offset, finding.line) for finding in found] == [
        (text.index(header), 1 + text.count("\n", 0, text.index(header))) for header in ("ST*850*0001", "ST*850*0003")
    ]


def test_what_a_duplicate_interchange_holds_has_the_place_of_its_header():
    text = interchange(order("0001")).replace("~", "~\n") * 2

    (found, _) = (finding for part in read(text) for finding in part.findings)

    assert found.code == "set.with-others"
    assert (found.offset, found.line) == (text.rindex("ST*850"), 1 + text.count("\n", 0, text.rindex("ST*850")))


def two_groups(first: str, second: str) -> str:
    head, tail = interchange(first), interchange(second).replace("*7*X*", "*8*X*").replace("GE*1*7", "GE*1*8")
    return head.partition("IEA*")[0] + tail[tail.index("GS*") :].replace("IEA*1*", "IEA*2*")


def test_a_refused_group_leaves_the_next_one_alone():
    parts = read(two_groups(order("0001", BAD), order("0002")), reject="group")

    assert [document["order"]["number"] for document in documents(parts)] == ["PO0002"]
    assert [ack[-4] for ack in answers(parts)] == ["AK9*R*1*1*0", "AK9*A*1*1*1"]


def test_one_bad_set_refuses_its_interchange_if_the_policy_says_so():
    other = interchange(order("0003")).replace("000000101", "000000102")

    parts = read(two_groups(order("0001"), order("0002", BAD)) + other, reject="interchange")

    assert [document["order"]["number"] for document in documents(parts)] == ["PO0003"]
    assert [ack[-4] for ack in answers(parts)] == ["AK9*R*1*1*0", "AK9*R*1*1*0", "AK9*A*1*1*1"]


def test_a_fault_of_the_envelope_refuses_the_interchange_by_its_ta1_alone():
    parts = read(interchange(order("0001")).replace("IEA*1*", "IEA*2*"), reject="interchange")

    assert documents(parts) == []
    (ta1,) = answers(parts)
    assert ta1[1] == "TA1*000000101*261121*0930*R*021"


@pytest.mark.parametrize("reject", ["group", "interchange"])
def test_what_is_good_as_a_whole_is_given_in_its_order(reject: str):
    text = two_groups(order("0001") + order("0003"), order("0002")).replace("GE*1*7", "GE*2*7")

    parts = read(text, reject=reject)

    assert [document["order"]["number"] for document in documents(parts)] == ["PO0001", "PO0003", "PO0002"]
    assert [part.body for part in parts if part.acknowledgment] == [
        part.body for part in read(text) if part.acknowledgment
    ]


def test_more_than_can_be_held_back_is_refused_and_not_kept_in_memory():
    text = interchange(*(order(f"{number:04d}") for number in range(1, 60)))

    parts = read(text, reject="group", limit="5KB")

    assert documents(parts) == [] and len([part for part in parts if part.error]) == 59
    assert "raise limit:" in parts[0].error and "AK9*R*59*59*0" in answers(parts)[0]


def test_an_interchange_that_comes_twice_in_a_delivery_is_taken_once():
    text = interchange(order("0001"))

    parts = read(text + text)

    assert [document["order"]["number"] for document in documents(parts)] == ["PO0001"]
    again = parts[1]
    assert "came before in the same delivery" in again.error and again.raw == order("0001").encode()
    assert [ack[1][:4] for ack in answers(parts)] == ["GS*F", "TA1*"]
    assert answers(parts)[1][1].endswith("*R*025")
    assert len(documents(read(text + text, tolerate=["ich.duplicate"]))) == 2


def test_a_set_without_a_group_is_one_exception():
    text = interchange(order("0001")).replace("GS*PO*ACME*HOUSE*20261121*0930*7*X*004010~", "").replace("GE*1*7~", "")

    for step in (1, 50, 1 << 20):
        parts = read(text, step)

        assert parts[0].raw == order("0001").encode()
        assert "'ST' stands where a set should begin; 11 segments were skipped" in parts[0].error


def test_the_acknowledgment_of_a_group_tells_so_many_faults_and_no_more():
    bad = [
        order(f"{number:04d}", ("CTT*2~", "".join(f"PO1*{n}*x*EA~" for n in range(150)))) for number in range(1, 120)
    ]

    (ack,) = answers(read(interchange(*bad), findings=100))

    assert 10_000 <= sum(segment.startswith("AK4*") for segment in ack) <= 10_200
    assert sum(segment.startswith("AK5*R*5") for segment in ack) == 119


def test_segments_outside_of_everything_are_exceptions():
    text = interchange(order("0001")).replace("GS*PO", "ZZZ*1~GS*PO").replace("GE*1", "SE*1*1~GE*1")

    parts = read(text)

    assert [part.raw for part in parts if part.error] == [b"ZZZ*1~", b"SE*1*1~"]
    assert len(documents(parts)) == 1
