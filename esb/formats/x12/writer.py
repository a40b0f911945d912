"""Documents become an interchange: sets by guide, groups by type, envelope by profile.

No clock and no counter is asked here: control numbers are handed in, or derive from the content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal

from pydantic import Field

from esb.errors import FormatError
from esb.formats.edi.derived import DerivedDraft
from esb.formats.edi.faults import errors
from esb.formats.edi.grammar import Element, Guide
from esb.formats.edi.machine import Machine
from esb.formats.edi.patterns import Marks
from esb.formats.edi.set_writer import SetWriter
from esb.formats.edi.walker import Walk
from esb.formats.parts import more_faults
from esb.formats.x12.draft import Draft, Frame, Group
from esb.message import Scope
from esb.specs import Spec

_DERIVED = 899_999_999
"""Derived control numbers are 1 to this; those above answer (acknowledgments)."""

_CHARACTERS = "one character that is no letter, digit or blank"


class Party(Spec):
    """Who sends or receives: interchange qualifier and id, and the id in the group (default: the same)."""

    qualifier: str = Field("ZZ", min_length=2, max_length=2, description="ISA05 or ISA07.")
    id: str = Field(min_length=1, max_length=15, description="ISA06 or ISA08.")
    group: str = Field("", max_length=15, description="GS02 or GS03; default: the id.")


class Envelope(Spec):
    """How interchanges are written."""

    sender: Party
    receiver: Party
    version: str = Field("004010", pattern=r"^\d{6}[A-Z0-9]{0,6}$", description="GS08; ISA12 follows from it.")
    usage: Literal["P", "T", "I"] = Field("P", description="Production, test or information.")
    wants_ta1: bool = Field(False, description="ISA14: whether the partner shall answer with a TA1.")
    element: str = Field("*", min_length=1, max_length=1, description=f"Element separator: {_CHARACTERS}.")
    component: str = Field(">", min_length=1, max_length=1, description=f"Component separator: {_CHARACTERS}.")
    repetition: str = Field(
        "^", min_length=1, max_length=1, description=f"Repetition separator (00402+): {_CHARACTERS}."
    )
    terminator: str = Field("~", min_length=1, max_length=1, description=f"Segment terminator: {_CHARACTERS}.")
    newline: bool = Field(False, description="A line end behind every segment.")
    replace: str | None = Field(None, max_length=1, description="What replaces separators in values; default: refuse.")

    @property
    def marks(self) -> Marks:
        """The separators."""
        repetition = self.repetition if self.version >= "004020" else ""
        return Marks(self.element, self.component, repetition, self.terminator)


class Writer:
    """Writes interchanges for one profile. `machine` finds the compiled guide of a set: (set, version, separators)."""

    def __init__(self, envelope: Envelope, machine: Callable[[str, str, Marks], Machine | None]) -> None:
        self._envelope, self._marks, self._machine = envelope, envelope.marks, machine
        marks = self._marks
        self._forbidden = frozenset(marks.element + marks.component + marks.repetition + marks.terminator)
        self._writers: dict[str, tuple[SetWriter, Machine]] = {}
        self._end = marks.terminator + ("\n" if envelope.newline else "")

    def interchange(self, documents: list[Any], default: str) -> bytes:
        """Return one interchange with numbers that its content has always; otherwise as `draft`."""
        return DerivedDraft(self.draft(documents, default), derived(documents)).write(()).body

    def draft(self, documents: list[Any], default: str, moment: datetime | None = None) -> Draft:
        """Return the interchange but for its numbers, with documents in groups by type.

        `default` = the set of those that say none. It is dated by its first document, else by `moment`.

        Raises:
            FormatError: A document that its guide cannot say; names the path and what is wrong there.
        """
        groups: dict[str, list[list[str]]] = {}
        day, time = "", ""
        for position, document in enumerate(documents, 1):
            if not isinstance(document, dict):
                raise FormatError(f"x12: document {position} must be an object, not a {type(document).__name__}")
            head = document.get("transaction", {})
            name = str(head.get("set", default)) if isinstance(head, dict) else default
            writer, machine = self._of(name)
            segments = writer.segments(document)
            group = groups.setdefault(machine.guide.group, [])
            group.append(self._set(name, str(head.get("number", "")) or f"{len(group) + 1:04d}", segments))
            day = day or _said_day(document) or ("" if moment else self._day(machine.guide, segments))
            time = time or _time(document)
        if moment is not None:
            day, time = day or f"{moment:%Y%m%d}", time or f"{moment:%H%M}"
        given = documents[0].get("envelope", {}) if documents else {}
        number = _control(given, "group")
        made = [Group(kind, tuple(sets), number and number + at) for at, (kind, sets) in enumerate(groups.items())]
        return Draft(self._frame(_control(given, "interchange"), day or "20000101", time or "0000"), made)

    def _set(self, name: str, number: str, segments: list[str]) -> list[str]:
        """Return the segments of a set from ST to SE, read back."""
        mark = self._marks.element
        trailer = mark.join(["SE", str(len(segments) + 2), number])
        whole = [mark.join(["ST", name, number]), *segments, trailer]
        self._check(name, whole)
        return whole

    def _frame(self, asked: int, day: str, time: str) -> Frame:
        profile, mark = self._envelope, self._marks.element
        us, them = profile.sender, profile.receiver
        parties = us.group or us.id, them.group or them.id
        headers = {
            "edi_standard": "X12", "edi_sender_qualifier": us.qualifier, "edi_sender": us.id,
            "edi_receiver_qualifier": them.qualifier, "edi_receiver": them.id,
        }  # fmt: skip
        return Frame(
            isa=lambda number: self._isa(day, time, number),
            gs=lambda kind, number: mark.join(["GS", kind, *parties, day, time, str(number), "X", profile.version]),
            mark=mark,
            end=self._end,
            interchange=Scope("x12", "interchange", f"{us.qualifier}/{us.id}", f"{them.qualifier}/{them.id}"),
            group=lambda kind: Scope("x12", "group", *parties, kind),
            headers=headers,
            asked=asked,
            ta1=profile.wants_ta1,
        )

    def _isa(self, day: str, time: str, control: int) -> str:
        profile, marks = self._envelope, self._marks
        version = f"00{profile.version[2:5]}"
        fields = (
            ("00", 2), ("", 10), ("00", 2), ("", 10), (profile.sender.qualifier, 2), (profile.sender.id, 15),
            (profile.receiver.qualifier, 2), (profile.receiver.id, 15), (day[2:], 6), (time, 4),
            (marks.repetition or "U", 1), (version, 5), (f"{control:09d}", 9), ("1" if profile.wants_ta1 else "0", 1),
            (profile.usage, 1), (marks.component, 1),
        )  # fmt: skip
        return marks.element.join(["ISA", *(value.ljust(width) for value, width in fields)])

    def _of(self, name: str) -> tuple[SetWriter, Machine]:
        if name not in self._writers:
            machine = self._machine(name, self._envelope.version, self._marks)
            if machine is None or not name:
                text = f"x12: there is no guide to write set {name!r} in {self._envelope.version}"
                raise FormatError(f"{text}; name it in guide:, or say transaction.set in the document")
            self._writers[name] = (SetWriter(machine.guide, self._marks, self._escaped), machine)
        return self._writers[name]

    def _escaped(self, text: str) -> str:
        """Return a value without separators: X12 has no way to write them."""
        if self._forbidden.isdisjoint(text):
            return text
        found = next(char for char in text if char in self._forbidden)
        if self._envelope.replace is None:
            raise FormatError(f"it holds the separator {found!r}; set replace: in the envelope, or other separators")
        return "".join(self._envelope.replace if char in self._forbidden else char for char in text)

    def _check(self, name: str, segments: list[str]) -> None:
        """Read what was written: what the grammar does not take must not leave."""
        machine = self._writers[name][1]
        walk = Walk(machine, frozenset(), frozenset(), lambda text: text, bind=False)
        walk.open(segments[0], lambda index: (0, 0), 0)
        walk.run(segments, 1, lambda index: (0, 0))
        if found := errors(walk.faults):
            more = more_faults(len(found) - 1)
            raise FormatError(f"x12: {found[0].text} (segment {found[0].segment} of the {name} to be written){more}")

    def _day(self, guide: Guide, segments: list[str]) -> str:
        """Return the first date of the first segment, or nothing."""
        values = segments[0].split(self._marks.element)[1:] if segments else []
        first = guide.body[0]
        items = first.segment.items if not hasattr(first, "body") else ()
        for item, value in zip(items, values, strict=False):
            if isinstance(item.of, Element) and item.of.type == "DT" and len(value) == 8:
                return value
        return ""


def _said_day(document: Mapping[str, Any]) -> str:
    """Return the day for ISA and GS that a document asks for: its `envelope.date`."""
    given = document.get("envelope", {})
    return str(given.get("date", "")).replace("-", "") if isinstance(given, dict) else ""


def _time(document: Mapping[str, Any]) -> str:
    given = document.get("envelope", {})
    return str(given.get("time", "")).replace(":", "")[:4] if isinstance(given, dict) else ""


def _control(given: Any, name: str) -> int:
    """Return the control number that a document asks for, 0 = none."""
    if not isinstance(given, dict) or name not in given:
        return 0
    try:
        number = int(given[name])
    except (TypeError, ValueError):
        number = 0
    if not 0 < number <= 999_999_999:
        raise FormatError(f"x12: envelope.{name} is {given[name]!r}, it must be a number of up to nine digits")
    return number


def derived(documents: list[Any]) -> int:
    """Return a control number that these documents always have."""
    return int.from_bytes(blake2b(repr(documents).encode(), digest_size=8).digest()) % _DERIVED + 1
