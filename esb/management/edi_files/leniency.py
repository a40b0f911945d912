"""What readers skip without a word, and people should know of: marks around a file, and separators that say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from esb.formats.edi.faults import EdiFinding
from esb.formats.edi.patterns import Marks
from esb.management.edi_files.cuts import Batch, Opening

_TAIL = 1 << 16
_BEYOND = b"\x00\x1a"
_MARKS = ((b"\xef\xbb\xbf", "UTF-8"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))


def around(file: BinaryIO, size: int) -> Iterator[EdiFinding]:
    """Give notes on what stands before and behind all segments of a file: a byte order mark, NUL and Ctrl-Z."""
    file.seek(0)
    head = file.read(3)
    name = next((name for mark, name in _MARKS if head.startswith(mark)), "")
    if name:
        text = f"a byte order mark ({name}) stands before it; it was skipped"
        yield EdiFinding("file.bom", text, line=1, severity="warning")
    if name == "UTF-16":
        return  # every other byte of it is NUL
    begin = max(0, size - _TAIL)
    file.seek(begin)
    tail = file.read(_TAIL)
    bare = len(tail.rstrip(b" \t\r\n" + _BEYOND))
    at = min((found for mark in (b"\x00", b"\x1a") if (found := tail.find(mark, bare)) >= 0), default=-1)
    if at >= 0:
        text = "NUL or Ctrl-Z stands behind the last segment; it was skipped"
        yield EdiFinding("file.padding", text, begin + at, line=_line(file, begin + at), severity="warning")


def _line(file: BinaryIO, offset: int) -> int:
    file.seek(0)
    line, left = 1, offset
    while left and (piece := file.read(min(left, _TAIL))):
        line, left = line + piece.count(b"\n"), left - len(piece)
    return line


def trailing(head: Opening, batch: Batch) -> EdiFinding | None:
    """Return a note on the first segment of a batch that ends with separators, or None if none does."""
    marks = head.marks
    ends = [mark + marks.terminator for mark in (marks.element, marks.component) if mark]
    if batch.text.startswith(f"UNO{marks.element}") or not any(end in batch.text for end in ends):
        return None
    for piece in batch.pieces():
        tag = piece.text.partition(marks.element)[0]
        if len(tag) < len(piece.text) and _ends_bare(piece.text, marks):
            text = f"{tag[:20]} ends with separators that nothing follows; they were skipped (said once an interchange)"
            last = piece.cooked.count(marks.element)
            place = {"offset": piece.offset, "line": piece.line, "interchange": head.number}
            place |= {"tag": tag[:20], "element": last}
            return EdiFinding("seg.trailing", text, severity="warning", **place)  # type: ignore[arg-type]
    return None


def _ends_bare(text: str, marks: Marks) -> bool:
    """Return whether a segment ends with a separator that is not released."""
    if text[-1:] not in (marks.element, marks.component):
        return False
    before = text[:-1]
    return not marks.release or (len(before) - len(before.rstrip(marks.release))) % 2 == 0
