"""The envelope of X12: what ISA, GS and ST say, what is wrong with it, and the headers that every document gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO

from esb.formats.edi.control import Numbers, printable
from esb.formats.edi.faults import Fault
from esb.formats.edi.machine import Machine
from esb.formats.edi.patterns import Marks


@dataclass(slots=True)
class Interchange:
    """An open interchange: the 16 elements of its ISA, its separators, and what has been counted so far."""

    isa: list[str]
    marks: Marks
    newline: str
    offset: int
    line: int
    groups: int = 0
    group_numbers: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    business: bool = False
    """Whether it held anything that is acknowledged (not only acknowledgments)."""
    technical: bool = False
    """Whether it held a TA1."""
    refused: str = ""
    """Why nothing of it is taken; empty while it is."""
    answered: list[Group] = field(default_factory=list)
    """Its groups that are to be answered when it ends: `reject: interchange`."""

    @property
    def number(self) -> str:
        """ISA13 as it came."""
        return self.isa[12].strip()

    def headers(self) -> dict[str, str]:
        """Return what documents are told of the interchange."""
        isa = [element.strip() for element in self.isa]
        found = {
            "edi_standard": "X12",
            "edi_sender_qualifier": isa[4],
            "edi_sender": isa[5],
            "edi_receiver_qualifier": isa[6],
            "edi_receiver": isa[7],
            "edi_interchange": isa[12],
            "edi_usage": isa[14],
            "edi_date": isa[8],
            "edi_time": isa[9],
        }
        return {name: printable(value) for name, value in found.items()}


@dataclass(slots=True)
class Verdict:
    """What became of one transaction set: accepted `A`, accepted with errors noted `E`, rejected `R`.

    `business` = where the number of the document stands and what it is (`BEG03`, `4500012345`); empty = not known.
    """

    set: str
    number: str
    code: str
    faults: list[Fault]
    guide: str = ""
    business: tuple[str, str] = ("", "")


@dataclass(slots=True)
class Group:
    """An open functional group: the eight elements of its GS, and the verdicts on its sets as segments of a 997."""

    gs: list[str]
    offset: int
    line: int
    ordinal: int
    received: int = 0
    accepted: int = 0
    noted: int = 0
    numbers: Numbers = field(default_factory=Numbers)
    answer: BytesIO = field(default_factory=BytesIO)
    """What the acknowledgment says of its sets, segments in Latin-1: one buffer, for a group may have 999,999 sets."""
    refusal: BytesIO = field(default_factory=BytesIO)
    """The same if all of them are refused with the group; only written when that may happen."""
    refused: str = ""
    """Why all of them are refused; empty while they are not."""
    told: int = 0
    """Faults that the acknowledgment tells so far."""
    faults: list[Fault] = field(default_factory=list)
    declared: str = ""
    known: frozenset[str] = frozenset()
    machines: dict[str, Machine | None] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """GS06 as it came."""
        return self.gs[5].strip()

    @property
    def version(self) -> str:
        """GS08 as it came: `004010`, `005010X231A1`, `004010VICS`."""
        return self.gs[7].strip()

    def headers(self) -> dict[str, str]:
        """Return what documents are told of the group."""
        found = {
            "edi_group_type": self.gs[0],
            "edi_group_sender": self.gs[1],
            "edi_group_receiver": self.gs[2],
            "edi_group": self.gs[5],
            "edi_version": self.gs[7],
        }
        return {name: printable(value.strip()) for name, value in found.items()}
