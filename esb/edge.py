"""What crosses the edge of the bus: documents cut from bytes, receipts, and what either side answers."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from msgspec import Struct

from esb.message import NOTHING, Document, Numbered, Scope


class Finding(Struct, frozen=True):
    """A fault in data: code, what is wrong, and where (byte offset, line from 1, or segment and element)."""

    code: str
    text: str
    offset: int = 0
    line: int = 0
    where: str = ""
    severity: str = "error"


class Written(Struct, frozen=True):
    """An interchange with its control numbers; `headers` tell them as a reader would."""

    body: bytes
    numbers: tuple[Numbered, ...] = ()
    headers: Mapping[str, str] = NOTHING


class Draft(Protocol):
    """An interchange that is written but for its control numbers: what cannot be written was refused before."""

    @property
    def wants(self) -> tuple[Scope, ...]:
        """The lines of numbers from which it needs the next one each."""
        ...

    @property
    def kind(self) -> str:
        """The type of its documents (`810`, `INVOIC`): only documents of one type share a batch."""
        ...

    def write(self, numbers: Sequence[int]) -> Written:
        """Return the interchange; the same numbers give the same bytes."""
        ...


class Part(Struct, frozen=True):
    """One document that a reader cut out. `error` set: it is bad, `raw` is what came and its siblings go on.

    `envelope` = what is known of sender, receiver and control numbers, as header names and texts. `unit` counts the
    interchanges of a delivery from 1; 0 = the format has none. `draft`: an acknowledgment that wants its own numbers;
    its body has derived ones, for whoever keeps no numbers.
    """

    body: Document
    raw: bytes = b""
    error: str = ""
    findings: tuple[Finding, ...] = ()
    envelope: Mapping[str, str] = NOTHING
    acknowledgment: bool = False
    unit: int = 0
    draft: Draft | None = None


class Interchange(Struct, frozen=True):
    """What an interchange that came is known by: its number, and the `digest` of all of it.

    `content` is the digest without its envelope: the same under another number is a copy. One that is not `whole` was
    cut: its sender will send it again under the same number.
    """

    dialect: str
    sender: str
    receiver: str
    number: str
    digest: str
    content: str = ""
    whole: bool = True


Met: TypeAlias = Literal["new", "again", "other"]
"""Whether an interchange is new, came again as it was, or is another one under a number that came before."""


class Scanner(Protocol):
    """Finds the interchanges of a delivery before it is read: what is known of each, in their order."""

    def feed(self, data: bytes) -> None: ...
    def end(self) -> Sequence[Interchange]: ...


class Known(Struct, frozen=True):
    """What a source has read of its delivery already: the `parts` that the `reader` of an intake plan cut out."""

    reader: Callable[[], Any]
    parts: Sequence[Part]


class Receipt(Struct, frozen=True):
    """What a source received: `key` is the sender's, `digest` of the whole content, `chunks` its bytes.

    `known`: what the chunks hold, for a source that had to look; under another plan it is read again.
    """

    endpoint: str
    key: str
    digest: str
    chunks: AsyncIterable[bytes]
    name: str = ""
    headers: Mapping[str, str] = NOTHING
    partner: str = ""
    known: Known | None = None


class Accepted(Struct, frozen=True):
    """The intake's answer when all is durable: id of the delivery, documents taken, whether it came before."""

    message_id: str
    documents: int
    bad: int = 0
    repeated: bool = False


class Delivered(Struct, frozen=True):
    """The receiver has it. `detail` goes into the trace; `reply` is its answer, for asks."""

    detail: str = ""
    reply: bytes = b""
