"""Overlays: what a partner does otherwise than the standard, by path, in ten lines of YAML."""

from __future__ import annotations

import time

import pytest

from esb.edge import Part
from esb.errors import DefinitionError
from esb.formats import X12
from esb.formats.edi.patterns import Marks
from esb.formats.x12.codec import X12Format
from esb.formats.x12.library import Library
from esb.testing.edi_kit import answers, documents, interchange, order

HEAD = "description: ACME\nedi:\n"
LATER = ("*U*00401*", "*^*00501*")


def overlay(*changes: str, more: str = "", name: str = "850") -> dict[str, bytes]:
    lines = "".join(f"      - {{ {change} }}\n" for change in changes)
    change = f"  change:\n    '{name}':\n{lines}" if changes else ""
    return {"schemas/partners/acme.yaml": f"{HEAD}{more}{change}".encode()}


def read(text: str, files: dict[str, bytes], each: str = "transaction", **spec: object) -> list[Part]:
    reader = X12(partner="acme", **spec).build(files).reader(each)  # type: ignore[arg-type]
    return [*reader.feed(text.encode()), *reader.end()]


def found(change: str | tuple[str, ...], text: str, kind: str = "997") -> tuple[list[str], list[str]]:
    """Return the codes of an order's findings, and what the acknowledgment says of it."""
    changes = (change,) if isinstance(change, str) else change
    parts = read(interchange(text, version="005010").replace(*LATER), overlay(*changes), acknowledge=kind)
    (ack,) = answers(parts)
    said = [segment for segment in ack if segment[:3] in ("AK3", "AK4", "AK5", "IK3", "IK4", "IK5")]
    return [finding.code for finding in parts[0].findings], said


TWO_REFS = order("0001", ("REF*DP*038~", "REF*DP*038~REF*DP*039~REF*IA*7~"), ("SE*11", "SE*13"))

BEG3, REF2, N4 = ["IK3*BEG*2**8"], ["IK3*REF*3**8"], ["IK3*N4*6*N1*8"]

CASES = [
    ("at: REF, use: M", order(), [], ["IK5*A"]),
    ("at: 'REF[DP]', use: M", order(), [], ["IK5*A"]),
    ("at: 'REF[ZZ]', use: M", order(), ["impl.seg-needed"], ["IK3*REF*11**I6", "IK5*R*I5"]),
    ("at: REF, use: X", order(), ["impl.seg-not-used"], ["IK3*REF*3**I4", "IK5*R*I5"]),
    ("at: 'REF[DP]', use: X", order(), ["impl.seg-not-used"], ["IK3*REF*3**I4", "IK5*R*I5"]),
    ("at: 'REF[IA]', use: X", order(), [], ["IK5*A"]),
    ("at: 'references[DP]', max: 1", TWO_REFS, ["seg.too-many"], ["IK3*REF*4**5", "IK5*R*5"]),
    ("at: REF, max: 3", TWO_REFS, [], ["IK5*A"]),
    ("at: REF, min: 2", order(), ["impl.seg-too-few"], ["IK3*REF*11**I8", "IK5*R*I5"]),
    ("at: lines, min: 3", order(), ["impl.loop-too-few"], ["IK3*PO1*11*PO1*I7", "IK5*R*I5"]),
    ("at: lines, max: 1", order(), ["loop.too-many"], ["IK3*PO1*9*PO1*4", "IK5*R*5"]),
    ("at: 'parties[BY]', use: M", order(), ["impl.seg-needed"], ["IK3*N1*11*N1*I6", "IK5*R*I5"]),
    ("at: 'parties[ST]', use: X", order(), ["impl.seg-not-used"], ["IK3*N1*4*N1*I4", "IK5*R*I5"]),
    ("at: lines.PID, use: M", order(), ["impl.seg-needed"], ["IK3*PID*9*PID*I6", "IK5*R*I5"]),
    ("at: 'N1[ST].N2', use: M", order(), ["impl.seg-needed"], ["IK3*N2*4*N1*I6", "IK5*R*I5"]),
    ("at: 'N1[BY].N2', use: M", order(), [], ["IK5*A"]),
    ("at: 'N1[ST].N3', use: X", order(), ["impl.seg-needless"], ["IK3*N3*5*N1*I9", "IK5*R*I5"]),
    ("at: lines.PO1.unit, codes: [EA]", order(), ["impl.code"], ["IK3*PO1*9*PO1*8", "IK4*3*355*I6*CA", "IK5*R*I5"]),
    ("at: lines.unit, codes: [EA, CA]", order(), [], ["IK5*A"]),
    ("at: lines.PO1.03, codes: [EA]", order(), ["impl.code"], ["IK3*PO1*9*PO1*8", "IK4*3*355*I6*CA", "IK5*R*I5"]),
    ("at: BEG.release, use: M", order(), ["impl.el-needed"], ["IK3*BEG*2**8", "IK4*4*328*I9", "IK5*R*I5"]),
    ("at: lines.price, use: X", order(), ["impl.el-not-used"] * 2, None),
    ("at: order.number, length: 1..5", order(), ["el.long"], ["IK3*BEG*2**8", "IK4*3*324*5*PO0001", "IK5*R*5"]),
    ("at: order.number, pattern: 'PO[0-9]+'", order(), [], ["IK5*A"]),
    ("at: order.number, pattern: '[0-9]+'", order(), ["impl.pattern"], [*BEG3, "IK4*3*324*I12*PO0001", "IK5*R*I5"]),
    ("at: 'REF[DP].text', use: M", order(), ["impl.el-needed"], ["IK3*REF*3**8", "IK4*3*352*I9", "IK5*R*I5"]),
    ("at: 'REF[IA].text', use: M", order(), [], ["IK5*A"]),
    ("at: 'REF[DP].value', use: O, codes: ['077']", order(), ["impl.code"], [*REF2, "IK4*2*127*I6*038", "IK5*R*I5"]),
    ("at: 'REF[DP].value', use: X", order("0001", ("REF*DP*038", "REF*DP**x")), [], ["IK5*A"]),
    ("at: 'N1[ST].N4.zip', pattern: '9.*'", order(), ["impl.pattern"], [*N4, "IK4*3*116*I12*62701", "IK5*R*I5"]),
    ("at: 'lines.PO1.ids[UP]', use: M", order(), ["impl.el-needed"], ["IK3*PO1*9*PO1*8", "IK4*6*235*I9", "IK5*R*I5"]),
    ("at: 'lines.PO1.ids', codes: [UP, VP]", order(), [], ["IK5*A"]),
    ("at: 'lines.PO1.ids', codes: [VP]", order(), ["impl.code"], ["IK3*PO1*7*PO1*8", "IK4*8*235*I6*UP", "IK5*R*I5"]),
    ("at: 'lines.PO1.ids', use: X", order(), ["impl.el-not-used"] * 2, None),
    ("at: lines.PO1, drop: C0302", order("0001", ("*10*EA*12.50", "**EA*12.50")), [], ["IK5*A"]),
    ("at: lines, drop: C0302", order("0001", ("*10*EA*12.50", "**EA*12.50")), [], ["IK5*A"]),
    ("at: REF, use: X, severity: warning", order(), ["impl.seg-not-used"], ["IK3*REF*3**I4", "IK5*E*I5"]),
    ("at: lines.unit, codes: [EA], severity: warning", order(), ["impl.code"], None),
]  # fmt: skip


