"""What is written is what its own grammar reads, and what a reader that we did not write reads too."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydifact.parser import Parser
from pydifact.segmentcollection import Interchange as Foreign
from pydifact.segments import Segment

from esb.errors import DefinitionError, FormatError
from esb.formats import Edifact
from esb.formats.edifact.library import SERVICE, VERSIONS, shipped, standard
from esb.testing.edifact_documents import document as made_document
from esb.testing.edifact_kit import documents, read

SAMPLES = sorted((Path(__file__).parent.parent / "fixtures" / "edifact").glob("*-*.edi"))
ENVELOPE: dict[str, Any] = {
    "sender": {"id": "5412345000013", "qualifier": "14"}, "receiver": {"id": "4012345000009", "qualifier": "14"},
}  # fmt: skip
foreign = pytest.mark.filterwarnings("ignore::pydifact.exceptions.MissingImplementationWarning")
"""It warns of directories that it does not have."""
MESSAGES = [(name, version) for version in VERSIONS for name in sorted(shipped())]
ORDER: dict[str, Any] = {
    "order": {"type": "220", "number": "PO1", "purpose": "9"},
    "dates": {"document": {"value": "20261121", "format": "102"}},
    "lines": [{"line": "1", "quantities": {"ordered": {"qty": 10}}}],
    "controls": {"lines": {}},
}


def render(document: Any, **envelope: Any) -> bytes:
    return Edifact(guide="edifact/ORDERS", envelope={**ENVELOPE, **envelope}).build({}).render(document)


@given(
    st.sampled_from(MESSAGES), st.integers(0, 10**6), st.sampled_from(["3", "4"]), st.sampled_from(["UNOC", "UNOW"]),
    st.sampled_from([{}, {"component": "|", "element": "^", "release": "\\", "terminator": "~", "decimal": ","}]),
    st.booleans(), st.booleans(),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_a_document_of_every_message_comes_back_as_it_was(
    message: tuple[str, str], seed: int, syntax: str, characters: str, marks: dict[str, str], group: bool, newline: bool
):
    name, version = message
    guide = standard(name, version, syntax)
    assert guide is not None
    document = made_document(guide, seed)
    if name == SERVICE:
        release = {"3": ("D", "3"), "4": ("4", "1")}[syntax]
        document["transaction"] |= {"version": release[0], "release": release[1]}
    profile = {**ENVELOPE, **marks, "version": version, "syntax": syntax, "character_set": characters, "group": group}
    made = Edifact(guide=f"edifact/{name}", envelope={**profile, "newline": newline}).build({})

    raw = made.render(document)

    parts = read(raw, guide=f"edifact/{name}")
    assert [part.error for part in parts if part.error] == []
    assert documents(parts) == [document]
    assert made.render(document) == raw


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_valid_sample_is_written_as_it_was_read(sample: Path):
    raw = sample.read_bytes()
    parts = read(raw, acknowledge="none")
    assert [part.error for part in parts if part.error] == []
    head = parts[0].envelope
    found = [dict(part.body) for part in parts]
    day = head["edi_date"]
    found[0]["envelope"] = {
        "interchange": head["edi_interchange"], "date": day if len(day) == 8 else f"20{day}", "time": head["edi_time"],
    }  # fmt: skip
    unb = re.search(rb"UNB\+(UNO.):(.)\+[^']*'(\r?\n)?", raw)
    assert unb is not None
    whole = unb[0].decode().split("+")
    envelope = {
        "sender": {"id": head["edi_sender"], "qualifier": head["edi_sender_qualifier"]},
        "receiver": {"id": head["edi_receiver"], "qualifier": head["edi_receiver_qualifier"]},
        "character_set": unb[1].decode(), "syntax": unb[2].decode(), "una": raw.startswith(b"UNA"),
        "newline": bool(unb[3]), "test": head["edi_usage"] == "T", "wants_contrl": whole[9:10] == ["1"],
        "application": whole[7].rstrip("'\r\n") if len(whole) > 7 else "",
    }  # fmt: skip

    made = Edifact(envelope=envelope).build({}).render(found)

    assert made == raw


@foreign
@pytest.mark.parametrize(("name", "version"), MESSAGES)
def test_a_reader_that_is_not_ours_reads_what_we_write(name: str, version: str):
    guide = standard(name, version)
    assert guide is not None
    document = made_document(guide, 7)
    if name == SERVICE:
        document["transaction"] |= {"version": "D", "release": "3"}
    made = Edifact(guide=f"edifact/{name}", envelope={**ENVELOPE, "version": version}).build({})
    raw = made.render(document).decode("iso8859-1")

    found = [segment for segment in Parser().parse(raw) if isinstance(segment, Segment)]

    assert [segment.tag for segment in found if segment.tag != "UNA"] == re.findall(
        r"([A-Z]{3})(?:\+(?:[^?']|\?.)*)?'", raw.removeprefix("UNA:+.? '"), re.DOTALL
    )
    assert found[-1].elements[0] == "1"


@foreign
def test_a_reader_that_is_not_ours_finds_the_messages_and_the_released_values():
    raw = render([{**ORDER, "order": {**ORDER["order"], "number": "A'B+C:D?"}}, ORDER]).decode()

    interchange = Foreign.from_str(raw)

    assert interchange.sender == ["5412345000013", "14"]
    first, second = interchange.get_messages()
    assert first.get_segment("BGM").elements[1] == "A'B+C:D?" and second.get_segment("BGM").elements[1] == "PO1"


def test_the_envelope_is_that_of_the_profile_and_the_same_document_gives_the_same_bytes():
    raw = render([ORDER, ORDER], test=True, wants_contrl=True, application="ORDERS", association="EAN008")

    assert raw == render([ORDER, ORDER], test=True, wants_contrl=True, application="ORDERS", association="EAN008")
    parts = read(raw)
    headers = parts[0].envelope
    assert (headers["edi_sender"], headers["edi_receiver"], headers["edi_usage"]) == (
        "5412345000013", "4012345000009", "T",
    )  # fmt: skip
    assert headers["edi_date"] == "261121" and 0 < int(headers["edi_interchange"]) < 900_000_000
    assert parts[0].body["transaction"]["association"] == "EAN008"
    assert [part.envelope["edi_transaction"] for part in parts[:2]] == ["1", "2"]
    assert b"++ORDERS++1++1'" in raw


def test_counts_and_sections_are_filled_in_and_trailing_empties_are_cut():
    raw = render(ORDER, una=False)

    assert raw.endswith(b"LIN+1'QTY+21:10'UNS+S'CNT+2:1'UNT+8+1'UNZ+1+" + raw.split(b"+")[-1])


def test_references_and_moments_can_be_given():
    document = {**ORDER, "envelope": {"interchange": "REF17", "date": "2026-11-22", "time": "10:15"}}

    headers = read(render(document))[0].envelope

    assert [headers[f"edi_{name}"] for name in ("interchange", "date", "time")] == ["REF17", "261122", "1015"]


def test_groups_hold_the_messages_of_one_type():
    raw = render([ORDER, ORDER], group=True, syntax="4")

    parts = read(raw)
    assert [part.envelope["edi_group_type"] for part in parts[:2]] == ["ORDERS", "ORDERS"]
    assert [part.error for part in parts if part.error] == [] and b"UNZ+1+" in raw


def test_a_draft_takes_its_references_from_the_store():
    made = Edifact(guide="edifact/ORDERS", envelope={**ENVELOPE, "wants_contrl": True}).build({})
    draft = made.draft(ORDER, datetime(2026, 11, 23, 9, 5, tzinfo=UTC))

    written = draft.write([41])

    (scope,) = draft.wants
    assert (scope.dialect, scope.level, scope.ours) == ("edifact", "interchange", "14/5412345000013")
    assert written.numbers[0].owed and written.numbers[0].number == 41
    headers = read(written.body)[0].envelope
    assert (headers["edi_interchange"], headers["edi_date"], headers["edi_time"]) == ("41", "261123", "0905")


@pytest.mark.parametrize(("name", "written"), [
    ("Müller & Söhne", "MULLER ' SOHNE"), ("Łódź – 5€", "LODZ - 5EUR"), ("a_b@c", "A-B(AT)C"), ("東京", ""),
])  # fmt: skip
def test_what_a_character_set_lacks_is_written_in_others(name: str, written: str):
    document = {**ORDER, "parties": {"buyer": {"id": "1", "name": f"x{name}"}}}

    raw = render(document, character_set="UNOA", unencodable="transliterate")

    assert read(raw)[0].body["parties"]["buyer"]["name"].strip() == f"X{written.replace(chr(39), '&')}".strip()


@pytest.mark.parametrize(("character_set", "name"), [("UNOA", "acme"), ("UNOB", "Müller"), ("UNOC", "Łódź")])
def test_what_a_character_set_lacks_is_refused_with_its_place(character_set: str, name: str):
    with pytest.raises(FormatError, match=r"\$\.parties\.buyer\.name: it holds .*character_set"):
        render({**ORDER, "parties": {"buyer": {"id": "1", "name": name}}}, character_set=character_set)


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"orders": {}}, "$.orders has no place in ORDERS (purchase order)"),
        ({"order": {"numbr": "1"}}, "$.order.numbr is no field of BGM"),
        ({"order": []}, "$.order must be an object with the fields of BGM, not a list"),
        ({"lines": {}}, "$.lines must be a list, not a dict"),
        ({"lines": [{"quantities": {"ordered": {"qty": "ten"}}}]}, "$.lines[0].quantities.ordered.qty"),
        ({"lines": [{"quantities": {"ordered": {"qty": 1, "unit": "PIECES"}}}]}, "'PIECES' has 6 characters"),
        ({"dates": {}}, "DTM is missing"),
        ({"transaction": {"set": "QUOTES"}}, "there is no guide to write message 'QUOTES' in D96A"),
        ({"envelope": {"interchange": "A B"}}, "envelope.interchange is 'A B'"),
        ("no document", ""),
    ],
)
def test_what_the_guide_cannot_say_is_refused_with_its_path(document: Any, error: str):
    if not isinstance(document, dict):
        assert render(document) == b"no document"
        return

    with pytest.raises(FormatError) as raised:
        render({**ORDER, **document})
    assert error in str(raised.value)


@pytest.mark.parametrize("envelope", [
    {"component": "+"}, {"terminator": "A"}, {"una": False, "terminator": "~"}, {"release": "'"}, {"version": "96A"},
])  # fmt: skip
def test_an_envelope_that_nobody_could_read_is_refused(envelope: dict[str, Any]):
    with pytest.raises(ValueError, match="envelope"):
        Edifact(envelope={**ENVELOPE, **envelope})


def test_without_an_envelope_nothing_is_written_and_without_release_no_separator():
    with pytest.raises(FormatError, match="envelope:"):
        Edifact().build({}).render({})
    with pytest.raises(FormatError, match="no release character"):
        render({**ORDER, "order": {"type": "220", "number": "A+B"}}, release="")


def test_guides_of_a_project_are_read_and_wrong_names_refused():
    own = b"set: ORDERS\nis: our order\nbody: [BGM: {use: M, into: order}]\n"

    made = Edifact(guide="acme-orders", envelope=ENVELOPE).build({"schemas/acme-orders.yaml": own})

    assert documents(read(made.render({"order": {"type": "220", "number": "1"}}), acknowledge="none"))[:0] == []
    with pytest.raises(DefinitionError, match="there is no guide 'edifact/ORDER'"):
        Edifact(guide="edifact/ORDER").build({})
    with pytest.raises(DefinitionError, match=r"schemas/nowhere\.yaml"):
        Edifact(guide="nowhere").build({})
    with pytest.raises(DefinitionError, match="each: 'row'"):
        Edifact().build({}).reader("row")
