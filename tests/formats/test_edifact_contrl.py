"""CONTRLs are valid EDIFACT themselves, say what was found, and are the same however often they are asked for."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esb.formats import Edifact
from esb.testing.edi_documents import edifact_samples
from esb.testing.edifact_kit import UNB, answers, documents, grouped, interchange, order, read
from esb.testing.format_suite import FormatSuite

FIXTURES = Path(__file__).parent.parent / "fixtures" / "edifact"
BROKEN = order(
    "2", ("BGM+220+PO2+9", "BGM+220+PO2:x+9+AC+x"), ("QTY+21:10:PCE", "QTY+21:ten:PIECES"), ("RFF+CT", "XX+CT"),
    ("UNT+COUNT", "UNT+3"),
)  # fmt: skip
FOUR = ("UNOC:3", "UNOW:4"), ("261121:0930", "20261121:0930")


def later(text: str) -> str:
    """Return an interchange with syntax 4."""
    for old, new in FOUR:
        text = text.replace(old, new)
    return text.replace("UNA:+.? '", "UNA:+.?*'")


def bodies(text: str | bytes, step: int = 1 << 20, **spec: str) -> list[bytes]:
    return [part.body for part in read(text, step, **spec) if part.acknowledgment]


def test_the_envelope_goes_back_to_the_sender():
    assert bodies(interchange(order())) == [
        b"UNA:+.? 'UNB+UNOC:3+4012345000009:14+5412345000013:14+261121:0930+979320642'"
        b"UNH+1+CONTRL:D:3:UN'UCI+REF0001+5412345000013:14+4012345000009:14+7'UCM+1+ORDERS:D:96A:UN+7'UNT+4+1'"
        b"UNZ+1+979320642'"
    ]


@pytest.mark.parametrize("syntax", ["3", "4"])
@pytest.mark.parametrize("text", [
    interchange(order()), interchange(BROKEN), interchange(order(), BROKEN), interchange(), grouped(order(), BROKEN),
    interchange(order(), BROKEN).replace("UNZ+2", "UNZ+9"), interchange(BROKEN)[:300],
])  # fmt: skip
def test_every_contrl_is_read_without_a_fault_and_says_the_same(syntax: str, text: str):
    (body,) = bodies(later(text) if syntax == "4" else text)

    (part,) = read(body)

    assert part.error == "" and part.findings == ()
    document = part.body
    assert document["interchange"]["number"] == "REF0001" and document["interchange"]["action"] == "7"
    groups = document.get("groups", [document])
    told = [message["action"] for group in groups for message in group.get("messages", [])]
    assert told == ["4" if message.startswith("2+") else "7" for message in text.split("UNH+")[1:]]


def test_a_rejected_message_tells_segments_and_elements():
    (contrl,) = answers(read(interchange(order(), BROKEN)))

    assert contrl[4:13] == [
        "UCM+2+ORDERS:D:96A:UN+4+29+UNT", "UCS+2", "UCD+16+6", "UCD+16+3:2", "UCS+4+15", "UCS+8", "UCD+37+2:2",
        "UCD+39+2:3", "UNT+12+1",
    ]  # fmt: skip


def test_the_same_interchange_gets_the_same_bytes_in_whatever_pieces_it_comes():
    text = interchange(order(), BROKEN)

    for step in (1, 13, 200):
        assert bodies(text, step) == bodies(text)


def test_the_separators_and_line_ends_of_the_sender_are_used():
    text = interchange(order("1"), una="UNA|^.\\ ~")
    text = text[:9] + text[9:].translate(str.maketrans(":+'", "|^~")).replace("~", "~\r\n")

    (body,) = bodies(text)

    assert body.startswith(b"UNA|^.\\ ~\r\nUNB^UNOC|3^") and body.endswith(b"~\r\n")
    assert [part.error for part in read(body)] == [""]


def test_what_the_sender_released_is_released_in_the_answer():
    text = interchange(order("1")).replace("REF0001", "R?'1?+2??")

    (body,) = bodies(text)

    assert b"UCI+R?'1?+2??+" in body and read(body)[0].body["interchange"]["number"] == "R'1+2?"


def test_a_contrl_is_never_answered():
    contrl = bodies(interchange(order(), BROKEN))[0].decode()

    assert bodies(contrl) == []
    assert bodies(contrl.replace("UNT+13", "UNT+1")) == []
    assert documents(read(contrl))[0]["transaction"]["set"] == "CONTRL"


def test_a_contrl_among_messages_gets_no_entry():
    contrl = "UNH+9+CONTRL:D:3:UN'UCI+X+A+B+7'UNT+3+9'"

    (answer,) = answers(read(interchange(contrl, order("1"))))

    assert [segment for segment in answer if segment.startswith("UCM")] == ["UCM+1+ORDERS:D:96A:UN+7"]


@pytest.mark.parametrize(("policy", "flag", "count"), [
    ("contrl", "", 1), ("contrl", "1", 1), ("requested", "", 0), ("requested", "1", 1), ("none", "1", 0),
])  # fmt: skip
def test_who_is_answered_is_a_policy(policy: str, flag: str, count: int):
    text = interchange(order(), unb=f"{UNB}++++{flag}" if flag else UNB)

    assert len(bodies(text, acknowledge=policy)) == count


def test_a_test_is_answered_by_a_test():
    (body,) = bodies(interchange(order(), unb=f"{UNB}++++++1"))

    assert body.split(b"'")[1].endswith(b"++++++1") and read(body)[0].envelope["edi_usage"] == "T"


def test_the_draft_takes_numbers_and_keeps_the_rest():
    part = next(part for part in read(interchange(order())) if part.acknowledgment)
    assert part.draft is not None

    written = part.draft.write([17])

    (scope,) = part.draft.wants
    assert (scope.ours, scope.partner) == ("14/4012345000009", "14/5412345000013")
    assert written.body == part.body.replace(b"979320642", b"17") and not written.numbers[0].owed


@given(st.integers(0, 10**9), st.sampled_from(["message", "interchange"]))
@settings(max_examples=150, deadline=None)
def test_whatever_came_its_contrl_is_valid(seed: int, reject: str):
    chance = Random(seed)
    sample = bytearray(chance.choice(edifact_samples()))
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(sample))
        match chance.randrange(3):
            case 0:
                sample[at] = chance.choice(b"'+:?*A1 \x00\xff\n")
            case 1:
                del sample[at : at + chance.randint(1, 30)]
            case _:
                sample[at:at] = chance.choice([b"'", b"+", b":", b"?", b"UNZ+1'", b"UNH+1+", sample[at : at + 40]])
        if not sample:
            return

    for body in bodies(bytes(sample), reject=reject):
        # an odd character set is answered in the same, and told again
        parts = [part for part in read(body, tolerate=["ich.standard", "ich.version"]) if part.error]
        assert parts == [], (bytes(sample), body)


class TestEdifact(FormatSuite):
    each = "message"

    def format(self) -> Edifact:
        return Edifact(limit="3KB", segment_limit="300B").build({})  # type: ignore[return-value]

    def samples(self) -> list[bytes]:
        plain = interchange(order("1"), order("2"))
        return [
            plain.encode(),
            plain.replace("'", "'\r\n").replace("ACME", "Größe ?'?+??").encode("latin-1"),
            ("\ufeff" + interchange(order(), BROKEN)).encode(),
            (plain + "junk" + plain[:300]).encode(),
            "\n".join(plain[at : at + 80] for at in range(0, len(plain), 80)).encode(),
            plain.encode("utf-16"),
            grouped(order("1"), order("2")).encode(),
            interchange(order("1", ("ACME", "x" * 500))).encode(),
            interchange(order("1", ("UNS+S'", "LIN+1'" * 600))).encode(),
            later(interchange(order("1"), "UNO+1+1:2+1+5'a'b'cUNP+5+1'")).encode(),
        ]
