from __future__ import annotations

from copy import deepcopy
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esb.testing.route_test.comparing import differences, printable, shown, text_differences

SCALARS = st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text()
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


@given(DOCUMENTS)
def test_a_document_does_not_differ_from_its_copy(document):
    assert differences(document, deepcopy(document)) == []


@given(st.dictionaries(st.text(), DOCUMENTS, max_size=4), st.dictionaries(st.text(), DOCUMENTS, max_size=4))
def test_a_document_holds_each_of_its_parts(part, more):
    assert differences(part, {**more, **part}, subset=True) == []


@pytest.mark.parametrize(
    ("expected", "got"),
    [("24", 24), (1, True), (0, False), (None, 0), ("", None), ([], {}), (Decimal("1.0"), "1.0"), (False, None)],
)
def test_values_of_another_kind_differ(expected, got):
    assert len(differences(expected, got)) == 1


def test_numbers_are_compared_by_value():
    assert differences({"a": Decimal("12.10"), "b": 12}, {"a": Decimal("12.1"), "b": Decimal("12.0")}) == []


def test_a_difference_names_its_path_and_shows_numbers_as_they_were_written():
    (found,) = differences({"lines": [{"unit price": Decimal("1.50")}]}, {"lines": [{"unit price": Decimal("1.60")}]})

    assert found.lines() == ["- $.lines[0]['unit price']: 1.50", "+ $.lines[0]['unit price']: 1.60"]


def test_what_is_missing_and_what_is_too_much_stand_on_their_own_side():
    lines = [line for found in differences({"a": 1, "l": [1]}, {"b": 2, "l": [1, 2]}) for line in found.lines()]

    assert lines == ["- $.a: 1", "+ $.l[1]: 2", "+ $.b: 2"]


def test_a_list_that_is_longer_than_expected_differs_in_a_part_too():
    assert len(differences({"l": [1]}, {"l": [1, 2]}, subset=True)) == 1


def test_texts_are_compared_line_by_line():
    assert text_differences("a\nb\nc\nd", "a\nB\nc\nd") == [" a", "-b", "+B", " c"]


def test_segments_of_an_interchange_without_line_ends_are_lines():
    head = "ISA*00*          *00*          *01*123456789      *ZZ*DISTRIBUTOR    *260302*0900*U*00401*000000001*0*P*>~"

    found = text_differences(f"{head}AK5*A~SE*2*1~", f"{head}AK5*R~SE*2*1~")

    assert "-AK5*A~" in found
    assert "+AK5*R~" in found


def test_what_is_shown_cannot_steer_a_terminal_and_is_not_endless():
    assert "\x1b" not in printable("\x1b[2J")
    assert len(shown("x" * 10_000)) < 400
    assert shown({"when": object}).startswith("{'when'")
