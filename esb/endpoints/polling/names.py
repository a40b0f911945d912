"""File names from outside: which are fit to be used as a path, and names that derive from others."""

from __future__ import annotations

import unicodedata

LONGEST = 200
"""Bytes of a name: below the 255 of common file systems, so that `.error.txt` and a suffix still fit."""

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def name_fault(name: str) -> str:
    """Return why a name must not be used as a path component, or an empty text."""
    if name in {"", ".", ".."}:
        return "the name is not a file name"
    if "/" in name or "\\" in name:
        return "the name holds a slash or backslash"
    if any(character in _BIDI or unicodedata.category(character) == "Cc" for character in name):
        return "the name holds control characters"
    if any("\ud800" <= character <= "\udfff" for character in name):
        return "the name is not UTF-8"
    if len(name.encode()) > LONGEST:
        return f"the name is longer than {LONGEST} bytes"
    return ""


def path_fault(path: str) -> str:
    """Return why a relative path (components joined by `/`) must not be used, or an empty text."""
    return next((fault for fault in map(name_fault, path.split("/")) if fault), "")


def shown(path: str) -> str:
    """Return a path fit for a log line or an error: quoted, control characters escaped, cut."""
    return ascii(path if len(path) <= LONGEST else path[:LONGEST] + "…")


def logged(path: str) -> str:
    """Return a path for a field of a log line: as it is where nothing in it can deceive a reader, else as `shown`."""
    return path if path.isascii() and path.isprintable() and len(path) <= LONGEST else shown(path)


def with_suffix(path: str, suffix: str) -> str:
    """Return the path with a suffix before its extension: `in/a.edi` and `1f` give `in/a-1f.edi`."""
    folder, slash, name = path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    return f"{folder}{slash}{stem}-{suffix}{dot}{extension}"
