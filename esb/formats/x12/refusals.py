"""Bad parts of X12: what people are told in place of a document, with the bytes as they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from esb.edge import Part
from esb.formats.edi.faults import Fault, errors
from esb.formats.edi.kept import KEPT
from esb.formats.parts import bad
from esb.formats.x12.framing import Junk


class Stray:
    """Segments that stand where an envelope should begin; those that follow each other are one exception."""

    def __init__(self, text: str, offset: int, line: int) -> None:
        self._reason, self._place = text, (offset, line)
        self._pieces: list[str] = []
        self._size = self._count = 0

    def add(self, text: str) -> None:
        """Keep one more segment, terminator included, if there is room."""
        self._count += 1
        if self._size < KEPT:
            self._size += len(text)
            self._pieces.append(text)

    def part(self, headers: Mapping[str, str]) -> Part:
        """Return the exception."""
        skipped = "it was skipped" if self._count == 1 else f"{self._count} segments were skipped"
        fault = Fault("ich.structure", f"{self._reason}; {skipped}", "error", *self._place)
        raw = "".join(self._pieces).encode("latin-1", "replace")
        return Part(None, raw, sentence([fault], 0, f"line {self._place[1]}"), (fault.finding(),), headers)


def junk(found: Junk) -> Part:
    """Return the exception for what is no interchange at all."""
    begins = found.text[:30]
    what = f"this is not X12: {found.reason}; it begins with {begins!r} ({found.size} bytes were skipped)"
    text = f"line {found.line}: {what}"
    return bad("x12", "unreadable", text, found.text.encode("latin-1"), found.line, found.offset)


def of_envelope(faults: Sequence[Fault], label: str, raw: str, headers: Mapping[str, str]) -> Part:
    """Return the exception for a fault of the envelope: its documents have gone their way, people must know."""
    findings = tuple(fault.finding() for fault in faults)
    return Part(None, raw.encode("latin-1"), sentence(faults, 0, label), findings, headers)


def with_others(part: Part, reason: str) -> Part:
    """Return the exception for a set that is refused because of another one of its group or interchange."""
    if part.error:
        return part
    number, group, transaction = (
        part.envelope.get(name, "") for name in ("edi_interchange", "edi_group", "edi_transaction")
    )
    fault = Fault("set.with-others", reason, interchange=number, group=group, transaction=transaction)
    label = f"ST {part.envelope.get('edi_transaction', '?')}"
    return replace(part, body=None, error=sentence([fault], 0, label), findings=(*part.findings, fault.finding()))


def sentence(faults: Sequence[Fault], untold: int, label: str) -> str:
    """Return the first error and how many more there are, for people."""
    found = errors(list(faults))
    first = found[0]
    place = f"{label}, segment {first.segment}" if first.segment else label
    more = len(found) - 1 + untold
    others = f" (and {more} more faults)" if more else ""
    return f"x12: {first.text} ({place}){others}; ask the partner to resend"
