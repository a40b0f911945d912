"""Documents become the records of a flat file, by the same guide that reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from esb.errors import FormatError
from esb.formats.edi.machine import Machine
from esb.formats.edi.segment_writer import SegmentWriter
from esb.formats.edi.set_writer import SetWriter
from esb.formats.flat.gathered import sentence, walked
from esb.formats.flat.kinds import BREAKS, MARKS, Writes, escape
from esb.formats.flat.reader import Settings
from esb.formats.flat.totals import Counting
from esb.message import NOTHING, Document


class FlatWriter:
    """Writes one file of a document, or of a list of them: the head, the documents, the tail with its totals."""

    def __init__(self, settings: Settings, write: Writes) -> None:
        self._settings, self._write, self._guide = settings, write, settings.guide
        self._documents = SetWriter(self._guide.guide, MARKS, escape, aside=())
        self._fields = {name: [item.name for item in segment.items] for name, segment in self._guide.segments.items()}

    def render(self, document: Document) -> bytes:
        """Return the bytes. Raises FormatError naming the path in the document."""
        try:
            return self._write([(name, self._named(name, texts)) for name, *texts in self._records(document)])
        except FormatError as error:
            dialect = self._settings.dialect
            text = str(error)
            raise FormatError(text if text.startswith(f"{dialect}: ") else f"{dialect}: {text}") from None

    def _records(self, document: Document) -> Iterator[list[str]]:
        guide, counting = self._guide, Counting(self._guide.totals)
        documents = document if isinstance(document, list | tuple) else [document]
        for number, one in enumerate(documents):
            if not isinstance(one, dict):
                raise FormatError(f"the body must be an object or a list of objects, not a {type(one).__name__}")
            if number == 0 and guide.head:
                counting.records += 1
                yield self._around(guide.head, self._settings.head, one.get("file", NOTHING), "$.file")
            elif one.get("file", NOTHING) != documents[0].get("file", NOTHING):
                raise FormatError("documents of one file have the same file:, the fields of its head")
            texts, read = self._one(one)
            counting.records += len(texts)
            counting.add(read)
            yield from (text.split(MARKS.element) for text in texts)
        if guide.tail:
            counting.records += 1
            yield self._around(guide.tail, self._settings.tail, counting.values(), "$.tail")

    def _one(self, document: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
        """Return the records of a document, and the document as it will be read."""
        rest = {name: value for name, value in document.items() if name != "file" or not self._guide.head}
        texts = self._documents.segments(rest)
        return texts, _read(self._settings.machine, texts)

    def _around(self, name: str, machine: Machine | None, fields: Any, path: str) -> list[str]:
        assert machine is not None
        text = SegmentWriter(self._guide.segments[name], MARKS, escape).text(fields, path, NOTHING)
        _read(machine, [text])
        return text.split(MARKS.element)

    def _named(self, name: str, texts: list[str]) -> dict[str, str]:
        return dict(zip(self._fields[name], texts, strict=False))


def _read(machine: Machine, texts: list[str]) -> dict[str, Any]:
    """Return what is read of records that were written. Raises FormatError if they break the guide."""
    walk = walked(machine, [text.translate(BREAKS) for text in texts], [0] * (len(texts) + 1))
    document = walk.finish()
    wrong = next((fault for fault in walk.faults if fault.severity == "error"), None)
    if wrong is not None:
        raise FormatError(f"{wrong.tag}: {sentence(wrong)}" if wrong.id else wrong.text)
    return document
