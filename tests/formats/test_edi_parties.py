"""What comes by a partner's endpoint from others, or for others, is refused whole, kept, and answered."""

from __future__ import annotations

import pytest

from esb.edge import Part
from esb.errors import DefinitionError
from esb.formats import X12, Edifact
from esb.formats.edi.parties import ANYBODY, Names, Parties, read_parties
from esb.testing import edi_kit, edifact_kit
from esb.testing.edi_kit import codes, documents

PATH = "schemas/partners/acme.yaml"
TWO = edi_kit.interchange(edi_kit.order(), edi_kit.order("0002"))
ORDERS = edifact_kit.interchange(edifact_kit.order())


def x12(ids: str, text: str = TWO, each: str = "transaction", **spec: object) -> list[Part]:
    reader = X12(partner="acme", **spec).build({PATH: ids.encode()}).reader(each)  # type: ignore[arg-type]
    return [*reader.feed(text.encode()), *reader.end()]


def edifact(ids: str, text: str = ORDERS) -> list[Part]:
    reader = Edifact(partner="acme").build({PATH: ids.encode()}).reader()
    return [*reader.feed(text.encode()), *reader.end()]


def ta1(parts: list[Part]) -> list[str]:
    return [segment for answer in edi_kit.answers(parts) for segment in answer if segment.startswith("TA1")]


@pytest.mark.parametrize(
    "ids",
    [
        "ids: { isa: 08/6112390050, gs: ACME }",
        "ids: { isa: '6112390050' }",
        "ids: { isa: [01/123456789, 08/6112390050], gs: [ACME, ACME2] }",
        "ids: { isa: 08/6112390050 }\nedi: { receiver: { isa: ZZ/HOUSE, gs: HOUSE } }",
        "ids: { gln: '1', as2: other }",
        "description: without ids\n",
        "ids: { unb: '14/1' }",  # how they are called in EDIFACT says nothing of X12
    ],
)
def test_who_is_declared_is_read(ids: str):
    parts = x12(ids)

    assert len(documents(parts)) == 2
    assert not codes(parts) and not ta1(parts)


@pytest.mark.parametrize(
    ("ids", "code", "note"),
    [
        ("ids: { isa: 08/999 }", "ich.sender", "006"),
        ("ids: { isa: [08/999, '998'] }", "ich.sender", "006"),
        ("ids: { isa: ZZ/6112390050 }", "ich.sender-qualifier", "005"),
        ("edi: { receiver: { isa: ZZ/US } }", "ich.receiver", "008"),
        ("edi: { receiver: { isa: 01/HOUSE } }", "ich.receiver-qualifier", "007"),
    ],
)
def test_an_interchange_of_another_is_refused_whole_and_by_its_ta1(ids: str, code: str, note: str):
    parts = x12(ids)

    assert documents(parts) == []
    assert codes(parts) == ["set.with-others", "set.with-others", code]
    assert b"".join(part.raw for part in parts[:2]) == (edi_kit.order() + edi_kit.order("0002")).encode()
    assert ta1(parts) == [f"TA1*000000101*261121*0930*R*{note}"]
    assert len(edi_kit.answers(parts)) == 1  # no 997: it was not looked into
    assert PATH in parts[0].error


def test_its_lines_are_refused_too():
    parts = x12("ids: { isa: 08/999 }", each="line")

    assert documents(parts) == []
    assert codes(parts)[-1] == "ich.sender"


def test_the_ta1_is_sent_as_its_policy_says():
    parts = x12("ids: { isa: 08/999 }", ta1="never")

    assert edi_kit.answers(parts) == []
    assert codes(parts)[-1] == "ich.sender"


@pytest.mark.parametrize("where", ["edi: { tolerate: [ich.sender, grp.sender] }", ""])
def test_a_tolerated_sender_is_noted_and_read(where: str):
    spec = {} if where else {"tolerate": ["ich.sender", "grp.sender"]}

    parts = x12(f"ids: {{ isa: 08/999, gs: ME }}\n{where}", **spec)

    assert len(documents(parts)) == 2
    assert codes(parts) == ["ich.sender", "grp.sender"]  # told once, with the first document
    assert {finding.severity for part in parts for finding in part.findings} == {"warning"}
    assert ta1(parts) == []


