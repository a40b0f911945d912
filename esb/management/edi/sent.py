"""What was sent, cut into segments again: the bytes are ours, so they are as our writers write them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

_UNA = ":+.? '"


class Sent(Struct, frozen=True):
    """The segments of every set, by its number; each set's first is ST or UNH, which is segment 1."""

    sets: Mapping[str, tuple[str, ...]]
    element: str
    component: str
    release: str = ""

    def segment(self, transaction: str, position: int) -> str:
        """Return a segment, empty if it is not there."""
        found = self.sets.get(_plain(transaction), ())
        return found[position - 1] if 0 < position <= len(found) else ""

    def value(self, segment: str, element: int, component: int = 0) -> str:
        """Return a value of a segment, element and component counted from 1; empty if it is not there."""
        parts = _split(segment, self.element, self.release)
        found = parts[element] if element < len(parts) else ""
        if component:
            parts = _split(found, self.component, self.release)
            found = parts[component - 1] if component <= len(parts) else ""
        return _unreleased(found, self.release)


def cut(raw: bytes) -> Sent:
    """Return the sets of an interchange."""
    text = raw.decode("latin-1")
    if text.startswith("ISA"):
        element, component, terminator, release = text[3:4], text[104:105], text[105:106], ""
        begin, end, number = "ST", "SE", 2
    else:
        una = text[3:9] if text.startswith("UNA") else _UNA
        component, element, release, terminator = una[0], una[1], una[3].strip(), una[5]
        text = text[9:] if text.startswith("UNA") else text
        begin, end, number = "UNH", "UNT", 1
    sets: dict[str, tuple[str, ...]] = {}
    current: list[str] = []
    name = ""
    for piece in _split(text, terminator, release):
        segment = piece.strip("\r\n")
        tag = segment.partition(element)[0]
        if tag == begin:
            current, name = [], _plain((segment.split(element) + [""] * number)[number])
        current.append(segment)
        if tag == end:
            sets[name] = tuple(current)
    return Sent(sets, element, component, release)


def _split(text: str, mark: str, release: str) -> list[str]:
    """Split a text at a separator that no release character stands before."""
    if not release or release not in text:
        return text.split(mark)
    token = re.compile(f"{re.escape(release)}.|{re.escape(mark)}", re.DOTALL)
    parts, at = [], 0
    for match in token.finditer(text):
        if match.group() == mark:
            parts.append(text[at : match.start()])
            at = match.end()
    return [*parts, text[at:]]


def _unreleased(text: str, release: str) -> str:
    return re.sub(f"{re.escape(release)}(.)", r"\1", text, flags=re.DOTALL) if release else text


def _plain(number: str) -> str:
    """Return a control number without leading zeros: they are equal as numbers."""
    return number.strip().lstrip("0") or "0"
