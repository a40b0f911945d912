"""The dictionary of a standard: versions, types and conditions as X12 and EDIFACT write them."""

from __future__ import annotations

import pytest

from esb.errors import DefinitionError
from esb.formats.edi.diagnosis import flaws
from esb.formats.edi.dictionary import Dictionary, rank
from esb.formats.edi.grammar import Composite, Element, Segment
from esb.formats.edi.patterns import RELEASED, Marks, acceptor
from esb.reading import read

MARKS = Marks("+", ":", "", "'", "?", ".", wide=True, reserved=True)
ELEMENTS = b"""
"1": {is: one, type: an..3}
"2": {is: two, type: an, length: 1..5, "D01B": {length: 1..9}}
"3": {is: three, type: a3}
"4": {is: four, type: n..6}
"""


def words(segments: str, version: str = "D96A", syntax: str = "3") -> Dictionary:
    return Dictionary(read("elements.yaml", ELEMENTS), read("segments.yaml", segments.encode()), {}, version, syntax)


def names(segment: Segment) -> list[str]:
    return [item.name for item in segment.items]


def codes(segment: Segment, text: str) -> list[str]:
    """Return the faults of a segment; the accept path must be of the same mind."""
    found = [flaw.code for flaw in flaws(segment, text.split("+")[1:], MARKS)]
    assert (acceptor(segment, MARKS)(text) is not None) == (not found)
    return found


def test_versions_are_sorted_by_age():
    assert sorted(["D01B", "D99A", "D00A", "D96A"], key=rank) == ["D96A", "D99A", "D00A", "D01B"]
    assert rank("004010") < rank("005010")


@pytest.mark.parametrize(("version", "syntax", "expected"), [
    ("D96A", "3", ["always", "old", "third"]), ("D01B", "3", ["always", "new", "third"]),
    ("D96A", "4", ["always", "old", "fourth"]), ("D01B", "4", ["always", "new", "fourth"]),
])  # fmt: skip
def test_elements_come_and_go_with_directories_and_syntaxes(version: str, syntax: str, expected: list[str]):
    source = 'X: {elements: {always: "1", old: 2 D96A-, new: 2 D01B+, third: 1 3-, fourth: 1 4+}}'

    assert names(words(source, version, syntax).segment("X")) == expected


def test_a_definition_changes_from_a_version_on():
    source = 'X: {elements: {one: "1"}, "D01B": {elements: {two: "2"}}, "4": {notes: ["D2(1,2)"]}}'

    assert names(words(source).segment("X")) == ["one"] and names(words(source, "D01B").segment("X")) == ["two"]
    assert [element.most for element in (words(source, at).element("2") for at in ("D96A", "D00B", "D01B"))] == [
        5,
        5,
        9,
    ]
    assert words(source, "D96A", "4").segment("X").notes and not words(source).segment("X").notes


def test_types_are_those_of_edifact():
    found = [words("X: {elements: {}}").element(number) for number in "134"]

    assert [(one.type, one.least, one.most) for one in found] == [("an", 1, 3), ("a", 3, 3), ("n", 1, 6)]
    assert all(isinstance(one, Element) for one in found)


@pytest.mark.parametrize(("note", "right", "wrong", "code"), [
    ("D1(1,2)", ["X+a", "X++b"], ["X+a+b"], "el.excluded"),
    ("D1(1,2)", ["X+a++c"], ["X+++c"], "el.needed"),
    ("D2(1,2)", ["X+a+b", "X+++c"], ["X+a", "X++b"], "el.needed"),
    ("D3(1,2)", ["X+a", "X++b", "X+a+b"], ["X+++c"], "el.needed"),
    ("D4(1,2)", ["X+a", "X++b", "X+++c"], ["X+a+b"], "el.excluded"),
    ("D5(1,2,3)", ["X+a+b+c", "X++b"], ["X+a+b"], "el.needed"),
    ("D6(1,2,3)", ["X+a+b", "X+a++c", "X++b"], ["X+a"], "el.needed"),
    ("D7(1,2,3)", ["X+a", "X++b+c"], ["X+a+b", "X+a++c"], "el.excluded"),
    ("D5(3,1)", ["X+a++c", "X+a"], ["X+++c"], "el.needed"),
])  # fmt: skip
def test_conditions_are_those_of_edifact(note: str, right: list[str], wrong: list[str], code: str):
    segment = words(f'X: {{elements: {{a: "1", b: "1", c: "1"}}, notes: ["{note}"]}}').segment("X")

    assert [codes(segment, text) for text in right] == [[] for _ in right]
    assert [codes(segment, text) for text in wrong] == [[code] for _ in wrong]


@pytest.mark.parametrize("note", ["D8(1,2)", "D1", "Q0102", "D1(1)"])
def test_a_condition_that_is_none_is_told(note: str):
    with pytest.raises(DefinitionError, match="is no note"):
        words(f'X: {{elements: {{a: "1"}}, notes: ["{note}"]}}').segment("X")


def test_components_of_a_merged_composite_are_checked_where_they_stand():
    segment = words('C001: {elements: {a: 1 M, b: "4"}}\nX: {elements: {.c: C001 M, d: "1"}}').segment("X")

    assert isinstance(segment.items[0].of, Composite) and segment.items[0].merged
    assert codes(segment, "X+a:12") == [] and codes(segment, "X+:12") == ["el.missing"]
    assert codes(segment, "X+a:1:2") == ["el.components"] and codes(segment, "X+a+b:c") == ["el.components"]


@pytest.mark.parametrize(("value", "code"), [
    ("1", ""), ("123456", ""), ("-1.5", ""), ("12345.6", ""), ("0.5", ""), ("1234567", "el.long"),
    ("123456.7", "el.long"), (".5", "num.digit"), ("5.", "num.decimal"), ("1,5", "num.decimal"), ("#5", "el.chars"),
    ("1E3", "el.chars"), ("1.2.3", "el.chars"), ("--1", "el.chars"), ("", ""),
])  # fmt: skip
def test_numbers_are_those_of_edifact(value: str, code: str):
    segment = words('X: {elements: {a: "1", n: "4"}}').segment("X")

    assert codes(segment, f"X+a+{value}") == ([code] if code else [])


def test_a_released_separator_counts_as_one_character_and_is_shown_as_itself():
    segment = words('X: {elements: {a: "1"}}').segment("X")
    apostrophe = chr(RELEASED + ord("'"))

    assert codes(segment, f"X+a{apostrophe}b") == []
    (flaw,) = flaws(segment, [f"ab{apostrophe}c"], MARKS)
    assert flaw.code == "el.long" and flaw.value == "ab'c" and "ab'c" in flaw.text
