"""What a file is cut into before anybody looks at its meaning: headers of interchanges, batches of segments, and junk.

Texts hold bytes as Latin-1 characters, as they came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias

from msgspec import Struct

from esb.formats.edi.patterns import Marks


class Opening(Struct):
    """The segment that opens an interchange: `text` without terminator, `raw` with all that came before and behind it.

    `cooked` as in Piece; `codec` = how its bytes are read, empty where nobody said; `oddities` = (code, text);
    sender and receiver as qualifier/identifier.
    """

    text: str
    raw: str
    cooked: str
    marks: Marks
    newline: str
    offset: int
    line: int
    sender: str
    receiver: str
    number: str
    codec: str = ""
    oddities: tuple[tuple[str, str], ...] = ()


class Piece(Struct):
    """A segment: `text` bare, `raw` with terminator and what stood before it, `cooked` ready to be split."""

    text: str
    raw: str
    cooked: str
    offset: int
    line: int


class Batch(Struct):
    """Whole segments in a row; `pieces` cuts them."""

    text: str
    offset: int
    pieces: Callable[[], Iterator[Piece]]


class Skipped(Struct):
    """What stands where an interchange should begin."""

    text: str
    size: int
    offset: int
    line: int
    reason: str


Event: TypeAlias = Opening | Batch | Skipped


class Cutter(Protocol):
    """Cuts bytes as they come."""

    def feed(self, data: bytes, final: bool = False) -> Iterator[Event]: ...
