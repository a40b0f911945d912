"""esb edi lint: what is wrong with files, for people and as JSON, and what the exit code says."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from esb.cli import run
from esb.testing.edi_kit import ISA, interchange, order

EACHES = ("*EA*", "*EACHES*")
KEYS = {
    *("code", "severity", "offset", "line", "interchange", "group", "transaction"),
    *("segment", "tag", "element", "component", "value", "message"),
}
TA1 = f"{ISA}~TA1*000000101*261121*0930*A*000~IEA*0*000000101~"


class Said(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def values(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class Desk:
    """Files in a folder that is no project, and `esb edi` on them."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capture = folder, capture

    def file(self, content: str | bytes, name: str = "in.edi") -> str:
        path = self.folder / name
        path.write_bytes(content.encode("latin-1") if isinstance(content, str) else content)
        return str(path)

    def __call__(self, *words: str) -> Said:
        self._capture.readouterr()
        code = run(["edi", *words])
        return Said(code, *self._capture.readouterr())

    def lint(self, content: str | bytes) -> tuple[int, Any]:
        said = self("lint", "--json", self.file(content))
        (report,) = said.values
        return said.code, report


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path, capsys)


def codes(report: Any, severity: str = "error") -> list[str]:
    return [finding["code"] for finding in report["findings"] if finding["severity"] == severity]


def test_a_fault_is_told_with_its_place_its_value_and_a_sentence(desk: Desk) -> None:
    text = interchange(order(), order("0002", EACHES))

    code, report = desk.lint(text)

    assert code == 1
    assert [report[name] for name in ("interchanges", "groups", "transactions")] == [1, 1, 2]
    assert report["verdict"] == "partially-accepted"
    (finding,) = report["findings"]
    assert set(finding) == KEYS
    assert finding["offset"] == text.index("PO1*1*10*EACHES")
    place = {"interchange": "000000101", "group": "7", "transaction": "0002", "segment": 7, "tag": "PO1"}
    assert place.items() <= finding.items()
    assert (finding["element"], finding["component"], finding["value"]) == (3, None, "EACHES")
    assert "PO103" in finding["message"] and "EACHES" in finding["message"]


def test_people_see_the_segment_with_a_caret_under_the_element(desk: Desk) -> None:
    name = desk.file(interchange(order("0001", EACHES)).replace("~", "~\r\n"))

    said = desk("lint", name)

    head, place, segment, caret = said.out.splitlines()
    assert head.startswith(f"{name}:9: error el.long: PO103")
    assert place.strip() == "in interchange 000000101, group 7, set 0001, segment 7 (PO1), element 3"
    begin = segment.index("EACHES")
    assert caret == " " * begin + "^" * 6
    assert "rejected: X12, 1 interchange, 1 group, 1 transaction (1 rejected); 1 error" in said.err


def test_an_empty_segment_is_told_by_its_place_alone(desk: Desk) -> None:
    said = desk("lint", desk.file(interchange(order("0001", ("CTT*2~", "~CTT*2~")))))

    assert "seg.empty" in said.out
    assert "    in interchange 000000101, group 7, set 0001, segment 10" in said.out.splitlines()


@pytest.mark.parametrize(
    ("content", "code", "verdict"),
    [
        (interchange(order()), 0, "accepted"),
        (b"\xef\xbb\xbf" + interchange(order()).encode(), 0, "accepted"),
        (interchange(order()).encode("utf-16"), 0, "accepted"),
        (interchange(order()).replace("~", "\r\n"), 0, "accepted"),
        (interchange(order())[:-1], 0, "accepted"),
        (interchange(order()) + "\x1a\x00\x00", 0, "accepted"),
        (TA1, 0, "accepted"),
        (interchange(order(), count=3), 1, "accepted-with-errors"),
        (interchange(order(), order("0002", EACHES)), 1, "partially-accepted"),
        ("From: a mail\r\n\r\n" + interchange(order()), 1, "partially-accepted"),
        (interchange(order("0001", EACHES)), 1, "rejected"),
        (interchange(order().replace("ST*850", "ST*889")), 1, "rejected"),
        (interchange(order())[:120], 1, "rejected"),
        ("", 65, "unreadable"),
        (" \r\n", 65, "unreadable"),
        (bytes(range(256)), 65, "unreadable"),
        (b"PK\x03\x04" + bytes(100), 65, "unreadable"),
        (order(), 65, "unreadable"),
        (ISA[:60], 65, "unreadable"),
        ("<Order/>", 65, "unreadable"),
    ],
)
def test_each_file_gets_the_verdict_that_a_partner_would_give(
    desk: Desk, content: str | bytes, code: int, verdict: str
) -> None:
    said, report = desk.lint(content)

    assert (report["verdict"], said) == (verdict, code)
    assert (code == 0) == (not codes(report))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "there is nothing in it"),
        (b"PK\x03\x04", "ZIP"),
        (order(), "ISA is missing"),
        (b"\xc9\xe2\xc1\x5c", "EBCDIC"),
        ("UNH+1+ORDERS:D:96A:UN'", "UNB is missing"),
        (bytes(range(256)), "binary"),
    ],
)
def test_a_file_that_is_no_edi_is_called_what_it_is(desk: Desk, content: str | bytes, words: str) -> None:
    _, report = desk.lint(content)

    assert words in report["findings"][0]["message"]


