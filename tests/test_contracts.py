"""Contracts say what is wrong, where, in plain sentences, and never fetch anything."""

import json
from decimal import Decimal

import pytest

from esb.contracts import compile_contract, render_where, schema_paths
from esb.errors import DefinitionError

LINE = {
    "type": "object",
    "properties": {
        "sku": {"type": "string"},
        "qty": {"type": "integer", "minimum": 1},
        "sub": {"$ref": "#/$defs/line"},
    },
    "required": ["sku"],
}
ORDER = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "number": {"type": "string"},
        "date": {"type": "string", "format": "date"},
        "total": {"type": "number", "multipleOf": 0.01, "maximum": 0.30000000000000000001},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "ship": {"$ref": "address@1.json"},
        "note": {"description": "whatever"},
        "pay": {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"iban": {"type": "string"}}}]},
    },
    "required": ["number"],
    "additionalProperties": False,
    "$defs": {"line": LINE},
}
ADDRESS = b'{"type": "object", "properties": {"zip": {"type": "string"}}}'


def order_contract():
    return compile_contract("order@1.json", json.dumps(ORDER).encode(), "json-schema", {"address@1.json": ADDRESS})


def texts(document):
    return [finding.text for finding in order_contract()(document)]


def test_a_document_that_keeps_the_contract_has_no_findings():
    assert texts({"number": "0024", "lines": [{"sku": "A", "qty": 10**30}], "ship": {"zip": "02134"}}) == []


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {"number": "1", "lines": [{"sku": "A"}, {"sku": "B", "qty": -3}]},
            "lines[1].qty: -3 is less than the minimum of 1",
        ),
        ({}, "number is missing"),
        ({"number": "1", "lines": [{}]}, "lines[0]: sku is missing"),
        ({"number": "1", "colour": "red"}, "'colour' is not known here"),
        ({"number": 1}, 'number: 1 is not of type "string"'),
        ({"number": "1", "ship": {"zip": 2134}}, 'ship.zip: 2134 is not of type "string"'),
        ({"number": "1", "date": "2026-13-01"}, 'date: "2026-13-01" is not a "date"'),
        ({"number": "1", "total": Decimal("0.125")}, "total: 0.125 is not a multiple of 0.01"),
        (
            {"number": "1", "pay": {"iban": 5}},
            "pay: it fits none of the 2 forms that it may have; the nearest lacks this: "
            'pay.iban: 5 is not of type "string"',
        ),
    ],
)
def test_a_finding_names_the_place_and_the_fault(document, expected):
    assert texts(document) == [expected]


def test_a_finding_carries_code_and_place_for_programs():
    finding = order_contract()({"number": "1", "lines": [{"sku": "A", "qty": 0}]})[0]

    assert (finding.code, finding.where) == ("contract.minimum", "lines[0].qty")


def test_numbers_are_compared_exactly():
    source = b'{"maximum": 0.30000000000000000001}'

    contract = compile_contract("limit@1.json", source, "json-schema")

    assert contract(Decimal("0.30000000000000000001")) == ()
    assert len(contract(Decimal("0.30000000000000000002"))) == 1


def test_bytes_are_reported_and_not_taken_for_a_document():
    assert [finding.code for finding in order_contract()(b"{}")] == ["contract.bytes"]


def test_a_value_in_a_finding_is_cut():
    finding = order_contract()({"number": "1", "ship": {"zip": ["x" * 5000]}})[0]

    assert len(finding.text) < 400


def test_findings_are_bounded():
    findings = order_contract()({"number": "1", "lines": [{}] * 5000})

    assert len(findings) == 100


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (b"{", "contract bad@1.json: not JSON"),
        (b"[]", "contract bad@1.json: a schema is an object, not list"),
        (b'{"properties": {"a": {"type": "objekt"}}}', "at properties.a.type: "),
        (
            b'{"$ref": "https://example.com/x.json"}',
            "refers to 'https://example.com/x.json', which is not under schemas/",
        ),
        (b'{"$ref": "none@1.json"}', "refers to 'none@1.json', which is not under schemas/; there are address@1.json"),
        (b'{"$ref": "#/$defs/none"}', "Pointer '/$defs/none' does not exist"),
        (b'{"$schema": "http://json-schema.org/draft-07/schema#"}', "contracts are written in https://json-schema"),
    ],
)
def test_a_schema_that_cannot_work_is_refused(source, text):
    with pytest.raises(DefinitionError) as caught:
        compile_contract("bad@1.json", source, "json-schema", {"address@1.json": ADDRESS})

    assert text in str(caught.value)


XSD = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:include schemaLocation="types.xsd"/>
  <xs:element name="order"><xs:complexType><xs:sequence>
    <xs:element name="qty" type="Quantity" maxOccurs="unbounded"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>"""
TYPES = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:simpleType name="Quantity"><xs:restriction base="xs:positiveInteger"/></xs:simpleType>
</xs:schema>"""


def test_an_xml_schema_finds_the_line():
    contract = compile_contract("order@1.xsd", XSD, "xsd", {"types.xsd": TYPES})

    findings = contract(b"<order>\n<qty>1</qty>\n<qty>0</qty>\n</order>")

    assert [finding.line for finding in findings] == [3]
    assert "'0'" in findings[0].text
    assert contract("<order><qty>7</qty></order>") == ()


def test_xml_that_is_not_well_formed_is_a_finding():
    contract = compile_contract("order@1.xsd", XSD, "xsd", {"types.xsd": TYPES})

    findings = contract(b"<order>\n<qty></order>")

    assert (findings[0].code, findings[0].line) == ("contract.xml", 2)


def test_an_xml_schema_takes_no_document():
    contract = compile_contract("order@1.xsd", XSD, "xsd", {"types.xsd": TYPES})

    assert contract({"order": 1})[0].code == "contract.document"


@pytest.mark.parametrize(
    "location", ["types.xsd", "file:///etc/passwd", "http://example.com/x.xsd", "../../secret.xsd"]
)
def test_an_xml_schema_includes_only_what_it_was_given(location):
    source = XSD.replace(b"types.xsd", location.encode())

    with pytest.raises(DefinitionError, match="not under schemas/"):
        compile_contract("order@1.xsd", source, "xsd")


def test_xml_with_entities_is_refused(tmp_path):
    (tmp_path / "secret").write_text("7")
    hostile = f'<!DOCTYPE order [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]><order><qty>&x;</qty></order>'
    contract = compile_contract("order@1.xsd", XSD, "xsd", {"types.xsd": TYPES})

    findings = contract(hostile.encode())

    assert [finding.code for finding in findings] == ["contract.doctype"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("number",), None),
        (("lines", None, "qty"), None),
        (("lines", 0, "sub", "sub", "qty"), None),
        (("lines", 0, "qyt"), ("qyt", ["qty", "sku", "sub"])),
        (("note", "anything", "below"), None),
        (("ship", "in another schema"), None),
        (("pay", "iban"), None),
        (("pay", "ibna"), ("ibna", ["iban"])),
    ],
)
def test_lint_learns_which_paths_a_schema_knows(keys, expected):
    assert schema_paths(ORDER).unknown(keys) == expected
    assert schema_paths(ORDER).knows(keys) is (expected is None)


def test_a_schema_that_refers_to_itself_ends():
    assert schema_paths({"$ref": "#"}).knows(("a", "b"))


def test_a_place_is_written_as_people_write_it():
    assert render_where(["lines", 2, "qty"]) == "lines[2].qty"
