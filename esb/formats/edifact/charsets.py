"""Character sets of EDIFACT: what the syntax identifier of a UNB says about bytes, and what it allows."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from esb.formats.edi.patterns import RELEASED

_SHIFTING = "iso2022-jp-2"
"""The one codec whose bytes look like others: escape sequences say what they mean."""


class Charset(Struct, frozen=True):
    """One character set: its codec, and the characters that it allows (a released separator is always one)."""

    name: str
    codec: str
    allowed: re.Pattern[str]

    @property
    def wide(self) -> bool:
        """Whether there is more in it than ASCII."""
        return self.codec != "ascii"

    @property
    def shifts(self) -> bool:
        """Whether escape sequences change what its bytes mean."""
        return self.codec == _SHIFTING


_PRIVATE = rf"\u{RELEASED:04x}-\u{RELEASED + 255:04x}"
_UPPER = re.compile(rf"[A-Z0-9 .,\-()/='+:?!\"%&*;<>\r\n{_PRIVATE}]*")
_SEVEN_BITS = re.compile(rf"[ -~\r\n{_PRIVATE}]*")
_EIGHT_BITS = re.compile(r"[^\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\uffff]*")

CHARSETS: Mapping[str, Charset] = {
    "UNOA": Charset("UNOA", "ascii", _UPPER),
    "UNOB": Charset("UNOB", "ascii", _SEVEN_BITS),
    "UNOC": Charset("UNOC", "iso8859-1", _EIGHT_BITS),
    "UNOD": Charset("UNOD", "iso8859-2", _EIGHT_BITS),
    "UNOE": Charset("UNOE", "iso8859-5", _EIGHT_BITS),
    "UNOF": Charset("UNOF", "iso8859-7", _EIGHT_BITS),
    "UNOG": Charset("UNOG", "iso8859-3", _EIGHT_BITS),
    "UNOH": Charset("UNOH", "iso8859-4", _EIGHT_BITS),
    "UNOI": Charset("UNOI", "iso8859-6", _EIGHT_BITS),
    "UNOJ": Charset("UNOJ", "iso8859-8", _EIGHT_BITS),
    "UNOK": Charset("UNOK", "iso8859-9", _EIGHT_BITS),
    "UNOW": Charset("UNOW", "utf-8", _EIGHT_BITS),
    "UNOX": Charset("UNOX", _SHIFTING, _EIGHT_BITS),
    "UNOY": Charset("UNOY", "utf-8", _EIGHT_BITS),
}
"""By the syntax identifier (ISO 9735: 0001): UNOA is upper case, UNOB ASCII, UNOC to UNOK parts of ISO 8859, UNOW and
UNOY are ISO 10646, UNOX is ISO 2022."""

_HIGH = re.compile("[\x80-\xff]+")
_SHIFTED = re.compile(r"\x1b\$[@BAC(][^\x1b]*(?:\x1b[^(][^\x1b]*)*(?:\x1b\([BJ]|$)")
_BYTES = 0xE100
"""Bytes of multi-byte characters that look like ASCII stand as private characters while segments are cut."""
_SHIELDED = re.compile(rf"[\u{_BYTES:04x}-\u{_BYTES + 255:04x}]+")
_FOREIGN = re.compile("[\ue000-\ue1ff]")


def charset_of(identifier: str) -> Charset | None:
    """Return the character set of a syntax identifier as it came."""
    return CHARSETS.get(identifier.strip().upper())


def named(codec: str) -> Charset:
    """Return a character set by its encoding, for a profile that knows better than the UNB."""
    return Charset(codec, codec, _EIGHT_BITS)


def hidden(text: str, charset: Charset) -> str:
    """Return a text (bytes as characters) whose separators are separators: those within ISO 2022 are hidden."""
    if not charset.shifts or "\x1b" not in text:
        return text
    return _SHIFTED.sub(lambda shift: "".join(chr(_BYTES + ord(char)) for char in shift[0]), text)


def decoded(text: str, charset: Charset) -> str:
    """Return bytes (one character each) as what they mean; what is no character of the set becomes U+FFFD.

    In the two sets of ASCII what is beyond it is read as UTF-8 if it can be that, else as ISO 8859-1: `allowed` tells
    that it should not be there.
    """
    if text.isascii():
        return text
    if charset.shifts:
        return _SHIELDED.sub(lambda found: _shifted(found[0]), text)
    if _HIGH.search(text) is None:
        return text
    if charset.codec == "ascii":
        return _HIGH.sub(lambda found: _guessed(found[0].encode("latin-1")), text)
    return _HIGH.sub(lambda found: _meant(found[0].encode("latin-1"), charset.codec), text)


def _meant(raw: bytes, codec: str) -> str:
    # private characters of ours must not come from outside
    return _FOREIGN.sub("\ufffd", raw.decode(codec, "replace"))


def _guessed(raw: bytes) -> str:
    try:
        return _FOREIGN.sub("\ufffd", raw.decode("utf-8"))
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _shifted(text: str) -> str:
    return _meant(bytes(ord(char) - _BYTES for char in text), _SHIFTING)
