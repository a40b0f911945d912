"""The ISA as text: where its separators stand, in 106 characters or as they came, wrapped, or in other characters."""

from __future__ import annotations

from codecs import getincrementaldecoder

from msgspec import Struct

from esb.formats.edi.patterns import Marks

_POSITIONS = (3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103)


class Head(Struct):
    """An ISA as it was read: its elements, separators and length, and what is odd about it."""

    elements: list[str]
    marks: Marks
    length: int
    oddities: tuple[tuple[str, str], ...] = ()


def head(text: str) -> Head | str:
    """Return the ISA at the beginning of a text, or why it cannot be read."""
    fixed = _fixed(text)
    wide = None if fixed and text[104:106].isascii() else _wide(text)
    if fixed and wide is None:
        return _built([*text[:103].split(text[3])[1:], text[104]], text[3], text[105], 106)
    plain = text.replace("\r", "").replace("\n", "")
    if wide is None and plain != text and _fixed(plain):
        odd = ("wrapped", "the lines are wrapped at a fixed width; their ends were removed")
        elements = [*plain[:103].split(plain[3])[1:], plain[104]]
        return _built(elements, plain[3], plain[105], _unwrapped_length(text, 106), odd)
    if wide is not None:
        marks = [char.encode().decode("latin-1") for char in (wide[3], wide[104], wide[105])]
        size = len(wide[:106].encode())
        elements = text[: size - len(marks[1]) - len(marks[2]) - len(marks[0])].split(marks[0])[1:]
        return _built([*elements[:15], marks[1]], marks[0], marks[2], size)
    pieces = text.split(text[3], 16)
    if len(pieces) < 17 or len(pieces[16]) < 2:
        return "the ISA has fewer than 16 elements"
    width = len(text) - len(pieces[16]) + 2
    odd = ("ich.width", f"the ISA is {width} characters long, it should be 106")
    return _built([*pieces[1:16], pieces[16][0]], text[3], pieces[16][1], width, odd)


def _built(elements: list[str], mark: str, term: str, length: int, *oddities: tuple[str, str]) -> Head | str:
    component, repeat = elements[15], elements[10]
    if any(char.isalnum() and char.isascii() for char in (mark, component, term)) or len({mark, component, term}) < 3:
        return f"the separators of the ISA cannot be {mark!r}, {component!r} and {term!r}"
    # ISA11 is a separator only since 00402; before, it names the standard (U), whatever is written there
    later = elements[11].strip() >= "00402"
    repetition = repeat if later and not repeat[:1].isalnum() and repeat.strip() else ""
    return Head(elements, Marks(mark, component, repetition, term), length, oddities)


def _fixed(text: str) -> bool:
    """Return whether the separators stand where they should in an ISA of 106 characters."""
    if len(text) < 106:
        return False
    mark = text[3]
    return all(text[at] == mark for at in _POSITIONS) and text.count(mark, 0, 104) == 16


def _wide(text: str) -> str | None:
    """Return the text as UTF-8 characters if only then the separators stand where they should."""
    if text.isascii():
        return None
    try:
        # the last character may be cut: the text is only the beginning of what came
        decoded = getincrementaldecoder("utf-8")("strict").decode(text.encode("latin-1"))
    except UnicodeDecodeError:
        return None
    return decoded if _fixed(decoded) else None


def _unwrapped_length(text: str, count: int) -> int:
    """Return how many characters of a wrapped text hold `count` characters that are no line ends."""
    for at, char in enumerate(text):
        count -= char not in "\r\n"
        if not count:
            return at + 1
    return len(text)
