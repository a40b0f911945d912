"""JSON: lossless, bounded, and wrong at a line and a column."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esb.edge import Part
from esb.errors import DefinitionError, FormatError
from esb.formats import Json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def read(data: bytes, each: str | None = None, step: int = 1 << 20, **spec: Any) -> list[Part]:
    reader = Json(**spec).build({}).reader(each)
    parts: list[Part] = []
    for at in range(0, len(data), step):
        parts += reader.feed(data[at : at + step])
    return parts + list(reader.end())


def only(data: bytes, **spec: Any) -> Part:
    (part,) = read(data, **spec)
    return part


def test_money_and_long_numbers_stay_as_they_were_written():
    part = only(b'{"price": 12.10, "big": 123456789012345678901234567890, "small": 1e-7}')

    assert part.body == {"price": Decimal("12.10"), "big": 123456789012345678901234567890, "small": Decimal("1E-7")}
    assert str(part.body["price"]) == "12.10"


def test_a_syntax_error_says_line_and_column():
    part = only(b'{"a": 1,\n  "b": tru}')

    assert part.error == "json: line 2, column 8: expecting value"
    assert part.findings[0].line == 1 and part.raw


def test_a_key_that_stands_twice_is_refused_unless_the_last_may_win():
    data = b'{"qty": 1, "qty": 100}'

    assert only(data).error == "json: line 1: the key 'qty' stands twice in one object"
    assert only(data, duplicate_keys="last").body == {"qty": 100}


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"[" * 100_000, "nested deeper than 100"),
        (b"[" * 101 + b"]" * 101, "nested deeper than 100"),
        (b"1e999999999", "out of reach"),
        (b"NaN", "NaN is no JSON"),
        (b"[Infinity]", "Infinity is no JSON"),
        (b'"\\ud800"', "half of a surrogate pair"),
        (b'{"a": "\xff"}', "it is not utf-8"),
        (b"", "expecting value"),
    ],
)
def test_input_that_is_no_document_is_a_bad_part_with_a_reason(data: bytes, error: str):
    part = only(data)

    assert part.body is None and error.lower() in part.error.lower() and part.error


def test_a_body_over_its_limit_is_refused_and_not_kept():
    part = only(b'"' + b"x" * 100_000 + b'"', limit="10KB")

    assert "larger than 10000 bytes" in part.error and len(part.raw) == 4096


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32-le"])
def test_a_byte_order_mark_or_wide_characters_are_understood(encoding: str):
    assert only('{"name": "Müller €"}'.encode(encoding)).body == {"name": "Müller €"}


def test_one_bad_line_of_many_is_an_exception_of_its_own():
    parts = read(b'{"a": 1}\n{"a": }\n\n{"a": 3}\n', lines=True)

    assert [part.body for part in parts] == [{"a": 1}, None, {"a": 3}]
    assert parts[1].error.startswith("json: line 2, column 7")


def test_one_bad_item_of_many_is_an_exception_of_its_own():
    parts = read(b'{"orders": [{"a": 1.50},\n {"a": 01},\n {"a": 3}], "next": [7]}', "$.orders[*]")

    assert [part.body for part in parts] == [{"a": Decimal("1.50")}, None, {"a": 3}]
    assert parts[1].error.startswith("json: line 2, column 9") and parts[1].raw == b'{"a": 01}'


def test_an_array_that_was_cut_gives_its_items_and_says_that_it_was_cut():
    parts = read(b'[{"a": 1}, {"a": 2}, {"a"', "$[*]")

    assert [part.body for part in parts] == [{"a": 1}, {"a": 2}, None]
    assert "the sender cut it" in parts[2].error


def test_a_path_that_leads_nowhere_is_said_and_an_empty_list_is_not():
    assert read(b'{"order": []}', "$.orders[*]")[0].error == "json: there is no list at $.orders[*]"
    assert read(b'{"orders": []}', "$.orders[*]") == []


def test_items_of_items_are_cut_too():
    parts = read(b'{"shops": [{"orders": [1, 2]}, {"x": 0, "orders": [3]}]}', "$.shops[*].orders[*]")

    assert [part.body for part in parts] == [1, 2, 3]


@given(st.lists(values, max_size=5), st.integers(1, 7), st.booleans())
def test_items_are_what_the_standard_library_reads(items: list[Any], step: int, pretty: bool):
    raw = json.dumps({"a": 1, "list": items, "z": [2]}, indent=2 if pretty else None, ensure_ascii=pretty)

    parts = read(raw.encode("utf-8", "surrogatepass"), "$['list'][*]", step, duplicate_keys="last")

    assert [part.body for part in parts if not part.error] == [
        item for item, part in zip(items, parts, strict=True) if not part.error
    ]
    assert all("\\ud" in json.dumps(item) for item, part in zip(items, parts, strict=True) if part.error)


@given(values)
def test_what_is_written_is_read_back(document: Any):
    made = Json().build({})
    if "\\ud" in json.dumps(document):
        return

    assert only(made.render(document)).body == document


def test_another_kind_of_path_is_a_definition_error():
    with pytest.raises(DefinitionError, match=r"write \$\[\*\] or \$\.orders\[\*\]"):
        Json().build({}).reader("$.orders")


def test_what_json_has_not_is_refused_when_it_is_written():
    with pytest.raises(FormatError, match="object cannot travel"):
        Json().build({}).render({"a": object()})


def test_a_list_becomes_lines():
    assert Json(lines=True).build({}).render([{"a": 1}, 2]) == b'{"a":1}\n2\n'
