"""EDIFACT as it is really sent: separators, character sets, line ends, groups, objects, and what is none of it."""

from __future__ import annotations

import codecs
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esb.formats import Edifact
from esb.testing.edifact_kit import UNB, answers, codes, documents, grouped, interchange, order, read

PLAIN = interchange(order("1"), order("2"))
NAME = "++ACME"


def name_of(parts: list) -> str:
    """Return the name of the buyer in the first document."""
    return documents(parts)[0]["parties"]["buyer"]["name"]


@given(st.integers(1, 400))
@settings(max_examples=40, deadline=None)
def test_what_is_read_does_not_depend_on_how_the_bytes_come(step: int):
    whole = interchange(order("1", (NAME, "++A?'C?+M?:E ??")), order("2"))

    assert [part.body for part in read(whole, step)] == [part.body for part in read(whole)]
    assert [part.raw for part in read(whole, step)] == [part.raw for part in read(whole)]


def test_messages_become_documents_and_the_envelope_headers():
    first, second, contrl = read(PLAIN)

    assert first.body["order"] == {"type": "220", "number": "PO1", "purpose": "9"}
    assert first.body["lines"][0]["quantities"] == {"ordered": {"qty": Decimal(10), "unit": "PCE"}}
    assert second.raw == order("2").encode()
    assert first.envelope == {
        "edi_standard": "EDIFACT", "edi_sender_qualifier": "14", "edi_sender": "5412345000013",
        "edi_receiver_qualifier": "14", "edi_receiver": "4012345000009", "edi_interchange": "REF0001",
        "edi_usage": "P", "edi_date": "261121", "edi_time": "0930", "edi_set": "ORDERS", "edi_version": "D96A",
        "edi_transaction": "1",
    }  # fmt: skip
    assert contrl.acknowledgment and contrl.envelope["edi_sender"] == "4012345000009"


@pytest.mark.parametrize(("written", "meant"), [
    ("A?'B", "A'B"), ("A?+B", "A+B"), ("A?:B", "A:B"), ("A??", "A?"), ("A???'B", "A?'B"), ("????", "??"),
    ("A?B", "AB"), ("?+?:?'??", "+:'?"),
])  # fmt: skip
def test_released_characters_are_data(written: str, meant: str):
    assert name_of(read(interchange(order("1", (NAME, f"++{written}"))))) == meant


def test_a_released_separator_is_no_separator_within_a_composite():
    parts = read(interchange(order("1", ("RFF+CT:4477", "RFF+CT:44?:77?+8"))))

    assert documents(parts)[0]["references"]["contract"]["value"] == "44:77+8"


def other(una: str, text: str) -> str:
    """Return a text with other separators: `una` as it stands behind UNA."""
    return text.translate({ord(old): new for old, new in zip(":+'", una[0] + una[1] + una[5], strict=True)})


@pytest.mark.parametrize("una", [":+.? '", "|^.\\ ~", ">*.? \n", "\x1f\x1d.\x00 \x1c", ":+.  '", ":+.?*'"])
def test_separators_are_read_from_the_data(una: str):
    body = other(una, interchange(order("1"), una=""))

    parts = read(f"UNA{una}{body}")

    assert documents(parts)[0]["lines"][1]["id"] == "4000862141411" and codes(parts) == []


def test_a_space_means_that_there_is_no_release_character():
    parts = read(interchange(order("1", (NAME, "++ACME? WHO")), una="UNA:+.  '"))

    assert name_of(parts) == "ACME? WHO"


def test_a_decimal_comma_is_read_where_the_una_says_so():
    parts = read(interchange(order("1", ("12.50", "12,50")), una="UNA:+,? '"))

    assert documents(parts)[0]["lines"][0]["prices"]["net"]["price"] == Decimal("12.50")
    assert codes(read(interchange(order("1"), una="UNA:+,? '"))) == ["num.decimal"]


@pytest.mark.parametrize("price", ["12.50", "12,50"])
def test_without_a_una_both_decimal_marks_are_right(price: str):
    parts = read(interchange(order("1", ("12.50", price)), una=""))

    assert documents(parts)[0]["lines"][0]["prices"]["net"]["price"] == Decimal("12.50")


