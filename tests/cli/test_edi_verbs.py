"""esb edi show, ack, write, split, explain and stats: a file seen, answered, written, cut, and compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from esb.formats import X12
from esb.testing.command_line import CommandLine
from esb.testing.edi_kit import ISA, answers, interchange, order, read

EACHES = ("*EA*", "*EACHES*")
DAY = ("20261121", "20261341")
PARTIES = ("--sender", "08:6112390050", "--receiver", "ZZ:HOUSE")
SHIPMENT = (
    "ST*856*0001~BSN*00*SHIP1*20261121*0930*0001~HL*1**S~TD1*CTN*1~HL*2*1*O~PRF*PO1~HL*3*2*I~LIN**VP*SKU-1~SN1**4*EA~"
    "HL*4*1*O~PRF*PO2~HL*5*4*I~LIN**VP*SKU-2~SN1**1*EA~CTT*5~SE*16*0001~"
)


# show


def test_segments_are_shown_with_line_and_position_in_the_set(desk: CommandLine) -> None:
    desk.file(interchange(order()).replace("~", "~\n"))

    shown = [line.split() for line in desk("show", "in.edi")]

    assert shown[2] == ["3", "1", "ST*850*0001"]
    assert shown[1][0] == "2" and shown[1][1].startswith("GS*PO")
    assert shown[-3] == ["13", "11", "SE*11*0001"]


def test_segments_as_json_name_what_they_stand_under(desk: CommandLine) -> None:
    desk.file(interchange(order(), order("0002")))

    shown = desk.values("show", "in.edi", "--json")

    begins = [one for one in shown if one["tag"] == "BEG"]
    assert [(one["interchange"], one["group"], one["transaction"], one["segment"]) for one in begins] == [
        ("000000101", "7", "0001", 2), ("000000101", "7", "0002", 2),
    ]  # fmt: skip
    assert begins[0]["elements"] == ["00", "SA", "PO0001", "", "20261121"]


def test_a_tree_names_loops_elements_and_codes(desk: CommandLine) -> None:
    desk.file(interchange(order()))

    shown = desk("show", "in.edi", "--as", "tree")

    assert "    ST purchase order: set=850, number=0001" in shown
    assert "      loop N1" in shown
    (party,) = [line for line in shown if line.startswith("        N1 party: ")]
    assert "code=ST (ship to), name=ACME DC, id_type=92" in party


def test_a_tree_of_levels_is_indented_by_their_parents_not_by_their_order(desk: CommandLine) -> None:
    desk.file(interchange(SHIPMENT, gs="SH"))

    shown = desk.values("show", "in.edi", "--as", "tree", "--json")

    levels = {one["elements"][0]["value"]: one["depth"] for one in shown if one["tag"] == "HL"}
    assert levels["2"] == levels["4"] == levels["1"] + 1
    assert levels["3"] == levels["5"] == levels["2"] + 1
    depths = {one["tag"]: one["depth"] for one in shown}
    assert depths["CTT"] == depths["BSN"] == depths["SE"] + 1


def test_a_segment_that_the_guide_does_not_expect_stays_in_the_tree(desk: CommandLine) -> None:
    desk.file(interchange(order("0001", ("CTT*2~", "ZZZ*what~CTT*2~"))))

    shown = desk("show", "in.edi", "--as", "tree")

    assert any(line.strip() == "ZZZ (not expected here): ZZZ*what" for line in shown)
    assert any("CTT transaction totals" in line for line in shown)


def test_documents_are_those_that_routes_get_and_a_refused_set_is_said(desk: CommandLine) -> None:
    text = interchange(order(), order("0002", EACHES))
    desk.file(text)

    (shown,) = desk.values("show", "in.edi", "--as", "document", "--json")

    assert shown["order"]["number"] == "PO0001"
    assert desk.code == 65
    assert "PO103" in desk.err


def test_what_is_no_edi_is_refused_with_a_sentence(desk: CommandLine) -> None:
    desk.file("hello")

    assert desk("show", "in.edi") == []
    assert desk.code == 65
    assert "neither X12 (no ISA) nor EDIFACT (no UNB)" in desk.err


# ack


def test_the_acknowledgment_is_the_one_that_the_bus_would_send(desk: CommandLine) -> None:
    text = interchange(order(), order("0002", EACHES))
    desk.file(text)

    shown = desk("ack", "in.edi")

    sent = [part.body.decode() for part in read(text) if part.acknowledgment]
    assert shown == ["".join(sent)]


def test_the_kind_of_acknowledgment_can_be_chosen(desk: CommandLine) -> None:
    desk.file(interchange(order()))

    tags = [line.split("*")[0:2] for line in desk("ack", "in.edi", "--kind", "999", "--technical", "always", "--lines")]

    assert ["ST", "999"] in tags
    assert any(tag[0] == "TA1" for tag in tags)


def test_an_interchange_that_stands_twice_in_a_file_is_answered_once_as_the_bus_does(desk: CommandLine) -> None:
    text = interchange(order(), order("0002", EACHES))
    desk.file(text, "once.edi")
    desk.file(text + text.replace("~", "~\r\n") + text, "thrice.edi")

    once, thrice = desk("ack", "once.edi"), desk("ack", "thrice.edi")

    assert thrice == once
    assert desk.err.splitlines() == [
        "2 interchanges stand in it again as they were; they are read and answered once", "1 acknowledgment",
    ]  # fmt: skip
    assert len(desk.values("show", "thrice.edi", "--as", "document", "--json")) == 1
    assert "2 interchanges stand in it again" in desk.err


def test_another_content_under_the_same_number_is_refused_as_a_duplicate(desk: CommandLine) -> None:
    first, other = interchange(order()), interchange(order("0001", ("PO0001", "PO0002")))
    desk.file(first + other + first + first[: first.index("GE*")])

    shown = desk("ack", "in.edi", "--lines")

    assert [line for line in shown if line.startswith(("AK9", "TA1"))] == [
        "AK9*A*1*1*1~", "TA1*000000101*261121*0930*R*025~", "TA1*000000101*261121*0930*R*025~",
    ]  # fmt: skip


@pytest.mark.parametrize("content", [f"{ISA}~TA1*000000101*261121*0930*A*000~IEA*0*000000101~", "nothing"])
def test_no_acknowledgment_is_invented(desk: CommandLine, content: str) -> None:
    desk.file(content)

    assert desk("ack", "in.edi") == []
    assert desk.code == 65


# write


@pytest.mark.parametrize("form", ["json", "lines", "yaml"])
def test_documents_that_were_shown_are_written_as_they_came(desk: CommandLine, form: str) -> None:
    desk.file(interchange(order(), order("0002")))
    lines = desk("show", "in.edi", "--as", "document", *([] if form == "yaml" else ["--json"]))
    text = f"[{','.join(lines)}]" if form == "json" else "\n".join(lines)
    desk.file(text, f"docs.{'yaml' if form == 'yaml' else 'json'}")

    desk("write", f"docs.{'yaml' if form == 'yaml' else 'json'}", "--guide", "x12/850", *PARTIES, "--out", "out.edi")

    assert desk.code == 0
    written = (desk.folder / "out.edi").read_text()
    assert order() in written and order("0002") in written
    desk("lint", "out.edi")
    assert desk.code == 0


def test_keys_of_the_envelope_can_be_set(desk: CommandLine) -> None:
    desk.file(interchange(order()))
    desk.file("\n".join(desk("show", "in.edi", "--as", "document", "--json")), "one.json")

    (text,) = desk(
        "write", "one.json", "--guide", "x12/850", *PARTIES, "--envelope", "version=005010", "--envelope", "element=|"
    )

    assert text.startswith("ISA|00|")
    assert "|X|005010~" in text


@pytest.mark.parametrize(
    ("content", "words", "code", "says"),
    [
        ("{}", (), 64, "--sender"),
        ("{}", (*PARTIES, "--envelope", "versoin=005010"), 64, "versoin"),
        ("{}", (*PARTIES, "--envelope", "nothing"), 64, "KEY=VALUE"),
        ("{", PARTIES, 65, "no JSON"),
        ('{"transaction": {"set": "850"}, "order": {"purpose": "Ω" }}', PARTIES, 65, "x12"),
    ],
)
def test_what_cannot_be_written_is_refused_with_the_reason(
    desk: CommandLine, content: str, words: tuple[str, ...], code: int, says: str
) -> None:
    (desk.folder / "one.json").write_text(content)

    assert desk("write", "one.json", "--guide", "x12/850", *words) == []
    assert desk.code == code
    assert says in desk.err


# split


@pytest.mark.parametrize("newline", ["", "\n", "\r\n"])
def test_sets_keep_their_bytes_and_get_an_envelope_of_their_own(desk: CommandLine, newline: str) -> None:
    sets = [order().replace("~", f"~{newline}"), order("0002", EACHES).replace("~", f"~{newline}")]
    desk.file(interchange(*sets).replace("~GS", f"~{newline}GS").replace("~ST", f"~{newline}ST"))

    names = desk("split", "in.edi", "--to", "out")

    assert names == ["out/in-000000101-7-850-0001.edi", "out/in-000000101-7-850-0002.edi"]
    for name, one in zip(names, sets, strict=True):
        content = (desk.folder / name).read_bytes().decode()
        assert one.rstrip() in content
        assert content.count("ISA*") == content.count("GE*1*7~") == content.count("IEA*1*000000101~") == 1
        (report,) = desk.values("lint", "--json", name)
        assert (report["groups"], report["transactions"]) == (1, 1)
        assert all(finding["code"] == "el.long" for finding in report["findings"])


def test_interchanges_are_cut_byte_for_byte(desk: CommandLine) -> None:
    first = interchange(order()).replace("~", "~\r\n")
    second = interchange(order("0009")).replace("*", "|").replace("000000101", "000000102")
    desk.file(first + second)

    names = desk("split", "in.edi", "--by", "interchange", "--to", "out")

    assert [(desk.folder / name).read_bytes().decode().strip() for name in names] == [first.strip(), second]


def test_groups_are_cut_with_their_sets(desk: CommandLine) -> None:
    two = interchange(order()).replace("IEA*1", "GS*IN*ACME*HOUSE*20261121*0930*8*X*004010~GE*0*8~IEA*2")
    desk.file(two)

    names = desk("split", "in.edi", "--by", "group", "--to", "out")

    assert names == ["out/in-000000101-7.edi", "out/in-000000101-8.edi"]
    (report,) = desk.values("lint", "--json", names[0])
    assert report["verdict"] == "accepted"


def test_a_hostile_control_number_cannot_choose_where_it_is_written(desk: CommandLine) -> None:
    desk.file(interchange(order("../../../x"), order("../../../x")))

    names = desk("split", "in.edi", "--to", "out")

    assert len(set(names)) == 2
    assert all(Path(name).parent == Path("out") for name in names)
    assert not (desk.folder.parent / "x.edi").exists()


def test_what_stands_in_no_set_is_said(desk: CommandLine) -> None:
    technical = "TA1*000000101*261121*0930*A*000~"
    desk.file("hello\r\n" + interchange(order()).replace("~GS", f"~{technical}GS"))
    desk.file(interchange(order()).replace("~GS", f"~{technical * 12}GS"), "many.edi")

    desk("split", "in.edi", "--to", "out")
    said = desk.err.splitlines()
    desk("split", "many.edi", "--to", "out")

    assert [line.partition(" bytes")[0] for line in said[:-1]] == ["line 1: 7", f"line 2: {len(technical)}"]
    assert said[1].endswith("were left out: TA1 is in no set") and said[-1] == "1 file"
    assert desk.err.splitlines()[-2:] == ["2 more places were left out", "1 file"]


def test_nothing_is_overwritten(desk: CommandLine) -> None:
    desk.file(interchange(order()))
    desk("split", "in.edi", "--to", "out")

    desk("split", "in.edi", "--to", "out")

    assert desk.code == 64
    assert "nothing is overwritten" in desk.err


# explain


@pytest.mark.parametrize("kind", ["997", "999"])
def test_an_acknowledgment_is_told_with_the_values_that_were_sent(desk: CommandLine, kind: str) -> None:
    text = interchange(order(), order("0002", EACHES, DAY), gs="PO", version="005010").replace("*U*00401*", "*^*00501*")
    desk.file(text)
    (answer,) = [part.body for part in read(text, acknowledge=kind) if part.acknowledgment]
    desk.file(answer, "ack.edi")

    shown = desk("explain", "ack.edi", "--original", "in.edi")

    assert desk.code == 1
    assert any(
        line.startswith("set 850 0002, segment 7 PO1, element 3 'EACHES': the value is too long") for line in shown
    )
    segment = next(line for line in shown if "PO1*1*10*EACHES" in line)
    assert shown[shown.index(segment) + 1] == " " * segment.index("EACHES") + "^" * 6
    assert any("element 5 '20261341': the value is no date" in line for line in shown)
    assert shown[-1].startswith("group PO 7: partially accepted: 1 of 2 sets")


def test_an_acknowledgment_of_everything_is_good_news(desk: CommandLine) -> None:
    text = interchange(order())
    desk.file(text)
    desk.file("".join(f"{segment}~" for segment in answers(read(text))[0]), "ack.edi")

    shown = desk.values("explain", "ack.edi", "--original", "in.edi", "--json")

    assert desk.code == 0
    assert [(one["level"], one["accepted"]) for one in shown] == [("set", True), ("group", True)]


def test_a_technical_acknowledgment_names_the_interchange(desk: CommandLine) -> None:
    desk.file(interchange(order()))
    desk.file(f"{ISA}~TA1*000000101*261121*0930*R*025~IEA*0*000000101~", "ta1.edi")

    shown = desk("explain", "ta1.edi", "--original", "in.edi")

    assert desk.code == 1
    assert shown == [
        "interchange 000000101: rejected [R]",
        "interchange 000000101: the control number was used before [025]",
    ]


def test_what_the_original_does_not_hold_is_said(desk: CommandLine) -> None:
    desk.file(interchange(order()))
    desk.file(interchange(order("0002", EACHES)), "other.edi")
    (answer,) = [part.body for part in read(interchange(order("0002", EACHES))) if part.acknowledgment]
    desk.file(answer, "ack.edi")

    shown = desk("explain", "ack.edi", "--original", "in.edi")

    assert "    set 850 0002 is not in the original" in shown


def test_a_file_without_acknowledgments_explains_nothing(desk: CommandLine) -> None:
    desk.file(interchange(order()))

    desk("explain", "in.edi", "--original", "in.edi")

    assert desk.code == 65
    assert "holds no acknowledgment" in desk.err


# stats


def test_counts_are_by_set_partner_and_fault(desk: CommandLine) -> None:
    text = interchange(order(), order("0002", EACHES))
    desk.file(text)

    (counted,) = desk.values("stats", "in.edi", "--json")

    assert counted["sets"] == [{"set": "850", "version": "004010", "count": 2}]
    assert counted["partners"] == [{"sender": "6112390050", "receiver": "HOUSE", "count": 2}]
    assert counted["findings"] == {"el.long": 1}
    assert (counted["accepted"], counted["rejected"], counted["bytes"]) == (1, 1, len(text))


def test_counts_of_several_files_say_whose_they_are(desk: CommandLine) -> None:
    desk.file(interchange(order()), "one.edi")
    desk.file(interchange(order(), order("0002")), "two.edi")

    shown, alone = desk("stats", "one.edi", "two.edi"), desk("stats", "one.edi")

    second = shown.index("two.edi:")
    assert shown[0] == "one.edi:" and shown[second - 1] == ""
    assert shown[1 : second - 1] == alone
    assert "transactions\taccepted\t2" in shown[second:]


def test_the_same_reader_serves_the_bus_and_the_command_line(desk: CommandLine) -> None:
    text = interchange(order())
    made = X12().build({})

    assert made.name == "x12"
    desk.file(text)
    (shown,) = desk.values("show", "in.edi", "--as", "document", "--json")
    (body,) = [part.body for part in read(text) if not part.acknowledgment]
    assert shown["order"]["number"] == body["order"]["number"]
