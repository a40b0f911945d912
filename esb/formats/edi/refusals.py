"""Bad parts of EDI: what people are told in place of a document, with the bytes as they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from esb.edge import Part
from esb.formats.edi.faults import Fault, errors
from esb.formats.edi.kept import KEPT
from esb.formats.parts import bad, more_faults


class Junk(Protocol):
    """What stands where an interchange should begin, as a dialect's framer gives it."""

    @property
    def text(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def offset(self) -> int: ...

    @property
    def line(self) -> int: ...

    @property
    def reason(self) -> str: ...


class Words(Struct, frozen=True):
    """What a dialect is called, and in it a set or message (`kind`), its header and its trailer."""

    dialect: str
    title: str
    kind: str
    header: str
    trailer: str

    def sentence(self, faults: Sequence[Fault], untold: int, label: str) -> str:
        """Return the first error and how many more there are, for people."""
        found = errors(list(faults))
        first = found[0]
        place = f"{label}, segment {first.segment}" if first.segment else label
        others = more_faults(len(found) - 1 + untold)
        return f"{self.dialect}: {first.text} ({place}){others}; ask the partner to resend"

    def junk(self, found: Junk) -> Part:
        """Return the exception for what is no interchange at all."""
        begins = found.text[:30]
        what = f"this is not {self.title}: {found.reason}; it begins with {begins!r} ({found.size} bytes were skipped)"
        raw = found.text.encode("latin-1")
        return bad(self.dialect, "unreadable", f"line {found.line}: {what}", raw, found.line, found.offset)

    def of_envelope(self, faults: Sequence[Fault], label: str, raw: str, headers: Mapping[str, str]) -> Part:
        """Return the exception for a fault of the envelope: its documents have gone their way, people must know."""
        findings = tuple(fault.finding() for fault in faults)
        return Part(None, raw.encode("latin-1", "replace"), self.sentence(faults, 0, label), findings, headers)

    def with_others(self, part: Part, reason: str, place: tuple[int, int]) -> Part:
        """Return the exception for one that is refused because of another one of its group or interchange.

        `place` = byte offset and line where its header stands.
        """
        if part.error:
            return part
        number, group, transaction = (
            part.envelope.get(name, "") for name in ("edi_interchange", "edi_group", "edi_transaction")
        )
        fault = Fault("set.with-others", reason, "error", *place, number, group, transaction)
        label = f"{self.header} {part.envelope.get('edi_transaction', '?')}"
        error = self.sentence([fault], 0, label)
        return replace(part, body=None, error=error, findings=(*part.findings, fault.finding()))


class Stray:
    """Segments that stand where an envelope should begin; those that follow each other are one exception."""

    def __init__(self, words: Words, text: str, offset: int, line: int) -> None:
        self._words, self._reason, self._place = words, text, (offset, line)
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
        return Part(None, raw, self._words.sentence([fault], 0, f"line {self._place[1]}"), (fault.finding(),), headers)
