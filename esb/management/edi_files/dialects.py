"""Which EDI a file is written in, and what reads it: the one place where X12 and EDIFACT differ for those who look."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from esb.formats import X12
from esb.formats.edi.machine import Machine
from esb.formats.edi.patterns import Marks
from esb.formats.x12.codec import X12Format
from esb.formats.x12.framing import Framer, Junk, Opened, Run
from esb.formats.x12.reader import X12Reader
from esb.ports import Reader
from esb.specs import FormatSpec

HEAD = 1 << 16
"""Bytes in which a file must say what it is."""

_X12 = re.compile(rb"ISA(?=[^A-Za-z0-9 \t\r\n])")
_EDIFACT = re.compile(rb"UNA[^A-Za-z0-9]{6}\s*UNB|UNB(?=[^A-Za-z0-9\s])")


class Cutter(Protocol):
    """Cuts bytes into interchanges and runs of whole segments."""

    def feed(self, data: bytes, final: bool = False) -> Iterator[Opened | Run | Junk]: ...


class Counting(Reader, Protocol):
    """A reader that counts what it has seen."""

    interchanges: int
    groups: int
    sets: int


@dataclass(frozen=True)
class Names:
    """The tags of the envelope and where its numbers stand: (tag, element)."""

    interchange: str
    group: str
    set: str
    set_end: str
    group_end: str
    interchange_end: str
    number: Mapping[str, int]
    set_name: int


@dataclass(frozen=True)
class Dialect:
    """One way to write EDI. `reader` checks and binds, `cutter` only cuts segments.

    `parties` tells sender, receiver and control number of an interchange; `machine` the compiled guide for the header
    segments of a set and its group (or None); `labels` name the elements of the envelope.
    """

    name: str
    title: str
    names: Names
    reader: Callable[[], Counting]
    cutter: Callable[[], Cutter]
    parties: Callable[[Opened], tuple[str, str, str]]
    machine: Callable[[Any, Any], Machine | None]
    labels: Mapping[str, Sequence[str]]
    format: Any


X12_NAMES = Names("ISA", "GS", "ST", "SE", "GE", "IEA", {"ISA": 13, "GS": 6, "ST": 2}, 1)


_X12_LABELS = {
    "ISA": (
        *("", "", "", "", "sender_qualifier", "sender", "receiver_qualifier", "receiver", "date", "time"),
        *("", "version", "number", "wants_ta1", "usage"),
    ),
    "GS": ("type", "sender", "receiver", "date", "time", "number", "agency", "version"),
    "GE": ("sets", "number"),
    "IEA": ("groups", "number"),
    "TA1": ("number", "date", "time", "verdict", "note"),
}


def sniff(head: bytes) -> str:
    """Return `x12` or `edifact` by the beginning of a file, whichever comes first in it; empty = neither."""
    plain = head.replace(b"\x00", b"") if head[:2] in (b"\xff\xfe", b"\xfe\xff") else head
    found = [(match.start(), name) for name, match in _matches(plain) if match is not None]
    return min(found)[1] if found else ""


def _matches(head: bytes) -> Sequence[tuple[str, re.Match[bytes] | None]]:
    return ("x12", _X12.search(head)), ("edifact", _EDIFACT.search(head))


def dialect(spec: FormatSpec, files: Mapping[str, bytes]) -> Dialect:
    """Return what reads files as a format says; `files` are those of the project that it may name.

    Raises:
        DefinitionError: A guide is missing or wrong.
    """
    made = spec.build(files)
    assert isinstance(made, X12Format)

    def reader() -> Counting:
        return X12Reader(made.options())

    def cutter() -> Cutter:
        return Framer(made.options().segment_limit)

    def machine(header: Any, group: Any) -> Machine | None:
        return made.library.machine(header.set, group.element(8) if group is not None else "", header.marks)

    return Dialect("x12", "X12", X12_NAMES, reader, cutter, _x12_parties, machine, _X12_LABELS, made)


def _x12_parties(opened: Opened) -> tuple[str, str, str]:
    isa = [element.strip() for element in opened.elements]
    return f"{isa[4]}/{isa[5]}", f"{isa[6]}/{isa[7]}", isa[12]


def standard(name: str) -> FormatSpec:
    """Return the format that reads every standard set of a dialect."""
    return X12()


def elements(text: str, marks: Marks) -> list[str]:
    """Return the elements of a segment as they stand, the tag first."""
    return text.split(marks.element)
