"""Reading back: a body as it leaves, and the document that its receiver will read in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from esb.envelope import decode_document, encode_document
from esb.errors import FormatError
from esb.message import Message
from esb.ports import Format


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes that leave, and the format that reads them; without one they are JSON or stay text."""

    raw: bytes
    format: str
    reader: Format | None = None

    @property
    def is_json(self) -> bool:
        """Whether the bytes are JSON."""
        return self.format == "json"

    @property
    def text(self) -> str:
        """The bytes as text."""
        return self.raw.decode(errors="replace")

    def document(self) -> Any:
        """Return the document that the bytes stand for. Raises MessageError if they stand for none."""
        return self.read(self.raw)

    def read(self, raw: bytes) -> Any:
        """Return the document of bytes in this format: one, or the list of all where the format cuts several.

        Raises:
            MessageError: They are not what the format promises.
        """
        if self.reader is None:
            return decode_document(raw) if self.is_json else raw.decode(errors="replace")
        reader = self.reader.reader()
        parts = [part for part in (*reader.feed(raw), *reader.end()) if not part.acknowledgment]
        for part in parts:
            if part.error:
                raise FormatError(part.error)
        return parts[0].body if len(parts) == 1 else [part.body for part in parts]


def body_of(message: Message, reader: Format | None) -> Body:
    """Return the body of a message that leaves; a document that no endpoint rendered leaves as JSON."""
    body = message.body
    if isinstance(body, bytes):
        known = reader is not None and message.format == reader.name
        return Body(body, message.format, reader if known else None)
    return Body(encode_document(body), "json")
