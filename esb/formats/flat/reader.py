"""The reader of flat files by a guide: records to documents, each with its own findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from esb.edge import Finding, Part
from esb.formats.edi.checks import check
from esb.formats.edi.faults import Fault
from esb.formats.edi.machine import Machine
from esb.formats.edi.walker import Limits, Walk
from esb.formats.flat.guide import BEGINNING, ENDING, FlatGuide
from esb.formats.flat.kinds import Front, Told, restored
from esb.formats.flat.totals import Counting
from esb.formats.parts import bad, too_large

FINDINGS = 20
"""Faults of one document that are told; the rest are counted."""
LOOKED_AT = 1000
"""Faults of one document that are looked at, so that an error is found behind any number of warnings."""
_OURS = {"seg": "record", "el": "field", "set": "document"}


class Settings(Struct, frozen=True):
    """What readers of one format share. `dialect` names it in findings; `limit` = bytes of a document, roughly."""

    dialect: str
    guide: FlatGuide
    machine: Machine
    head: Machine | None
    tail: Machine | None
    limit: int


class FlatReader:
    """Push reader: a document for each record that opens one, until the next."""

    def __init__(self, settings: Settings, front: Front) -> None:
        self._settings, self._front = settings, front
        self._guide = settings.guide
        self._open: Gathered | None = None
        self._begin_file()
        self._stopped = False

    def feed(self, data: bytes) -> Sequence[Part]:
        return () if self._stopped else list(self._take(self._front.feed(data)))

    def end(self) -> Sequence[Part]:
        if self._stopped:
            return ()
        parts = list(self._take(self._front.end()))
        if not self._stopped:
            parts += self._end_file()
        return parts

    def _take(self, records: Iterable[Told]) -> Iterator[Part]:
        guide, opener = self._guide, self._guide.opener
        for told in records:
            if told.kind and told.kind == guide.head:
                yield from self._end_file()
                yield from self._take_head(told)
            elif told.kind and told.kind == guide.tail:
                yield from self._finish()
                yield from self._take_tail(told)
            else:
                if told.kind == opener or self._open is None:
                    yield from self._finish()
                    self._open = Gathered(self._settings.limit, told.line)
                    self._note_place(told)
                self._counting.records += 1
                self._open.add(told)
        if self._front.stopped is not None:
            self._stopped = True
            yield from self._finish()
            yield self._front.stopped

    def _begin_file(self) -> None:
        self._counting = Counting(self._guide.totals)
        self._file: dict[str, Any] | None = None
        self._headless = f"the file begins without {self._guide.head}" if self._guide.head else ""
        self._ended = self._begun = False

    def _note_place(self, told: Told) -> None:
        """Note what is wrong with where a document stands in its file."""
        assert self._open is not None
        self._begun = True
        if self._headless:
            self._open.note("file.head", self._headless, told.line)
        if self._ended:
            self._open.note("file.order", f"it stands behind {self._guide.tail}, the end of the file", told.line)

    def _take_head(self, told: Told) -> Iterator[Part]:
        assert self._settings.head is not None
        self._begin_file()
        self._begun = True
        self._counting.records += 1
        head = Gathered(self._settings.limit, told.line)
        head.add(told)
        self._file, self._headless = head.read(self._settings.head), ""
        if self._file is None:
            self._headless = f"the {self._guide.head} of its file cannot be used"
            yield head.refused(self._settings.dialect, self._front)

    def _take_tail(self, told: Told) -> Iterator[Part]:
        assert self._settings.tail is not None
        self._counting.records += 1
        tail = Gathered(self._settings.limit, told.line)
        tail.add(told)
        said = tail.read(self._settings.tail)
        if self._ended:
            tail.note("file.order", f"{told.kind} comes twice", told.line)
        for rule, text in self._counting.wrong(said) if said is not None else ():
            tail.note("file.check", text, told.line, rule.severity)
        self._ended = self._begun = True
        if tail.failed:
            yield tail.refused(self._settings.dialect, self._front)

    def _finish(self) -> Iterator[Part]:
        """Give the document that is open."""
        gathered, self._open = self._open, None
        if gathered is None:
            return
        dialect = self._settings.dialect
        body = gathered.read(self._settings.machine) if not gathered.overfull else None
        if body is None or gathered.failed:
            self._counting.documents += 1
            self._counting.unknown = True
            yield gathered.refused(dialect, self._front)
            return
        self._counting.add(body)
        if self._file is not None:
            body = {"file": self._file, **body}
        yield Part(body, findings=tuple(gathered.findings(dialect)))

    def _end_file(self) -> Iterator[Part]:
        yield from self._finish()
        if self._begun and self._guide.tail and not self._ended:
            text = f"the file ends without {self._guide.tail}; was it cut off?"
            yield bad(self._settings.dialect, "file.tail", text, b"")
        self._ended = True


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
        more = len(findings) + self._untold - 1
        error = f"{dialect}: {first.text[:1500]}" + (f" (and {more} more faults)" if more else "")
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
    walk.run([*texts, ENDING], 0, lambda index: (0, lines[index]))
    walk.document.pop("transaction", None)
    return walk
