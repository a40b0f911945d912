"""Fixed width: values by position, record types by prefix."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError as SpecError

from esb.errors import DefinitionError, FormatError
from esb.formats import FixedWidth

HEAD = {"name": "head", "prefix": "H", "fields": [{"name": "kind", "length": 1}, {"name": "no", "length": 6}]}
LINE = {
    "name": "line",
    "prefix": "L",
    "fields": [
        {"name": "kind", "length": 1},
        {"name": "sku", "length": 5},
        {"name": "qty", "length": 6, "type": "number", "decimals": 2},
    ],
}


def read(data: bytes, each: str | None = "record", **spec: Any) -> list[Any]:
    reader = FixedWidth(**{"records": [HEAD, LINE], **spec}).build({}).reader(each)
    return [part.error or part.body for part in [*reader.feed(data), *reader.end()]]


def test_fields_are_cut_by_position_and_numbers_get_their_point():
    assert read(b"H000123\nLABC  000150\nLX    -00075\n") == [
        {"record": "head", "kind": "H", "no": "000123"},
        {"record": "line", "kind": "L", "sku": "ABC", "qty": Decimal("1.50")},
        {"record": "line", "kind": "L", "sku": "X", "qty": Decimal("-0.75")},
    ]


def test_a_record_opens_a_group():
    found = read(b"H1\nLABC  000150\nH2\n", "head")

    assert [group["head"]["no"] for group in found] == ["1", "2"]
    assert [row["sku"] for row in found[0]["rows"]] == ["ABC"]


def test_one_bad_record_stops_nobody():
    found = read(b"H1\nLABC  00x150\nZZ\nH2 and more than fits\nH3\n")

    assert found[0]["no"] == "1" and found[4]["no"] == "3"
    assert found[1] == "fixed_width: line 2: field 'qty' holds '00x150', which is no number"
    assert "line 3: it begins with 'ZZ', which is no known record" in found[2]
    assert "line 4: it has 21 characters, the layout of 'head' has 7" in found[3]


def test_records_without_line_ends_are_cut_by_their_width():
    fields = [{"name": "a", "length": 2}, {"name": "b", "length": 1}]

    assert read(b"x1ay2b", lines=False, records=[{"fields": fields}]) == [{"a": "x1", "b": "a"}, {"a": "y2", "b": "b"}]


def test_an_encoding_of_the_mainframe_is_read_and_written():
    fields = [{"name": "a", "length": 4}, {"name": "n", "length": 3, "type": "number"}]
    made = FixedWidth(records=[{"fields": fields}], encoding="cp037", lines=False).build({})

    raw = made.render({"a": "AB", "n": 7})

    assert raw == "AB  007".encode("cp037")
    reader = made.reader("record")
    assert [part.body for part in [*reader.feed(raw), *reader.end()]] == [{"a": "AB", "n": Decimal(7)}]


@pytest.mark.parametrize(
    ("sign", "number", "text"),
    [
        ("leading", Decimal("-1.25"), "-125"),
        ("trailing", Decimal("-1.25"), "125-"),
        ("trailing", Decimal("1.25"), "125 "),
        ("trailing", Decimal("12.25"), "1225"),
        ("overpunch", Decimal("-1.20"), "012}"),
        ("overpunch", Decimal("1.25"), "012E"),
        ("overpunch", Decimal("0.00"), "000{"),
        ("overpunch", None, "    "),
    ],
)
def test_a_sign_stands_before_behind_or_in_the_last_digit(sign: str, number: Decimal | None, text: str):
    fields = [{"name": "n", "length": 4, "type": "number", "decimals": 2, "sign": sign}]
    made = FixedWidth(records=[{"fields": fields}]).build({})

    assert made.render({"n": number}) == f"{text}\n".encode()
    assert read(f"{text}\n".encode(), records=[{"fields": fields}]) == [{"n": number}]


def test_a_long_number_keeps_every_digit():
    fields = [{"name": "n", "length": 40, "type": "number", "decimals": 2}]

    assert read(b"1" * 40, records=[{"fields": fields}]) == [{"n": Decimal("1" * 38 + ".11")}]


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"record": "line", "sku": "TOOLONG"}, "does not fit into the 5 characters of 'sku'"),
        ({"record": "line", "qty": Decimal("0.001")}, "more than the 2 decimals"),
        ({"record": "line", "qty": "many"}, "needs a number"),
        ({"record": "line", "qty": 1_000_000}, "does not fit"),
        ({"record": "line", "sku": "a\nb"}, "holds a line end"),
        ({"record": "other"}, "needs record: one of ['head', 'line']"),
        ({"record": "line", "price": 1}, "has no field 'price'"),
        ("text", "must be an object"),
    ],
)
def test_what_does_not_fit_is_refused_and_never_cut(values: Any, error: str):
    made = FixedWidth(records=[HEAD, LINE]).build({})

    with pytest.raises(FormatError) as raised:
        made.render(values)
    assert error in str(raised.value)


def test_fields_that_overlap_are_refused():
    fields = [{"name": "a", "length": 3}, {"name": "b", "at": 3, "length": 2}]

    with pytest.raises(SpecError, match="'a' and 'b' overlap"):
        FixedWidth(records=[{"fields": fields}])


def test_a_record_that_hides_those_below_it_is_refused():
    with pytest.raises(SpecError, match="fits every line"):
        FixedWidth(records=[{"name": "any", "fields": [{"name": "a", "length": 1}]}, LINE])


def test_an_unknown_unit_is_a_definition_error():
    with pytest.raises(DefinitionError, match="write record, or one of"):
        FixedWidth(records=[HEAD]).build({}).reader("row")
