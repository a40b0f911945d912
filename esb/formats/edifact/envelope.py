"""The envelope of EDIFACT: what UNB, UNG and UNH say, and the headers that every document gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO

from esb.formats.edi.control import Numbers, printable
from esb.formats.edi.faults import Fault
from esb.formats.edi.machine import Machine
from esb.formats.edi.patterns import RELEASED_CHARACTERS, Marks
from esb.formats.edifact.charsets import Charset, decoded


class Entries:
    """Segments of a CONTRL, encoded: one buffer, for there may be 999,999 messages. `count` = how many segments."""

    def __init__(self) -> None:
        self._bytes = BytesIO()
        self.count = 0

    def add(self, data: bytes, count: int) -> None:
        """Add segments."""
        self._bytes.write(data)
        self.count += count

    def take(self) -> bytes:
        """Return the segments, and hold them no longer."""
        data, self._bytes = self._bytes.getvalue(), BytesIO()
        return data


@dataclass(slots=True)
class Level:
    """An interchange or a group: the elements of its header as they came, and what is told of what it holds."""

    elements: list[str]
    marks: Marks
    offset: int
    line: int
    received: int = 0
    numbers: Numbers = field(default_factory=Numbers)
    faults: list[Fault] = field(default_factory=list)
    answer: Entries = field(default_factory=Entries)
    """What the CONTRL says of its messages."""
    refusal: Entries = field(default_factory=Entries)
    """The same if all of them are refused with it."""
    told: int = 0
    """Faults that the CONTRL tells so far."""
    business: bool = False
    """Whether it held anything that is acknowledged (not only CONTRL)."""
    refused: str = ""
    """Why nothing of it is taken; empty while it is."""

    def at(self, element: int, component: int = 1) -> str:
        """Return a component of its header, both counted from 1; empty where there is none."""
        return at(self.elements, element - 1, self.marks, component)


@dataclass(slots=True)
class Interchange(Level):
    """An open interchange. `una`: the service string that it began with."""

    una: str = ""
    newline: str = ""
    charset: Charset | None = None
    groups: int = 0
    group_numbers: set[str] = field(default_factory=set)
    machines: dict[tuple[str, str, str], tuple[Machine, bool, frozenset[str]]] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """The interchange control reference (0020)."""
        return self.at(5).strip()

    @property
    def syntax(self) -> str:
        """The version of the syntax that its grammar has: 3 (for 1 and 2 too) or 4."""
        return "4" if self.at(1, 2).strip() == "4" else "3"

    @property
    def pair(self) -> tuple[str, str]:
        """Sender and receiver, each as qualifier/identifier."""
        return f"{self.at(2, 2)}/{self.at(2)}", f"{self.at(3, 2)}/{self.at(3)}"

    def headers(self) -> dict[str, str]:
        """Return what documents are told of the interchange."""
        found = {
            "edi_standard": "EDIFACT",
            "edi_sender_qualifier": self.at(2, 2),
            "edi_sender": self.at(2),
            "edi_receiver_qualifier": self.at(3, 2),
            "edi_receiver": self.at(3),
            "edi_interchange": self.number,
            "edi_usage": "T" if self.at(11) == "1" else "P",
            "edi_date": self.at(4),
            "edi_time": self.at(4, 2),
        }
        return {name: printable(value.strip()) for name, value in found.items()}


@dataclass(slots=True)
class Group(Level):
    """An open group of messages (UNG)."""

    declared: str = ""

    @property
    def number(self) -> str:
        """The group reference (0048)."""
        return self.at(5).strip()

    def headers(self) -> dict[str, str]:
        """Return what documents are told of the group."""
        found = {
            "edi_group_type": self.at(1),
            "edi_group_sender": self.at(2),
            "edi_group_receiver": self.at(3),
            "edi_group": self.number,
        }
        return {name: printable(value.strip()) for name, value in found.items()}


@dataclass(slots=True)
class Verdict:
    """What became of one message: accepted `A`, accepted with faults noted `E`, rejected `R`.

    `identifier` = the components of S009, `package` = the reference of an object in place of a message.
    """

    number: str
    identifier: list[str]
    code: str
    faults: list[Fault]
    package: str = ""

    @property
    def set(self) -> str:
        """The message type (0065)."""
        return self.identifier[0] if self.identifier else ""


def at(values: Sequence[str], index: int, marks: Marks, component: int = 1) -> str:
    """Return a component of an element, with released separators as themselves; empty where there is none."""
    if index >= len(values):
        return ""
    parts = values[index].split(marks.component)
    return plain(parts[component - 1]) if component <= len(parts) else ""


def plain(text: str) -> str:
    """Return a text whose released separators are themselves again."""
    return text if text.isascii() else text.translate(RELEASED_CHARACTERS)


def elements_of(elements: Sequence[str], charset: Charset) -> list[str]:
    """Return the elements of a UNB as characters."""
    return [decoded(element, charset) for element in elements]
