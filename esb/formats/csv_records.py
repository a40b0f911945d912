"""Cuts delimited text into records as it comes: quotes may hold line ends, and no record can fill the memory."""

from __future__ import annotations

import re

from msgspec import Struct

from esb.formats.lines import Lines, Overlong

OVERLONG = "it is longer than {} characters; raise row_limit:"
UNCLOSED = "a quote opens in it and is never closed; ask the sender to double the quotes inside values"


class Record(Struct):
    """One record's text with its line end, and the line (from 1) on which it begins. `fault`: it cannot be read."""

    text: str
    line: int
    fault: str = ""


class Records:
    """Push splitter. A quote opens a field only at its beginning, as RFC 4180 and everybody's reader have it."""

    def __init__(self, delimiter: str, quote: str, escape: str, limit: int) -> None:
        self._lines, self._limit, self._quote = Lines(limit), limit, quote
        self._number = 0
        self._open: list[str] = []
        self._began = self._size = 0
        if quote:
            inside, field = _patterns(delimiter, quote, escape)
            more = f"(?>(?:{re.escape(delimiter)}{field})*)(?:\r?\n|\r)?"
            self._complete = re.compile(field + more).fullmatch
            junk = f"(?P<junk>[^{re.escape(delimiter)}\r\n]*)"
            self._closing = re.compile(f"{inside}{quote}{junk}{more}").fullmatch

    def feed(self, text: str) -> list[Record]:
        """Return the records that are complete."""
        return self._gather(self._lines.feed(text))

    def end(self) -> list[Record]:
        """Return what is left. A quote that was never closed spoils its own line, not those that it swallowed."""
        records = self._gather(self._lines.end())
        self._give_up(records)
        return records

    def _gather(self, lines: list[str]) -> list[Record]:
        number, quote = self._number, self._quote
        self._number += len(lines)
        records: list[Record] = []
        for line in lines:
            number += 1
            if not self._open and (not quote or quote not in line) and type(line) is str:
                records.append(Record(line, number))
            else:
                self._quoted(line, number, records)
        return records

    def _quoted(self, line: str, number: int, records: list[Record]) -> None:
        """Take a line that has a quote, or is overlong, or follows one whose quote is still open."""
        if type(line) is Overlong:
            self._give_up(records)
            records.append(Record(str(line), number, OVERLONG.format(self._limit)))
        elif not self._open:
            if self._complete(line):
                records.append(Record(line, number))
            else:
                self._open, self._began, self._size = [line], number, len(line)
        else:
            closing = self._closing(line) if self._quote in line else None
            self._open.append(line)
            self._size += len(line)
            if self._size > self._limit or (closing is not None and closing["junk"]):
                # text behind a closing quote: it was the opening one of a later value, so the first was never closed
                self._give_up(records)
            elif closing is not None:
                records.append(Record("".join(self._open), self._began))
                self._open = []

    def _give_up(self, records: list[Record]) -> None:
        for number, line in enumerate(self._open, self._began):
            fault = "" if number > self._began and self._complete(line) else UNCLOSED
            records.append(Record(line, number, fault))
        self._open = []


def _patterns(delimiter: str, quote: str, escape: str) -> tuple[str, str]:
    """Return the expressions for what stands inside quotes, and for one whole field."""
    delimiter, mark, slash = re.escape(delimiter), re.escape(quote), re.escape(escape)
    # Atomic groups, not possessive repetitions of a group: those match wrongly before Python 3.11.5.
    inside = f"(?>(?:[^{mark}{slash}]|{mark}{mark}" + (f"|{slash}.|{slash}\n" if escape else "") + ")*)"
    return inside, f"(?:{mark}{inside}{mark}[^{delimiter}\r\n]*|(?!{mark})[^{delimiter}\r\n]*)"
