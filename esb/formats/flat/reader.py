"""The reader of flat files by a guide: records to documents, each with its own findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from esb.edge import Part
from esb.formats.edi.machine import Machine
from esb.formats.flat.gathered import Gathered
from esb.formats.flat.guide import FlatGuide
from esb.formats.flat.kinds import Front, Told
from esb.formats.flat.totals import Counting
from esb.formats.parts import bad


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
