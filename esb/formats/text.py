"""Text: the whole body, or one document a line. Nothing is trimmed but the line ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from esb.edge import Part
from esb.errors import DefinitionError, FormatError
from esb.formats.characters import Characters, Encoding
from esb.formats.lines import Lines, Overlong
from esb.formats.parts import Gathering, bad, too_large
from esb.message import Document
from esb.ports import Format, Reader
from esb.specs import FormatSpec, Size


class Text(FormatSpec):
    """Text as it is."""

    type: Literal["text"] = "text"
    encoding: Encoding = Field("utf-8", description="How characters are written; a byte order mark beats it.")
    limit: Size = Field(16_000_000, description="The longest document (or line), e.g. 16MB.")

    def build(self, files: Mapping[str, bytes]) -> Format:
        """Return the live format."""
        return TextFormat(self)


class TextFormat:
    """Reads characters, writes what `str` says."""

    name = "text"

    def __init__(self, spec: Text) -> None:
        self._spec = spec

    def reader(self, each: str | None = None) -> Reader:
        """Return a reader of the whole body (`each` absent) or of lines (`line`).

        Raises:
            DefinitionError: Another `each`.
        """
        if each == "line":
            return _LineReader(self._spec)
        if each is None:
            return _WholeReader(self._spec)
        raise DefinitionError(f"text: each: {each!r} cannot be cut; write each: line, or leave it out")

    def render(self, document: Document) -> bytes:
        """Return the bytes of a text, or of a list of lines.

        Raises:
            FormatError: It is neither, or has a character that the encoding lacks.
        """
        if isinstance(document, list | tuple) and all(isinstance(line, str) for line in document):
            document = "".join(f"{line}\n" for line in document)
        if not isinstance(document, str):
            raise FormatError(f"text: a {type(document).__name__} is no text; use a template, or format: json")
        try:
            return document.encode(self._spec.encoding)
        except UnicodeEncodeError as error:
            found = document[error.start]
            raise FormatError(f"text: {self._spec.encoding} has no character {found!r}; choose utf-8") from None


class _WholeReader:
    def __init__(self, spec: Text) -> None:
        self._characters, self._gathering = Characters(spec.encoding), Gathering(spec.limit)

    def feed(self, data: bytes) -> Sequence[Part]:
        self._gathering.feed(data)
        return ()

    def end(self) -> Sequence[Part]:
        raw = self._gathering.content()
        if self._gathering.overfull:
            return (too_large("text", raw, self._gathering.limit),)
        return (_part(self._characters.decode(raw, final=True), raw, self._characters, 1),)


class _LineReader:
    def __init__(self, spec: Text) -> None:
        self._limit, self._characters, self._lines = spec.limit, Characters(spec.encoding), Lines(spec.limit)
        self._number = 0

    def feed(self, data: bytes) -> Sequence[Part]:
        return [self._one(line) for line in self._lines.feed(self._characters.decode(data))]

    def end(self) -> Sequence[Part]:
        lines = self._lines.feed(self._characters.decode(b"", final=True)) + self._lines.end()
        return [self._one(line) for line in lines]

    def _one(self, line: str) -> Part:
        self._number += 1
        raw = self._characters.raw(line)
        if type(line) is Overlong:
            return too_large("text", raw, self._limit, self._number)
        return _part(line.rstrip("\r\n"), raw, self._characters, self._number)


def _part(text: str, raw: bytes, characters: Characters, line: int) -> Part:
    if not characters.broken(text):
        return Part(text, raw)
    return bad("text", "encoding", f"line {line} is not {characters.encoding}; say which encoding it is", raw, line)
