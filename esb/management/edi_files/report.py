"""What is wrong with a file: one pass of the reader, and another for the segments that have faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from msgspec.structs import replace

from esb.edge import Finding, Part
from esb.formats.edi.faults import EdiFinding
from esb.formats.edi.patterns import Marks
from esb.formats.edifact.service import find_terminator
from esb.management.edi_files.carets import readable, span
from esb.management.edi_files.cuts import Batch, Opening, Skipped
from esb.management.edi_files.dialects import HEAD, Dialect, sniff
from esb.management.edi_files.leniency import around, trailing
from esb.management.edi_files.segments import PIECE, events
from esb.management.edi_files.strangers import stranger

MOST_FINDINGS = 20_000
"""Findings of one file that are told; the rest are counted, so that no file can fill the memory."""

_SHOWN = 4096


@dataclass(frozen=True)
class Shown:
    """A finding with the segment that it stands in, as Latin-1 characters, and its separators; empty = not known."""

    finding: EdiFinding
    text: str = ""
    marks: Marks | None = None
    codec: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return it as `esb edi lint --json` prints it; what does not apply is null."""
        found = self.finding
        return {
            "code": found.code,
            "severity": found.severity,
            "offset": found.offset,
            "line": found.line,
            "interchange": found.interchange or None,
            "group": found.group or None,
            "transaction": found.transaction or None,
            "segment": found.segment or None,
            "tag": found.tag or None,
            "element": found.element or None,
            "component": found.component or None,
            "value": found.value or None,
            "message": found.text,
        }


class Seen:
    """Interchanges that came before, in all files of one command."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, ...], str] = {}

    def before(self, key: tuple[str, ...], place: str) -> str:
        """Return where an interchange was seen before, or nothing; note it."""
        known = self._places.get(key, "")
        if not known:
            self._places[key] = place
        return known


@dataclass
class Report:
    """What was found in one file. The counters are by set, partners and code.

    `untold` = findings over the limit of a file, `uncounted` = faults over the limit of their sets: those are in no
    other count.
    """

    name: str
    dialect: str = ""
    interchanges: int = 0
    groups: int = 0
    transactions: int = 0
    accepted: int = 0
    noted: int = 0
    rejected: int = 0
    answers_read: int = 0
    errors: int = 0
    warnings: int = 0
    junk: int = 0
    findings: list[Shown] = field(default_factory=list)
    untold: int = 0
    uncounted: int = 0
    size: int = 0
    largest: tuple[int, str] = (0, "")
    sets: Counter[tuple[str, str]] = field(default_factory=Counter)
    partners: Counter[tuple[str, str]] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)

    @property
    def left_out(self) -> int:
        """Findings that are not among those told."""
        return self.untold + self.uncounted

    @property
    def verdict(self) -> str:
        """One word for the whole file."""
        if not self.interchanges:
            return "unreadable"
        if self.rejected and not self.accepted:
            return "rejected"
        if self.errors and not self.accepted and not self.answers_read:
            return "rejected"  # envelopes without a set that could be taken
        if self.rejected or self.junk:
            return "partially-accepted"
        return "accepted-with-errors" if self.errors or self.noted else "accepted"

    def as_data(self) -> dict[str, Any]:
        """Return it as `esb edi lint --json` prints it: who reads that knows files by their order."""
        return {
            "interchanges": self.interchanges,
            "groups": self.groups,
            "transactions": self.transactions,
            "verdict": self.verdict,
            "findings": [shown.as_data() for shown in self.findings],
        }

    def note(self, finding: Finding) -> None:
        """Count a finding, and keep it while there is room."""
        self.codes[finding.code] += 1
        self.errors += finding.severity == "error"
        self.warnings += finding.severity != "error"
        if len(self.findings) >= MOST_FINDINGS:
            self.untold += 1
            return
        if not isinstance(finding, EdiFinding):
            finding = EdiFinding(
                *(finding.code, finding.text, finding.offset, finding.line, finding.where, finding.severity)
            )
        self.findings.append(Shown(finding))


def study(name: str, file: BinaryIO, choose: Callable[[str], Dialect], seen: Seen) -> Report:
    """Read a file (at its beginning, seekable) to its end and return what was found.

    `choose` gives the dialect for a name that `sniff` returns.
    """
    head = file.read(HEAD)
    file.seek(0)
    found = sniff(head)
    report = Report(name)
    if not found:
        report.size = file.seek(0, 2)
        report.note(EdiFinding("file.empty" if not head.strip() else "file.unknown", stranger(head), line=1))
        return report
    dialect = choose(found)
    _read(report, file, dialect, stream=False)
    if report.codes["set.too-large"]:
        file.seek(0)
        report = Report(name)
        _read(report, file, dialect, stream=True)
    file.seek(0)
    _look(report, file, dialect, seen)
    if report.interchanges:
        for note in around(file, report.size):
            report.note(note)
        report.findings.sort(key=_place)
    return report


def _read(report: Report, file: BinaryIO, dialect: Dialect, stream: bool) -> None:
    reader: Any = dialect.checker(stream)
    reading = _Reading(report)
    for parts in _parts(reader, file, report):
        for part in parts:
            if not part.acknowledgment:
                reading.take(part)
    report.dialect = dialect.title
    report.interchanges, report.groups, report.transactions = dialect.counts(reader)
    report.accepted = report.transactions - report.rejected
    report.uncounted = reader.untold


def _parts(reader: Any, file: BinaryIO, report: Report) -> Iterator[Sequence[Part]]:
    while piece := file.read(PIECE):
        report.size += len(piece)
        yield reader.feed(piece)
    yield reader.end()


def _oddities(begun: Opening, dialect: Dialect, seen: Seen, name: str) -> Iterator[EdiFinding]:
    """Give what is to be said of an interchange's header alone: oddities, and that it came before."""
    sender, receiver, number = begun.sender, begun.receiver, begun.number
    place = {"offset": begun.offset, "line": begun.line, "interchange": number}
    tag = dialect.names.interchange
    for code, text in begun.oddities:
        yield EdiFinding(code, text, severity="warning", tag=tag, **place)  # type: ignore[arg-type]
    if before := seen.before((dialect.name, sender, receiver, number), f"{name}, line {begun.line}"):
        text = f"interchange {number} from {sender} to {receiver} came before: {before}"
        element = dialect.names.number[tag]
        yield EdiFinding("ich.duplicate", text, severity="warning", tag=tag, element=element, **place)  # type: ignore[arg-type]