def test_interchanges_follow_each_other_each_with_its_own_una():
    one = interchange(order("1"))
    two = "UNA|^.\\ ~" + other("|^.\\ ~", interchange(order("2"), una="")).replace("REF0001", "REF0002")
    three = interchange(order("3"), una="").replace("REF0001", "REF0003")

    parts = read(f"{one}\r\n{two}{three}")

    assert [document["order"]["number"] for document in documents(parts)] == ["PO1", "PO2", "PO3"]
    assert len([part for part in parts if part.acknowledgment]) == 3 and codes(parts) == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", " \n\n  "])
def test_white_space_behind_a_terminator_is_no_data(end: str):
    parts = read(PLAIN.replace("'", f"'{end}").replace("UNA:+.? '", "UNA:+.? '"))

    assert len(documents(parts)) == 2 and codes(parts) == []


@pytest.mark.parametrize("width", [80, 72, 33])
def test_lines_wrapped_at_a_width_are_joined(width: int):
    wrapped = "\r\n".join(PLAIN[at : at + width] for at in range(0, len(PLAIN), width))

    for step in (1 << 20, 50):
        parts = read(wrapped, step)
        assert [document["order"]["number"] for document in documents(parts)] == ["PO1", "PO2"]


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"  \r\n", codecs.BOM_UTF8 + b"\n"])
@pytest.mark.parametrize("behind", [b"", b"\r\n\x1a", b"\x00" * 700, b"   \n\n"])
def test_marks_before_and_padding_behind_are_skipped(before: bytes, behind: bytes):
    parts = read(before + PLAIN.encode() + behind)

    assert len(documents(parts)) == 2 and codes(parts) == []


def test_utf_16_is_known_by_its_mark():
    text = interchange(order("1", (NAME, "++Łódź")))

    parts = read(codecs.BOM_UTF16_LE + text.encode("utf-16-le"), 7)

    assert name_of(parts) == "Łódź"


def test_the_last_terminator_may_be_missing():
    parts = read(PLAIN[:-1])

    assert len(documents(parts)) == 2 and codes(parts) == []


def test_a_una_that_lost_its_blank_is_read_with_a_note():
    parts = read(interchange(order("1"), una="UNA:+.?'"))

    assert len(documents(parts)) == 1


def test_lines_are_segments_where_no_una_says_otherwise():
    parts = read(interchange(order("1"), una="").replace("'", "\n"))

    assert len(documents(parts)) == 1


@pytest.mark.parametrize(("unb", "codec", "name"), [
    ("UNOC", "iso8859-1", "Müller"), ("UNOD", "iso8859-2", "Łódź"), ("UNOE", "iso8859-5", "Завод"),
    ("UNOF", "iso8859-7", "Αθήνα"), ("UNOK", "iso8859-9", "İzmir"), ("UNOW", "utf-8", "東京 Łódź"),
    ("UNOY", "utf-8", "Завод"), ("UNOX", "iso2022-jp-2", "東京支店 ガ'"),
])  # fmt: skip
def test_characters_are_read_by_the_set_that_the_unb_names(unb: str, codec: str, name: str):
    written = name.replace("'", "?'")
    text = interchange(order("1", (NAME, f"++{written}")), unb=UNB.replace("UNOC", unb))

    for step in (1 << 20, 3):
        parts = read(text.encode(codec), step)
        assert name_of(parts) == name and codes(parts) == []


def test_bytes_that_the_declared_set_does_not_have_are_told_with_their_place():
    text = interchange(order("1", (NAME, "++Müller")), unb=UNB.replace("UNOC", "UNOB"))

    for raw in (text.encode("latin-1"), text.encode("utf-8")):
        part = read(raw)[0]
        assert [finding.code for finding in part.findings] == ["charset"] and "NAD04" in part.error
        assert raw[part.findings[0].offset :].startswith(b"NAD+BY")


def test_a_tolerated_character_is_read_as_what_it_looks_like():
    text = interchange(order("1", (NAME, "++Müller")), unb=UNB.replace("UNOC", "UNOA"))

    assert name_of(read(text.encode("latin-1"), tolerate=["charset"])) == "Müller"
    assert name_of(read(text.encode("utf-8"), tolerate=["charset"])) == "Müller"


