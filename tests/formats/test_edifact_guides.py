"""The grammar of EDIFACT that ships: complete for both directories, consistent, and readable as documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from esb.formats.edi.checks import check
from esb.formats.edi.dictionary import Dictionary
from esb.formats.edi.grammar import Child, Composite, Element, Guide, Loop, Use, fields_of
from esb.formats.edi.machine import Machine, main_loop
from esb.formats.edi.patterns import RELEASED, Marks, acceptor
from esb.formats.edi.segment_writer import SegmentWriter
from esb.formats.edi.set_writer import SetWriter
from esb.formats.edi.walker import Walk
from esb.formats.edifact import library
from esb.formats.edifact.codec import Edifact
from esb.reading import Document, read
from esb.testing.edifact_documents import document as made_document

GUIDES = Path(library.__file__).parent / "guides"
SAMPLES = sorted((Path(__file__).parent.parent / "fixtures" / "edifact").glob("*-*.edi"))
DIRECTORIES = {"D96A": "3", "D01B": "4"}
GROUPS = {
    "APERAK": (4, 5), "CONTRL": (5, 5), "DESADV": (23, 25), "IFTMIN": (41, 43), "IFTSTA": (12, 15), "INVOIC": (51, 53),
    "INVRPT": (17, 18), "ORDCHG": (56, 58), "ORDERS": (54, 60), "ORDRSP": (56, 56), "PRICAT": (47, 60),
    "RECADV": (32, 32), "REMADV": (10, 14),
}  # fmt: skip
"""How many segment groups each message has, in D.96A and D.01B."""

MANDATORY = {
    "APERAK": "BGM", "CONTRL": "UCI", "DESADV": "BGM", "IFTMIN": "BGM NAD", "IFTSTA": "BGM",
    "INVOIC": "BGM DTM UNS MOA", "INVRPT": "BGM DTM", "ORDCHG": "BGM DTM UNS", "ORDERS": "BGM DTM UNS",
    "ORDRSP": "BGM DTM UNS", "PRICAT": "BGM DTM", "RECADV": "BGM DTM NAD", "REMADV": "BGM DTM UNS MOA",
}  # fmt: skip
EVERY = [(name, directory) for directory in DIRECTORIES for name in sorted(GROUPS)]
SEPARATORS = "+:'?*"
RELEASE = {ord(char): chr(RELEASED + ord(char)) for char in SEPARATORS}


@cache
def _document(name: str) -> Document:
    return read(f"edifact/{name}.yaml", (GUIDES / f"{name}.yaml").read_bytes())


def _dictionary(directory: str, syntax: str = "") -> Dictionary:
    return library.dictionary(directory, syntax or DIRECTORIES[directory])


def _guide(name: str, directory: str, syntax: str = "") -> Guide:
    guide = library.standard(name, directory, syntax or DIRECTORIES[directory])
    assert guide is not None
    return guide


class _Codec:
    """Documents to segments and back, by the engine itself: no interchange around."""

    def __init__(self, name: str, directory: str, syntax: str = "") -> None:
        syntax = syntax or DIRECTORIES[directory]
        words, guide = _dictionary(directory, syntax), _guide(name, directory, syntax)
        self._marks = Marks("+", ":", "*" if syntax == "4" else "", "'", "?", ".", wide=True, reserved=True)
        self._machine = Machine(guide, self._marks, words.segment("UNH"), words.segment("UNT"))
        self._writer = SetWriter(guide, self._marks, lambda text: text.translate(RELEASE))
        self._header = SegmentWriter(words.segment("UNH"), self._marks, lambda text: text.translate(RELEASE))
        self._known = words.tags

    def write(self, made: dict[str, Any]) -> list[str]:
        head = self._header.text(made["transaction"], "$.transaction", {})
        body = self._writer.segments(made)
        return [head, *body, f"UNT+{len(body) + 2}+{made['transaction']['number']}"]

    def read(self, segments: list[str]) -> tuple[dict[str, Any], list[str]]:
        walk = Walk(self._machine, self._known, frozenset({"UNH", "UNE", "UNZ"}), lambda text: text)
        walk.open(segments[0], lambda index: (index, index), 0)
        walk.run(segments, 1, lambda index: (index, index))
        made = walk.finish()
        check(walk, made)
        made.pop("", None)
        assert walk.over
        return made, [f"{fault.severity} {fault.code}: {fault.text}" for fault in walk.faults]


def _children(body: tuple[Child, ...]) -> Iterator[Child]:
    for child in body:
        yield child
        if isinstance(child, Loop):
            yield from _children(child.body)


@pytest.mark.parametrize(("name", "directory"), EVERY)
def test_every_message_loads_in_both_directories_and_says_what_it_was_written_from(name: str, directory: str):
    guide = _guide(name, directory)

    assert (guide.set, guide.version) == (name, directory)
    path = name if name == "CONTRL" else f"{directory}/{name}"
    assert directory in _document(path).data["versions"]
    assert name in str(_document(path).data["written_from"])


@pytest.mark.parametrize(("name", "directory"), EVERY)
def test_the_groups_are_those_of_the_standard_in_its_order(name: str, directory: str):
    groups = [child.name for child in _children(_guide(name, directory).body) if isinstance(child, Loop)]

    count = GROUPS[name][list(DIRECTORIES).index(directory)]
    assert groups == [f"SG{number}" for number in range(1, count + 1)]


@pytest.mark.parametrize(("name", "directory"), EVERY)
def test_every_mandatory_segment_of_a_message_is_mandatory(name: str, directory: str):
    must = [child.tag for child in _guide(name, directory).body if child.must]

    assert " ".join(must) == MANDATORY[name]


@pytest.mark.parametrize(("name", "directory"), EVERY)
def test_nothing_in_a_scope_has_the_same_name_twice(name: str, directory: str):
    def scopes(body: tuple[Child, ...], names: list[str]) -> Iterator[list[str]]:
        yield [*names, *(child.into for child in body)]
        for child in body:
            if isinstance(child, Loop):
                fields = [field.name for field in fields_of(child.opener.segment.items)]
                yield from scopes(child.body[1:], fields)

    for found in scopes(_guide(name, directory).body, ["transaction", "envelope"]):
        assert len(found) == len(set(found)), found


@pytest.mark.parametrize(("name", "directory"), EVERY)
def test_huge_messages_can_be_cut_at_their_main_group(name: str, directory: str):
    main = main_loop(_guide(name, directory))

    assert main is not None and main.stream


@pytest.mark.parametrize("directory", DIRECTORIES)
@pytest.mark.parametrize("syntax", ["3", "4"])
def test_every_segment_of_the_dictionary_loads_with_names_of_its_own(directory: str, syntax: str):
    words = _dictionary(directory, syntax)

    for tag in words.tags:
        names = [field.name for field in fields_of(words.segment(tag).items)]
        assert len(names) == len(set(names)), (tag, names)
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names), (tag, names)


def _layout(directory: str, tag: str, syntax: str = "") -> str:
    """Return a segment as the standard writes it: elements with status, composites with their components."""

    def one(item: Any) -> str:
        inner = f"({' '.join(map(one, item.of.items))})" if isinstance(item.of, Composite) else ""
        return f"{item.of.id}{'M' if item.must else ''}{inner}"

    return " ".join(map(one, _dictionary(directory, syntax).segment(tag).items))


def test_segments_have_the_elements_of_their_directory():
    assert _layout("D96A", "BGM") == "C002(1001 1131 3055 1000) 1004 1225 4343"
    assert _layout("D01B", "BGM") == "C002(1001 1131 3055 1000) C106(1004 1056 1060) 1225 4343"
    assert _layout("D96A", "IMD") == "7077 7081 C273(7009 1131 3055 7008 7008 3453) 7383"
    assert _layout("D01B", "IMD") == "7077 C272(7081 1131 3055) C273(7009 1131 3055 7008 7008 3453) 7383"
    assert _layout("D96A", "RFF") == "C506M(1153M 1154 1156 4000)"
    assert _layout("D01B", "RFF") == "C506M(1153M 1154 1156 4000 1060)"
    assert _layout("D01B", "NAD").split(" C819")[0] == _layout("D96A", "NAD").split(" 3229")[0]
    assert _layout("D96A", "STS").startswith("C601(9015M 1131 3055) C555(9011M")
    assert _layout("D01B", "STS").startswith("C601(9015M 1131 3055) C555(4405M")


def test_service_segments_have_the_elements_of_their_syntax():
    assert _layout("D96A", "UCD", "3") == "0085M S011M(0098M 0104)"
    assert _layout("D96A", "UCD", "4") == "0085M S011M(0098M 0104 0136)"
    assert _layout("D01B", "UCM", "3").startswith("0062M S009M(0065M 0052M 0054M 0051M 0057) 0083M 0085 0013 S011(")
    assert _layout("D01B", "UCM", "4").startswith("0062 S009(0065M 0052M 0054M 0051M 0057 0110 0113) 0083M 0085 0135 ")
    assert _layout("D96A", "UNB", "3").startswith("S001M(0001M 0002M) S002M(0004M 0007 0008) ")
    assert _layout("D96A", "UNB", "4").startswith("S001M(0001M 0002M 0080 0133 0076) S002M(0004M 0007 0008 0042) ")


@pytest.mark.parametrize(
    ("number", "first", "later"),
    [
        ("1004", "an 1 35", "an 1 35"), ("3039", "an 1 35", "an 1 35"), ("4440", "an 1 70", "an 1 512"),
        ("1154", "an 1 35", "an 1 70"), ("5004", "n 1 18", "n 1 35"), ("6060", "n 1 15", "n 1 35"),
        ("7124", "an 4 4", "an 4 4"), ("7008", "an 1 35", "an 1 256"), ("8186", "an 4 4", "an 4 4"),
    ],
)  # fmt: skip
def test_elements_have_the_length_of_their_directory(number: str, first: str, later: str):
    found = [_dictionary(directory).element(number) for directory in DIRECTORIES]

    assert [f"{element.type} {element.least} {element.most}" for element in found] == [first, later]


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_segments_that_no_shipped_message_has_are_carried_for_guides_of_a_project(directory: str):
    marks = Marks("+", ":", "", "'", "?", ".", reserved=True)

    accept = acceptor(_dictionary(directory).segment("ADR"), marks)

    assert accept("ADR+1:2+1:HIGH STREET 7:TOWN++1000+BE")


def test_a_name_of_a_code_leads_back_to_the_code():
    for number, codes in _document("codes").data.items():
        assert number in _document("elements").data, number
        assert len(set(codes.values())) == len(codes), number
        for code, name in codes.items():
            assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name), (number, code, name)
            assert not re.fullmatch(r".*_\d+", name), (number, code, name)
            assert name not in codes, (number, code, name)


def test_codes_are_no_longer_than_their_element():
    for number, codes in _document("codes").data.items():
        element = _dictionary("D01B", "4").element(str(number))
        assert all(element.least <= len(str(code)) <= element.most for code in codes), number


def test_what_becomes_a_key_has_names():
    for name, directory in EVERY:
        for child in _children(_guide(name, directory).body):
            if child.key:
                segment = child.segment if isinstance(child, Use) else child.opener.segment
                of = next(field.of for field in fields_of(segment.items) if field.name == child.key)
                assert isinstance(of, Element) and of.codes, (name, directory, child.tag)


@pytest.mark.parametrize(("name", "directory"), EVERY)
def test_a_document_of_every_message_comes_back_as_it_was(name: str, directory: str):
    codec = _Codec(name, directory)
    for seed in range(25):
        made = made_document(_guide(name, directory), seed)

        segments = codec.write(made)
        back, faults = codec.read(segments)

        assert faults == []
        assert back == made
        assert codec.write(back) == segments


@pytest.mark.parametrize(("name", "directory"), EVERY)
def test_an_interchange_of_every_message_is_read_as_it_was_written(name: str, directory: str):
    envelope = {"sender": {"id": "A"}, "receiver": {"id": "B"}, "version": directory, "syntax": DIRECTORIES[directory]}
    made = Edifact(guide=f"edifact/{name}", acknowledge="none", envelope=envelope).build({})
    wanted = [made_document(_guide(name, directory), seed) for seed in range(100, 105)]

    reader = made.reader("message")
    parts = [*reader.feed(made.render(wanted)), *reader.end()]

    assert [part.error for part in parts if part.error] == []
    assert [part.body for part in parts] == wanted


def _segments(sample: Path) -> list[str]:
    text = re.sub(
        r"\?(.)", lambda match: match[1].translate(RELEASE), sample.read_text("latin-1").removeprefix("UNA:+.? '")
    )
    found = [segment.strip("\n") for segment in text.split("'")]
    return [segment for segment in found if segment[:3] not in ("", "UNB", "UNZ")]


def _read_sample(name: str) -> dict[str, Any]:
    sample = next(path for path in SAMPLES if path.stem == name)
    back, faults = _sample_codec(sample).read(_segments(sample))
    assert faults == []
    return back


def _sample_codec(sample: Path) -> _Codec:
    name, _, version = sample.stem.upper().partition("-")
    return _Codec(name, "D96A", version[1]) if version[0] == "S" else _Codec(name, version, "3")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_the_messages_of_every_sample_are_written_as_they_were_read(sample: Path):
    segments, codec = _segments(sample), _sample_codec(sample)

    back, faults = codec.read(segments)

    assert faults == []
    assert codec.write(back) == segments


def test_an_order_reads_like_an_order():
    order = _read_sample("orders-d96a")

    assert order["order"] == {"type": "220", "number": "128576", "purpose": "9"}
    assert order["dates"]["delivery_requested"] == {"value": "20261202", "format": "102"}
    assert order["free_text"]["delivery_instructions"] == {"text": "DOOR 4 ONLY", "text_2": "RING TWICE+WAIT"}
    assert order["parties"]["ship_to"] == {
        "id": "5412345000020", "agency": "9", "name": "BUYER WAREHOUSE", "street": "12 HIGH STREET", "city": "TOWN",
        "zip": "1000", "country": "BE",
    }  # fmt: skip
    assert order["parties"]["buyer"]["references"] == {"vat": {"value": "87765432"}}
    assert order["parties"]["buyer"]["contacts"][0]["channels"]["email"] == {"number": "meyer@buyer.example"}
    line = order["lines"][0]
    assert (line["line"], line["id"], line["type"]) == ("1", "4000862141404", "EN")
    assert line["additional_ids"][0]["item_2"] == {"id": "987", "type": "IN"}
    assert line["quantities"]["ordered"] == {"qty": Decimal(48), "unit": "PCE"}
    assert line["prices"]["net"]["price"] == Decimal("14.58")
    assert order["controls"]["lines"] == {"value": Decimal(2)}
    assert order["section"] == {"section": "S"}


def test_a_despatch_advice_keeps_its_levels_with_parents():
    notice = _read_sample("desadv-d96a")

    assert [(level["id"], level.get("parent")) for level in notice["levels"]] == [("1", None), ("2", "1"), ("3", "1")]
    mark = notice["levels"][2]["packages"][0]["marks"][0]
    assert mark["identities"][0]["number"] == "340123450000000029"
    assert mark["identities"][0]["number_2"] == {"number": "340123450000000036", "number_to": "340123450000000043"}
    assert notice["levels"][1]["lines"][0]["references"]["purchase_order"] == {"value": "128576", "line": "1"}


def test_an_invoice_has_totals_beside_the_amounts_of_its_lines():
    invoice = _read_sample("invoic-d96a")

    assert invoice["totals"]["amount_due"] == {"amount": Decimal("2081.01")}
    assert invoice["lines"][1]["amounts"]["line_item"] == {"amount": Decimal(1000)}
    assert invoice["total_taxes"][0]["rate"] == "21"
    assert invoice["total_allowances"][0]["kind"] == "C"


def test_a_syntax_report_says_where():
    report = _read_sample("contrl-s3")

    assert report["interchange"]["action"] == "7"
    assert report["messages"][1] == {
        "number": "ME000002", "set": "ORDERS", "version": "D", "release": "96A", "agency": "UN",
        "association": "EAN008", "action": "4", "error": "29", "tag": "UNT", "where": {"element": 1},
    }  # fmt: skip
    assert report["messages"][2]["segments"][1]["elements"][0] == {"error": "39", "element": 2, "component": 1}


def test_wrong_control_totals_are_told():
    sample = next(path for path in SAMPLES if path.stem == "orders-d96a")
    wrong = {"CNT+2:2": "CNT+2:3", "CNT+1:60.5": "CNT+1:61"}

    _, faults = _sample_codec(sample).read([wrong.get(segment, segment) for segment in _segments(sample)])

    assert faults == [
        "error set.check: line-count: lines are counted as 2, controls.lines.value says 3",
        "warning set.check: quantity-total: lines.quantities.ordered.qty add up to 60.5, "
        "controls.quantity.value says 61",
    ]
