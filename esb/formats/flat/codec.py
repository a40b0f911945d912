"""The live format of flat files by a guide: csv or fixed width."""

from __future__ import annotations

from collections.abc import Mapping

from esb.errors import DefinitionError
from esb.formats.csv_dialect import Dialect
from esb.formats.edi.grammar import Guide, Segment, Use
from esb.formats.edi.machine import Machine
from esb.formats.flat.columns import delimited_kind
from esb.formats.flat.delimited import Delimited
from esb.formats.flat.guide import BEGINNING, ENDING, FlatGuide, find_flat_guide
from esb.formats.flat.kinds import MARKS
from esb.formats.flat.positional import Positional, positional_kind
from esb.formats.flat.reader import FlatReader, Settings
from esb.formats.flat.writer import FlatWriter
from esb.message import Document
from esb.ports import Format, Reader


class FlatFormat:
    """Reads and writes nested documents, by a guide."""

    def __init__(self, name: str, settings: Settings, layout: Delimited | Positional) -> None:
        self.name, self._settings, self._layout = name, settings, layout
        self._writer = FlatWriter(settings, layout.write)

    def reader(self, each: str | None = None) -> Reader:
        """Return a reader of documents: one for each record that opens one.

        Raises:
            DefinitionError: `each` is another unit.
        """
        if each not in (None, "document"):
            raise DefinitionError(
                f"{self._settings.dialect}: each: {each!r}: a guide cuts documents; write each: document"
            )
        return FlatReader(self._settings, self._layout.front())

    def render(self, document: Document) -> bytes:
        """Return one file of a document, or of a list of them. Raises FormatError: the guide cannot say it."""
        return self._writer.render(document)


def delimited_format(
    name: str,
    files: Mapping[str, bytes],
    dialect: Dialect,
    marks: tuple[str, str],
    encoding: str,
    skip: int,
    limits: tuple[int, int],
) -> Format:
    """Return the format of delimited text; `marks` = decimal and thousands, `limits` = of a document and of a row.

    Raises:
        DefinitionError: The guide is missing or wrong.
    """
    guide = find_flat_guide(name, files, fixed=False)
    spec = guide.spec
    kinds = tuple(delimited_kind(kind, given, spec, marks, guide.document) for kind, given in spec.records.items())
    layout = Delimited(dialect, encoding, skip, limits[1], spec.header, kinds)
    return FlatFormat(name, _settings("csv", guide, limits[0]), layout)


def positional_format(
    name: str, files: Mapping[str, bytes], encoding: str, lines: bool, line_end: str, limit: int
) -> Format:
    """Return the format of fixed width text.

    Raises:
        DefinitionError: The guide is missing or wrong, or its records differ in width and have no line ends.
    """
    guide = find_flat_guide(name, files, fixed=True)
    spec = guide.spec
    kinds = tuple(positional_kind(kind, given, spec, guide.document) for kind, given in spec.records.items())
    if not lines and len({kind.record.width for kind in kinds}) > 1:
        raise DefinitionError("lines: false needs records of one width; add a last field that fills them up")
    layout = Positional(encoding, lines, line_end if lines else "", kinds)
    return FlatFormat(name, _settings("fixed_width", guide, limit), layout)


def _settings(dialect: str, guide: FlatGuide, limit: int) -> Settings:
    machine = _machine(guide.guide)
    head, tail = (_around(guide, name) for name in (guide.head, guide.tail))
    return Settings(dialect, guide, machine, head, tail, limit)


def _around(guide: FlatGuide, name: str) -> Machine | None:
    """Return what reads a record that stands around the documents."""
    if not name:
        return None
    use = Use(guide.segments[name], True, 1, ".")
    return _machine(Guide(name, name, "", "", (use,), frozenset((name,)), file=guide.guide.file))


def _machine(guide: Guide) -> Machine:
    return Machine(guide, MARKS, Segment(BEGINNING, "", ()), Segment(ENDING, "", ()))
