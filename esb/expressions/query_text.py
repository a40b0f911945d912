"""Quoted text in a JSONPath (RFC 9535 §2.3.1.1): single or double quotes, JSON's escapes, surrogates in pairs."""

from __future__ import annotations

import re

from esb.errors import ExpressionSyntaxError

_PLAIN = re.compile(r"[^\\'\"\x00-\x1f\ud800-\udfff]*")
_HEX = re.compile(r"[0-9A-Fa-f]{4}")
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "/": "/", "\\": "\\"}


def read_text(source: str, start: int) -> tuple[str, int]:
    """Return the text whose quote stands at `start`, and the offset behind its end.

    Raises:
        ExpressionSyntaxError: It is not closed, or has an escape or a character that is not allowed.
    """
    quote, at = source[start], start + 1
    pieces: list[str] = []
    while True:
        found = _PLAIN.match(source, at)
        assert found is not None
        pieces.append(found.group())
        at = found.end()
        char = source[at : at + 1]
        if not char:
            raise ExpressionSyntaxError("the text is not closed", start, len(source) - start, f"end it with {quote}")
        if char == quote:
            return "".join(pieces), at + 1
        if char == "\\":
            piece, at = _escape(source, at + 1, quote)
            pieces.append(piece)
        elif char in {"'", '"'}:
            pieces.append(char)
            at += 1
        else:
            raise ExpressionSyntaxError(
                f"the character {char!r} must be written as an escape", at, 1, f"\\u{ord(char):04x}"
            )


def _escape(source: str, at: int, quote: str) -> tuple[str, int]:
    """Return what the escape behind a backslash means, and the offset behind it."""
    char = source[at : at + 1]
    if char == quote and char:
        return char, at + 1
    if char in _ESCAPES:
        return _ESCAPES[char], at + 1
    if char != "u":
        raise ExpressionSyntaxError(f"unknown escape \\{char}", at - 1, 2, "a backslash is written \\\\")
    code, end = _hex(source, at + 1), at + 5
    if 0xDC00 <= code <= 0xDFFF:
        raise ExpressionSyntaxError("a low surrogate without a high one before it", at - 1, 6)
    if 0xD800 <= code <= 0xDBFF:
        low = _hex(source, end + 2) if source.startswith("\\u", end) else 0
        if not 0xDC00 <= low <= 0xDFFF:
            raise ExpressionSyntaxError("a high surrogate without a low one behind it", at - 1, 6)
        return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)), end + 6
    return chr(code), end


def _hex(source: str, at: int) -> int:
    found = _HEX.match(source, at)
    if found is None:
        raise ExpressionSyntaxError("\\u needs four hexadecimal digits", at)
    return int(found.group(), 16)