@pytest.mark.parametrize("reject", ["set", "group", "interchange"])
@pytest.mark.parametrize(("kind", "said"), [("997", "AK5*R"), ("999", "IK5*R")])
def test_a_group_of_another_is_refused_and_the_acknowledgment_says_so(reject: str, kind: str, said: str):
    parts = x12("ids: { isa: 08/6112390050, gs: OTHER }", reject=reject, acknowledge=kind)

    assert documents(parts) == []
    assert "grp.sender" in codes(parts)
    (answer,) = [answer for answer in edi_kit.answers(parts) if answer[2].startswith("ST*99")]
    assert answer.count(said) == 2
    assert "AK9*R*2*2*0*1" in answer


def test_a_group_for_another_is_refused_and_the_next_one_is_read():
    head = "GS*PO*ACME*OTHER*20261121*0930*8*X*004010~"
    text = edi_kit.interchange(edi_kit.order()).replace("IEA*1", f"{head}{edi_kit.order('0002')}GE*1*8~IEA*2")

    parts = x12("edi: { receiver: { gs: HOUSE } }", text)

    assert [document["transaction"]["number"] for document in documents(parts)] == ["0001"]
    assert codes(parts) == ["set.with-others", "grp.receiver"]


def test_an_acknowledgment_of_another_is_refused_and_not_answered():
    text = f"{edi_kit.ISA}~TA1*000000007*261121*0930*A*000~IEA*0*000000101~"

    assert documents(x12("ids: { isa: 08/6112390050 }", text)) != []
    assert documents(x12("ids: { isa: 08/999 }", text)) == []


@pytest.mark.parametrize(
    ("ids", "code", "note"),
    [
        ("ids: { unb: '14/1' }", "ich.sender", "4+23+UNB"),
        ("ids: { unb: 1/5412345000013 }", "ich.sender-qualifier", "4+23+UNB"),
        ("edi: { receiver: { unb: ['14/1', '2'] } }", "ich.receiver", "4+7+UNB"),
    ],
)
def test_an_edifact_interchange_of_another_is_refused_whole_and_by_its_contrl(ids: str, code: str, note: str):
    parts = edifact(ids)

    assert documents(parts) == []
    assert codes(parts) == ["set.with-others", code]
    assert parts[0].raw.decode().startswith("UNH+1+ORDERS")
    assert any(segment.endswith(note) for answer in edifact_kit.answers(parts) for segment in answer)


@pytest.mark.parametrize(
    "ids",
    [
        "ids: { unb: 14/5412345000013 }",
        "ids: { unb: ['7', '5412345000013'] }",
        "ids: { unb: '7' }\nedi: { tolerate: [ich.sender] }",
        "ids: { isa: ZZ/OTHER }",
    ],
)
def test_an_edifact_interchange_of_who_is_declared_or_tolerated_is_read(ids: str):
    parts = edifact(ids)

    assert len(documents(parts)) == 1
    assert any("UCI+REF0001" in segment and segment.endswith("7") for segment in edifact_kit.answers(parts)[0])


@pytest.mark.parametrize("ids", ["ids: { isa: '' }", "ids: { isa: [] }", "ids: { gs: MORE-THAN-15-CHARACTERS }"])
def test_ids_that_nobody_can_have_are_told_with_their_place(ids: str):
    with pytest.raises(DefinitionError, match=r"schemas/partners/acme.yaml:1:\d+"):
        read_parties("acme", {PATH: ids.encode()})


def test_a_partner_without_a_file_or_without_ids_is_anybody():
    assert read_parties("", {}) is read_parties("nobody", {}) is read_parties("acme", {PATH: b"edi: {}\n"}) is ANYBODY


def test_an_identifier_may_hold_a_slash_itself():
    names = Names(("ZZ/DIST/EU", "A/B"))

    assert [names.wrong("DIST/EU", "ZZ"), names.wrong("A/B", "14"), names.wrong("C")] == ["", "", "identifier"]


def test_files_that_we_sent_to_the_partner_may_be_looked_at():
    given = read_parties("acme", {PATH: b"ids: { gs: ACME }\nedi: { receiver: { gs: HOUSE } }\n"})
    returning = Parties(given.sender, given.receiver, given.file, returning=True)

    assert returning.wrong("gs", ("HOUSE",), ("ACME",)) == []
    assert [side for side, _, _ in given.wrong("gs", ("HOUSE",), ("ACME",))] == ["sender", "receiver"]
    assert [side for side, _, _ in returning.wrong("gs", ("OTHER",), ("HOUSE",))] == ["sender"]
