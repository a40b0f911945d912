"""Says what a file is that is not EDI, so that its sender need not guess."""

from __future__ import annotations

import re

_KINDS: tuple[tuple[bytes, str], ...] = (
    (rb"PK\x03\x04", "a ZIP archive; unpack it first"),
    (rb"\x1f\x8b", "compressed with gzip; unpack it first"),
    (rb"%PDF", "a PDF document"),
    (rb"-----BEGIN PGP", "encrypted with PGP; decrypt it first"),
    (rb"(MIME-Version|Content-Type|Received|Return-Path):", "a mail; the EDI may be an attachment of it"),
    (rb"I\x00S\x00A\x00|U\x00N\x00[AB]\x00", "UTF-16 without a byte order mark; save it as ASCII or UTF-8"),
    (rb"\xc9\xe2\xc1", "X12 in EBCDIC; convert it to ASCII first"),
    (rb"\xe4\xd5[\xc1\xc2]", "EDIFACT in EBCDIC; convert it to ASCII first"),
    (rb"<", "XML"),
    (rb"[{\[]", "JSON"),
    (rb"(GS|ST)[^A-Za-z0-9\s]", "X12 without its envelope: ISA is missing"),
    (rb"(UNG|UNH)[^A-Za-z0-9\s]", "EDIFACT without its envelope: UNB is missing"),
    (rb"(ISA|UN[AB])", "cut off or damaged in its first segment"),
)


def stranger(head: bytes) -> str:
    """Return a sentence on bytes that hold no interchange."""
    bare = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\x00\x1a")
    if not bare:
        return "there is nothing in it" if not head else "there is nothing in it but white space"
    for pattern, what in _KINDS:
        if re.match(pattern, bare):
            return f"there is no interchange in it: it looks like {what}"
    begins = bare[:20].decode("latin-1")
    kind = "binary data" if b"\x00" in head else "something else"
    return f"it is neither X12 (no ISA) nor EDIFACT (no UNB) but {kind}: it begins with {begins!r}"
