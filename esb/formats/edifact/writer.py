"""Documents become an interchange: messages by guide, envelope by profile.

No clock and no counter is asked here: control references are handed in, or derive from the content.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, model_validator

from esb.errors import FormatError
from esb.formats.edi.faults import errors
from esb.formats.edi.grammar import Use
from esb.formats.edi.machine import Machine
from esb.formats.edi.moments import fault_of
from esb.formats.edi.patterns import Marks
from esb.formats.edi.segment_writer import SegmentWriter
from esb.formats.edi.set_writer import SetWriter
from esb.formats.edi.walker import Walk
from esb.formats.edifact.characters import Characters
from esb.formats.edifact.charsets import CHARSETS
from esb.formats.edifact.draft import Batch, Draft, Frame
from esb.formats.edifact.service import FILLER, shield
from esb.formats.parts import more_faults
from esb.message import Scope
from esb.specs import Spec

_CHARACTERS = "one character that is no letter, digit or blank"
_REFERENCE = re.compile(r"[A-Za-z0-9]{1,14}", re.ASCII)
_UNH = ("version", "release", "agency", "association")


class Party(Spec):
    """Who sends or receives: identifier, the code list it is from, and an address behind it."""

    id: str = Field(min_length=1, max_length=35, description="0004 or 0010, for example a GLN.")
    qualifier: str = Field("", max_length=4, description="0007: 14 = GLN, 1 = DUNS, ZZZ = agreed between partners.")
    internal: str = Field("", max_length=14, description="0008 or 0014: where it goes behind the interchange.")


class Envelope(Spec):
    """How interchanges are written."""

    sender: Party
    receiver: Party
    version: str = Field("D96A", pattern=r"^D\d\d[AB]$", description="Directory of the messages: UNH 0052 and 0054.")
    association: str = Field("", max_length=6, description="UNH 0057, for example EAN008.")
    syntax: Literal["3", "4"] = Field("3", description="Version of the syntax: UNB 0002.")
    character_set: Literal["UNOA", "UNOB", "UNOC", "UNOD", "UNOE", "UNOF", "UNOG", "UNOH", "UNOI", "UNOJ", "UNOK",
                           "UNOW", "UNOY"] = Field("UNOC", description="UNB 0001.")  # fmt: skip
    unencodable: Literal["refuse", "transliterate"] = Field(
        "refuse", description="What happens to characters that the set does not have: an error, or others like them."
    )
    una: bool = Field(True, description="Whether a UNA stands before the UNB, also where it says nothing new.")
    group: bool = Field(False, description="Whether messages stand in groups by type (UNG).")
    test: bool = Field(False, description="UNB 0035: nothing of it counts.")
    wants_contrl: bool = Field(False, description="UNB 0031: whether the partner shall answer with a CONTRL.")
    application: str = Field("", max_length=14, description="UNB 0026, for example ORDERS.")
    agreement: str = Field("", max_length=35, description="UNB 0032.")
    component: str = Field(":", min_length=1, max_length=1, description=f"Component separator: {_CHARACTERS}.")
    element: str = Field("+", min_length=1, max_length=1, description=f"Element separator: {_CHARACTERS}.")
    decimal: Literal[".", ","] = Field(".", description="Decimal mark.")
    release: str = Field("?", max_length=1, description="Release character; empty: there is none.")
    repetition: str = Field("*", min_length=1, max_length=1, description=f"Repetition (syntax 4): {_CHARACTERS}.")
    terminator: str = Field("'", min_length=1, max_length=1, description=f"Segment terminator: {_CHARACTERS}.")
    newline: bool = Field(False, description="A line end behind every segment.")

    @model_validator(mode="after")
    def _separate(self) -> Envelope:
        used = [self.component, self.element, self.terminator, *self.release]
        used += [self.repetition] if self.syntax == "4" else []
        if len(set(used)) < len(used) or any(char.isalnum() or char == " " or not char.isascii() for char in used):
            raise ValueError(f"the separators {' '.join(used)} must differ, and be no letters, digits or blanks")
        if not self.una and self._una != _PLAIN[self.syntax]:
            raise ValueError("separators of your own need una: true, or nobody can read them")
        return self

    @property
    def marks(self) -> Marks:
        """The separators."""
        repetition = self.repetition if self.syntax == "4" else ""
        decimal = self.decimal + (",." if self.syntax == "4" else "").replace(self.decimal, "")
        wide = CHARSETS[self.character_set].wide
        return Marks(
            self.element, self.component, repetition, self.terminator, self.release, decimal, wide, reserved=True
        )

    @property
    def _una(self) -> str:
        last = self.repetition if self.syntax == "4" else " "
        return f"{self.component}{self.element}{self.decimal}{self.release or ' '}{last}{self.terminator}"

    @property
    def service_string(self) -> str:
        """The UNA with its line end, or nothing."""
        return f"UNA{self._una}" + ("\n" if self.newline else "") if self.una else ""


_PLAIN = {"3": ":+.? '", "4": ":+.?*'"}


class Writer:
    """Writes interchanges for one profile. `machine` finds a compiled guide: (type, directory, syntax, separators)."""

    def __init__(self, envelope: Envelope, machine: Callable[[str, str, str, Marks], Machine | None]) -> None:
        self._envelope, self._marks, self._machine = envelope, envelope.marks, machine
        self._charset = CHARSETS[envelope.character_set]
        self._escape = Characters(self._charset, self._marks, envelope.unencodable == "transliterate").escaped
        self._writers: dict[tuple[str, str], tuple[SetWriter, SegmentWriter, Machine]] = {}
        self._end = self._marks.terminator + ("\n" if envelope.newline else "")

    def interchange(self, documents: list[Any], default: str) -> bytes:
        """Return one interchange with references that its content has always; otherwise as `draft`."""
        draft = self.draft(documents, default)
        control = draft.derived
        return draft.write([control, *range(control, control + len(draft.wants))][: len(draft.wants)]).body

    def draft(self, documents: list[Any], default: str, moment: datetime | None = None) -> Draft:
        """Return the interchange but for its references, with messages by type if there are groups.

        `default` = the type of those that say none. It is dated by its first document, else by `moment`.

        Raises:
            FormatError: A document that its guide cannot say; names the path and what is wrong there.
        """
        batches: dict[str, list[list[str]]] = {}
        day, time = "", ""
        for position, document in enumerate(documents, 1):
            if not isinstance(document, dict):
                raise FormatError(f"edifact: document {position} must be an object, not a {type(document).__name__}")
            name, message = self._message(document, default, position)
            batches.setdefault(name if self._envelope.group else "", []).append(message)
            day = day or _said(document, "date", "-") or ("" if moment else self._day(message))
            time = time or _said(document, "time", ":")[:4]
        if moment is not None:
            day, time = day or f"{moment:%Y%m%d}", time or f"{moment:%H%M}"
        given = documents[0].get("envelope", {}) if documents else {}
        number = _reference(given, "group")
        first = next(iter(batches.values()), [[""]])[0][0]
        kind = first.split(self._marks.element)[2].split(self._marks.component)[0] if first else default
        made = [Batch(name or kind, tuple(messages), number) for name, messages in batches.items()]
        return Draft(self._frame(_reference(given, "interchange"), day or "20000101", time or "0000"), made)

    def _message(self, document: dict[str, Any], default: str, position: int) -> tuple[str, list[str]]:
        """Return the type of a message and its segments from UNH to UNT, read back."""
        given = document.get("transaction", {})
        head = dict(given) if isinstance(given, dict) else {}
        profile = self._envelope
        usual = {"version": "D", "release": profile.version[1:], "agency": "UN", "association": profile.association}
        head = {"number": str(position), "set": default, **{k: v for k, v in usual.items() if v}, **head}
        name, version = str(head["set"]), f"{head['version']}{head['release']}"
        body, header, machine = self._of(name, version)
        segments = body.segments(_sectioned(document, machine))
        unh = header.text(head, "$.transaction", {})
        number = unh.split(self._marks.element)[1]
        whole = [unh, *segments, self._marks.element.join(["UNT", str(len(segments) + 2), number])]
        self._check(name, machine, whole)
        return name, whole

    def _frame(self, asked: str, day: str, time: str) -> Frame:
        profile, mark = self._envelope, self._marks.element
        us, them = profile.sender, profile.receiver
        headers = {
            "edi_standard": "EDIFACT", "edi_sender_qualifier": us.qualifier, "edi_sender": us.id,
            "edi_receiver_qualifier": them.qualifier, "edi_receiver": them.id,
        }  # fmt: skip
        pair = f"{us.qualifier}/{us.id}", f"{them.qualifier}/{them.id}"
        return Frame(
            unb=lambda number: self._unb(day, time, number),
            ung=lambda batch, number: self._ung(batch, day, time, number),
            mark=mark,
            end=self._end,
            codec=self._charset.codec,
            interchange=Scope("edifact", "interchange", *pair),
            group=(lambda kind: Scope("edifact", "group", us.id, them.id, kind)) if profile.group else None,
            headers=headers,
            asked=asked,
            owed=profile.wants_contrl,
        )

    def _unb(self, day: str, time: str, number: str) -> str:
        profile = self._envelope
        moment = [day if profile.syntax == "4" else day[-6:], time]
        syntax: list[str] = [profile.character_set, profile.syntax]
        flags = ["", profile.application, "", "1" if profile.wants_contrl else "", profile.agreement]
        made = self._joined("UNB", syntax, _party(profile.sender), _party(profile.receiver), moment, number, *flags,
                            "1" if profile.test else "")  # fmt: skip
        return profile.service_string + made

    def _ung(self, batch: Batch, day: str, time: str, number: str) -> str:
        profile, mark = self._envelope, self._marks
        moment = [day if profile.syntax == "4" else day[-6:], time]
        identifier = batch.messages[0][0].split(mark.element)[2].split(mark.component)
        version = [identifier[1], identifier[2], *identifier[4:5]]
        us, them = ([party.id, party.qualifier] for party in (profile.sender, profile.receiver))
        return self._joined("UNG", batch.kind, us, them, moment, number, identifier[3], version)

    def _joined(self, tag: str, *elements: str | list[str]) -> str:
        mark, made = self._marks, [tag]
        for element in elements:
            parts = [self._escape(part) for part in ([element] if isinstance(element, str) else element)]
            while parts and not parts[-1]:
                parts.pop()
            made.append(mark.component.join(parts))
        while not made[-1]:
            made.pop()
        return mark.element.join(made)

    def _of(self, name: str, version: str) -> tuple[SetWriter, SegmentWriter, Machine]:
        found = self._writers.get((name, version))
        if found is None:
            machine = self._machine(name, version, self._envelope.syntax, self._marks)
            if machine is None or not name:
                text = f"edifact: there is no guide to write message {name!r} in {version}"
                raise FormatError(f"{text}; name it in guide:, or say transaction.set in the document")
            header = SegmentWriter(machine.header.use.segment, self._marks, self._escape)
            found = SetWriter(machine.guide, self._marks, self._escape), header, machine
            self._writers[name, version] = found
        return found

    def _check(self, name: str, machine: Machine, segments: list[str]) -> None:
        """Read what was written: what the grammar does not take must not leave."""
        marks = self._marks
        if marks.release and any(marks.release in segment for segment in segments):
            segments = [shield(segment, marks).replace(FILLER, "") for segment in segments]
        walk = Walk(machine, frozenset(), frozenset(), lambda text: text, bind=False)
        walk.open(segments[0], lambda index: (0, 0), 0)
        walk.run(segments, 1, lambda index: (0, 0))
        if found := errors(walk.faults):
            more = more_faults(len(found) - 1)
            raise FormatError(
                f"edifact: {found[0].text} (segment {found[0].segment} of the {name} to be written){more}"
            )

    def _day(self, segments: list[str]) -> str:
        """Return the day of the document (DTM with 137), or nothing."""
        mark, inner = re.escape(self._marks.element), re.escape(self._marks.component)
        # without a format it may be a day, too; with another one the same digits say something else
        found = re.compile(rf"DTM{mark}137{inner}(\d{{8}})(?:\d{{4}})?(?:{inner}(?:102|203)?)?", re.ASCII)
        days = (match[1] for segment in segments[:20] if (match := found.fullmatch(segment)))
        return next((day for day in days if fault_of("102", day) is None), "")


def _sectioned(document: dict[str, Any], machine: Machine) -> dict[str, Any]:
    """Return a document with the segment between lines and summary (UNS+S), which nobody has anything to say about."""
    missing = {use.into for use in machine.guide.body if isinstance(use, Use) and use.tag == "UNS" and use.must}
    missing -= document.keys()
    return {**document, **{into: {"section": "S"} for into in missing}} if missing else document


def _party(party: Party) -> list[str]:
    return [party.id, party.qualifier, party.internal]


def _said(document: Mapping[str, Any], name: str, mark: str) -> str:
    """Return the day or time for the envelope that a document asks for."""
    given = document.get("envelope", {})
    return str(given.get(name, "")).replace(mark, "") if isinstance(given, dict) else ""


def _reference(given: Any, name: str) -> str:
    """Return the control reference that a document asks for, empty = none."""
    if not isinstance(given, dict) or name not in given:
        return ""
    found = str(given[name])
    if not _REFERENCE.fullmatch(found):
        raise FormatError(f"edifact: envelope.{name} is {found[:30]!r}, it must be up to 14 letters and digits")
    return found