@pytest.mark.parametrize(
    ("content", "code", "line", "words"),
    [
        (b"\xef\xbb\xbf" + interchange(order()).encode(), "file.bom", 1, "byte order mark (UTF-8)"),
        (interchange(order()).encode("utf-16"), "file.bom", 1, "byte order mark (UTF-16)"),
        (interchange(order()) + "\r\n\x1a\x00", "file.padding", 2, "NUL or Ctrl-Z"),
        (interchange(order()) + "\x00" * 70_000, "file.padding", 1, "NUL or Ctrl-Z"),
        (interchange(order(), order("0002")).replace("*0042~", "*0042**~"), "seg.trailing", 1, "N1 ends with"),
    ],
)
def test_what_is_skipped_without_harm_is_a_note(
    desk: Desk, content: str | bytes, code: str, line: int, words: str
) -> None:
    said, report = desk.lint(content)

    assert (said, report["verdict"]) == (0, "accepted")
    (finding,) = report["findings"]
    assert (finding["code"], finding["severity"], finding["line"]) == (code, "warning", line)
    assert words in finding["message"]


def test_separators_that_are_released_are_no_trailing_ones(desk: Desk) -> None:
    text = (Path(__file__).parents[1] / "fixtures" / "edifact" / "orders-d96a.edi").read_text("latin-1")
    begin = text.index("UNT+")

    released, bare = text[:begin].replace("'\nUNS", "?+'\nUNS"), text[:begin].replace("'\nUNS", "??+'\nUNS")

    assert released != text[:begin]
    assert "seg.trailing" not in codes(desk.lint(released + text[begin:])[1], "warning")
    assert "seg.trailing" in codes(desk.lint(bare + text[begin:])[1], "warning")


def test_a_wrong_count_is_shown_at_the_trailer_that_says_it(desk: Desk) -> None:
    text = interchange(order(), count=3)

    _, report = desk.lint(text)

    (finding,) = report["findings"]
    assert (finding["code"], finding["tag"], finding["element"], finding["value"]) == ("grp.count", "GE", 1, "3")
    assert finding["offset"] == text.index("GE*3")


def test_a_cut_file_says_so_at_every_level(desk: Desk) -> None:
    text = interchange(order(), order("0002"))

    code, report = desk.lint(text[: text.index("CTT*2~SE*11*0002")])

    assert code == 1
    assert set(codes(report)) == {"ich.eof", "grp.no-trailer", "set.no-trailer"}
    assert report["verdict"] == "partially-accepted"


def test_there_is_one_object_a_file_in_the_order_given_also_for_files_that_are_not_there(desk: Desk) -> None:
    good, bad = desk.file(interchange(order()), "b.edi"), desk.file(interchange(order("0001", EACHES)), "a.edi")

    said = desk("lint", "--json", good, "missing.edi", bad)

    assert said.code == 65
    assert [value["verdict"] for value in said.values] == ["accepted", "unreadable", "rejected"]
    assert "missing.edi" in said.values[1]["findings"][0]["message"]


def test_an_object_has_exactly_the_agreed_keys_in_their_order(desk: Desk) -> None:
    _, report = desk.lint(interchange(order("0001", EACHES)))

    assert list(report) == ["interchanges", "groups", "transactions", "verdict", "findings"]
    assert list(report["findings"][0]) == [
        "code", "severity", "offset", "line", "interchange", "group", "transaction", "segment", "tag", "element",
        "component", "value", "message",
    ]  # fmt: skip


def test_a_control_number_that_came_in_another_file_is_a_warning(desk: Desk) -> None:
    one, two = desk.file(interchange(order()), "one.edi"), desk.file(interchange(order("0009")), "two.edi")

    said = desk("lint", "--json", one, two)

    assert said.code == 0
    assert [codes(value, "warning") for value in said.values] == [[], ["ich.duplicate"]]
    assert one in said.values[1]["findings"][0]["message"]


def test_standard_input_is_read_like_a_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    text = interchange(order("0001", EACHES))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    said = desk("lint", "-")

    assert said.code == 1
    assert "^^^^^^" in said.out


def test_what_a_terminal_would_obey_is_not_printed(desk: Desk) -> None:
    name = desk.file(interchange(order("0001", ("Widget", "Wid\x1b[2Jget"))))

    said = desk("lint", name)

    assert said.code == 1
    assert "\x1b" not in said.out + said.err


