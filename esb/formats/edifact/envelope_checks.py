"""What is wrong with the envelope's segments: pure comparisons of what they say with what came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from esb.formats.edi.control import same_number
from esb.formats.edi.faults import Wrong
from esb.formats.edi.parties import Parties
from esb.formats.edi.patterns import Marks
from esb.formats.edifact.envelope import Group, Interchange, at


def unb_faults(unb: Interchange) -> list[Wrong]:
    """Return what is wrong with a UNB."""
    found: list[Wrong] = []
    version = unb.at(1, 2).strip()
    if version not in ("1", "2", "3", "4"):
        found.append(("ich.version", 1, f"UNB01-2 is {version[:20]!r}, it should be a version of the syntax, 1 to 4"))
    if not unb.at(2).strip():
        found.append(("ich.sender", 2, "UNB02 (interchange sender) is empty"))
    if not unb.at(3).strip():
        found.append(("ich.receiver", 3, "UNB03 (interchange recipient) is empty"))
    if not _day(unb.at(4).strip(), version):
        wanted = "CCYYMMDD" if version == "4" else "YYMMDD"
        found.append(("ich.date", 4, f"UNB04-1 is {unb.at(4)[:20]!r}, it should be a date {wanted}"))
    if not _time(unb.at(4, 2).strip()):
        found.append(("ich.time", 4, f"UNB04-2 is {unb.at(4, 2)[:20]!r}, it should be a time HHMM"))
    if not 1 <= len(unb.number) <= 14:
        found.append(("ich.number-bad", 5, f"UNB05 is {unb.number[:20]!r}, it should be 1 to 14 characters"))
    if unb.at(11).strip() not in ("", "0", "1", "2", "3", "4"):
        found.append(("ich.flags", 11, f"UNB11 is {unb.at(11)[:20]!r}, it should be 1 (a test) or nothing"))
    return found


def unb_strangers(unb: Interchange, parties: Parties) -> list[Wrong]:
    """Return what is wrong with the parties of a UNB where the partner's are declared."""
    found: list[Wrong] = []
    sender, receiver = ((unb.at(element), unb.at(element, 2)) for element in (2, 3))
    for side, what, declared in parties.wrong("unb", sender, receiver):
        identifier, qualifier = sender if side == "sender" else receiver
        element = 2 if side == "sender" else 3
        said = f"{qualifier.strip()[:10]}/{identifier.strip()[:40]}".removeprefix("/")
        suffix = "-qualifier" if what == "qualifier" else ""
        found.append((f"ich.{side}{suffix}", element, f"the {side} is {said} (UNB{element:02d}), {declared}"))
    return found


def unb_unagreed(interchange: Interchange, parties: Parties) -> list[Wrong]:
    """Return which service characters are not those that the partner is agreed to use."""
    marks = interchange.marks
    came = {name: getattr(marks, name) for name in ("component", "element", "release", "terminator")}
    if interchange.syntax == "4":
        came["repetition"] = marks.repetition
    if len(marks.decimal) == 1:  # else nobody chose one, and both are right
        came["decimal"] = marks.decimal
    return [(f"ich.agreed-{name}", 0, text) for name, text in parties.unlike("edifact", came)]


def unz_faults(values: Sequence[str], interchange: Interchange) -> list[Wrong]:
    """Return what is wrong with a UNZ: it counts groups where there are any, else messages and objects."""
    marks = interchange.marks
    said, number = at(values, 1, marks), at(values, 2, marks)
    count = interchange.groups or interchange.received
    found: list[Wrong] = []
    if not same_number(said, str(count)):
        what = "groups" if interchange.groups else "messages"
        found.append(("ich.count", 1, f"UNZ01 says {said[:20] or 'nothing'} {what}, found {count}"))
    if not same_number(number, interchange.number):
        found.append(("ich.number", 2, f"UNZ02 is {number[:20]!r}, UNB05 is {interchange.number[:20]!r}"))
    return found


def ung_faults(group: Group, interchange: Interchange) -> list[Wrong]:
    """Return what is wrong with a UNG; remembers its reference in the interchange."""
    found: list[Wrong] = []
    number = group.number
    if not 1 <= len(number) <= 14:
        found.append(("grp.number-bad", 5, f"UNG05 is {number[:20]!r}, it should be 1 to 14 characters"))
    elif number in interchange.group_numbers:
        found.append(("grp.duplicate", 5, f"UNG05 {number} comes twice in the interchange"))
    if len(interchange.group_numbers) < 100_000:
        interchange.group_numbers.add(number)
    return found


def une_faults(values: Sequence[str], group: Group) -> list[Wrong]:
    """Return what is wrong with a UNE."""
    said, number = at(values, 1, group.marks), at(values, 2, group.marks)
    found: list[Wrong] = []
    if not same_number(said, str(group.received)):
        found.append(("grp.count", 1, f"UNE01 says {said[:20] or 'nothing'} messages, found {group.received}"))
    if not same_number(number, group.number):
        found.append(("grp.number", 2, f"UNE02 is {number[:20]!r}, UNG05 is {group.number[:20]!r}"))
    return found


def unh_faults(number: str, identifier: Sequence[str]) -> list[Wrong]:
    """Return what makes a UNH useless: no reference, or no message type and version (S009)."""
    found: list[Wrong] = []
    name = identifier[0] if identifier else ""
    if not 1 <= len(number.strip()) <= 14:
        found.append(("set.number-bad", 1, f"UNH01 is {number[:20]!r}, it should be 1 to 14 characters"))
    if not (name.isascii() and name.isalnum() and len(name) <= 6):
        found.append(("set.id", 2, f"UNH02 is {name[:20]!r}, it should be a message type such as ORDERS"))
    return found


def unt_faults(values: Sequence[str], count: int, number: str, marks: Marks) -> list[Wrong]:
    """Return what is wrong with a UNT: UNT01 counts the segments, UNT02 is UNH01 as text (blanks aside)."""
    said, closing = at(values, 1, marks), at(values, 2, marks)
    found: list[Wrong] = []
    if not same_number(said, str(count)):
        found.append(("set.count", 1, f"UNT01 says {said[:20] or 'nothing'} segments, found {count}"))
    if closing.strip() != number.strip():
        found.append(("set.number", 2, f"UNT02 is {closing[:20]!r}, UNH01 is {number[:20]!r}"))
    return found


def _day(text: str, version: str) -> bool:
    # syntax 4 writes the century; both are read in both, for many systems write what they always wrote
    if not (text.isascii() and text.isdigit() and len(text) in (6, 8)):
        return False
    try:
        date(int(text[:-4]) + (2000 if len(text) == 6 else 0), int(text[-4:-2]), int(text[-2:]))
    except ValueError:
        return False
    return True


def _time(text: str) -> bool:
    return len(text) == 4 and text.isascii() and text.isdigit() and text < "2400" and text[2] < "6"
