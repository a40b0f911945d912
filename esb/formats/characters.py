"""Bytes become characters as they come: byte order marks, cut characters and broken bytes, never an exception."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import AfterValidator

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Longer marks stand before the shorter ones that they begin with."""

_ESCAPED = re.compile("[\udc80-\udcff]")


class Characters:
    """Incremental decoder. A byte order mark beats the declared encoding: nobody writes one by accident.

    Bytes that the encoding does not have become lone surrogates (U+FFFD in UTF-16 and UTF-32); `broken` finds them.
    """

    def __init__(self, encoding: str = "utf-8") -> None:
        self.encoding = encoding
        self._head: bytes | None = b""
        self._decoder: codecs.IncrementalDecoder | None = None

    def decode(self, data: bytes, final: bool = False) -> str:
        """Return the characters that are complete; `final` gives up waiting for the rest of a cut one."""
        if self._head is not None:
            self._head += data
            if len(self._head) < 4 and not final and any(mark.startswith(self._head[:4]) for mark, _ in MARKS):
                return ""
            data, self._head = self._after_mark(self._head), None
        assert self._decoder is not None
        return self._decoder.decode(data, final)

    def broken(self, text: str) -> bool:
        """Return whether the text holds bytes that were no characters."""
        return not text.isascii() and (_ESCAPED.search(text) is not None or (self._wide and "\ufffd" in text))

    def raw(self, text: str) -> bytes:
        """Return the bytes that these characters came from (without the mark)."""
        return text.encode(self.encoding, "replace" if self._wide else "surrogateescape")

    @property
    def _wide(self) -> bool:
        return self.encoding.startswith(("utf-16", "utf-32", "utf_16", "utf_32"))

    def _after_mark(self, head: bytes) -> bytes:
        for mark, encoding in MARKS:
            if head.startswith(mark):
                self.encoding, head = encoding, head[len(mark) :]
                break
        self._decoder = codecs.getincrementaldecoder(self.encoding)("replace" if self._wide else "surrogateescape")
        return head


def known_encoding(name: str) -> str:
    """Return the name of a text encoding that Python has, for a spec field. Raises ValueError with a hint."""
    try:
        found = codecs.lookup(name)
    except LookupError:
        raise ValueError(
            f"unknown encoding {name!r}; write for example utf-8, latin-1, cp1252, utf-16 or cp037"
        ) from None
    if not found._is_text_encoding:
        raise ValueError(f"{name!r} is not an encoding of text; write for example utf-8, latin-1 or cp1252")
    return found.name


if TYPE_CHECKING:
    Encoding: TypeAlias = str
else:
    Encoding = Annotated[str, AfterValidator(known_encoding)]
