"""CSV: text stays text, quotes hold line ends, one bad row stops nobody."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError as SpecError

from esb.edge import Part
from esb.errors import DefinitionError, FormatError
from esb.formats import Csv

cells = st.text(alphabet=st.sampled_from("ab\",;\n\r' =é€\\"), max_size=6)


def read(data: bytes, each: str | None = "row", step: int = 1 << 20, **spec: Any) -> list[Part]:
    reader = Csv(**spec).build({}).reader(each)
    parts: list[Part] = []
    for at in range(0, len(data), step):
        parts += reader.feed(data[at : at + step])
    return parts + list(reader.end())


def bodies(*given: Any, **spec: Any) -> list[Any]:
    return [part.error or part.body for part in read(*given, **spec)]


def test_every_value_stays_the_text_it_was():
    assert bodies(b"sku,zip,qty\n00123,01234,1e3\n") == [{"sku": "00123", "zip": "01234", "qty": "1e3"}]


def test_declared_numbers_are_read_with_their_marks():
    data = b"sku;price\nA;1.234,50\nB;\nC;12 EUR\n"

    found = bodies(data, delimiter=";", numbers=["price"], decimal=",", thousands=".")

    assert found[:2] == [{"sku": "A", "price": Decimal("1234.50")}, {"sku": "B", "price": None}]
    assert found[2] == "csv: line 4: column 'price' holds '12 EUR', which is no number with decimal mark ','"


def test_quotes_hold_delimiters_quotes_and_line_ends():
    assert bodies(b'a,b\r\n"x,""y""\r\n z",1\r\n') == [{"a": 'x,"y"\r\n z', "b": "1"}]


def test_a_quote_inside_a_value_is_a_character():
    assert bodies(b'a,b\n5" pipe,12\n') == [{"a": '5" pipe', "b": "12"}]


def test_a_quote_that_is_never_closed_spoils_its_own_row_only():
    found = bodies(b'a,b\n1,"open\n2,x\n3,"y"\n')

    assert found[0].startswith("csv: line 2: a quote opens in it and is never closed")
    assert found[1:] == [{"a": "2", "b": "x"}, {"a": "3", "b": "y"}]


def test_a_ragged_row_is_an_exception_with_its_line_and_its_siblings_go_on():
    parts = read(b"a,b\n1,2\n3\n4,5,6\n7,8\n")

    assert [part.body for part in parts] == [{"a": "1", "b": "2"}, None, None, {"a": "7", "b": "8"}]
    assert [finding.line for part in parts for finding in part.findings] == [3, 4]
    assert parts[1].raw == b"3\n"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_line_ends_and_byte_order_marks_are_understood(end: bytes, encoding: str):
    data = "a,b\n1,é\n2,y".replace("\n", end.decode()).encode(encoding)

    assert bodies(data) == [{"a": "1", "b": "é"}, {"a": "2", "b": "y"}]


def test_bytes_of_another_encoding_are_an_exception_until_it_is_declared():
    data = "a\nMüller\nx\n".encode("cp1252")

    assert bodies(data) == ["csv: line 2: it is not utf-8", {"a": "x"}]
    assert bodies(data, encoding="cp1252") == [{"a": "Müller"}, {"a": "x"}]


def test_rows_that_follow_each_other_with_the_same_key_are_one_document():
    assert bodies(b"no,sku\n1,A\n1,B\n2,C\n", "no") == [
        {"no": "1", "rows": [{"no": "1", "sku": "A"}, {"no": "1", "sku": "B"}]},
        {"no": "2", "rows": [{"no": "2", "sku": "C"}]},
    ]


def test_a_bad_row_spoils_its_group_and_no_other():
    parts = read(b"no,sku\n1,A\n1\n2,C\n", "no")

    assert [part.body for part in parts] == [None, {"no": "2", "rows": [{"no": "2", "sku": "C"}]}]
    assert parts[0].raw == b"1,A\n1\n" and parts[0].findings[0].line == 3


@pytest.mark.parametrize(
    ("data", "spec", "error"),
    [
        (b"a,c\n1,2\n", {"columns": ["a", "b"]}, "missing ['b'], unknown ['c']"),
        (b"b,a\n1,2\n", {"columns": ["a", "b"]}, "in another order"),
        (b"a,a\n1,2\n", {}, "a name of its own"),
        (b"a,\n1,2\n", {}, "a name of its own"),
        (b"a,b\n1,2\n", {"numbers": ["qty"]}, "there is no column 'qty'"),
        (b"", {}, "it has no header"),
    ],
)
def test_a_header_that_cannot_be_right_ends_the_reading(data: bytes, spec: dict[str, Any], error: str):
    (part,) = read(data, **spec)

    assert error in part.error and part.body is None


def test_a_line_of_ten_megabytes_is_one_exception_and_is_not_kept():
    line = b"x" * 10_000_000

    parts = read(b"a,b\n1,2\n" + line + b"\n3,4\n", step=1 << 16)

    assert [part.body for part in parts] == [{"a": "1", "b": "2"}, None, {"a": "3", "b": "4"}]
    assert "longer than 1000000 characters" in parts[1].error and len(parts[1].raw) == 1024


def test_rows_before_the_header_are_skipped():
    assert bodies(b"Export of today\n;;\na;b\n1;2\n", delimiter=";", skip=2) == [{"a": "1", "b": "2"}]


def test_without_a_header_the_columns_are_declared():
    assert bodies(b"1,2\n", header=False, columns=["a", "b"]) == [{"a": "1", "b": "2"}]


@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=6), st.integers(1, 9), st.sampled_from([",", ";"]))
def test_rows_are_what_the_standard_library_wrote(rows: list[list[str]], step: int, delimiter: str):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])

    parts = read(out.getvalue().encode(), step=step, delimiter=delimiter)

    assert [part.error or list(part.body.values()) for part in parts] == rows


@given(st.lists(st.fixed_dictionaries({"a": cells, "b": cells}), min_size=1, max_size=5))
def test_what_is_written_is_read_back(rows: list[dict[str, str]]):
    raw = Csv().build({}).render(rows)

    assert bodies(raw) == rows


def test_formulas_are_disarmed_when_asked():
    rows = [{"a": "=1+1", "b": "-5.00"}, {"a": "@x", "b": "+1 cmd"}]

    assert Csv(safe=True, line_end="lf").build({}).render(rows) == b"a,b\n'=1+1,-5.00\n'@x,'+1 cmd\n"


def test_numbers_are_written_without_an_exponent():
    made = Csv(decimal=",", delimiter=";", line_end="lf").build({})

    assert (
        made.render({"a": Decimal("1E+3"), "b": Decimal("0.50"), "c": None, "d": True}) == b"a;b;c;d\n1000;0,50;;true\n"
    )


@pytest.mark.parametrize("document", [[{"a": 1}, {"b": 2}], [{"a": [1]}], "text", 5])
def test_what_is_no_table_is_refused_with_a_reason(document: Any):
    with pytest.raises(FormatError, match="csv: "):
        Csv().build({}).render(document)


@pytest.mark.parametrize(
    "spec",
    [
        {"delimiter": '"'},
        {"header": False},
        {"columns": ["a", "a"]},
        {"decimal": ",", "thousands": ","},
        {"encoding": "utf-99"},
        {"columns": ["a"], "numbers": ["b"]},
    ],
)
def test_settings_that_contradict_each_other_are_refused(spec: dict[str, Any]):
    with pytest.raises(SpecError):
        Csv(**spec)


def test_an_unknown_column_to_group_by_is_a_definition_error():
    with pytest.raises(DefinitionError, match="'order' is no column"):
        Csv(columns=["no"]).build({}).reader("order")