class _Reading:
    """Counts what comes; the lines of a huge set count as one set, rejected if one of them is."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._set: tuple[str, ...] = ()
        self._size = 0
        self._counted: set[str] = set()
        self._warned: set[Finding] = set()

    def take(self, part: Part) -> None:
        """Count a part and its findings."""
        report, headers = self._report, part.envelope
        for finding in part.findings:
            if not self._again(finding):
                report.note(finding)
        if "edi_transaction" not in headers:
            report.answers_read += not part.error
            report.junk += any(finding.code.endswith(".unreadable") for finding in part.findings)
            return
        lines = "edi_line" in headers
        key = tuple(headers.get(name, "") for name in _KEY) if lines or self._set else ()
        if not key or key != self._set:
            self._begin(headers)
        self._set = key if lines else ()
        self._size += len(part.raw)
        noted = any(getattr(finding, "tag", "") not in _ENVELOPE for finding in part.findings)
        for word, counts in (("rejected", bool(part.error)), ("noted", noted and not part.error)):
            if counts and word not in self._counted:
                self._counted.add(word)
                setattr(report, word, getattr(report, word) + 1)
        if self._size > report.largest[0]:
            report.largest = self._size, f"{headers.get('edi_set', '')} {headers['edi_transaction']}"

    def _again(self, finding: Finding) -> bool:
        """Return whether a warning of an envelope was told: it comes with the first set, and beside its errors."""
        if finding.severity == "error" or getattr(finding, "tag", "") not in _ENVELOPE:
            return False
        if finding in self._warned:
            return True
        if len(self._warned) > 1000:
            self._warned.clear()
        self._warned.add(finding)
        return False

    def _begin(self, headers: Mapping[str, str]) -> None:
        report = self._report
        self._size, self._counted = 0, set()
        report.sets[headers.get("edi_set", ""), headers.get("edi_version", "")] += 1
        report.partners[headers.get("edi_sender", ""), headers.get("edi_receiver", "")] += 1


_ENVELOPE = frozenset({"ISA", "GS", "GE", "IEA", "UNB", "UNG", "UNE", "UNZ"})
"""Where warnings of the envelope stand: they come with a set, but are none of its own."""

_KEY = ("edi_sender", "edi_interchange", "edi_group", "edi_transaction")


def _look(report: Report, file: BinaryIO, dialect: Dialect, seen: Seen) -> None:
    """Look at the segments: note what is to be said of headers, and put the segments to the findings."""
    told = {(shown.finding.code, shown.finding.offset) for shown in report.findings}
    wanted, at = sorted({offset for _, offset in told}), 0
    texts: dict[int, tuple[str, Opening | None]] = {}
    head: Opening | None = None
    skipping = True
    for event in events(file, dialect):
        if isinstance(event, Opening):
            head, skipping = event, False
            odd = [one for one in _oddities(event, dialect, seen, report.name) if (one.code, one.offset) not in told]
            for finding in odd:
                report.note(finding)
            if odd or (at < len(wanted) and wanted[at] == event.offset):
                texts[event.offset] = event.text, head
            continue
        if isinstance(event, Skipped):
            head = None
        elif head is not None and not skipping and (note := trailing(head, event)) is not None:
            skipping = True
            report.note(note)
            texts[note.offset] = _from(event.text, note.offset - event.offset, head), head
        reach = event.offset + (len(event.text) if isinstance(event, Batch) else event.size)
        while at < len(wanted) and wanted[at] < reach:
            offset = wanted[at]
            if offset >= event.offset:
                texts[offset] = _from(event.text, offset - event.offset, head), head
            at += 1
    report.findings = sorted((_with_text(shown.finding, texts) for shown in report.findings), key=_place)


def _from(text: str, begin: int, head: Opening | None) -> str:
    """Return the segment that begins at a place."""
    if head is None:
        return text[begin : begin + _SHOWN]
    end = find_terminator(text, head.marks, begin)
    return text[begin : min(end if end >= 0 else len(text), begin + _SHOWN)]


def _place(shown: Shown) -> int:
    return shown.finding.offset


def _with_text(finding: EdiFinding, texts: Mapping[int, tuple[str, Opening | None]]) -> Shown:
    """Return a finding with its segment, and with the value that stands there if the reader did not name it."""
    # what has no line speaks of a whole set, and not of what stands at the beginning of the file
    text, head = texts.get(finding.offset, ("", None)) if finding.line else ("", None)
    if head is None:
        return Shown(finding, text)
    if finding.element and not finding.value and text.startswith(finding.tag + head.marks.element):
        begin, end = span(text, head.marks, finding.element, finding.component)
        finding = replace(finding, value=readable(text[begin:end], head.codec)[:100])
    return Shown(finding, text, head.marks, head.codec)
