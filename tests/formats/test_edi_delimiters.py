"""Delimiters that are agreed with a partner: noted where others come, used in what we write."""

from __future__ import annotations

import pytest

from esb.edge import Part
from esb.errors import DefinitionError
from esb.formats import X12, Edifact
from esb.formats.edi.faults import EdiFinding
from esb.formats.edi.overlay import read_overlay
from esb.formats.edi.parties import read_parties
from esb.testing import edi_kit, edifact_kit
from esb.testing.edi_kit import codes, documents

PATH = "schemas/partners/acme.yaml"
TWO = edi_kit.interchange(edi_kit.order(), edi_kit.order("0002"))
LATER = edi_kit.interchange(edi_kit.order(), version="005010").replace("*U*00401*", "*^*00501*")
ORDERS = edifact_kit.interchange(edifact_kit.order("1", ("AAA:12.50", "AAA:12")), una="")
ENDS = {"sender": {"id": "US"}, "receiver": {"id": "THEM"}}
ORDER = {
    "transaction": {"set": "850"},
    "order": {"purpose": "00", "type": "SA", "number": "1", "date": "2026-11-21"},
    "lines": [{"qty": 1, "unit": "EA"}],
}


def files(delimiters: str, more: str = "") -> dict[str, bytes]:
    return {PATH: f"description: ACME\nedi:\n  delimiters: {delimiters}\n{more}".encode()}


def read(spec: X12 | Edifact, text: str, delimiters: str, more: str = "") -> list[Part]:
    reader = spec.build(files(delimiters, more)).reader()
    return [*reader.feed(text.encode()), *reader.end()]


def x12(delimiters: str, text: str = TWO, more: str = "", **spec: object) -> list[Part]:
    return read(X12(partner="acme", **spec), text, f"{{ x12: {{ {delimiters} }} }}", more)  # type: ignore[arg-type]


def edifact(delimiters: str, text: str = ORDERS) -> list[Part]:
    return read(Edifact(partner="acme"), text, f"{{ edifact: {{ {delimiters} }} }}")


def findings(parts: list[Part]) -> list[EdiFinding]:
    return [finding for part in parts for finding in part.findings if isinstance(finding, EdiFinding)]


@pytest.mark.parametrize(
    ("text", "delimiters"),
    [
        (TWO, "element: '*', component: '>', terminator: '~'"),
        (TWO, "repetition: '!'"),  # in 004010 ISA11 is no separator
        (LATER, "repetition: '^'"),
        (TWO.replace("~", "\n"), 'terminator: "\\n"'),
    ],
)
def test_what_is_agreed_is_read_without_a_word(text: str, delimiters: str):
    parts = x12(delimiters, text)

    assert documents(parts)
    assert codes(parts) == []


@pytest.mark.parametrize(
    ("text", "delimiters", "code", "element", "said"),
    [
        (TWO, "element: '|'", "ich.agreed-element", 0, "the element separator is '*', agreed is '|'"),
        (TWO, "component: ':'", "ich.agreed-component", 16, "the component separator is '>', agreed is ':'"),
        (TWO, 'terminator: "\\n"', "ich.agreed-terminator", 0, "the segment terminator is '~', agreed is '\\n'"),
        (LATER, "repetition: '!'", "ich.agreed-repetition", 11, "the repetition separator is '^', agreed is '!'"),
        (LATER.replace("*^*", "*U*"), "repetition: '!'", "ich.agreed-repetition", 11, "is none, agreed is '!'"),
    ],
)
def test_others_are_noted_with_the_first_document_and_refuse_nothing(
    text: str, delimiters: str, code: str, element: int, said: str
):
    parts = x12(delimiters, text)

    assert len(documents(parts)) == text.count("ST*850")
    (found,) = findings(parts)
    assert (found.code, found.severity, found.tag, found.element) == (code, "warning", "ISA", element)
    assert (found.offset, found.line, found.interchange) == (0, 1, "000000101")
    assert said in found.text and f"{PATH}, edi.delimiters.x12." in found.text
    assert parts[0].findings == (found,)
    assert "AK9*A*" in "".join(segment for answer in edi_kit.answers(parts) for segment in answer)


def test_as_an_error_it_is_an_exception_and_stands_in_the_ta1_but_documents_go_on():
    parts = read(X12(partner="acme"), TWO, "{ x12: { terminator: '|' }, severity: error }")

    assert len(documents(parts)) == 2
    assert codes(parts) == ["ich.agreed-terminator"]
    assert parts[2].error.startswith("x12: the segment terminator is '~', agreed is '|'")
    assert "TA1*000000101*261121*0930*E*004" in [s for answer in edi_kit.answers(parts) for s in answer]


def test_an_error_that_is_tolerated_is_a_warning():
    more = "  tolerate: [ich.agreed-terminator]\n"

    parts = read(X12(partner="acme"), TWO, "{ x12: { terminator: '|' }, severity: error }", more)

    assert [(found.code, found.severity) for found in findings(parts)] == [("ich.agreed-terminator", "warning")]
    assert len(documents(parts)) == 2 and not [part for part in parts if part.error]


def test_an_error_takes_the_interchange_with_it_where_that_is_the_policy():
    parts = read(X12(partner="acme", reject="interchange"), TWO, "{ x12: { element: '|' }, severity: error }")

    assert documents(parts) == []
    assert "TA1*000000101*261121*0930*R*026" in [s for answer in edi_kit.answers(parts) for s in answer]


def test_agreed_edifact_is_read_without_a_word():
    agreed = "component: ':', element: '+', decimal: '.', release: '?', repetition: '*', terminator: \"'\""

    assert codes(edifact(agreed)) == []
    assert codes(edifact("decimal: ','")) == []  # without a UNA nobody chose one


