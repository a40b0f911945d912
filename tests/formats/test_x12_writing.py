"""What is written is what its own grammar reads: document to bytes to document, for every set that ships."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from esb.errors import FormatError
from esb.formats import X12
from esb.formats.x12.library import VERSIONS, shipped, standard
from esb.testing.edi_documents import document as made_document
from esb.testing.edi_kit import answers, documents, read

FIXTURES = Path(__file__).parent.parent / "fixtures" / "x12"
ENVELOPE = {"sender": {"id": "HOUSE"}, "receiver": {"qualifier": "08", "id": "6112390050", "group": "ACME"}}
SETS = [(name, version) for version in VERSIONS for name in sorted(shipped()) if standard(name, version) is not None]


@pytest.mark.parametrize(("name", "version"), SETS)
def test_a_document_of_every_set_comes_back_as_it_was(name: str, version: str):
    guide = standard(name, version)
    assert guide is not None
    made = X12(guide=f"x12/{name}", envelope={**ENVELOPE, "version": version, "terminator": "'"}).build({})
    for seed in range(20):
        document = made_document(guide, seed)
        _with_true_totals(document)

        raw = made.render(document)

        parts = read(raw, guide=f"x12/{name}")
        assert [part.error for part in parts if part.error] == []
        assert documents(parts) == [document]
        assert made.render(document) == raw


def _with_true_totals(document: dict[str, Any]) -> None:
    totals = document.get("totals")
    if isinstance(totals, dict):
        totals.pop("hash", None)
        if "lines" in totals and document["transaction"]["set"] != "856":
            totals["lines"] = len(document.get("lines", ()))


@pytest.mark.parametrize("sample", sorted(FIXTURES.glob("*.edi")), ids=lambda path: path.name)
def test_the_sets_of_every_valid_sample_are_written_as_they_were_read(sample: Path):
    raw = sample.read_bytes()
    head = raw[:106].decode()
    found = documents(read(raw))
    envelope = {**ENVELOPE, "element": head[3], "component": head[104], "terminator": head[105], "newline": True}

    made = X12(envelope=envelope).build({}).render(found)

    begin, end = raw.index(b"ST*"), raw.index(b"GE*")
    assert made[made.index(b"ST*") : made.index(b"GE*")] == raw[begin:end]


def test_the_envelope_is_that_of_the_profile_and_the_same_document_gives_the_same_bytes():
    document = {"order": {"purpose": "00", "type": "SA", "number": "1", "date": "2026-11-21"}, "lines": [{"line": "1"}]}
    made = X12(guide="x12/850", envelope={**ENVELOPE, "usage": "T"}).build({})

    raw = made.render([document, document])

    assert raw == made.render([document, document])
    parts = read(raw)
    assert len(documents(parts)) == 2
    headers = parts[0].envelope
    assert (headers["edi_sender"], headers["edi_receiver"], headers["edi_usage"]) == ("HOUSE", "6112390050", "T")
    assert (headers["edi_group_receiver"], headers["edi_date"]) == ("ACME", "261121")
    assert 0 < int(headers["edi_interchange"]) < 900_000_000
    assert [part.envelope["edi_transaction"] for part in parts[:2]] == ["0001", "0002"]


def test_control_numbers_and_moments_can_be_given():
    document = {
        "envelope": {"interchange": 17, "group": 4, "date": "2026-11-22", "time": "10:15"},
        "order": {"purpose": "00", "type": "SA", "number": "1", "date": "2026-11-21"},
        "lines": [{"line": "1"}],
        "totals": {},
    }

    parts = read(X12(guide="x12/850", envelope=ENVELOPE).build({}).render(document))

    headers = parts[0].envelope
    assert [headers[f"edi_{name}"] for name in ("interchange", "group", "date", "time")] == [
        "000000017", "4", "261122", "1015",
    ]  # fmt: skip
    assert parts[0].body["totals"] == {"lines": 1}


def test_the_levels_of_a_ship_notice_are_numbered_when_it_is_written():
    item = {"item": {"qualifier": "UP", "id": "012345678905"}, "shipped": {"qty": Decimal(4), "unit": "EA"}}
    document = {
        "notice": {"purpose": "00", "number": "SHIP-1", "date": "2026-11-21", "time": "10:00"},
        "shipments": [
            {
                "references": {"bill_of_lading": {"value": "BOL7"}},
                "orders": [{"order": {"number": "PO1"}, "items": [item, item]}, {"order": {"number": "PO2"}}],
            }
        ],
    }

    raw = X12(guide="x12/856", envelope={**ENVELOPE, "newline": True}).build({}).render(document)

    hierarchy = [line for line in raw.decode().splitlines() if line.startswith("HL*")]
    assert hierarchy == ["HL*1**S*1~", "HL*2*1*O*1~", "HL*3*2*I*0~", "HL*4*2*I*0~", "HL*5*1*O*0~"]
    assert documents(read(raw))[0]["shipments"] == document["shipments"]


def test_a_level_whose_parent_did_not_come_before_is_a_fault():
    text = (
        X12(guide="x12/856", envelope=ENVELOPE)
        .build({})
        .render(
            {
                "notice": {"purpose": "00", "number": "S1", "date": "2026-11-21", "time": "10:00"},
                "shipments": [{"orders": [{"order": {"number": "P1"}}]}],
            }
        )
    )

    parts = read(text.replace(b"HL*2*1*O", b"HL*2*9*O"))

    assert "HL02 names parent '9', which did not come before" in parts[0].error
    assert (
        "AK4*2*734*7*9" in [segment for ack in answers(parts) for segment in ack] or "AK4*2**7*9" in answers(parts)[0]
    )


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"orders": {}}, "$.orders has no place in 850 (purchase order)"),
        ({"order": {"numbr": "1"}}, "$.order.numbr is no field of BEG"),
        ({"order": []}, "$.order must be an object with the fields of BEG, not a list"),
        ({"lines": {}}, "$.lines must be a list, not a dict"),
        ({"lines": [{"qty": "ten"}]}, "$.lines[0].qty: quantity ordered (element 330) needs a number, not 'ten'"),
        ({"lines": [{"ids": {"upc": "1~2"}}]}, "holds the separator '~'"),
        ({"lines": [{"unit": "EACH"}]}, "PO103 (unit of measure) 'EACH' has 4 characters, at most 2 are allowed"),
        ({"order": None, "lines": []}, "$.order must be an object"),
        ({"totals": {"lines": 7}}, "line-count: lines are counted as 1, totals.lines says 7"),
        ({"transaction": {"set": "999999"}}, "there is no guide to write set '999999'"),
        ({"envelope": {"interchange": "x"}}, "envelope.interchange is 'x'"),
        ("no document", ""),
    ],
)
def test_what_the_guide_cannot_say_is_refused_with_its_path(document: Any, error: str):
    made = X12(guide="x12/850", envelope=ENVELOPE).build({})
    if not isinstance(document, dict):
        assert made.render(document) == b"no document"
        return
    complete = {"order": {"purpose": "00", "type": "SA", "number": "1", "date": "2026-11-21"}, "lines": [{"line": "1"}]}

    with pytest.raises(FormatError) as raised:
        made.render({**complete, **document})
    assert error in str(raised.value)


def test_separators_in_values_can_be_replaced():
    document = {
        "order": {"purpose": "00", "type": "SA", "number": "A*B", "date": "2026-11-21"},
        "lines": [{"line": "1"}],
    }

    raw = X12(guide="x12/850", envelope={**ENVELOPE, "replace": " "}).build({}).render(document)

    assert documents(read(raw))[0]["order"]["number"] == "A B"


def test_without_an_envelope_nothing_is_written():
    with pytest.raises(FormatError, match="envelope:"):
        X12().build({}).render({})
