"""What is wrong with the envelope's segments: pure comparisons of what they say with what came."""

from __future__ import annotations

from collections.abc import Sequence

from esb.formats.edi.control import same_number
from esb.formats.edi.faults import Wrong
from esb.formats.edi.parties import Parties
from esb.formats.x12.envelope import Group, Interchange


def at(values: Sequence[str], index: int) -> str:
    """Return an element, empty where there is none."""
    return values[index] if index < len(values) else ""


def isa_faults(isa: Sequence[str]) -> list[Wrong]:
    """Return what is wrong with an ISA."""
    found: list[Wrong] = []
    if isa[0].strip() not in ("", "00", "01", "02", "03", "04", "05", "06"):
        found.append(("ich.auth", 1, f"ISA01 is {isa[0][:20]!r}, it should be 00 (no authorization) to 06"))
    if isa[2].strip() not in ("", "00", "01"):
        found.append(("ich.security", 3, f"ISA03 is {isa[2][:20]!r}, it should be 00 (no password) or 01"))
    if not _qualifier(isa[4]):
        found.append(("ich.sender-qualifier", 5, f"ISA05 is {isa[4][:20]!r}, it should be a qualifier such as ZZ"))
    if not isa[5].strip():
        found.append(("ich.sender", 6, "ISA06 (interchange sender) is empty"))
    if not _qualifier(isa[6]):
        found.append(("ich.receiver-qualifier", 7, f"ISA07 is {isa[6][:20]!r}, it should be a qualifier such as ZZ"))
    if not isa[7].strip():
        found.append(("ich.receiver", 8, "ISA08 (interchange receiver) is empty"))
    if not _digits(isa[12].strip(), 9):
        found.append(("ich.number-bad", 13, f"ISA13 is {isa[12].strip()[:20]!r}, it should be nine digits"))
    if not _digits(isa[8].strip(), 6):
        found.append(("ich.date", 9, f"ISA09 is {isa[8].strip()[:20]!r}, it should be a date YYMMDD"))
    if not _digits(isa[9].strip(), 4):
        found.append(("ich.time", 10, f"ISA10 is {isa[9].strip()[:20]!r}, it should be a time HHMM"))
    if not _digits(isa[11].strip(), 5):
        found.append(("ich.version", 12, f"ISA12 is {isa[11].strip()[:20]!r}, it should be a version such as 00401"))
    if isa[13].strip() not in ("", "0", "1"):
        found.append(("ich.ack-flag", 14, f"ISA14 is {isa[13][:20]!r}, it should be 0 or 1 (a TA1 is wanted)"))
    if isa[14] not in ("P", "T", "I"):
        found.append(("ich.flags", 15, f"ISA15 is {isa[14][:20]!r}, it should be P (production) or T (test)"))
    return found


def isa_strangers(isa: Sequence[str], parties: Parties) -> list[Wrong]:
    """Return what is wrong with the parties of an ISA where the partner's are declared."""
    places = {"sender": (5, 6), "receiver": (7, 8)}
    found: list[Wrong] = []
    for side, what, declared in parties.wrong("isa", (isa[5], isa[4]), (isa[7], isa[6])):
        qualifier, element = places[side]
        said = f"{isa[qualifier - 1].strip()[:10]}/{isa[element - 1].strip()[:20]}"
        text = f"the {side} is {said} (ISA{qualifier:02d}/ISA{element:02d}), {declared}"
        suffix = "-qualifier" if what == "qualifier" else ""
        found.append((f"ich.{side}{suffix}", qualifier if suffix else element, text))
    return found


_STANDING = {"component": 16, "repetition": 11}
"""Where separators stand in an ISA; the others stand between its elements and behind them."""


def isa_unagreed(interchange: Interchange, parties: Parties) -> list[Wrong]:
    """Return which separators are not those that the partner is agreed to use."""
    marks = interchange.marks
    came = {"element": marks.element, "component": marks.component, "terminator": marks.terminator}
    if interchange.isa[11].strip() >= "00402":
        came["repetition"] = marks.repetition
    found = parties.unlike("x12", came)
    return [(f"ich.agreed-{name}", _STANDING.get(name, 0), text) for name, text in found]


