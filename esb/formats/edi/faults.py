"""One vocabulary of faults, and what each is called in the acknowledgments (997, 999, CONTRL)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from esb.edge import Finding

Wrong: TypeAlias = tuple[str, int, str]
"""What is wrong with an envelope's segment: code, element, text."""


class EdiFinding(Finding, frozen=True):
    """A finding with all that EDI knows of its place: see `Fault`."""

    interchange: str = ""
    group: str = ""
    transaction: str = ""
    segment: int = 0
    tag: str = ""
    loop: str = ""
    element: int = 0
    component: int = 0
    value: str = ""
    schema: str = ""


class Fault(Struct, frozen=True):
    """A fault in EDI data, as exact as we know it.

    `segment` = position in the transaction set (ST or UNH is 1), `element` and `component` count from 1,
    `id` = the data element's number, `loop` = the loop's id, `value` = what stood there, `schema` = file and line of
    the rule that was broken (`x12/850.yaml:14`), `repetition` = which repeat of the element it is, from 1.
    """

    code: str
    text: str
    severity: str = "error"
    offset: int = 0
    line: int = 0
    interchange: str = ""
    group: str = ""
    transaction: str = ""
    segment: int = 0
    tag: str = ""
    loop: str = ""
    element: int = 0
    component: int = 0
    id: str = ""
    value: str = ""
    schema: str = ""
    repetition: int = 0

    def finding(self) -> Finding:
        """Return the fault as every format reports it."""
        place = (self.offset, self.line, self.where, self.severity, self.interchange, self.group, self.transaction)
        detail = (self.segment, self.tag, self.loop, self.element, self.component, self.value, self.schema)
        return EdiFinding(self.code, self.text, *place, *detail)

    @property
    def where(self) -> str:
        """The place as people say it: `segment 7 PO1, element 3`."""
        parts = [f"segment {self.segment} {self.tag}".strip()] if self.segment else [self.tag] if self.tag else []
        if self.element:
            parts.append(f"element {self.element}" + (f":{self.component}" if self.component else ""))
        return ", ".join(parts)


class Meaning(Struct, frozen=True):
    """What a fault is called by others. `level` says which of their segments carries the code.

    X12: AK304/AK403/AK502/AK905 of a 997 and IK304/IK403/IK502/AK905 of a 999; EDIFACT: code list 0085.
    """

    level: str
    x12: str
    x12_999: str
    edifact: str


_TABLE = """
seg.unknown          segment  1  1  15
seg.unexpected       segment  2  2  15
seg.missing          segment  3  3  13
loop.too-many        segment  4  4  36
seg.too-many         segment  5  5  35
seg.not-in-set       segment  6  6  15
seg.order            segment  7  7  15
seg.empty            segment  8  8  15
impl.seg-not-used    segment  2  I4 15
impl.seg-needed      segment  3  I6 13
impl.loop-too-few    segment  3  I7 13
impl.seg-too-few     segment  3  I8 13
impl.seg-needless    segment  2  I9 15
loop.too-deep        segment  4  4  36
seg.binary           segment  8  8  12
el.missing           element  1  1  13
el.needed            element  2  2  13
el.too-many          element  3  3  16
el.short             element  4  4  40
el.long              element  5  5  39
el.chars             element  6  6  37
el.code              element  7  7  12
el.date              element  8  8  12
el.time              element  9  9  12
el.excluded          element  10 10 15
el.repeats           element  3  12 35
el.components        element  3  13 16
num.decimal          element  6  6  19
num.digit            element  6  6  38
charset              element  6  6  21
impl.code            element  7  I6 14
impl.el-needed       element  2  I9 13
impl.el-not-used     element  10 I10 15
impl.repeats-few     element  1  I11 13
impl.pattern         element  7  I12 12
impl.el-needless     element  10 I13 15
charset              element  6  6  21
set.unsupported      set      1  1  14
set.no-trailer       set      2  2  13
set.number           set      3  3  28
set.count            set      4  4  29
set.segments         set      5  5  12
set.id               set      6  6  13
set.number-bad       set      7  7  12
set.duplicate        set      23 23 26
set.check            set      5  5  12
set.too-large        set      5  5  12
set.with-others      set      -  -  7
grp.unsupported      group    1  1  17
grp.sender           group    1  1  17
grp.receiver         group    1  1  17
grp.version          group    2  2  14
grp.no-trailer       group    3  3  13
grp.number           group    4  4  28
grp.count            group    5  5  29
grp.number-bad       group    6  6  12
grp.duplicate        group    6  6  26
grp.too-large        group    5  5  12
ich.number           interchange 001 001 28
ich.sender-qualifier interchange 005 005 23
ich.sender           interchange 006 006 23
ich.receiver-qualifier interchange 007 007 7
ich.receiver         interchange 008 008 7
ich.unknown          interchange 009 009 23
ich.standard         interchange 002 002 2
ich.version          interchange 003 003 2
ich.delimiters       interchange 004 004 20
ich.agreed-terminator interchange 004 004 22
ich.agreed-element   interchange 026 026 22
ich.agreed-component interchange 027 027 22
ich.agreed-repetition interchange 022 022 22
ich.agreed-release   interchange 022 022 22
ich.agreed-decimal   interchange 022 022 19
ich.auth             interchange 010 010 12
ich.security         interchange 012 012 12
ich.date             interchange 014 014 12
ich.time             interchange 015 015 12
ich.number-bad       interchange 018 018 12
ich.ack-flag         interchange 019 019 12
ich.flags            interchange 020 020 25
ich.count            interchange 021 021 29
ich.structure        interchange 022 022 13
ich.eof              interchange 023 023 13
ich.content          interchange 024 024 32
ich.mixed            interchange 024 024 30
ich.duplicate        interchange 025 025 26
"""
"""code, level, 997/TA1, 999, EDIFACT 0085; ordered as the standards order them. `-` = there is no code for it."""

MEANINGS: Mapping[str, Meaning] = {code: Meaning(*rest) for code, *rest in map(str.split, _TABLE.strip().splitlines())}


def errors(faults: tuple[Fault, ...] | list[Fault]) -> list[Fault]:
    """Return the faults that count; notes and warnings do not."""
    return [fault for fault in faults if fault.severity == "error"]


_LOST = frozenset({"ich.count", "ich.eof", "grp.count", "grp.no-trailer"})


def lost(faults: Sequence[Fault]) -> str:
    """Return why an interchange or group in which nothing was found held something; empty if it was empty indeed.

    Such a fault may be tolerated beside what was taken; where nothing was, the sender must not read that all is well.
    """
    return next((fault.text for fault in faults if fault.code in _LOST), "")


def tolerable(strict: frozenset[str]) -> Callable[[list[str]], list[str]]:
    """Return what checks a list of codes: all must be known, and none of those that leave no document to go on with."""

    def checked(codes: list[str]) -> list[str]:
        for code in codes:
            if code not in MEANINGS or code in strict:
                known = ", ".join(sorted(set(MEANINGS) - strict))
                raise ValueError(f"{code!r} cannot be tolerated; these can: {known}")
        return codes

    return checked
