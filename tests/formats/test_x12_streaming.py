"""`each: line`: the lines of a huge transaction set leave while it is read, each with its header and its own fate."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from esb.edge import Part
from esb.errors import DefinitionError
from esb.formats import X12
from esb.formats.x12.codec import X12Format
from esb.formats.x12.reader import X12Reader
from esb.testing.edi_kit import ISA, answers, codes, interchange, order


def lines(data: str, step: int = 1 << 20, **spec: object) -> list[Part]:
    reader = X12(**spec).build({}).reader("line")  # type: ignore[arg-type]
    raw = data.encode("latin-1")
    parts: list[Part] = []
    for at in range(0, len(raw), step):
        parts += reader.feed(raw[at : at + step])
    return parts + list(reader.end())


def given(parts: list[Part]) -> list[tuple[str, str]]:
    """Return (set, line) of what is given, with `!` for exceptions."""
    return [
        (part.envelope.get("edi_transaction", ""), part.envelope.get("edi_line", "") + ("!" if part.error else ""))
        for part in parts
        if not part.acknowledgment
    ]


@pytest.mark.parametrize("step", [1, 13, 1 << 20])
def test_every_line_leaves_with_the_header_before_it(step: int):
    parts = lines(interchange(order("0001"), order("0002")), step)

    assert given(parts) == [("0001", "1"), ("0001", "2"), ("0002", "1"), ("0002", "2")]
    first, second = parts[0].body, parts[1].body
    assert first["order"]["number"] == second["order"]["number"] == "PO0001"
    assert first["parties"]["ship_to"]["city"] == "Springfield" and "lines" not in first and "totals" not in first
    assert first["line"]["descriptions"] == [{"type": "F", "text": "Widget"}]
    assert second["line"] == {"line": "2", "qty": 4, "unit": "CA", "price": 3, "ids": {"vendor_part": "SKU-2"}}
    assert [part.raw for part in parts[:2]] == [
        b"PO1*1*10*EA*12.50**VP*SKU-1*UP*012345678905~PID*F****Widget~",
        b"PO1*2*4*CA*3**VP*SKU-2~",
    ]
    assert "AK5*A" in answers(parts)[0]


def test_a_set_without_such_a_loop_is_given_whole():
    ack = "ST*997*0001~AK1*IN*12~AK9*A*1*1*1~SE*4*0001~"

    (part, *_) = lines(interchange(ack, gs="FA"))

    assert part.body["result"]["accepted"] == 1 and "edi_line" not in part.envelope


@pytest.mark.parametrize("step", [1, 13, 1 << 20])
def test_a_bad_line_is_an_exception_of_its_own_and_the_set_is_accepted_with_errors(step: int):
    bad = order("0001", ("*10*EA", "*ten*EA"))

    parts = lines(interchange(bad), step)

    assert given(parts) == [("0001", "1!"), ("0001", "2")]
    assert parts[0].error.startswith("x12: PO102 (quantity ordered) 'ten'") and "(ST 0001, line 1" in parts[0].error
    assert parts[0].raw.startswith(b"PO1*1*ten*EA")
    (ack,) = answers(parts)
    assert ack[5:8] == ["AK3*PO1*7*PO1*8", "AK4*2*330*6*ten", "AK5*E*5"]


def test_a_fault_in_the_segments_of_a_line_is_that_lines():
    bad = order("0001", ("PID*F****Widget~", "PID*F****Widget~XYZ*1~"), ("SE*11", "SE*12"))

    parts = lines(interchange(bad))

    assert given(parts) == [("0001", "1!"), ("0001", "2")] and codes(parts) == ["seg.unknown"]


def test_the_second_line_may_be_the_bad_one():
    parts = lines(interchange(order("0001", ("*4*CA*3*", "*4*C*3*"), ("PID*F", "PID*FFF"))))

    assert given(parts) == [("0001", "1!"), ("0001", "2!")]
    assert [finding.code for part in parts[:2] for finding in part.findings] == ["el.long", "el.short"]


def test_a_bad_header_refuses_every_line_and_the_set():
    parts = lines(interchange(order("0001", ("BEG*00", "BEG*99")), order("0002")))

    assert given(parts) == [("0001", "1!"), ("0001", "2!"), ("0001", "!"), ("0002", "1"), ("0002", "2")]
    assert all("BEG01" in part.error for part in parts[:3])
    assert "AK5*R*5" in answers(parts)[0]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("SE*11", "SE*12", "set.count"),
        ("CTT*2", "CTT*3", "set.check"),
        ("CTT*2", "CTT*x", "el.chars"),
        ("SE*11*0001~", "", "set.no-trailer"),
    ],
)
def test_what_is_found_behind_the_lines_is_an_exception_beside_them(old: str, new: str, code: str):
    parts = lines(interchange(order("0001", (old, new))))

    assert given(parts)[:1] == [("0001", "1")] and given(parts)[-1] == ("0001", "!")
    refused = next(part for part in parts if part.error)
    assert [finding.code for finding in refused.findings] == [code]
    assert refused.raw.startswith(b"ST*850*0001~BEG") and b"PO1*1" not in refused.raw
    assert any(segment.startswith("AK5*R") for segment in answers(parts)[0])


def test_a_policy_wider_than_a_set_refuses_all_lines_with_one_of_them():
    text = interchange(order("0001", ("*10*EA", "*ten*EA")), order("0002"))

    parts = lines(text, reject="group")

    assert all(part.error for part in parts if not part.acknowledgment)
    assert "AK9*R*2*2*0" in answers(parts)[0]


def test_another_unit_is_refused_when_the_reader_is_made():
    with pytest.raises(DefinitionError, match="each: line"):
        X12().build({}).reader("page")


def huge(megabytes: float) -> Iterator[bytes]:
    """Give one interchange with one 850 of this size."""
    yield f"{ISA}~GS*PO*ACME*HOUSE*20261121*0930*7*X*004010~ST*850*0001~BEG*00*SA*PO1**20261121~".encode()
    count = size = 0
    while size < megabytes * 1e6:
        piece = b"".join(
            b"PO1*%d*%d*EA*%d.%02d**VP*SKU-%05d~" % (n, n % 9 + 1, n % 90, n % 100, n)
            + b"PID*F****Widget, zinc plated, ten in a bag~" * 3
            for n in range(count + 1, count + 1001)
        )
        count += 1000
        size += len(piece)
        yield piece
    yield b"CTT*%d~SE*%d*0001~GE*1*7~IEA*1*000000101~" % (count, 4 * count + 4)


def resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("mode", ["line", "events"])
def test_a_huge_set_is_streamed_by_line_in_little_memory(mode: str):
    made = X12().build({})
    assert isinstance(made, X12Format)
    reader = made.reader("line") if mode == "line" else X12Reader(made.options(bind=False))
    parts, before = 0, 0
    for number, piece in enumerate(huge(12)):
        found = reader.feed(piece)
        assert [part.error for part in found if part.error] == []
        parts += len(found)
        before = resident() if number == 10 else before

    (*_, ack) = reader.end()

    assert b"AK9*A" in ack.body and resident() - before < 8_000
    assert parts > 50_000 if mode == "line" else parts <= 1
