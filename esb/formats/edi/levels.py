"""What the reader of EDI knows of a dialect's envelope: its tags, interchanges and groups, and the sets within."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, TypeVar

from msgspec import Struct

from esb.edge import Part
from esb.formats.edi.faults import Fault
from esb.formats.edi.patterns import Marks
from esb.formats.edi.run import Run
from esb.formats.edi.walker import Walk


class Tags(Struct, frozen=True):
    """The segments of an envelope. Those with `silent` tags say nothing between sets.

    `instead` says what should begin where one of some tags stands, `otherwise` where any other does.
    """

    header: str
    trailer: str
    group: str
    group_end: str
    silent: frozenset[str]
    instead: Mapping[str, str]
    otherwise: str


class Level(Protocol):
    """An open interchange or group: where it began, what is wrong with it, and why nothing of it is taken."""

    offset: int
    line: int
    faults: list[Fault]
    refused: str

    @property
    def number(self) -> str: ...

    def headers(self) -> dict[str, str]:
        """Return what documents are told of it."""


class Counting(Level, Protocol):
    """An open interchange: its separators, and how many groups it had."""

    marks: Marks
    groups: int


class Fate(Protocol):
    """What became of a set: accepted `A`, accepted with faults noted `E`, rejected `R`."""

    number: str
    code: str


Interchange = TypeVar("Interchange", bound=Counting)
Group = TypeVar("Group", bound=Level)
Verdict = TypeVar("Verdict", bound=Fate)


class Underway(Protocol[Verdict]):
    """A set under way."""

    walk: Walk

    def run(self, run: Run, index: int, known: tuple[int, int]) -> tuple[int, tuple[int, int]]:
        """Take segments from `index`; return the first that is not its own, and where a known one begins."""

    def lines(self, headers: Mapping[str, str]) -> Iterator[Part]:
        """Give the lines that were read since the last call."""

    def pause(self, run: Run) -> None:
        """Keep the rest of a run."""

    def close(self, proper: bool) -> Verdict:
        """End it; `proper` = with its trailer."""

    def part(self, verdict: Verdict, headers: Mapping[str, str]) -> Part | None:
        """Return what it becomes, if anything."""
