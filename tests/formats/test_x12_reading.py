"""X12 as partners send it becomes named documents, whatever its separators, line ends and oddities."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from esb.errors import DefinitionError
from esb.formats import X12
from esb.formats.x12.reader import X12Reader
from esb.testing.edi_kit import ISA, answers, codes, documents, interchange, order, read
from esb.testing.edi_parts import parts_of

SAMPLE = Path(__file__).parent.parent / "fixtures" / "x12" / "850.edi"


def test_a_purchase_order_becomes_a_document_with_names_people_use():
    first, second = documents(read(SAMPLE.read_bytes()))

    assert first["order"] == {"purpose": "00", "type": "SA", "number": "4500012345", "date": "2026-11-21"}
    assert first["currency"]["code"] == "USD"
    assert first["references"]["department"] == {"value": "038"}
    assert first["references"]["internal_vendor"] == {"value": "77120", "text": "Internal vendor"}
    assert first["contacts"][0]["channels"] == {"phone": "5551234567", "email": "jane@acme.example"}
    assert first["dates"]["delivery_requested"] == {"date": "2026-12-05", "time": "14:30"}
    assert first["allowances"][0]["amount"] == Decimal("12.50")
    assert first["terms"][0] == {
        "type": "01",
        "basis": "3",
        "percent": Decimal("2"),
        "discount_days": 10,
        "net_days": 30,
    }
    assert [message["text"] for message in first["notes"][0]["messages"]] == [
        "Call before delivery",
        "Dock closes at 3pm",
    ]
    assert first["parties"]["ship_to"] == {
        "name": "ACME DC 42", "id_type": "92", "id": "0042", "name_2": "Receiving",
        "street": "1 Industrial Parkway", "street_2": "Building B",
        "city": "Springfield", "state": "IL", "zip": "62701", "country": "US",
    }  # fmt: skip
    assert first["lines"][0]["ids"] == {"vendor_part": "SKU-1", "upc": "012345678905"}
    assert [line["qty"] * line["price"] for line in first["lines"]] == [Decimal("125.00"), Decimal("12.00")]
    assert [step["qty"] for step in first["lines"][1]["schedule"]] == [2, 2]
    assert first["totals"]["lines"] == 2 and first["totals"]["amount"]["amount"] == 137
    assert second["order"]["number"] == "4500012346"


def test_every_document_says_who_sent_it_and_under_which_numbers():
    part = read(SAMPLE.read_bytes())[0]

    assert dict(part.envelope) == {
        "edi_standard": "X12", "edi_sender_qualifier": "08", "edi_sender": "6112390050",
        "edi_receiver_qualifier": "ZZ", "edi_receiver": "HOUSE", "edi_interchange": "000000101", "edi_usage": "P",
        "edi_date": "261121", "edi_time": "0930", "edi_group_type": "PO", "edi_group_sender": "ACME",
        "edi_group_receiver": "HOUSE", "edi_group": "7", "edi_version": "004010", "edi_set": "850",
        "edi_transaction": "0001",
    }  # fmt: skip


def test_the_bytes_of_every_set_are_kept_as_they_came():
    raw = SAMPLE.read_bytes()

    for step in (1, 7, 1 << 20):
        parts = [part for part in read(raw, step) if not part.acknowledgment]
        assert all(part.raw in raw and part.raw.startswith(b"ST*850*") for part in parts)
        assert [part.raw.rpartition(b"SE*")[2] for part in parts] == [b"30*0001~", b"4*0002~"]


def test_a_key_that_comes_twice_keeps_both():
    text = order("0001", ("REF*DP*038~", "REF*DP*038~REF*DP*039~REF*DP*040~"), ("SE*11", "SE*13"))

    (document,) = documents(read(interchange(text)))

    assert {key: value["value"] for key, value in document["references"].items()} == {
        "department": "038",
        "department_2": "039",
        "department_3": "040",
    }


def test_a_second_address_segment_is_kept_beside_the_first():
    text = order("0001", ("N3*1 Main St~", "N3*1 Main St*Suite 2~N3*Gate 3~"), ("SE*11", "SE*12"))

    (document,) = documents(read(interchange(text)))

    assert document["parties"]["ship_to"]["street_2"] == "Suite 2"
    assert document["parties"]["ship_to"]["n3_more"] == [{"street": "Gate 3"}]


@pytest.mark.parametrize(
    ("element", "component", "term"),
    [
        ("*", ">", "~"),
        ("|", "^", "\n"),
        ("|", "^", "\r"),
        ("\x1d", "\x1f", "\x1e"),
        ("^", ":", "'"),
        ("*", "<", "\x85"),
    ],
)
@pytest.mark.parametrize("newline", ["", "\n", "\r\n"])
def test_separators_come_from_the_data(element: str, component: str, term: str, newline: str):
    text = interchange(order("0001"), order("0002"))
    text = text.replace(">~", f"{component}~").replace("*", element).replace("~", term + newline)

    parts = read(text)

    assert [document["order"]["number"] for document in documents(parts)] == ["PO0001", "PO0002"]
    assert codes(parts) == []


def test_separators_of_several_bytes_are_understood():
    text = interchange(order("0001")).replace("*", "§").replace("~", "¶")

    assert [document["order"]["number"] for document in documents(read(text.encode()))] == ["PO0001"]


def test_interchanges_with_other_separators_follow_each_other():
    one = interchange(order("0001"))
    two = interchange(order("0002")).replace("*", "|").replace("~", "\n").replace("000000101", "000000102")

    parts = read(one + "\r\n" + two + one.replace("000000101", "000000103"))

    assert [document["order"]["number"] for document in documents(parts)] == ["PO0001", "PO0002", "PO0001"]
    assert [part.envelope["edi_interchange"] for part in parts if not part.acknowledgment] == [
        "000000101",
        "000000102",
        "000000103",
    ]
    assert len(answers(parts)) == 3


@pytest.mark.parametrize("width", [16, 80])
def test_wrapped_lines_are_unwrapped(width: int):
    text = interchange(order("0001"), order("0002"))
    wrapped = "\r\n".join(text[at : at + width] for at in range(0, len(text), width))

    assert [document["order"]["number"] for document in documents(read(wrapped))] == ["PO0001", "PO0002"]


@pytest.mark.parametrize(
    "around",
    [
        ("\xef\xbb\xbf", ""),
        ("\r\n  \n", "\n\n\n"),
        ("", "\x1a"),
        ("", "\x00" * 300),
        ("", " " * 400),
        ("\xef\xbb\xbf\n", "\n\x1a\x00"),
    ],
)
def test_byte_order_marks_and_padding_mean_nothing(around: tuple[str, str]):
    parts = read(around[0] + interchange(order("0001")) + around[1])

    assert len(documents(parts)) == 1 and codes(parts) == []


def test_utf16_is_understood():
    text = interchange(order("0001", ("Widget", "Größe 7")))

    (document,) = documents(read(text.encode("utf-16")))

    assert document["lines"][0]["descriptions"][0]["text"] == "Größe 7"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_characters_beyond_ascii_are_read_as_what_they_are(encoding: str):
    name = "Müller & Söhne " + "é" * 45  # 60 characters, and more bytes than that in UTF-8
    text = interchange(order("0001", ("ACME DC", name)))

    (document,) = documents(read(text.encode(encoding)))

    assert document["parties"]["ship_to"]["name"] == name


def test_the_last_terminator_may_be_missing():
    text = interchange(order("0001")).removesuffix("~")

    parts = read(text)

    assert len(documents(parts)) == 1 and codes(parts) == []


def test_an_isa_of_another_length_is_read_with_a_note():
    text = interchange(order("0001")).replace("6112390050     ", "6112390050").replace("HOUSE          *26", "HOUSE*26")

    parts = read(text)

    assert len(documents(parts)) == 1
    assert parts[0].envelope["edi_sender"] == "6112390050"


def test_a_version_without_repetition_leaves_its_separator_in_the_text():
    text = interchange(order("0001", ("Widget", "5^3 > 4")))

    (document,) = documents(read(text))

    assert document["lines"][0]["descriptions"][0]["text"] == "5^3 > 4"


def test_a_later_version_is_read_with_its_own_lengths():
    long = "R" * 40
    text = order("0001", ("REF*DP*038", f"REF*DP*{long}"))
    later = interchange(text, version="005010").replace("*U*00401*", "*^*00501*")

    assert documents(read(later))[0]["references"]["department"]["value"] == long
    assert codes(read(interchange(text))) == ["el.long"]


def test_a_functional_acknowledgment_is_a_document_too():
    ack = "ST*997*0001~AK1*IN*12~AK2*810*0001~AK3*IT1*8**8~AK4*3*355*7*EACH~AK5*R*5~AK9*P*2*2*1~SE*8*0001~"

    parts = read(interchange(ack, gs="FA"))

    (document,) = documents(parts)
    assert document["group"] == {"group_type": "IN", "number": 12}
    assert document["sets"][0]["segments"][0]["elements"] == [
        {"where": {"element": 3}, "element": 355, "error": "7", "value": "EACH"}
    ]
    assert document["result"] == {"verdict": "P", "sets": 2, "received": 2, "accepted": 1}
    assert answers(parts) == []


def test_a_technical_acknowledgment_is_a_document_and_is_not_answered():
    text = f"{ISA}~TA1*000000007*261121*0930*R*025~IEA*0*000000101~"

    parts = read(text)

    assert documents(parts) == [
        {
            "interchange_acknowledgment": {
                "number": "000000007", "date": "261121", "time": "0930", "code": "R", "note": "025",
            }
        }
    ]  # fmt: skip
    assert answers(parts) == []


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "there is nothing in it"),
        (b"\n\n", "there is nothing in it"),
        (b"hello, world", "this is not X12: there is no ISA; it begins with 'hello, world' (12 bytes were skipped)"),
        (b"ST*850*0001~BEG*00*SA*1**20261121~SE*3*0001~", "there is no ISA"),
        (b"ISA*00*", "the ISA has fewer than 16 elements"),
        (b"ISA" + b"A" * 200, "there is no ISA"),
        (b"UNB+UNOC:3+A+B+261121:0930+1'", "there is no ISA"),
        (b"\x00\xff" * 200, "there is no ISA"),
    ],
)
def test_what_is_no_x12_is_one_exception_with_a_reason_and_no_answer(data: bytes, error: str):
    (part,) = read(data)

    assert error in part.error and part.body is None


def test_junk_between_interchanges_is_an_exception_and_both_are_read():
    text = interchange(order("0001"))

    parts = read(text + "--- end of file 1 ---\n" + text.replace("000000101", "000000102"))

    assert len(documents(parts)) == 2
    assert [part.raw for part in parts if part.error] == [b"--- end of file 1 ---\n"]


def test_a_segment_without_end_is_given_up_and_the_next_interchange_is_read():
    text = interchange(order("0001"))
    endless = text.partition("PO1*")[0] + "PO1*" + "x" * 50_000

    parts = read(endless + text.replace("000000101", "000000102"), step=4096, segment_limit="10KB")

    assert [document["order"]["number"] for document in documents(parts)] == ["PO0001"]
    assert any("longer than 10000 bytes" in part.error for part in parts)


def test_a_guide_of_the_project_is_read_from_its_schemas():
    head = b"set: '850'\nis: our order\nbody:\n  - BEG: {use: M, into: head}\n"
    guide = head + b"  - loop PO1: {max: 9, into: rows, body: [PO1]}\n"
    made = X12(guide="guides/acme-850").build({"schemas/guides/acme-850.yaml": guide})
    reader = made.reader()

    text = "ST*850*0001~BEG*00*SA*1**20261121~PO1*1*1*EA~SE*4*0001~"
    parts = [*reader.feed(interchange(text).encode()), *reader.end()]

    assert parts[0].body["rows"] == [{"line": "1", "qty": 1, "unit": "EA"}]
    assert made.name == "guides/acme-850"


def test_a_guide_of_the_project_reads_only_the_versions_it_is_for():
    guide = b"set: '850'\nis: order\ngroup: PO\nversions: ['004010']\nbody:\n  - BEG: {use: M, into: order}\n"
    made = X12(guide="mine").build({"schemas/mine.yaml": guide})
    text = interchange("ST*850*0001~BEG*00*SA*PO1**20261121~SE*3*0001~")

    read, refused = (
        list(made.reader("transaction").feed(given.encode())) for given in (text, text.replace("*004010~", "*005010~"))
    )

    assert [part.body["order"]["number"] for part in read] == ["PO1"]
    assert codes(refused) == ["set.unsupported"]


@pytest.mark.parametrize(
    ("guide", "error"),
    [
        (
            b"set: '850'\nis: x\nbody:\n  - BEGG: {}\n",
            "4:11: error[E424]: version 004010 has no segment BEGG; did you mean BEG?",
        ),
        (b"set: '850'\nis: x\nbody:\n  - BEG: {usse: M}\n", "unknown key 'usse'; did you mean 'use'?"),
        (b"set: '850'\nis: x\nbody:\n  - REF: {key: code}\n", "REF has no element 'code'"),
        (b"set: '850'\nis: x\nbody:\n  - REF: {max: some}\n", "max: 'some' is no count"),
        (b"set: '850'\nis: x\n", "the guide has no body:"),
        (b"- a\n", "a guide needs set:"),
    ],
)
def test_a_mistake_in_a_guide_is_said_with_its_place(guide: bytes, error: str):
    with pytest.raises(DefinitionError) as raised:
        X12(guide="mine").build({"schemas/mine.yaml": guide})

    assert error in str(raised.value) and "schemas/mine.yaml" in str(raised.value)


@pytest.mark.parametrize("guide", ["x12/999999", "acme"])
def test_a_guide_that_does_not_exist_is_a_definition_error(guide: str):
    with pytest.raises(DefinitionError):
        X12(guide=guide).build({})


def test_a_partner_who_never_counts_is_read_where_duplicates_are_tolerated():
    reader = X12(tolerate=["ich.duplicate"]).build({}).reader()
    assert isinstance(reader, X12Reader)
    reader.met(["other"])

    parts = parts_of(reader, interchange(order()), 100)

    assert len(documents(parts)) == 1 and codes(parts) == ["ich.duplicate"]
