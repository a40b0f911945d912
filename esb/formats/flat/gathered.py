"""The records of one document while it is read: what they say, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from esb.edge import Finding, Part
from esb.formats.edi.checks import check
from esb.formats.edi.faults import Fault
from esb.formats.edi.machine import Machine
from esb.formats.edi.walker import Limits, Walk
from esb.formats.flat.guide import BEGINNING, ENDING
from esb.formats.flat.kinds import Front, Told, restored
from esb.formats.parts import more_faults, too_large

FINDINGS = 20
"""Faults of one document that are told; the rest are counted."""
LOOKED_AT = 1000
"""Faults of one document that are looked at, so that an error is found behind any number of warnings."""
_OURS = {"seg": "record", "el": "field", "set": "document"}


class Gathered:
    """The records of one document, until it is over."""

    def __init__(self, limit: int, line: int) -> None:
        self._limit, self._line = limit, line
        self._raws: list[str] = []
        self._texts: list[str] = []
        self._lines: list[int] = []
        self._faults: list[tuple[int, str, str, str, str]] = []
        self._untold = self._size = 0
        self.failed = False

    @property
    def overfull(self) -> bool:
        """Whether it is over its limit."""
        return self._size > self._limit

    def add(self, told: Told) -> None:
        """Take a record."""
        self._size += len(told.raw)
        if not self.overfull:
            self._raws.append(told.raw)
            if told.text:
                self._texts.append(told.text)
                self._lines.append(told.line)
        elif not self._raws:
            self._raws.append(told.raw[: self._limit])
        for field, text in told.faults:
            where = f"{told.kind}, field {field}" if field else told.kind
            code = "field.value" if field else "record.unknown" if not told.kind else "record.shape"
            self.note(code, f"{field} {text}" if field else text, told.line, where=where)

    def note(self, code: str, text: str, line: int, severity: str = "error", where: str = "") -> None:
        """Note a fault; the first error is always told, whatever was noted before it."""
        fault = (line, code, text, severity, where)
        if len(self._faults) < FINDINGS:
            self._faults.append(fault)
        else:
            self._untold += 1
            if severity == "error" and not self.failed:
                self._faults[-1] = fault
        self.failed = self.failed or severity == "error"

    def read(self, machine: Machine) -> dict[str, Any] | None:
        """Return the document, or None if it is bad."""
        if not self._texts:
            return None
        walk = walked(machine, self._texts, [*self._lines, self._lines[-1]])
        document = walk.finish()
        if not walk.failed and not self.failed:
            walk.close()
            check(walk, document)
        for fault in walk.faults:
            self._note(fault)
        self._untold += walk.untold
        self._faults.sort(key=lambda fault: fault[0])
        if self.failed:
            return None
        stood_in = any(not text.isascii() for text in self._texts)
        return {name: restored(value) for name, value in document.items()} if stood_in else document

    def findings(self, dialect: str) -> Iterator[Finding]:
        """Give what was found."""
        for line, code, text, severity, where in self._faults:
            yield Finding(f"{dialect}.{code}", f"line {line}: {text}", line=line, where=where, severity=severity)

    def refused(self, dialect: str, front: Front) -> Part:
        """Return the bad part."""
        raw = front.characters.raw("".join(self._raws))
        if self.overfull:
            return too_large(dialect, raw, self._limit, self._line)
        findings = tuple(self.findings(dialect))
        first = next(finding for finding in findings if finding.severity == "error")
        error = f"{dialect}: {first.text[:1500]}{more_faults(len(findings) + self._untold - 1)}"
        return Part(None, raw, error=error, findings=findings)

    def _note(self, fault: Fault) -> None:
        kind, _, rest = fault.code.partition(".")
        where = f"{fault.tag}, field {fault.id}" if fault.id else fault.tag
        self.note(f"{_OURS.get(kind, kind)}.{rest}", sentence(fault), fault.line, fault.severity, where)


def sentence(fault: Fault) -> str:
    """Return what is wrong, with the name of a field where EDI has its number."""
    return fault.text.replace(f"{fault.tag}{fault.element:02d} ({fault.id})", fault.id, 1) if fault.id else fault.text


def walked(machine: Machine, texts: Sequence[str], lines: Sequence[int]) -> Walk:
    """Return the walk over the records of a document, until its end."""
    walk = Walk(machine, machine.tags, frozenset(), str, limits=Limits(faults=LOOKED_AT))
    walk.open(BEGINNING, lambda index: (0, lines[0]), 0)
    walk.document.clear()  # the beginning is no record
    walk.run([*texts, ENDING], 0, lambda index: (0, lines[index]))
    return walk
