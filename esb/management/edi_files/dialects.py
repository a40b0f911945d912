"""Which EDI a file is written in, and what reads it: the one place where X12 and EDIFACT differ for those who look."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

from msgspec.structs import replace

from esb.edge import Scanner
from esb.formats import X12, Edifact
from esb.formats.edi.machine import Machine
from esb.formats.edi.scanner import within
from esb.formats.edifact.codec import EdifactFormat
from esb.formats.edifact.framing import Framer as EdifactFramer
from esb.formats.edifact.options import Options as EdifactOptions
from esb.formats.edifact.reader import EdifactReader
from esb.formats.x12.codec import X12Format
from esb.formats.x12.framing import Framer as X12Framer
from esb.formats.x12.options import Options as X12Options
from esb.formats.x12.reader import X12Reader
from esb.management.edi_files import edifact_dialect, x12_dialect
from esb.management.edi_files.cuts import Cutter
from esb.management.edi_files.edifact_dialect import EdifactCutter
from esb.management.edi_files.x12_dialect import X12Cutter
from esb.ports import Reader
from esb.specs import FormatSpec

Given = TypeVar("Given", X12Options, EdifactOptions)

_PIECE = 1 << 18

HEAD = 1 << 16
"""Bytes in which a file must say what it is."""

_X12 = re.compile(rb"ISA(?=[^A-Za-z0-9 \t\r\n])")
_EDIFACT = re.compile(rb"UNA[^A-Za-z0-9]{2}[^\r\n]{2,4}\s*UNB|UNB[+\x1d]")


HELD = 2_000_000
"""Bytes of a set that are bound whole while it is checked; a larger one is checked line by line."""


@dataclass(frozen=True)
class Names:
    """The tags of the envelope, and where numbers stand: tag to element. `kinds`: groups are numbered by type.

    `package` is the tag of an object that stands where a set may stand; None = there are none.
    """

    interchange: str
    group: str
    set: str
    set_end: str
    group_end: str
    interchange_end: str
    number: Mapping[str, int]
    set_name: int
    kinds: bool
    package: str | None = None


@dataclass(frozen=True)
class Dialect:
    """One way to write EDI. `reader` checks and binds, `cutter` only cuts segments.

    `scanner` finds the interchanges before they are read; None = nobody asks what came before.

    `checker(stream)` reads to check: sets over HELD bytes are too large for it, unless it cuts them at the turns of
    their main loop (`stream`), and then gives the lines in place of the set.

    `counts` tells interchanges, groups and sets that a reader saw; `machine` gives the compiled guide for the header
    segments of a set, its group (or None) and its interchange, or None; `labels` name the elements of the envelope.
    """

    name: str
    title: str
    names: Names
    labels: Mapping[str, Sequence[str]]
    reader: Callable[[], Reader]
    scanner: Callable[[], Scanner | None]
    checker: Callable[[bool], Reader]
    counts: Callable[[Any], tuple[int, int, int]]
    cutter: Callable[[], Cutter]
    machine: Callable[[Any, Any, Any], Machine | None]

    def reader_of(self, file: BinaryIO) -> tuple[Reader, int]:
        """Return the reader of a file, told as intake would tell it what stands twice, and how many are such copies.

        The file stands at its beginning, before and after.
        """
        reader: Any = self.reader()
        scanner = self.scanner()
        if scanner is None:
            return reader, 0
        while piece := file.read(_PIECE):
            scanner.feed(piece)
        file.seek(0)
        met = within(scanner.end())
        reader.met(met)
        return reader, met.count("again")


_X12_NAMES = Names("ISA", "GS", "ST", "SE", "GE", "IEA", {"ISA": 13, "GS": 6, "ST": 2}, 1, True)
_EDIFACT_NAMES = Names(
    "UNB", "UNG", "UNH", "UNT", "UNE", "UNZ", {"UNB": 5, "UNG": 5, "UNH": 1, "UNO": 1}, 2, False, "UNO"
)


def sniff(head: bytes) -> str:
    """Return `x12` or `edifact` by the beginning of a file, whichever comes first in it; empty = neither."""
    plain = head.replace(b"\x00", b"") if head[:2] in (b"\xff\xfe", b"\xfe\xff") else head
    found = [(match.start(), name) for name, match in _matches(plain) if match is not None]
    return min(found)[1] if found else ""


def _matches(head: bytes) -> Sequence[tuple[str, re.Match[bytes] | None]]:
    return ("x12", _X12.search(head)), ("edifact", _EDIFACT.search(head))


def standard(name: str) -> FormatSpec:
    """Return the format that reads every standard set of a dialect."""
    return Edifact() if name == "edifact" else X12()


def dialect(spec: FormatSpec, files: Mapping[str, bytes]) -> Dialect:
    """Return what reads files as a format says; `files` are those of the project that it may name.

    Raises:
        DefinitionError: A guide is missing or wrong.
    """
    made = spec.build(files)
    if isinstance(made, EdifactFormat):
        return _edifact(made)
    assert isinstance(made, X12Format)
    return _x12(made)


def held(options: Any) -> Any:
    """Return how sets are read of which no more than HELD bytes are kept."""
    return replace(options, limit=min(options.limit, HELD))


def _looked_at(options: Given) -> Given:
    """Return how files are read that somebody looks at: what we sent to the partner is right, too."""
    return replace(options, parties=replace(options.parties, returning=True))


def _x12(made: X12Format) -> Dialect:
    options = _looked_at(made.options())

    def machine(header: Any, group: Any, head: Any) -> Machine | None:
        return options.machine(header.set, group.element(8) if group is not None else "", header.marks)

    return Dialect(
        name="x12",
        title="X12",
        names=_X12_NAMES,
        labels=x12_dialect.LABELS,
        reader=lambda: X12Reader(options),
        scanner=made.scanner,
        checker=lambda stream: X12Reader(_looked_at(made.options(stream=True)) if stream else held(options)),
        counts=lambda reader: (reader.interchanges, reader.groups, reader.sets),
        cutter=lambda: X12Cutter(X12Framer(options.segment_limit, options.unwrap)),
        machine=machine,
    )


def _edifact(made: EdifactFormat) -> Dialect:
    options = _looked_at(made.options())

    def machine(header: Any, group: Any, head: Any) -> Machine | None:
        version = "".join(header.parts(2)[1:3])
        syntax = "4" if head is not None and [*head.parts(1), "", ""][1][:1] >= "4" else "3"
        return options.machine(header.set, version, syntax, header.marks)

    return Dialect(
        name="edifact",
        title="EDIFACT",
        names=_EDIFACT_NAMES,
        labels=edifact_dialect.LABELS,
        reader=lambda: EdifactReader(options),
        scanner=made.scanner,
        checker=lambda stream: EdifactReader(_looked_at(made.options(stream=True)) if stream else held(options)),
        counts=lambda reader: (reader.interchanges, reader.groups, reader.messages),
        cutter=lambda: EdifactCutter(
            EdifactFramer(options.segment_limit, options.limit, options.encoding, options.unwrap)
        ),
        machine=machine,
    )