def test_a_caret_stands_right_behind_characters_of_several_bytes(desk: Desk) -> None:
    name = desk.file(interchange(order("0001", ("ST*ACME DC*92", "ST*Größe Süd*999"))).encode("utf-8"))

    said = desk("lint", name)

    lines = said.out.splitlines()
    segment = next(line for line in lines if "Größe" in line)
    caret = lines[lines.index(segment) + 1]
    assert segment[caret.index("^")] == "9"


def test_a_long_segment_is_cut_around_the_caret(desk: Desk) -> None:
    name = desk.file(interchange(order("0001", ("Widget", "x" * 500))))

    said = desk("lint", name)

    lines = said.out.splitlines()
    at = next(number for number, line in enumerate(lines) if "^" in line)
    assert len(lines[at - 1]) < 120
    assert lines[at - 1][lines[at].index("^")] == "x"


def test_a_guide_of_the_command_line_replaces_the_standard(desk: Desk) -> None:
    desk.file("set: '850'\nis: tiny order\ngroup: PO\nbody:\n  - BEG: {use: M, into: order}\n", "tiny.yaml")
    name = desk.file(interchange(order()))

    said = desk("lint", "--json", name, "--guide", "tiny.yaml")

    assert said.code == 1
    assert "seg.not-in-set" in codes(said.values[0])


def test_an_endpoint_and_a_guide_together_are_refused(desk: Desk) -> None:
    said = desk("lint", desk.file(interchange(order())), "--guide", "x12/850", "--endpoint", "acme")

    assert said.code == 64
    assert "--endpoint or --guide" in said.err


def test_findings_without_end_do_not_fill_the_memory(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("esb.management.edi_files.report.MOST_FINDINGS", 5)

    said = desk("lint", "--json", desk.file(interchange(*(order(f"{n:04d}", EACHES) for n in range(1, 21)))))

    (report,) = said.values
    assert len(report["findings"]) == 5
    assert "15 more findings are not shown" in said.err
    assert report["verdict"] == "rejected"


@pytest.mark.parametrize(
    ("extra", "words"), [(1, "1 more finding is not shown"), (400, "400 more findings are not shown")]
)
def test_what_a_set_has_beyond_its_hundred_faults_is_counted_where_people_look(
    desk: Desk, extra: int, words: str
) -> None:
    many = 100 + extra
    lines = "".join(f"PO1*{n}*10*EACHES*12.50**VP*SKU-{n}~" for n in range(1, many + 1))
    name = desk.file(interchange(f"ST*850*0001~BEG*00*SA*PO1**20261121~{lines}CTT*{many}~SE*{many + 4}*0001~"))

    text, data, stats = desk("lint", name), desk("lint", "--json", name), desk("stats", name)

    assert text.out.count("el.long") == 100
    assert text.err.splitlines()[-1].endswith(f"100 errors, 0 warnings; {words}")
    (report,) = data.values
    assert list(report) == ["interchanges", "groups", "transactions", "verdict", "findings"]
    assert len(report["findings"]) == 100
    assert data.err.splitlines() == [f"{name}: {words}"]
    assert f"finding\tover the limit of a set\t{extra}" in stats.out.splitlines()
    assert desk("stats", "--json", name).values[0]["uncounted"] == extra


def long_order(number: str, lines: int, unit: str = "EA") -> str:
    body = "".join(f"PO1*{n}*10*{unit if n == 7 else 'EA'}*12.50**VP*SKU-{n}~" for n in range(1, lines + 1))
    return f"ST*850*{number}~BEG*00*SA*PO1**20261121~{body}CTT*{lines}~SE*{lines + 4}*{number}~"


def test_a_set_too_large_to_hold_is_checked_line_by_line_and_counts_as_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esb.management.edi_files.dialects.HELD", 1000)
    sets = (long_order("0001", 50), long_order("0002", 50, "EACHES"), long_order("0003", 60), order("0004"))

    code, report = desk.lint(interchange(*sets))

    assert (code, report["transactions"], report["verdict"]) == (1, 4, "partially-accepted")
    assert [(one["transaction"], one["code"]) for one in report["findings"]] == [("0002", "el.long")]
    (counted,) = desk("stats", "--json", "in.edi").values
    assert (counted["accepted"], counted["rejected"], counted["sets"][0]["count"]) == (3, 1, 4)


def test_a_set_too_large_to_hold_is_no_fault_of_its_own_beside_more_faults_than_are_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esb.management.edi_files.dialects.HELD", 1000)
    lines = "".join(f"PO1*{n}*10*EACHES*12.50**VP*SKU-{n}~" for n in range(1, 151))
    name = desk.file(interchange(f"ST*850*0001~BEG*00*SA*PO1**20261121~{lines}CTT*150~SE*154*0001~"))

    said = desk("lint", "--json", name)

    (report,) = said.values
    assert codes(report) == ["el.long"] * 100
    assert said.err.splitlines() == [f"{name}: 50 more findings are not shown"]
