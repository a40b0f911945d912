"""What is wrong with the guide of a flat file is said with its place."""

from __future__ import annotations

import pytest

from esb.errors import DefinitionError
from esb.formats import Csv, FixedWidth
from esb.formats.edi_guides import find_guide, lint_guides

PLAIN = """set: orders
is: orders
records:
  H: {fields: [{name: no, length: 5}, {name: day, type: date, length: 8}]}
  L: {fields: [{name: sku, length: 5}]}
  E: {fields: [{name: count, type: number, length: 4}]}
file: {tail: E, checks: [{id: n, count: documents, equals: tail.count}]}
body:
  - H: {use: M, into: .}
  - L: {max: many, into: lines}
"""


def refused(guide: str, fixed: bool = False) -> str:
    files = {"schemas/flat/own.yaml": guide.encode()}
    with pytest.raises(DefinitionError) as error:
        (FixedWidth(guide="flat/own") if fixed else Csv(guide="flat/own")).build(files)
    return str(error.value)


@pytest.mark.parametrize("spec", [Csv(guide="flat/own"), FixedWidth(guide="flat/own")])
def test_the_same_guide_is_good_for_both_if_fields_have_lengths(spec: Csv | FixedWidth) -> None:
    made = spec.build({"schemas/flat/own.yaml": PLAIN.encode()})

    raw = made.render({"no": "1", "day": "2026-11-21", "lines": [{"sku": "A"}]})
    reader = made.reader()

    assert made.name == "flat/own"
    assert [part.body for part in (*reader.feed(raw), *reader.end())] == [
        {"no": "1", "day": "2026-11-21", "lines": [{"sku": "A"}]}
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("is: orders\n", "", "needs set:, is:, records: and body:"),
        ("- L: {max", "- M: {max", ":10:8: error[E424]: records: has no M"),
        ("{use: M, into: .}", "{max: 2}", "begins with the record that opens a document"),
        ("tail: E", "tail: X", "'X' must be a record of its own"),
        ("tail: E", "tail: L", "'L' must be a record of its own"),
        ("tail.count", "tail.many", "equals: names a field of the tail"),
        ("count: documents", "count: lines", "count: is documents, records, or a path"),
        ("count: documents", "count: documents.a-b", "is no path"),
        ("type: date", "type: day", "records.H.fields.1.type"),
        ("type: date", "type: date, format: DDMM", "format 'DDMM' is none"),
        ("name: sku", "name: sku, decimals: 2", "only a number has decimals"),
        ("name: sku", "name: sku, closed: true", "closed: needs codes"),
        ("name: sku", "name: sku, at: 1", "L.sku stands in column 1, where something else stands"),
        ("{name: day", "{name: no", "two fields have the same name"),
        ("  L: {", "  L: {notes: [P0102], ", "'P0102' is no condition between the 1 fields of L"),
        ("  L: {", "  L: {code: H, ", "L cannot be told from H"),
        ("  L: {", "  'the end': {", "cannot name a record"),
        ("  L: {", "  L: {tell: kind, ", "tell: is the number of the column"),
        ("records:", "header: true\nrecords:", "tell: names the column"),
        ("records:", "recrods: {}\nrecords:", "unknown key 'recrods'"),
    ],
)
def test_a_guide_says_what_is_wrong_and_where(old: str, new: str, says: str) -> None:
    text = refused(PLAIN.replace(old, new, 1))

    assert says in text and "schemas/flat/own.yaml:" in text


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("{name: sku, length: 5}", "sku", "L.sku needs its length:"),
        ("name: sku", "name: sku, at: 1", "the fields 'sku' and 'code of the kind' overlap"),
        ("records:", "header: true\nrecords:", "header: is for csv"),
        ("records:", "tell: kind\nrecords:", "tell: is the first character of the code"),
    ],
)
def test_fixed_width_asks_for_places(old: str, new: str, says: str) -> None:
    assert says in refused(PLAIN.replace(old, new, 1), fixed=True)


def test_the_key_of_the_head_is_not_given_twice() -> None:
    guide = PLAIN.replace("{tail: E", "{head: F, tail: E").replace("records:\n", "records:\n  F: {}\n")

    assert "under the key file" in refused(guide.replace("into: lines", "into: file"))
    assert "under the key file" in refused(guide.replace("name: no", "name: file"))


def test_guides_of_flat_files_are_looked_at_with_those_of_edi() -> None:
    good, wrong = PLAIN.encode(), PLAIN.replace("- L: {max", "- M: {max").encode()

    found = lint_guides({"schemas/flat/a.yaml": good, "schemas/flat/b.yaml": wrong})

    assert [(finding.code, finding.place.file) for finding in found] == [("E424", "schemas/flat/b.yaml")]
    assert find_guide("flat/a", files={"schemas/flat/a.yaml": good}).title == "orders"


def test_a_guide_that_is_not_there_is_said() -> None:
    with pytest.raises(DefinitionError, match=r"there is no file schemas/flat/none\.yaml"):
        Csv(guide="flat/none").build({})


def test_the_guide_says_what_columns_there_are() -> None:
    with pytest.raises(ValueError, match="columns: stands in the guide"):
        Csv(guide="flat/own", columns=["a"])
    with pytest.raises(ValueError, match="or the guide: that holds them"):
        FixedWidth()


def test_a_guide_cuts_documents_and_nothing_else() -> None:
    made = Csv(guide="flat/own").build({"schemas/flat/own.yaml": PLAIN.encode()})

    with pytest.raises(DefinitionError, match="write each: document"):
        made.reader("row")


def test_records_without_line_ends_need_one_width() -> None:
    with pytest.raises(DefinitionError, match="records of one width"):
        FixedWidth(guide="flat/own", lines=False).build({"schemas/flat/own.yaml": PLAIN.encode()})