@pytest.mark.parametrize(("change", "text", "codes", "said"), CASES)
def test_a_change_of_the_overlay_is_kept(change: str, text: str, codes: list[str], said: list[str] | None):
    got, ack = found(change, text, "999")

    assert got == codes
    assert said is None or ack == said


def test_a_997_has_the_older_codes():
    assert found("at: 'REF[DP]', use: X", order())[1] == ["AK3*REF*3**2", "AK5*R*5"]
    assert found("at: lines.unit, codes: [EA]", order())[1] == ["AK3*PO1*9*PO1*8", "AK4*3*355*7*CA", "AK5*R*5"]


def test_a_finding_says_the_file_and_line_of_the_rule():
    (part, *_) = read(interchange(order()), overlay("at: lines.unit, codes: [EA, BX]"))

    finding = part.findings[0]
    assert finding.text == "PO103 (unit of measure) 'CA' is not one of BX, EA (schemas/partners/acme.yaml:5)"
    assert finding.schema == "schemas/partners/acme.yaml:5"  # type: ignore[attr-defined]


def test_a_finding_of_the_standard_says_the_guide_and_line():
    (part, *_) = read(interchange(order("0001", ("*EA*", "*EACH*"))), overlay())

    assert part.findings[0].schema.startswith("x12/850.yaml:")  # type: ignore[attr-defined]


def test_what_a_warning_is_about_is_still_in_the_document():
    (part, *_) = read(interchange(order()), overlay("at: lines.unit, codes: [EA], severity: warning"))

    assert part.body["lines"][1]["unit"] == "CA"


def test_changes_of_one_place_add_up():
    changes = (
        "at: 'REF[DP]', use: M",
        "at: 'REF[DP].text', use: M",
        "at: REF.value, length: 1..2",
        "at: 'REF[ZZ]', use: M",
    )

    codes, _ = found(changes, order())

    assert sorted(codes) == ["el.long", "impl.el-needed", "impl.seg-needed"]


