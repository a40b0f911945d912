"""The guides of X12 that ship: whole in both versions, of one mind about names, and proved by samples."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esb.formats import X12
from esb.formats.edi.binder import more
from esb.formats.edi.grammar import Child, Composite, Element, Guide, Item, Loop, Segment, Use
from esb.formats.x12.library import VERSIONS, dictionary, shipped, standard
from esb.reading import read as read_yaml
from esb.testing.edi_documents import document as made_document
from esb.testing.edi_kit import answers, documents, interchange, order, read

GUIDES = Path(__file__).parent.parent.parent / "esb" / "formats" / "x12" / "guides"
FIXTURES = Path(__file__).parent.parent / "fixtures" / "x12"
ENVELOPE = {"sender": {"id": "HOUSE"}, "receiver": {"qualifier": "08", "id": "6112390050", "group": "ACME"}}
GROUPS = {
    "180": "AN", "204": "SM", "210": "IM", "214": "QM", "810": "IN", "820": "RA", "832": "SC", "846": "IB", "850": "PO",
    "855": "PR", "856": "SH", "860": "PC", "865": "CA", "875": "OG", "880": "GP", "940": "OW", "943": "AR", "944": "RE",
    "945": "SW", "947": "AW", "990": "GF", "997": "FA", "999": "FA",
}  # fmt: skip
ONLY_LATER = {"999"}
NAMED = {"98", "128", "235", "248", "365", "374", "432"}
"""Elements whose codes become keys of documents: their lists have to say what trading partners use."""


def guides() -> list[Guide]:
    return [guide for name in sorted(GROUPS) for version in VERSIONS if (guide := standard(name, version)) is not None]


def test_every_set_that_was_promised_ships_in_both_versions():
    assert shipped() >= GROUPS.keys()
    for name, group in GROUPS.items():
        for version in VERSIONS:
            guide = standard(name, version)
            if name in ONLY_LATER and version == "004010":
                assert guide is None
                continue
            assert guide is not None and guide.group == group, name


def test_every_guide_says_from_what_it_was_written():
    for name in sorted(GROUPS):
        file = read_yaml(name, (GUIDES / f"{name}.yaml").read_bytes()).data

        assert re.match(rf"ASC X12 transaction set {name}, ", file["written_from"])


def segments(body: tuple[Child, ...]) -> list[Segment]:
    found: list[Segment] = []
    for child in body:
        if isinstance(child, Use):
            found.append(child.segment)
        else:
            found += segments(child.body)
            for kind in child.tree.kinds.values() if child.tree is not None else ():
                found += segments(kind.body)
    return found


def test_no_segment_is_carried_unchecked():
    for guide in guides():
        for segment in segments(guide.body):
            assert all(item.of.id != "0" for item in segment.items), (guide.set, segment.tag)


def elements(items: tuple[Item, ...]) -> list[Element]:
    found: list[Element] = []
    for item in items:
        if isinstance(item.of, Composite):
            found += elements(item.of.items)
        else:
            found += [item.of, *([item.value] if item.value is not None else [])]
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_conditions_name_positions_that_the_segment_has(version: str):
    words = dictionary(version)
    for tag in sorted(words.tags):
        segment = words.segment(tag)
        length = sum(2 * item.pairs or 1 for item in segment.items)
        for note in segment.notes:
            assert max(note.positions) <= length and len(set(note.positions)) == len(note.positions), (tag, str(note))


def test_codes_fit_their_elements_and_their_names_are_of_one_meaning():
    words = dictionary("004010")
    for number in read_yaml("codes", (GUIDES / "codes.yaml").read_bytes()).data:
        element = words.element(str(number))
        names = list(element.codes.values())
        assert len(set(names)) == len(names), number
        for code, name in element.codes.items():
            assert element.least <= len(code) <= element.most, (number, code)
            stem = re.fullmatch(r"(.+)_\d+", name)
            assert stem is None or stem[1] not in names, f"{name} is also what a second {stem[1]} is called"


def test_lists_whose_codes_become_keys_say_what_partners_use():
    words = dictionary("004010")

    assert all(len(words.element(number).codes) >= 10 for number in NAMED)
    for number, codes in {
        "98": "BT BY ST SF SE VN RE WH CA SH CN", "128": "BM CN PO IV DP VR CO SI ZZ", "374": "002 003 010 011 017 035",
        "235": "UP UK EN VP VN BP IN SK LT", "432": "02 10 11 37 38 69 68 86", "355": "EA CA DZ LB KG CT PL BX FT",
    }.items():  # fmt: skip
        assert set(codes.split()) <= words.element(number).codes.keys(), number


def names(body: tuple[Child, ...], key: str = "") -> list[str]:
    """Return the keys that a body puts into its object, one each time it does."""
    found: list[str] = []
    for child in body:
        if isinstance(child, Loop):
            found += child.tree.names.values() if child.tree is not None else [child.into]
        elif child.into == ".":
            opener = child is body[0]
            found += [item.name for item in child.segment.items if not (opener and item.name == key)]
            found += [more(child)] if child.most > 1 else []
        else:
            found.append(child.into)
    return found


def scopes(body: tuple[Child, ...], where: str, key: str = "") -> list[tuple[str, list[str]]]:
    found = [(where, names(body, key))]
    for child in body:
        if isinstance(child, Loop):
            found += scopes(child.body, f"{where}/{child.name}", child.key)
            for code, kind in (child.tree.kinds if child.tree is not None else {}).items():
                found += scopes(kind.body, f"{where}/{child.name}:{code}")
    return found


def test_no_key_of_a_document_means_two_things():
    for guide in guides():
        for where, keys in scopes(guide.body, guide.set):
            assert sorted(keys) == sorted(set(keys)), where


@pytest.mark.parametrize("name", sorted(GROUPS.keys() - {"997", "999"}))
def test_a_sample_of_a_distributors_day_reads_without_a_word(name: str):
    parts = read((FIXTURES / f"{name}.edi").read_bytes())

    assert [finding.text for part in parts for finding in part.findings] == []
    assert [part.error for part in parts if part.error] == []
    assert {document["transaction"]["set"] for document in documents(parts)} == {name}
    assert any(segment.startswith("AK9*A*") for ack in answers(parts) for segment in ack)


PLACES = {
    "850": (
        "BEG*00*SA*P1**20261121", "AMT*1*5", "FA1*DF", "FA2*A*1", "LM*DF", "LQ*0*A", "SPI*ZZ", "N1*ST*X", "G61*IC*A",
        "MSG*A", "CB1*A", "LDT*AF*1*DA", "ADV*VI*TF", "MTX*ZZZ*A", "PO1*1*5*EA*2", "QTY*01*5", "PKG*F*01***A",
        "MEA*PD*WT*5*LB", "LS*LDT", "LDT*AF*1*DA", "LM*DF", "LQ*0*A", "LE*LDT", "N1*ST*X", "LDT*AF*1*DA", "MAN*CP*1",
        "QTY*01*5", "SLN*1**I*1*EA*2*PE", "ADV*VI*TF", "CTP**RES*2", "PAM*01*5", "PO4*1", "TAX*1", "N9*ZZ*A", "MSG*A",
        "SAC*N**VI*TC10", "CUR*BY*USD", "QTY*01*5", "N1*ST*X", "AMT*1*5", "REF*ZZ*1", "LM*DF", "LQ*0*A", "CTT*1",
    ),
    "855": (
        "BAK*00*AD*P1*20261121", "CSH*N", "TXI*ST*5", "CTB*OR*A", "N1*ST*X", "MSG*A", "ADV*VI*TF", "MTX*ZZZ*A",
        "PO1*1*5*EA*2", "CTP**RES*2", "LDT*AF*1*DA", "TD1**1", "ACK*IA*5*EA", "DTM*067*20261121", "MAN*CP*1",
        "AMT*1*5", "CTB*OR*A", "TXI*ST*5", "QTY*01*5", "PKG*F*01***A", "MEA*PD*WT*5*LB", "SCH*5*EA***067*20261121",
        "N9*ZZ*A", "N1*ST*X", "QTY*01*5", "PKG*F*01***A", "SLN*1**I*1*EA*2*PE", "CTP**RES*2", "PAM*01*5", "ACK*IA*5*EA",
        "SAC*N**VI*TC10", "CUR*BY*USD", "PO4*1", "TAX*1", "ADV*VI*TF", "QTY*01*5", "N9*ZZ*A", "MSG*A", "CTT*1",
    ),
    "856": (
        "BSN*00*S1*20261121*1200", "HL*1**S", "PER*IC*A", "LH1*EA*1", "LH2*3", "LH3*A*1", "LFH*GEN*A", "LEP*A",
        "LH4*A", "LHT*3", "LHR*ZZ*1", "PER*IC*A", "CLD*1*1", "REF*ZZ*1", "DTP*011*D8*20261121", "MAN*CP*1", "V1*A",
        "R4*L", "DTM*011*20261121", "CTT*1",
    ),
    "810": (
        "BIG*20261121*I1", "V1*A", "R4*L", "DTM*011*20261121", "IT1*1*5*EA*2", "LM*DF", "LQ*0*A", "V1*A", "R4*L",
        "DTM*011*20261121", "FA1*DF", "FA2*A*1", "TDS*1000", "CTT*1",
    ),
}  # fmt: skip
"""Segments of sets in places that the published tables give them, in their order."""


@pytest.mark.parametrize("name", PLACES)
def test_rare_segments_have_the_places_that_the_published_table_gives_them(name: str):
    segments = [f"ST*{name}*0001", *PLACES[name], f"SE*{len(PLACES[name]) + 2}*0001"]
    text = interchange("".join(f"{segment}~" for segment in segments), gs=GROUPS[name])

    found = [finding for part in read(text, findings=1000) for finding in part.findings]

    assert [finding.text for finding in found if finding.code.startswith(("seg.", "loop."))] == []


@pytest.mark.parametrize(
    ("version", "measured", "told"),
    [
        ("004010", "***1*EA", []),
        ("004010", "*****1", ["el.needed"]),
        ("005010", "*****1", ["el.needed"]),
        ("005010", "*****1******0*A", []),
        ("005010", "*****1******0", ["el.needed", "el.needed"]),
    ],
)
def test_a_range_that_is_measured_has_a_unit_or_since_005010_a_code(version: str, measured: str, told: list[str]):
    text = order("0001", ("PID*F****Widget", f"MEA{measured}"))

    parts = read(interchange(text, version=version))

    assert [finding.code for part in parts for finding in part.findings] == told


@pytest.mark.parametrize(("version", "told"), [("004010", "el.too-many"), ("005010", "el.excluded")])
def test_a_place_has_a_state_or_another_subdivision_since_there_is_one(version: str, told: str):
    place = ("N4*Springfield*IL*62701", "N4*Springfield*IL*62701*US***IL")

    parts = read(interchange(order("0001", place), version=version))

    assert [finding.code for part in parts for finding in part.findings] == [told]


def sample(name: str) -> Any:
    return documents(read((FIXTURES / f"{name}.edi").read_bytes()))[0]


def test_samples_become_documents_with_names_people_use():
    change, tender, shipped_, paid = sample("860"), sample("204"), sample("945"), sample("820")

    assert change["change"]["number"] == "4500012345" and change["parties"]["vendor"]["name"] == "Northfield Supply"
    assert [line["change"] for line in change["lines"]] == ["NC", "QI", "DI"]
    assert change["lines"][1]["ids"].keys() == {"vendor_part", "gtin"}
    assert [stop["parties"].keys() for stop in tender["stops"]] == [{"ship_from"}, {"ship_to"}]
    assert tender["references"]["load"]["value"] == "66120"
    assert tender["dates"]["must_respond_by"] == {"date": "2026-12-06", "time_qualifier": "1", "time": "17:00"}
    assert [line["shipped"] for group in shipped_["groups"] for line in group["lines"]] == [10, 20]
    assert shipped_["groups"][0]["lines"][0]["ids"] == {"vendor_item": "SKU-1"}
    assert paid["payment"]["payee_account"] == "9988776655"
    assert [one["references"]["purchase_order"]["value"] for one in paid["entities"][0]["remittances"]] == [
        "4500012345",
        "4500012346",
    ]


def test_an_lx_without_ls_begins_the_next_group_of_a_shipping_order():
    groups = sample("940")["groups"]

    assert [group["number"] for group in groups] == [1, 2]
    assert all("bounded" not in line for group in groups for line in group["lines"])


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(GROUPS)), st.sampled_from(VERSIONS), st.integers(0, 10**9))
def test_what_is_written_for_any_set_is_read_as_it_was(name: str, version: str, seed: int):
    guide = standard(name, version)
    if guide is None:
        return
    made = X12(guide=f"x12/{name}", envelope={**ENVELOPE, "version": version, "terminator": "'"}).build({})
    document = made_document(guide, seed)

    raw = made.render(document)

    parts = read(raw, step=Random(seed).choice((7, 1 << 20)), guide=f"x12/{name}")
    assert documents(parts) == [document]
    assert made.render(documents(parts)[0]) == raw