@pytest.mark.parametrize(
    ("una", "delimiters", "code", "said"),
    [
        ("UNA:+,? '", "decimal: '.'", "ich.agreed-decimal", "the decimal mark is ',', agreed is '.'"),
        ("UNA:+.  '", "release: '?'", "ich.agreed-release", "the release character is none, agreed is '?'"),
        ("UNA:+.? '", "release: ''", "ich.agreed-release", "the release character is '?', agreed is none"),
        ("UNA:+.? '", "terminator: '~'", "ich.agreed-terminator", "the segment terminator is \"'\", agreed is '~'"),
        ("UNA:+.? '", "element: '|'", "ich.agreed-element", "the element separator is '+', agreed is '|'"),
    ],
)
def test_other_service_characters_are_noted(una: str, delimiters: str, code: str, said: str):
    parts = edifact(delimiters, una + ORDERS)

    (found,) = findings(parts)
    assert (found.code, found.severity, found.tag) == (code, "warning", "UNB")
    assert said in found.text
    assert len(documents(parts)) == 1
    assert any(
        segment.startswith("UCI") and "+7" in segment for answer in edifact_kit.answers(parts) for segment in answer
    )


def test_as_an_error_it_stands_in_the_contrl():
    parts = read(Edifact(partner="acme"), ORDERS, "{ edifact: { element: '|' }, severity: error }")

    assert codes(parts) == ["ich.agreed-element"]
    (uci,) = [s for answer in edifact_kit.answers(parts) for s in answer if s.startswith("UCI")]
    assert uci.endswith("+7+22+UNB")


def written(spec: X12 | Edifact, document: object, delimiters: str) -> str:
    return spec.build(files(delimiters)).render(document).decode()  # type: ignore[arg-type]


def test_what_we_write_has_the_agreed_delimiters():
    spec = X12(partner="acme", guide="x12/850", envelope=ENDS)  # type: ignore[arg-type]

    text = written(spec, ORDER, "{ x12: { element: '|', component: '<', terminator: \"'\" } }")

    assert text.startswith("ISA|00|") and text[104:106] == "<'"
    assert codes(x12("element: '|', component: '<', terminator: \"'\"", text)) == []


def test_what_the_endpoint_says_itself_is_written():
    spec = X12(partner="acme", guide="x12/850", envelope={**ENDS, "element": "+"})  # type: ignore[arg-type]

    text = written(spec, ORDER, "{ x12: { element: '|', terminator: '!' } }")

    assert text[3] == "+" and text[105] == "!"


def test_edifact_is_written_with_the_agreed_service_characters():
    spec = Edifact(partner="acme", guide="edifact/ORDERS", envelope=ENDS)  # type: ignore[arg-type]
    reader = Edifact(guide="edifact/ORDERS").build({}).reader()
    document = documents([*reader.feed(ORDERS.encode()), *reader.end()])[0]

    text = written(spec, document, "{ edifact: { element: '|', decimal: ',', terminator: '~' } }")

    assert text.startswith("UNA:|,? ~UNB|")
    assert codes(edifact("element: '|', decimal: ',', terminator: '~'", text)) == []


def test_what_does_not_go_together_is_said_before_anything_is_written():
    spec = Edifact(partner="acme", envelope={**ENDS, "component": "|"})  # type: ignore[arg-type]

    with pytest.raises(DefinitionError, match=r"schemas/partners/acme\.yaml agrees .* must differ"):
        spec.build(files("{ edifact: { element: '|' } }"))


@pytest.mark.parametrize(
    ("delimiters", "place", "said"),
    [
        ("{ x12: { element: '*', component: '*' } }", ":3:49", "'*' is the element separator already"),
        ("{ x12: { element: 'A' } }", ":3:33", "'A' cannot be a delimiter"),
        ("{ x12: { element: ' ' } }", ":3:33", "' ' cannot be a delimiter"),
        ("{ x12: { element: 7 } }", ":3:33", "'7' cannot be a delimiter"),
        ("{ x12: { element: '**' } }", ":3:33", "at most 1 character"),
        ("{ x12: { elements: '*' } }", ":3:", "edi.delimiters.x12.elements"),
        ("{ edifact: { release: '+', element: '+' } }", ":3:", "is the element separator already"),
        ("{ edifact: { decimal: ';' } }", ":3:", "edi.delimiters.edifact.decimal"),
        ("{ edifact: { terminator: '' } }", ":3:", "at least 1 character"),
    ],
)
def test_nonsense_is_refused_with_its_place(delimiters: str, place: str, said: str):
    for reads in (read_parties, read_overlay):
        with pytest.raises(DefinitionError) as caught:
            reads("acme", files(delimiters))

        assert f"{PATH}{place}" in str(caught.value)
        assert said in str(caught.value)


@pytest.mark.parametrize(
    ("dialect", "delimiters", "more", "said"),
    [
        ("x12", "{ x12: { repetition: '^' } }", "  versions: ['004010']\n", "no version that has one: 004010"),
        ("edifact", "{ edifact: { release: '' } }", "", "no value can hold a separator"),
        ("x12", "{ x12: { repetition: '^' } }", "  versions: ['004010', '005010']\n", ""),
        ("x12", "{ edifact: { release: '' } }", "", ""),
    ],
)
def test_what_cannot_be_meant_is_doubtful(dialect: str, delimiters: str, more: str, said: str):
    overlay = read_overlay("acme", files(delimiters, more))

    assert overlay is not None
    doubts = overlay.doubts(dialect)
    assert [said in doubt.text for doubt in doubts] == [True] * bool(said)