def test_levels_of_a_tree_are_named_by_their_kind():
    text = (
        "ST*856*0001~BSN*00*S1*20261121*0930~HL*1**S~TD1*CTN*5~HL*2*1*O~PRF*PO1~HL*3*2*P~MAN*GM*0001~HL*4*3*I~LIN**VP*A~"
        "HL*5*2*P~HL*6*5*I~LIN**VP*B~SE*14*0001~"
    )
    changes = (
        "at: 'HL[P].MAN', use: M",
        "at: shipments.REF, use: M",
        "at: packs.MAN.qualifier, codes: [GM]",
        "at: 'HL[T]', use: X",
    )

    parts = read(interchange(text, gs="SH"), overlay(*changes, name="856"))

    assert [(finding.code, finding.where) for finding in parts[0].findings] == [
        ("impl.seg-needed", "segment 3 REF"), ("impl.seg-needed", "segment 11 MAN"),
    ]  # fmt: skip
    tare = read(interchange(text.replace("HL*5*2*P", "HL*5*2*T"), gs="SH"), overlay(*changes[2:], name="856"))
    assert [finding.code for finding in tare[0].findings] == ["impl.seg-not-used"]


def test_a_rule_of_a_line_refuses_that_line_alone_when_lines_are_streamed():
    files = overlay("at: lines.PID, use: M", "at: lines.price, length: 1..3")

    parts = read(interchange(order()), files, each="line")

    assert [(part.envelope["edi_line"], part.findings[0].code) for part in parts if part.error] == [
        ("1", "el.long"), ("2", "impl.seg-needed"),
    ]  # fmt: skip


def test_other_versions_than_the_agreed_ones_are_refused():
    files = overlay(more="  versions: ['004010']\n")

    assert len(documents(read(interchange(order(), version="004010VICS"), files))) == 1
    parts = read(interchange(order(), version="005010").replace(*LATER), files)
    assert documents(parts) == [] and "AK9*R*1*1*0*2" in answers(parts)[0]


def test_faults_of_the_partner_are_tolerated():
    files = overlay(more="  tolerate: [el.too-many]\n")

    parts = read(interchange(order("0001", ("N3*1 Main St", "N3*1 Main St**x"))), files)

    assert len(documents(parts)) == 1 and parts[0].findings[0].severity == "warning"


def test_what_is_written_keeps_the_overlay_too():
    envelope = {"sender": {"id": "HOUSE"}, "receiver": {"id": "ACME"}}
    document = {
        "order": {"purpose": "00", "type": "SA", "number": "1", "date": "2026-11-21"},
        "lines": [{"line": "1", "qty": 1, "unit": "CA"}],
    }
    made = X12(guide="x12/850", partner="acme", envelope=envelope).build(overlay("at: lines.unit, codes: [EA]"))

    with pytest.raises(Exception, match="'CA' is not one of EA"):
        made.render(document)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("at: REFF, use: M", "nothing is called 'REFF' there"),
        ("at: lines.PO1.uom, use: M", "PO1 has no element 'uom'; it has line, qty, unit"),
        ("at: lines.PO1, drop: P0607", "PO1 has no note 'P0607'"),
        ("at: BEG.purpose, use: X", "mandatory in the standard"),
        ("at: REF.qualifier.more, use: M", "is one element"),
        ("at: REF, codes: [A]", "are for elements"),
        ("at: 'lines.PO1.ids[UP]', codes: [A]", "can only be asked for"),
        ("at: 'a b', use: M", "is no step of a path"),
        ("at: REF, usee: M", "usee"),
        ("at: REF.value, pattern: '('", "is no regular expression"),
    ],
)
def test_a_mistake_in_an_overlay_is_said_with_its_place(change: str, error: str):
    with pytest.raises(DefinitionError) as raised:
        X12(partner="acme").build(overlay(change))

    assert error in str(raised.value) and "schemas/partners/acme.yaml:5:" in str(raised.value)


@pytest.mark.parametrize("more", ["  tolerate: [el.chars]\n", "  tolerate: [nothing]\n", "  change: {'999999': []}\n"])
def test_what_cannot_be_meant_is_refused(more: str):
    with pytest.raises(DefinitionError, match=r"acme.yaml:3:"):
        X12(partner="acme").build(overlay(more=more))


def test_a_partner_without_an_overlay_is_read_by_the_standard():
    files = {"schemas/partners/acme.yaml": b"description: ACME\n"}

    assert len(documents(read(interchange(order()), files))) == 1
    assert len(documents(read(interchange(order()), {}))) == 1


def test_twenty_partners_compile_in_under_a_second():
    changes = tuple(change for change, *_ in CASES[:30])
    files = {f"schemas/partners/p{number}.yaml": raw for number in range(20) for raw in overlay(*changes).values()}
    X12().build({})
    begin = time.process_time()

    for number in range(20):
        made = X12(partner=f"p{number}", guide="x12/850").build(files)
        assert isinstance(made, X12Format) and isinstance(made.library, Library)
        assert made.library.machine("850", "004010", Marks("*", ">", "", "~")) is not None

    assert time.process_time() - begin < 1
