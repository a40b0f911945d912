"""The grammar compiled two ways: the accept path and the diagnosis must be of one mind about every segment."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esb.formats.edi.binder import free
from esb.formats.edi.diagnosis import flaws
from esb.formats.edi.grammar import Composite, Element, Item, Note, Segment
from esb.formats.edi.patterns import Marks, acceptor
from esb.formats.edi.segment_writer import SegmentWriter
from esb.formats.edi.values import fault_of, reader, write
from esb.formats.x12.library import VERSIONS, dictionary
from esb.testing.edi_documents import Maker, disturbed

MARKS = Marks("*", ">", "^", "~")
TEXTS = ("", "", "A", "AB", "12", "-5", "1.5", ".5", "5.", "+1", "20261121", "20261331", "1430", "9999", "X" * 90,
         "a>b", ">", "a>b>c>d", "EA", "00", "1>2", "é", "\x01")  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_accepted_has_no_flaw_and_what_has_no_flaw_is_accepted(version: str):
    words, chance = dictionary(version), Random(version)
    maker = Maker(chance)
    for tag in sorted(words.tags - {"BIN", "BDS"}):  # their data is not written
        segment = words.segment(tag)
        accept = acceptor(segment, MARKS)
        writer = SegmentWriter(segment, MARKS, lambda text: text)
        for _ in range(150):
            values = writer.text(maker.fields(segment.items, segment.notes), "$", {}).split("*")[1:]
            values = disturbed(values, TEXTS, chance)
            text = "*".join([tag, *values])

            found = list(flaws(segment, values, MARKS))

            assert not (accept(text) and found), (text, found)
            assert accept(text) or found or not text.isascii() or "0229" in text or "5." in text, text


def test_every_segment_that_a_generator_makes_is_accepted():
    words, maker = dictionary("004010"), Maker(Random(1))
    for tag in sorted(words.tags - {"BIN", "BDS"}):  # their data is not written
        segment = words.segment(tag)
        accept = acceptor(segment, MARKS)
        writer = SegmentWriter(segment, MARKS, lambda text: text)
        for _ in range(50):
            text = writer.text(maker.fields(segment.items, segment.notes), "$", {})

            assert accept(text) or not text.isascii() or "0229" in text, text


A, N, C = (Element(id_, id_, kind, 1, 5) for id_, kind in (("a", "AN"), ("n", "R"), ("c", "ID")))


@pytest.mark.parametrize(
    ("note", "good", "bad"),
    [
        ("P0103", ["", "a**a", "a*b*c", "*b"], ["a", "**a", "a*b"]),
        ("R0203", ["*a", "**a", "*a*a"], ["a", ""]),
        ("E0103", ["a", "**a", "a*b", ""], ["a**a"]),
        ("C0103", ["a**a", "**a", ""], ["a", "a*b"]),
        ("C0301", ["a**a", "a"], ["**a", "*b*a"]),
        ("L010203", ["a*b", "a**c", "", "*b"], ["a"]),
        ("L030102", ["a**c", "*b*c", "a"], ["**c"]),
    ],
)
def test_conditions_mean_what_the_standard_says(note: str, good: list[str], bad: list[str]):
    positions = tuple(int(note[at : at + 2]) for at in range(1, len(note), 2))
    segment = Segment("X", "x", tuple(Item(name, A) for name in "uvw"), (Note(note[0], positions),))
    accept = acceptor(segment, MARKS)

    for text in good:
        assert accept(f"X*{text}" if text else "X"), text
        assert not list(flaws(segment, text.split("*"), MARKS)), text
    for text in bad:
        assert not accept(f"X*{text}" if text else "X"), text
        assert list(flaws(segment, text.split("*"), MARKS)), text


def test_conditions_hold_within_composites_too():
    inner = Composite("C", "c", (Item("p", A, must=True), Item("q", A), Item("r", A)), (Note("P", (2, 3)),))
    segment = Segment("X", "x", (Item("a", A), Item("c", inner), Item("z", A)))
    accept = acceptor(segment, MARKS)

    for text, fine in {"X*1*2": 1, "X*1*2>3>4*5": 1, "X**2>3": 0, "X**2>>4": 0, "X**>3>4": 0, "X*1**5": 1}.items():
        assert bool(accept(text)) == bool(fine) == (not list(flaws(segment, text.split("*")[1:], MARKS))), text


def test_repetitions_are_counted():
    segment = Segment("X", "x", (Item("a", A, times=3),))
    accept = acceptor(segment, MARKS)

    assert accept("X*1^2^3") and not accept("X*1^2^3^4")
    assert [flaw.code for flaw in flaws(segment, ["1^2^3^4"], MARKS)] == ["el.repeats"]


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-99999, max_value=99999, places=2))
def test_numbers_with_implied_decimals_come_back(number: object):
    element = Element("610", "amount", "N2", 1, 15)

    text = write(element, number)

    assert fault_of(element, text) is None and reader(element)(text) == number  # type: ignore[misc]


@pytest.mark.parametrize("text", ["0000", "2359", "143015", "14301599"])
def test_times_come_back(text: str):
    element = Element("337", "time", "TM", 4, 8)

    assert write(element, reader(element)(text)) == text  # type: ignore[misc]


def test_a_key_that_is_taken_gets_the_next_number_however_many_there_are():
    held: dict[str, int] = {}
    for number in range(1, 300):
        held[free(held, "ref")] = number

    assert list(held)[:3] == ["ref", "ref_2", "ref_3"] and held["ref_299"] == 299
