"""What leaves in a character set: values are released; what the set does not have is refused, or written in others."""

from __future__ import annotations

import re
import unicodedata

from esb.errors import FormatError
from esb.formats.edi.patterns import Marks
from esb.formats.edifact.charsets import Charset

_UNOA = re.compile(r"[A-Z0-9 .,\-()/='+:?!\"%&*;<>]*")
_ASCII = "".join(map(chr, range(0x20, 0x7F)))
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LIKE = {
    "ß": "ss", "Æ": "AE", "æ": "ae", "Ø": "O", "ø": "o", "Œ": "OE", "œ": "oe", "Đ": "D", "đ": "d", "Ł": "L", "ł": "l",
    "Þ": "TH", "þ": "th", "€": "EUR", "–": "-", "—": "-", "‘": "'", "’": "'", "‚": ",", "“": '"', "”": '"', "„": '"',
    "…": "...", "×": "x", "·": ".", "_": "-", "@": "(AT)", "#": "NO.", "$": "USD", "[": "(", "]": ")", "{": "(",
    "}": ")", "\\": "/", "|": "/", "~": "-", "^": " ", "`": "'", "\u00a0": " ", "º": "o", "ª": "a", "²": "2", "³": "3",
    "½": "1/2", "¼": "1/4", "°": " deg",
}  # fmt: skip
"""How people write what they cannot write, where taking away the accents does not help."""


class Characters:
    """Makes values fit for a character set and its separators. `transliterate`: what it lacks is written in others."""

    def __init__(self, charset: Charset, marks: Marks, transliterate: bool) -> None:
        self._charset, self._marks, self._transliterate = charset, marks, transliterate
        special = marks.element + marks.component + marks.repetition + marks.terminator + marks.release
        self._special = re.compile(f"[{re.escape(special)}]")
        self._narrow = charset.name == "UNOA"
        sure = "".join(char for char in _ASCII if char not in special and (not self._narrow or _UNOA.fullmatch(char)))
        self._odd = re.compile(f"[^{re.escape(sure)}]").search

    def escaped(self, text: str) -> str:
        """Return a value as it stands between separators.

        Raises:
            FormatError: A character that the set does not have, or a separator that cannot be released.
        """
        if self._odd(text) is None:
            return text
        if self._narrow or not text.isascii():
            text = self._fit(text)
        if self._special.search(text) is None:
            return text
        release = self._marks.release
        if not release:
            raise FormatError(f"it holds a separator of {self._special.pattern}; there is no release character")
        return self._special.sub(lambda char: release + char[0], text)

    def _fit(self, text: str) -> str:
        if self._has(text):
            return text
        if not self._transliterate:
            strange = next(char for char in text if not self._has(char))
            hint = "choose another character_set: in the envelope, or unencodable: transliterate"
            raise FormatError(f"it holds {strange!r}, which {self._charset.name} does not have; {hint}")
        return "".join(self._like(char) for char in text)

    def _like(self, char: str) -> str:
        for made in (char, char.upper() if self._narrow else char, _LIKE.get(char, ""), _bare(char)):
            made = made.upper() if self._narrow else made
            if made and self._has(made):
                return made
        return " "

    def _has(self, text: str) -> bool:
        if self._narrow:
            return _UNOA.fullmatch(text) is not None
        try:
            text.encode(self._charset.codec)
        except UnicodeEncodeError:
            return False
        return _CONTROL.search(text) is None


def _bare(char: str) -> str:
    """Return a letter without its accents."""
    return "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
