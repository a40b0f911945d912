"""Acknowledgments are valid X12 themselves, say what was found, and are the same however often they are asked for."""

from __future__ import annotations

from typing import Any

import pytest

from esb.formats import X12
from esb.testing.edi_kit import ISA, answers, documents, interchange, order, read
from esb.testing.format_suite import FormatSuite

BROKEN = order("0002", ("BEG*00", "BEG*99"), ("*EA*", "*EACH*"), ("N3*1 Main St~", "XX*1~"), ("SE*11", "SE*7"))
LATER = ("*U*00401*", "*^*00501*")


def bodies(text: str, **spec: str) -> list[bytes]:
    return [part.body for part in read(text, **spec) if part.acknowledgment]


def test_the_envelope_goes_back_to_the_sender():
    (ack,) = answers(read(interchange(order())))

    assert ack[0] == (
        "ISA*00*          *00*          *ZZ*HOUSE          *08*6112390050     *261121*0930*U*00401*900000101*0*P*>"
    )
    assert ack[1:] == [
        "GS*FA*HOUSE*ACME*20261121*0930*900000101*X*004010",
        "ST*997*0001",
        "AK1*PO*7",
        "AK2*850*0001",
        "AK5*A",
        "AK9*A*1*1*1",
        "SE*6*0001",
        "GE*1*900000101",
        "IEA*1*900000101",
    ]


@pytest.mark.parametrize("kind", ["997", "999"])
@pytest.mark.parametrize("text", [order(), BROKEN, order() + BROKEN, ""])
def test_every_acknowledgment_is_read_without_a_fault_and_says_the_same(kind: str, text: str):
    count = text.count("ST*850")
    given = interchange(text, version="005010", count=count).replace(*LATER)

    (body,) = bodies(given, acknowledge=kind)

    parts = read(body)
    assert [part.error for part in parts] == [""]
    (document,) = documents(parts)
    assert document["transaction"]["set"] == kind
    assert document["group"]["number"] == 7
    assert document["result"]["received"] == count
    assert [found["result"]["verdict"] for found in document.get("sets", [])] == [
        "R" if "BEG*99" in part else "A" for part in text.split("ST*850")[1:]
    ]


def test_the_same_interchange_gets_the_same_bytes_in_whatever_pieces_it_comes():
    text = interchange(order(), BROKEN)

    assert bodies(text) == bodies(text)
    for step in (1, 13, 200):
        assert [part.body for part in read(text, step) if part.acknowledgment] == bodies(text)


def test_the_separators_and_line_ends_of_the_sender_are_used():
    text = interchange(order()).replace(">~", "^~").replace("*", "|").replace("~", "\r\n")

    (body,) = bodies(text)

    assert body.startswith(b"ISA|00|") and body[105:107] == b"\r\n" and body.count(b"\r\n") == 10
    assert [part.error for part in read(body)] == [""]


def test_every_group_gets_its_own_acknowledgment_with_numbers_of_its_own():
    first = interchange(order())
    second = first[first.index("GS*") : first.index("IEA*")].replace("*7*X*", "*8*X*").replace("GE*1*7", "GE*1*8")
    text = first.replace("IEA*1*", f"{second}IEA*2*")

    acks = answers(read(text))

    assert [ack[3] for ack in acks] == ["AK1*PO*7", "AK1*PO*8"]
    assert len({ack[0] for ack in acks}) == 2


def test_a_group_without_sets_is_acknowledged_too():
    (ack,) = answers(read(interchange(count=0)))

    assert ack[3:5] == ["AK1*PO*7", "AK9*A*0*0*0"]


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (("ST*850*0001~",), "AK9*R*1*0*0*5"),
        (("ST*850*0001~", "GE*1*7~"), "AK9*R*0*0*0*3"),
    ],
)
@pytest.mark.parametrize("policy", [{}, {"tolerate": ["grp.count", "grp.no-trailer"]}])
def test_a_group_whose_only_set_lost_its_header_is_refused(lost: tuple[str, ...], said: str, policy: Any):
    text = interchange(order())
    for segment in lost:
        text = text.replace(segment, "")

    parts = read(text, **policy)

    assert documents(parts) == []
    (ack,) = answers(parts)
    assert said in ack


def test_an_interchange_whose_group_lost_its_header_is_refused_by_its_ta1():
    text = interchange(order())
    start, end = text.index("GS*"), text.index("ST*")

    parts = read(text[:start] + text[end:], ta1="on-error")

    assert documents(parts) == []
    (ta1,) = answers(parts)
    assert ta1[1] == "TA1*000000101*261121*0930*R*022"


def test_an_interchange_that_was_cut_before_its_group_is_refused_by_its_ta1():
    ((_, ta1, _),) = answers(read(f"{ISA}~", ta1="on-error"))

    assert ta1 == "TA1*000000101*261121*0930*R*023"


def test_an_interchange_that_says_it_is_empty_is_accepted():
    ((_, ta1, _),) = answers(read(f"{ISA}~IEA*0*000000101~", ta1="always"))

    assert ta1 == "TA1*000000101*261121*0930*A*000"


def test_all_sets_refused_is_a_refused_group():
    (ack,) = answers(read(interchange(BROKEN)))

    assert "AK9*R*1*1*0" in ack


def test_an_acknowledgment_is_never_acknowledged():
    (body,) = bodies(interchange(order(), BROKEN))

    assert bodies(body.decode()) == []
    assert bodies(body.decode().replace("IEA*1*9", "IEA*4*9")) == []


