"""Shows a segment as it came, with a caret under what is meant."""

from __future__ import annotations

from contextlib import suppress

from esb.formats.edi.patterns import Marks
from esb.formats.edifact.service import shield

WIDTH = 100
"""Characters of a segment that are shown."""


def caret(
    text: str, marks: Marks, element: int, component: int = 0, value: str = "", codec: str = ""
) -> tuple[str, str]:
    """Return a segment fit for a terminal, and the line below it; both are cut around the caret.

    `text` holds bytes as Latin-1 characters; `element` 0 means the tag. A position behind the end is where it would be.
    """
    begin, end = span(text, marks, element, component, value)
    shown = readable(text, codec)
    if len(shown) != len(text):  # several bytes are one character
        begin, end = len(readable(text[:begin], codec)), len(readable(text[:end], codec))
    if len(shown) > WIDTH:
        lead = max(0, min(begin - WIDTH // 3, len(shown) - WIDTH))
        more = lead + WIDTH < len(shown)
        shown = ("…" if lead else "") + shown[lead : lead + WIDTH] + ("…" if more else "")
        shift = lead - (1 if lead else 0)
        begin, end = begin - shift, min(end - shift, len(shown))
    return shown, " " * begin + "^" * max(1, end - begin)


def span(text: str, marks: Marks, element: int, component: int = 0, value: str = "") -> tuple[int, int]:
    """Return where a segment's element (or component of it) begins and ends; `value` tells repetitions apart."""
    safe = shield(text, marks)
    begin, end = _piece(safe, marks.element, element, 0, len(safe))
    if component and end > begin:
        repeated = _holding(safe, marks, begin, end, value)
        begin, end = _piece(safe, marks.component, component - 1, *repeated)
    elif value and end - begin > len(value) and (at := text.find(value, begin, end)) >= 0:
        begin, end = at, at + len(value)
    return begin, end


def _holding(text: str, marks: Marks, begin: int, end: int, value: str) -> tuple[int, int]:
    """Return which repetition of an element is meant: the first that holds the value."""
    if not marks.repetition:
        return begin, end
    at = begin
    for piece in text[begin:end].split(marks.repetition):
        if not value or value in piece.split(marks.component):
            return at, at + len(piece)
        at += len(piece) + len(marks.repetition)
    return begin, end


def _piece(text: str, separator: str, index: int, begin: int, end: int) -> tuple[int, int]:
    """Return the borders of a piece between separators; behind the last one there is only the end."""
    for _ in range(index):
        found = text.find(separator, begin, end)
        if found < 0:
            return end, end
        begin = found + len(separator)
    found = text.find(separator, begin, end)
    return begin, end if found < 0 else found


def readable(text: str, codec: str = "") -> str:
    """Return bytes kept as Latin-1 characters as people read them: nothing invisible stays.

    Without a codec they are UTF-8 if they can be, else Latin-1.
    """
    if not text.isascii():
        with suppress(UnicodeError, LookupError):
            raw = text.encode("latin-1")
            text = raw.decode(codec, "replace") if codec else raw.decode("utf-8")
    return text if text.isprintable() else "".join(char if char.isprintable() else "·" for char in text)
