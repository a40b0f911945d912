"""esb edi on EDIFACT: the same verbs, with release characters, composites, groups and CONTRL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from esb.testing.command_line import CommandLine

ROOT = Path(__file__).parents[1] / "fixtures" / "edifact"
ORDERS = (ROOT / "orders-d96a.edi").read_text("latin-1")
FAULTY = ORDERS.replace("QTY+21:48:PCE", "QTY+21:48:PIECES")
PARTIES = ("--sender", "14:5412345000013", "--receiver", "14:4012345000009")


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.edi")), ids=lambda path: path.stem)
def test_every_sample_is_accepted(desk: CommandLine, path: Path) -> None:
    (report,) = desk.values("lint", "--json", str(path))

    assert report["verdict"] == "accepted"
    assert desk.code == 0


def test_a_fault_in_a_composite_is_shown_at_its_component(desk: CommandLine) -> None:
    desk.file(FAULTY)

    (report,) = desk.values("lint", "--json", "in.edi")
    shown = desk("lint", "in.edi")

    (finding,) = report["findings"]
    place = {"interchange": "ORD1001", "group": None, "transaction": "ME000001", "tag": "QTY"}
    assert place.items() <= finding.items()
    assert (finding["element"], finding["component"], finding["value"]) == (1, 3, "PIECES")
    segment = next(line for line in shown if "QTY+21:48:PIECES" in line)
    assert shown[shown.index(segment) + 1] == " " * segment.index("PIECES") + "^" * 6
    assert report["verdict"] == "rejected"


def test_released_separators_do_not_move_the_caret(desk: CommandLine) -> None:
    desk.file(ORDERS.replace("COM+49 30 1234?: 5:TE'", "COM+49 30?+1234?: 5:TELEPHONE'"))

    shown = desk("lint", "in.edi")

    segment = next(line for line in shown if "COM+49" in line)
    assert shown[shown.index(segment) + 1] == " " * segment.index("TELEPHONE") + "^" * 9


def test_characters_are_shown_as_the_character_set_of_the_unb_says(desk: CommandLine) -> None:
    text = FAULTY.replace("UNOC:3", "UNOE:3").replace("PIECES", "ПЯТНАДЦАТЬ")
    desk.file(text.encode("iso8859-5"))

    shown = desk("lint", "in.edi")

    segment = next(line for line in shown if "QTY+21:48:ПЯТНАДЦАТЬ" in line)
    assert shown[shown.index(segment) + 1] == " " * segment.index("ПЯТНАДЦАТЬ") + "^" * 10


@pytest.mark.parametrize(
    ("content", "code", "verdict"),
    [
        (ORDERS, 0, "accepted"),
        (ORDERS.removeprefix("UNA:+.? '\n"), 0, "accepted"),
        (ORDERS.replace("\n", ""), 0, "accepted"),
        (ORDERS.rstrip()[:-1], 0, "accepted"),
        (b"\xef\xbb\xbf" + ORDERS.encode(), 0, "accepted"),
        (ORDERS.replace("UNZ+1", "UNZ+2"), 1, None),
        (ORDERS[: ORDERS.index("UNT+")], 1, "rejected"),
        (ORDERS.replace("ORDERS:D:96A", "GENRAL:D:96A"), 1, "rejected"),
        (ORDERS[:20], 65, "unreadable"),
        (ORDERS[ORDERS.index("UNH") :], 65, "unreadable"),
    ],
)
def test_each_file_gets_the_verdict_that_a_partner_would_give(
    desk: CommandLine, content: str | bytes, code: int, verdict: str | None
) -> None:
    desk.file(content)

    (report,) = desk.values("lint", "--json", "in.edi")

    assert desk.code == code
    assert verdict is None or report["verdict"] == verdict


def test_segments_and_tree_are_those_of_the_message(desk: CommandLine) -> None:
    desk.file(ORDERS)

    segments = desk.values("show", "in.edi", "--json")
    tree = desk("show", "in.edi", "--as", "tree")

    note = next(one for one in segments if one["tag"] == "FTX")
    assert "DOOR 4 ONLY:RING TWICE+WAIT" in note["elements"]
    assert any(line.strip().startswith("NAD name and address: qualifier=BY (buyer)") for line in tree)
    assert "      loop SG2" in tree


def test_the_contrl_is_explained_with_the_values_that_were_sent(desk: CommandLine) -> None:
    desk.file(FAULTY)
    desk.file("\n".join(desk("ack", "in.edi", "--lines")), "contrl.edi")

    shown = desk("explain", "contrl.edi", "--original", "in.edi")

    assert desk.code == 1
    place = "set ORDERS ME000001, segment 21 QTY, element 1:3 'PIECES': the value is too long [39]"
    assert place in shown
    segment = next(line for line in shown if "QTY+21:48:PIECES" in line)
    assert shown[shown.index(segment) + 1] == " " * segment.index("PIECES") + "^" * 6


def test_a_contrl_of_everything_is_good_news(desk: CommandLine) -> None:
    desk.file(ORDERS)
    desk.file("\n".join(desk("ack", "in.edi", "--lines")), "contrl.edi")

    desk("explain", "contrl.edi", "--original", "in.edi")

    assert desk.code == 0


def test_an_answer_in_another_standard_is_refused(desk: CommandLine) -> None:
    desk.file(ORDERS)
    x12 = (ROOT.parent / "x12" / "850.edi").read_bytes()
    desk.file(x12, "850.edi")

    desk("explain", "in.edi", "--original", "850.edi")

    assert desk.code == 64
    assert "in.edi is EDIFACT, but 850.edi is X12" in desk.err


def test_messages_keep_their_bytes_and_their_interchange(desk: CommandLine) -> None:
    one = ORDERS[ORDERS.index("UNH") : ORDERS.index("UNZ")]
    two = one.replace("ME000001", "ME000002")
    desk.file(ORDERS.replace("UNZ+1", f"{two}UNZ+2"))

    names = desk("split", "in.edi", "--to", "out")

    assert [name.rpartition("-")[2] for name in names] == ["ME000001.edi", "ME000002.edi"]
    for name, message in zip(names, (one, two), strict=True):
        assert message.strip() in (desk.folder / name).read_text()
        (report,) = desk.values("lint", "--json", name)
        assert (report["transactions"], report["verdict"]) == (1, "accepted")


def test_objects_are_cut_out_as_messages_are(desk: CommandLine) -> None:
    package = "UNO+7+1:2+1+5'a'b'cUNP+5+7'"
    desk.file(ORDERS.replace("UNZ+1", f"{package}UNZ+2"))

    names = desk("split", "in.edi", "--to", "out")

    assert [Path(name).name for name in names] == ["in-ORD1001-ORDERS-ME000001.edi", "in-ORD1001-UNO-7.edi"]
    assert desk.err == "2 files\n"
    assert package in (desk.folder / names[1]).read_text()
    (report,) = desk.values("lint", "--json", names[1])
    assert (report["transactions"], report["verdict"]) == (1, "accepted")


def test_an_object_that_is_not_whole_is_left_out_and_said(desk: CommandLine) -> None:
    desk.file(ORDERS.replace("UNZ+1", "UNO+7+1:2+1+5'a'b'cUNZ+2"))

    names = desk("split", "in.edi", "--to", "out")

    assert len(names) == 1
    assert "were left out: the object is larger than the limit of its format, or has no UNP" in desk.err


def test_documents_are_written_and_read_back(desk: CommandLine) -> None:
    desk.file(ORDERS)
    shown = desk("show", "in.edi", "--as", "document", "--json")
    desk.file("\n".join(shown), "order.json")

    desk(
        "write",
        "order.json",
        "--guide",
        "edifact/ORDERS",
        *PARTIES,
        "--envelope",
        "association=EAN008",
        "--out",
        "o.edi",
    )

    assert desk.code == 0, desk.err
    (again,) = desk.values("show", "o.edi", "--as", "document", "--json")
    assert {**again, "transaction": {}} == {**json.loads(shown[0]), "transaction": {}}


def test_a_copy_is_answered_with_the_first_and_another_content_refused(desk: CommandLine) -> None:
    desk.file(ORDERS + ORDERS, "twice.edi")
    desk.file(ORDERS + FAULTY, "other.edi")

    copies = [line for line in desk("ack", "twice.edi", "--lines") if line.startswith("UCI")]
    said = desk.err
    others = [line for line in desk("ack", "other.edi", "--lines") if line.startswith("UCI")]

    assert len(copies) == 1 and "1 interchange stands in it again as it was" in said
    assert others[:1] == copies and len(others) == 2
    assert "+4+26" in others[1]