def test_a_profile_may_know_the_encoding_better():
    text = interchange(order("1", (NAME, "++Müller – €")))

    assert name_of(read(text.encode("cp1252"), encoding="cp1252")) == "Müller – €"


def test_lower_case_in_unoa_is_read():
    parts = read(interchange(order("1", (NAME, "++Acme")), unb=UNB.replace("UNOC", "UNOA")))

    assert name_of(parts) == "Acme"


def test_groups_have_headers_and_an_entry_each():
    parts = read(grouped(order("1"), order("2")))

    assert parts[0].envelope["edi_group"] == "7" and parts[0].envelope["edi_group_type"] == "ORDERS"
    assert answers(parts)[0][2:6] == [
        "UCI+REF0001+5412345000013:14+4012345000009:14+7",
        "UCF+7+5412345000013+4012345000009+7",
        "UCM+1+ORDERS:D:96A:UN+7",
        "UCM+2+ORDERS:D:96A:UN+7",
    ]


def test_syntax_4_has_a_repetition_separator_and_a_century():
    unb = UNB.replace("UNOC:3", "UNOW:4").replace("261121", "20261121")

    parts = read(interchange(order("1"), una="UNA:+.?*'", unb=unb))

    assert len(documents(parts)) == 1 and codes(parts) == []
    assert "UNH+1+CONTRL:4:1:UN" in answers(parts)[0]


def test_a_message_without_a_guide_is_carried_where_the_profile_says_so():
    text = interchange(order("1", ("ORDERS:D", "QUOTES:D"), (NAME, "++A?+B")))

    (quote,) = documents(read(text, unsupported="carry"))

    assert quote["set"] == "QUOTES" and quote["version"] == "D96A"
    assert quote["segments"][4] == ["NAD", "BY", ["5412345000013", "", "9"], "", "A+B"]
    assert quote["raw"].startswith("UNH+1+QUOTES") and read(text)[0].body is None


@pytest.mark.parametrize("words", ["UNA12345", "UNB", "ISA*00*", "UNZ", "UNA:+.? '", "UNO+1", "END"])
def test_words_of_envelopes_within_data_are_data(words: str):
    text = words.replace("?", "??").replace("+", "?+").replace(":", "?:").replace("'", "?'")

    assert name_of(read(interchange(order("1", (NAME, f"++{text}"))))) == words


def packed(data: str, said: int | None = None) -> str:
    """Return a message and an object in one interchange."""
    size = len(data) if said is None else said
    uno = f"UNO+1+1:DRAWING+1+{size}'"
    unb = UNB.replace("UNOC:3", "UNOC:4").replace("261121", "20261121")
    return interchange(order("1"), f"{uno}{data}UNP+{size}+1'", order("2"), una="UNA:+.?*'", unb=unb)


@pytest.mark.parametrize(
    "data", ["plain", "it's + full : of ? ' UNZ+1+REF0001'", "\x00\x1b\xff'UNH+", "?", "x" * 70_000]
)
def test_objects_are_carried_whatever_they_hold(data: str):
    for step in (1 << 20, 1000, 1) if len(data) < 100 else (1 << 20, 1000):
        parts = read(packed(data), step)

        assert [part.body for part in parts if part.envelope["edi_set"] == "UNO"] == [data.encode("latin-1")]
        assert len(documents(parts)) == 3 and codes(parts) == []
        assert "UCM+++7++++1+1:DRAWING" in answers(parts)[0]


@pytest.mark.parametrize("said", [3, 12, 900_000])
def test_an_object_of_another_length_is_an_exception_and_its_neighbours_are_not(said: int):
    parts = read(packed("it's data", said))

    assert [part.error != "" for part in parts] == [False, True, False, False]
    assert [document["order"]["number"] for document in documents(parts)] == ["PO1", "PO2"]
    assert "UCM+++4+29+++1+1:DRAWING" in answers(parts)[0]


def test_an_object_over_the_limit_is_not_kept():
    parts = read(packed("x" * 100_000), 1000, limit="10KB")

    assert codes(parts) == ["set.too-large"] and len(documents(parts)) == 2


@pytest.mark.parametrize(
    "junk", ["", "   ", "hello", "UNH+1+ORDERS:D:96A:UN'", "UNA:+.? '", "UNA:+.? 'UNB", "UNB+", "ISA*00*"]
)
def test_what_is_no_edifact_is_one_clear_exception(junk: str):
    (part,) = read(junk)

    assert part.error.startswith("edifact: ") and not part.acknowledgment


