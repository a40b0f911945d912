"""Lookup tables: forwards, backwards, several keys, and every fault with its line."""

import pytest

from esb.errors import DefinitionError, ExpressionError
from esb.transforms import load_table, read_table

UNITS = b"from*,to*,factor,name\nEA,CS,12,case\nEA,PL,480,pallet\n"


def test_a_table_of_two_columns_gives_the_value_as_text():
    table = load_table("t", b"code,erp\n0024, C-100 \n\n7,C-7\n", "csv")

    assert table.get("0024") == "C-100"
    assert table.get(7) == "C-7"
    assert table.get("24") is None
    assert table.get(None) is None
    assert len(table) == 2


def test_a_table_of_many_columns_gives_the_row():
    table = load_table("t", b"code;name;city\nA1;ACME;Austin\n", "csv")

    assert table.get("A1") == {"code": "A1", "name": "ACME", "city": "Austin"}


def test_a_table_of_one_column_is_a_set():
    table = load_table("t", b"sku\nA\nB\n", "csv")

    assert (table.get("A"), table.get("Z")) == ("A", None)


@pytest.mark.parametrize("key", [["EA", "PL"], ("EA", "PL"), {"to": "PL", "from": "EA"}])
def test_several_key_columns_are_marked_with_stars(key):
    assert load_table("units", UNITS, "csv").get(key)["factor"] == "480"


@pytest.mark.parametrize(
    ("key", "text"),
    [("EA", "the key has 2 columns (from, to), not 1"), ({"from": "EA"}, "the key needs from, to, not from")],
)
def test_a_key_of_another_shape_is_refused(key, text):
    with pytest.raises(ExpressionError) as caught:
        load_table("units", UNITS, "csv").get(key)

    assert text in str(caught.value)


def test_a_table_is_read_backwards():
    table = load_table("t", b"code,erp\nA1,C-1\nA2,C-2\n", "csv")

    assert table.reverse("C-2") == "A2"
    assert table.reverse("C-3") is None
    assert load_table("units", UNITS, "csv").reverse("pallet", "name") == ["EA", "PL"]


def test_backwards_a_value_of_several_keys_is_refused_with_their_lines():
    table = load_table("t", b"code,erp\nA1,C-1\nA2,C-1\n", "csv")

    with pytest.raises(ExpressionError, match=r"'C-1' belongs to several keys \(lines 2, 3\)"):
        table.reverse("C-1")


def test_backwards_a_table_of_many_columns_needs_a_column():
    with pytest.raises(ExpressionError, match="name a column"):
        load_table("units", UNITS, "csv").reverse("12")


@pytest.mark.parametrize(
    ("source", "key", "expected"),
    [
        (b"A1: C-1\nNO: Norway\n0024: x\n", "NO", "Norway"),
        (b"A1: {erp: C-1, city: X}\n", "A1", {"key": "A1", "erp": "C-1", "city": "X"}),
        (b"keys: [a, b]\nrows:\n  - {a: x, b: y, c: 12.10}\n", ["x", "y"], "12.10"),
    ],
)
def test_tables_in_yaml(source, key, expected):
    found = load_table("t", source, "yaml").get(key)

    assert (found if isinstance(found, dict) else str(found)) == expected


@pytest.mark.parametrize(
    ("source", "kind", "text", "line"),
    [
        (b"code,erp\nA,1\nB,2\nA,3\n", "csv", "the key 'A' comes twice; it was on line 2 before", 4),
        (b"a*,b*,c\nx,y,1\nx,z,2\nx,y,3\n", "csv", "the key 'x, y' comes twice; it was on line 2 before", 4),
        (b"code,erp\nA,1\nB\n", "csv", "this row has 1 cells, the first row names 2 columns", 3),
        (b'code,erp\nA,"1\n', "csv", "not readable as CSV", 2),
        (b"", "csv", "the table is empty", 1),
        (b"code,,x\n", "csv", "a column has no name", 1),
        (b"code,code\n", "csv", "the column 'code' comes twice", 1),
        (b"code,erp\nA,\xff\n", "csv", "is not UTF-8", 2),
        (b"- a\n- b\n", "yaml", "a table in YAML is an object", 1),
        (b"A: 1\nA: 2\n", "yaml", "", 2),
        (b"A: {x: 1}\nB: {y: 1}\n", "yaml", "a row needs the columns key, x", 2),
        (b"keys: [z]\nrows:\n  - {a: 1}\n", "yaml", "the key column 'z' is not in the rows", 1),
        (b"keys: [a]\nrows:\n  - {a: 1, b: 1}\n  - {a: 1, b: 2}\n", "yaml", "the key '1' comes twice", 4),
        (b"keys: [a]\nrows:\n  - {a: [1], b: 1}\n", "yaml", "neither text nor a number", 3),
    ],
)
def test_a_wrong_table_says_on_which_line(source, kind, text, line):
    with pytest.raises(DefinitionError) as caught:
        load_table("customers", source, kind)

    finding = caught.value.diagnostics[0]
    assert text in finding.text
    assert (finding.place.file, finding.place.line) == (f"transforms/tables/customers.{kind}", line)


def test_all_faults_of_a_table_are_reported_at_once():
    with pytest.raises(DefinitionError) as caught:
        load_table("t", b"a,b\nx,1\nx,2\ny\nx,3\n", "csv")

    assert len(caught.value.diagnostics) == 3


def test_tables_are_found_by_name():
    files = {"transforms/tables/units.csv": UNITS, "transforms/tables/deep/x.yaml": b"a: 1\n"}

    assert read_table("units", files).name == "units"
    assert str(read_table("deep/x", files).get("a")) == "1"
    with pytest.raises(DefinitionError, match="there is no table 'nope'"):
        read_table("nope", files)