@pytest.mark.parametrize(
    ("policy", "wanted", "fine", "broken"),
    [
        ("never", "1", 0, 0),
        ("on-error", "1", 0, 1),
        ("requested", "1", 1, 1),
        ("requested", "0", 0, 0),
        ("always", "0", 1, 1),
    ],
)
def test_a_ta1_is_sent_when_the_policy_says_so(policy: str, wanted: str, fine: int, broken: int):
    text = interchange(order()).replace("*000000101*0*P*", f"*000000101*{wanted}*P*")

    def count(given: str) -> int:
        return sum(b"~TA1*" in body for body in bodies(given, ta1=policy))

    assert count(text) == fine
    assert count(text.replace("IEA*1*", "IEA*3*")) == broken


@pytest.mark.parametrize("policy", ["always", "requested", "on-error"])
def test_a_ta1_is_never_answered_by_a_ta1(policy: str):
    (_, ta1) = bodies(interchange(order()), ta1="always")
    wrong = ta1.replace(b"IEA*0", b"IEA*4").replace(b"*0*P*>", b"*1*P*>")

    assert bodies(ta1, ta1=policy) == bodies(wrong, ta1=policy) == []


def test_a_ta1_is_read_back_as_a_document():
    (_, ta1) = bodies(interchange(order()), ta1="always")

    parts = read(ta1)

    assert documents(parts)[0]["interchange_acknowledgment"] == {
        "number": "000000101", "date": "261121", "time": "0930", "code": "A", "note": "000",
    }  # fmt: skip


def test_nothing_is_answered_when_nothing_is_wanted():
    assert bodies(interchange(order(), BROKEN), acknowledge="none") == []


def test_a_bad_value_that_would_break_the_acknowledgment_is_left_out():
    (body,) = bodies(interchange(order("0001", ("*EA*", "*E\x01CH*"), ("Widget", "W" * 99))))

    assert b"\x01" not in body and [part.error for part in read(body)] == [""]


@pytest.mark.parametrize("said", ["1\xb92", "-1", "1.5", "9999999", ""])
def test_a_count_that_is_none_is_not_quoted(said: str):
    (body, *_) = bodies(interchange(order()).replace("GE*1*", f"GE*{said}*"))

    assert b"~AK9*E*1*1*1*5~" in body and [part.error for part in read(body)] == [""]


class TestX12(FormatSuite):
    each = "transaction"

    def format(self) -> X12:
        return X12(limit="3KB", segment_limit="300B").build({})  # type: ignore[return-value]

    def samples(self) -> list[bytes]:
        plain = interchange(order("0001"), order("0002"))
        return [
            plain.encode(),
            plain.replace("~", "~\r\n").replace("Widget", "Größe").encode(),
            ("\ufeff" + interchange(order(), BROKEN)).encode(),
            plain.replace("*", "|").replace(">~", "^~").replace("~", "\n").encode(),
            (plain + "junk" + plain[:300]).encode(),
            "\n".join(plain[at : at + 80] for at in range(0, len(plain), 80)).encode(),
            plain.encode("utf-16"),
            interchange(order("0001", ("Widget", "x" * 500))).encode(),
            interchange(order("0001", ("CTT*2~", "PO1**1*EA~" * 400))).encode(),
            f"{ISA}~TA1*000000007*261121*0930*R*025~IEA*0*000000101~".encode(),
            plain.replace("*", "§").replace("~", "¶").encode(),
        ]


SHIPPED = "ST*856*0001~BSN*00*{}*20261121*0930~HL*1**S~TD1*CTN*x~CTT*1~SE*6*0001~"


@pytest.mark.parametrize(
    ("text", "group", "context"),
    [
        (order("0001", ("*10*EA", "*ten*EA")), "PO", "CTX*BEG03>PO0001"),
        (order("0001", ("*SA*PO0001", "*SA*")), "PO", ""),  # it has no number
        (
            order("0001", ("*SA*PO0001", "*SA*PO>1"), ("*10*EA", "*ten*EA")),
            "PO",
            "",
        ),  # one that cannot be quoted as it is
        (order("0001", ("BEG*00", "BGE*00")), "PO", ""),
        (SHIPPED.format("SHP-7"), "SH", "CTX*BSN02>SHP-7"),
    ],
)
def test_a_999_names_the_document_behind_each_segment_in_error(text: str, group: str, context: str):
    whole = interchange(text, version="005010").replace("*U*00401*", "*^*00501*").replace("GS*PO", f"GS*{group}")

    (body,) = bodies(whole, acknowledge="999")

    said = body.decode().split("~")
    faults = [at for at, segment in enumerate(said) if segment.startswith("IK3")]
    assert faults
    assert {said[at + 1] for at in faults if said[at + 1].startswith("CTX")} == ({context} if context else set())
    assert [segment for segment in said if segment.startswith("CTX")] == [context] * (len(faults) if context else 0)
    (part,) = read(body)
    assert not part.error and not part.findings
    told = [segment.get("contexts") for one in part.body["sets"] for segment in one["segments"]]
    name, _, number = context.removeprefix("CTX*").partition(">")
    assert told == [[{"context": {"name": name, "reference": number}}] if context else None] * len(faults)


def test_a_997_has_no_contexts():
    (body,) = bodies(interchange(order("0001", ("*10*EA", "*ten*EA"))))

    assert b"CTX" not in body