def test_separators_that_cannot_be_are_told():
    (part,) = read(interchange(order("1"), una="UNA::.? '").replace("+", ":"))

    assert "separators" in part.error


def test_what_stands_between_interchanges_is_an_exception_and_both_are_read():
    text = PLAIN + "--- next file ---\n" + PLAIN.replace("REF0001", "REF0002")

    parts = read(text)

    assert len(documents(parts)) == 4
    assert [part.error for part in parts if part.error] == [
        "edifact: line 1: this is not EDIFACT: there is no UNA or UNB; it begins with '--- next file ---\\n' "
        "(18 bytes were skipped)"
    ]


def test_a_new_interchange_ends_one_that_was_never_closed():
    text = PLAIN.partition("UNZ")[0] + PLAIN.replace("REF0001", "REF0002")

    parts = read(text)

    assert len(documents(parts)) == 4 and codes(parts) == ["ich.eof"]


def test_a_segment_without_an_end_is_given_up():
    text = PLAIN + UNB.replace("REF0001", "REF0002") + "'" + "x" * 300_000

    parts = read(text, 1000, segment_limit="100KB")

    assert len(documents(parts)) == 2
    assert any("longer than" in part.error for part in parts)


def test_line_ends_within_elements_are_faults_or_removed():
    text = interchange(order("1", (NAME, "++AC\nME")))

    assert codes(read(text)) == ["el.chars"]
    assert name_of(read(text, line_breaks="remove")) == "ACME"


def test_a_huge_message_is_given_line_by_line():
    reader = Edifact(acknowledge="none").build({}).reader("line")

    parts = [*reader.feed(interchange(order("1")).encode()), *reader.end()]

    assert [part.body["line"]["id"] for part in parts] == ["4000862141404", "4000862141411"]
    assert [part.envelope["edi_line"] for part in parts] == ["1", "2"]
    assert all(part.body["order"]["number"] == "PO1" for part in parts)


def test_interchanges_are_found_before_they_are_read():
    scanner = Edifact().build({}).scanner()
    raw = (PLAIN + PLAIN.replace("REF0001", "0000042")).encode()
    for at in range(0, len(raw), 100):
        scanner.feed(raw[at : at + 100])

    one, two = scanner.end()

    assert (one.sender, one.receiver, one.number, one.whole) == (
        "14/5412345000013",
        "14/4012345000009",
        "REF0001",
        True,
    )
    assert two.number == "42" and one.content == two.content and one.digest != two.digest


def test_an_interchange_that_came_again_gives_nothing_and_another_under_its_number_is_refused():
    again, another = Edifact().build({}).reader(), Edifact().build({}).reader()
    again.met(["again"])
    another.met(["other"])

    assert [*again.feed(PLAIN.encode()), *again.end()] == []
    parts = [*another.feed(PLAIN.encode()), *another.end()]
    assert documents(parts) == [] and "UCI+REF0001+5412345000013:14+4012345000009:14+4+26+UNB" in answers(parts)[0]


@pytest.mark.parametrize("hostile", [
    "UNB+" * 3000, "UNA" * 3000, PLAIN[:200] + "'" * 3000, PLAIN[:200] + "?'" * 3000,
    PLAIN[:200] + "UNO+1+1:1+1+5'" * 300,
])  # fmt: skip
def test_what_is_meant_to_tire_a_reader_ends_in_few_exceptions(hostile: str):
    parts = read(hostile, 100)

    assert any(part.error for part in parts) and len(parts) < 650
    assert sum(len(part.findings) for part in parts) < 1300


def test_segments_that_end_with_the_line_are_read_where_line_breaks_are_removed():
    text = interchange(order(), una="").replace("'", "\n")

    parts = read(text, line_breaks="remove")

    assert len(documents(parts)) == 1


def test_segments_that_nothing_begins_cost_each_byte_once():
    begin = time.process_time()

    parts = read(f"{UNB}'" + "A'" * 60_000 + "UNZ+0+REF0001'")

    assert "60000 segments were skipped" in parts[0].error
    assert time.process_time() - begin < 5