def gs_strangers(gs: Sequence[str], parties: Parties) -> list[Wrong]:
    """Return what is wrong with the parties of a GS where the partner's are declared."""
    found: list[Wrong] = []
    for side, _, declared in parties.wrong("gs", (gs[1],), (gs[2],)):
        element = 2 if side == "sender" else 3
        text = f"the {side} of the group is {gs[element - 1].strip()[:20]!r} (GS{element:02d}), {declared}"
        found.append((f"grp.{side}", element, text))
    return found


def iea_faults(values: Sequence[str], interchange: Interchange) -> list[Wrong]:
    """Return what is wrong with an IEA."""
    said, number = at(values, 1), at(values, 2)
    found: list[Wrong] = []
    if not same_number(said, str(interchange.groups)):
        if not interchange.groups and not interchange.technical:
            # what is told first is what a TA1 says: not that a number is wrong, but that nothing could be read
            found.append(("ich.structure", 0, "there is no group (GS) in the interchange"))
        found.append(("ich.count", 1, f"IEA01 says {said[:20] or 'nothing'} groups, found {interchange.groups}"))
    if not same_number(number, interchange.number):
        found.append(("ich.number", 2, f"IEA02 is {number[:20]!r}, ISA13 is {interchange.number!r}"))
    return found


def gs_faults(group: Group, interchange: Interchange) -> list[Wrong]:
    """Return what is wrong with a GS; remembers its number in the interchange."""
    found: list[Wrong] = []
    kind, number = group.gs[0].strip(), group.number
    if not (kind.isascii() and kind.isalnum() and len(kind) == 2):
        found.append(("grp.unsupported", 1, f"GS01 is {kind[:20]!r}, it should be a group type such as PO"))
    key = f"{kind} {number.lstrip('0')}"
    if not (number.isascii() and number.isdigit() and len(number) <= 9):
        fault = f"GS06 is {number[:20]!r}, it should be a number of up to nine digits"
        found.append(("grp.number-bad", 6, fault))
    elif key in interchange.group_numbers:
        found.append(("grp.duplicate", 6, f"GS06 {number} comes twice in the interchange"))
    interchange.group_numbers.add(key)
    if not group.known:
        found.append(("grp.version", 8, f"GS08 {group.version[:20]!r} is a version that we do not read"))
    return found


def ge_faults(values: Sequence[str], group: Group) -> list[Wrong]:
    """Return what is wrong with a GE."""
    said, number = at(values, 1), at(values, 2)
    found: list[Wrong] = []
    if not same_number(said, str(group.received)):
        found.append(("grp.count", 1, f"GE01 says {said[:20] or 'nothing'} sets, found {group.received}"))
    if not same_number(number, group.number):
        found.append(("grp.number", 2, f"GE02 is {number[:20]!r}, GS06 is {group.number!r}"))
    return found


def se_faults(values: Sequence[str], count: int, number: str) -> list[Wrong]:
    """Return what is wrong with an SE: SE01 counts the segments, SE02 is ST02 as text (blanks aside)."""
    said, closing = at(values, 1), at(values, 2)
    found: list[Wrong] = []
    if not same_number(said, str(count)):
        found.append(("set.count", 1, f"SE01 says {said[:20] or 'nothing'} segments, found {count}"))
    if closing.strip() != number.strip():
        found.append(("set.number", 2, f"SE02 is {closing[:20]!r}, ST02 is {number[:20]!r}"))
    return found


def st_faults(name: str, number: str) -> list[Wrong]:
    """Return what makes an ST useless: no set is named, or its number is none (4 to 9 characters)."""
    found: list[Wrong] = []
    if not (name.isascii() and name.isalnum() and len(name) == 3):
        found.append(("set.id", 1, f"ST01 is {name[:20]!r}, it should be a set such as 850"))
    if not (4 <= len(number.strip()) <= 9 and number.isascii() and number.isprintable()):
        found.append(("set.number-bad", 2, f"ST02 is {number[:20]!r}, it should be 4 to 9 characters"))
    return found


def _qualifier(text: str) -> bool:
    return len(text.strip()) == 2 and text.isascii() and text.strip().isalnum()


def _digits(text: str, count: int) -> bool:
    return len(text) == count and text.isascii() and text.isdigit()
