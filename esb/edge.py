"""What crosses the edge of the bus: documents cut from bytes, receipts, and what either side answers."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping

from msgspec import Struct

from esb.message import NOTHING, Document


class Finding(Struct, frozen=True):
    """A fault in data: code, what is wrong, and where (byte offset, line from 1, or segment and element)."""

    code: str
    text: str
    offset: int = 0
    line: int = 0
    where: str = ""
    severity: str = "error"


class Part(Struct, frozen=True):
    """One document that a reader cut out. `error` set: it is bad, `raw` is what came and its siblings go on.

    `group` is a number that rises when the wider unit (interchange, file) is complete; `envelope` = what is known of
    sender, receiver and control numbers, as header names and texts. `partner`: an identifier of the sender, if known.
    """

    body: Document
    raw: bytes = b""
    error: str = ""
    findings: tuple[Finding, ...] = ()
    envelope: Mapping[str, str] = NOTHING
    acknowledgment: bool = False


class Receipt(Struct, frozen=True):
    """What a source received: `key` is the sender's, `digest` of the whole content, `chunks` its bytes."""

    endpoint: str
    key: str
    digest: str
    chunks: AsyncIterable[bytes]
    name: str = ""
    headers: Mapping[str, str] = NOTHING
    partner: str = ""


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
