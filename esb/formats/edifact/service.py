"""The beginning of an interchange: UNA and UNB, the separators they give, and the release character taken away."""

from __future__ import annotations

import re

from msgspec import Struct

from esb.formats.edi.patterns import RELEASED, Marks
from esb.formats.edifact.charsets import CHARSETS, Charset, charset_of

FILLER = chr(RELEASED)
"""Stands where a release character stood, so that everything keeps its place."""

HEAD = 1024
"""Characters in which a UNB must end."""

_DEFAULT = ":+.? '"
_LEVEL_B = "\x1f\x1d,\x00 \x1c"
"""The separators that the second of the two oldest character sets recommends: control characters, nothing released."""

_BLANKS = re.compile(r"[ \t\r\n]*")
_GROUP_OR_MESSAGE = re.compile(r"\r?\n[ \t]*UN[HG]\+")


class Head(Struct):
    """A beginning as it was read: the elements of the UNB, separators, character set, and what is odd (code, text).

    `una` = the service string as it came, empty without one; `length` counts characters up to the UNB's terminator.
    """

    una: str
    elements: list[str]
    marks: Marks
    charset: Charset
    length: int
    wrapped: bool = False
    oddities: tuple[tuple[str, str], ...] = ()


def shield(text: str, marks: Marks) -> str:
    """Return the text with released separators as private characters; it is as long as before."""
    release = marks.release
    if not release or release not in text:
        return text
    # the release character itself comes first: of a row of them each two are one, from the left
    for char in (release, marks.terminator, marks.element, marks.component, marks.repetition):
        if char:
            text = text.replace(release + char, FILLER + chr(RELEASED + ord(char)))
    return text.replace(release, FILLER)


def released(text: str, at: int, release: str) -> bool:
    """Return whether the character at a place is released."""
    begin = at
    while release and begin and text[begin - 1] == release:
        begin -= 1
    return bool((at - begin) % 2)


def find_terminator(text: str, marks: Marks, start: int = 0) -> int:
    """Return where the first terminator stands that is none of the data, or -1."""
    at = text.find(marks.terminator, start)
    while at >= 0 and released(text, at, marks.release):
        at = text.find(marks.terminator, at + 1)
    return at


def head(text: str, final: bool, encoding: str = "") -> Head | str | None:
    """Return the beginning of an interchange, why it cannot be read, or None: it may become readable with more."""
    una, rest, oddities = _service_string(text)
    if isinstance(una, str) and not una and rest < 0:
        return "UNA is not followed by UNB" if len(text) >= HEAD or final else None
    body = text[rest:]
    wrapped = _wrapped(text, rest, final)
    if wrapped:
        body = body.replace("\r", "").replace("\n", "")
        oddities = (*oddities, ("wrapped", "the lines are wrapped at a fixed width; their ends were removed"))
    chars = una or (_LEVEL_B if body[3:4] == "\x1d" else _DEFAULT)
    if not una and _newline_ends(body):
        chars = f"{_DEFAULT[:5]}\n"
        oddities = (*oddities, ("ich.terminator", "segments end with the line, and no UNA says so"))
    if fault := _unusable(chars):
        return fault
    marks = Marks(chars[1], chars[0], "", chars[5], chars[3].strip(" \x00"), reserved=True)
    end = find_terminator(body, marks)
    if end < 0:
        return "the UNB does not end" if len(text) >= HEAD or final else None
    elements = shield(body[:end], marks).replace(FILLER, "").split(marks.element)[1:]
    return _built(una, elements, chars, _length(text, rest, end + 1, wrapped), wrapped, oddities, encoding)


def _built(
    una: str,
    elements: list[str],
    chars: str,
    length: int,
    wrapped: bool,
    oddities: tuple[tuple[str, str], ...],
    encoding: str,
) -> Head:
    syntax, version = [*(elements[0] if elements else "").split(chars[0]), ""][:2]
    charset = charset_of(syntax)
    later = version.strip() == "4"
    fits = chars[4].isascii() and chars[4].isprintable() and not chars[4].isalnum() and chars[4] not in chars[:4]
    una = f"{una[:4]}{chars[4] if fits else ' '}{una[5]}" if una else ""
    repetition = (chars[4].strip() if una and fits else "" if una else "*") if later else ""
    # until syntax 3 both marks are allowed where no UNA chooses one; from 4 on UNA has no say in it
    decimal = chars[2] if una and not later and chars[2] in ".," else ".,"
    used = Charset(encoding, encoding, CHARSETS["UNOC"].allowed) if encoding else charset or CHARSETS["UNOC"]
    # separators beyond ASCII would not survive the decoding of what they separate
    marks = Marks(chars[1], chars[0], repetition, chars[5], chars[3].strip(" \x00"), decimal, used.wide, reserved=True)
    if charset is None:
        oddities = (*oddities, ("ich.standard", f"UNB01 names the character set {syntax[:20]!r}, which we do not know"))
    return Head(una, elements, marks, used, length, wrapped, oddities)


def _service_string(text: str) -> tuple[str, int, tuple[tuple[str, str], ...]]:
    """Return the six characters of a UNA, where the UNB begins (-1: nowhere), and what is odd."""
    if not text.startswith("UNA"):
        return "", 0, ()
    for size in (9, 8):
        blank = _BLANKS.match(text, size)
        assert blank is not None
        mark = text[4:5]
        if text.startswith("UNB" + mark, blank.end()) and len(text) > size:
            if size == 9:
                return text[3:9], blank.end(), ()
            # many editors drop the blank that stands for the repetition separator
            odd = ("ich.delimiters", "UNA has five characters, the blank before the last one is missing")
            return text[3:7] + " " + text[7], blank.end(), (odd,)
    return "", -1, ()


def _unusable(chars: str) -> str:
    used = [chars[1], chars[0], chars[5], *chars[3].strip(" \x00")]
    if (
        not chars[2].isascii()
        or any(char.isalnum() or not char.isascii() or char == " " for char in used)
        or len(set(used)) < len(used)
    ):
        return f"the separators of the interchange cannot be {', '.join(map(repr, used))}"
    return ""


def _newline_ends(body: str) -> bool:
    """Return whether lines are segments although no UNA says so."""
    match = _GROUP_OR_MESSAGE.search(body)
    return match is not None and "'" not in body[: match.start()].rstrip("\r\n")


def _wrapped(text: str, rest: int, final: bool) -> bool:
    """Return whether line ends stand at a fixed width, wherever segments end; `rest` = where the UNB begins."""
    start = 0 if rest <= 9 and "\n" not in text[:rest] else rest
    lines = text[start:].replace("\r\n", "\n").split("\n")
    if final and not lines[-1].strip():
        lines.pop()
    terminator = text[8] if rest else "'"
    full, last = lines[:-1], lines[-1]
    if not full or terminator in "\r\n" or any(len(line) != len(full[0]) for line in full):
        return False
    # one break alone is believed only where no data can be: in the UNB
    certain = len(full) > 1 or terminator not in text[rest : start + len(full[0])]
    broken = any(not line.rstrip().endswith(terminator) for line in full)
    return certain and broken and 16 <= len(full[0]) >= len(last) and terminator in text[rest:]


def _length(text: str, start: int, count: int, wrapped: bool) -> int:
    """Return how long the beginning is in the text as it came."""
    if not wrapped:
        return start + count
    for at in range(start, len(text)):
        count -= text[at] not in "\r\n"
        if not count:
            return at + 1
    return len(text)
