"""Scanning EDI: what the interchanges of one delivery are to each other."""

from __future__ import annotations

from esb.edge import Interchange
from esb.formats.edi.scanner import within


def came(number: str, digest: str = "a", sender: str = "08/ACME", whole: bool = True) -> Interchange:
    return Interchange("x12", sender, "ZZ/HOUSE", number, digest, digest, whole)


def test_the_same_bytes_come_again_and_others_are_another_interchange():
    met = within([came("1"), came("2"), came("1"), came("1", "b"), came("1"), came("2", "b")])

    assert met == ["new", "new", "again", "other", "again", "other"]


def test_numbers_are_those_of_a_pair_of_parties():
    assert within([came("1"), came("1", sender="08/OTHER")]) == ["new", "new"]


def test_one_that_was_cut_is_not_remembered():
    assert within([came("1", "cut", whole=False), came("1"), came("1", "cut", whole=False)]) == ["new", "new", "new"]
