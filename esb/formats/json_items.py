"""Cuts the items of an array out of JSON as it comes, each with its own fate, without building what is around them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

EACH = object()
"""Stands for any index in a path."""

_PATH = re.compile(r"""\.([A-Za-z_][\w-]*)|\['([^'\\]+)'\]|\["([^"\\]+)"\]|(\[\*\])""")
# Atomic groups, not possessive repetitions of a group: those match wrongly before Python 3.11.5.
_STRING = r'"(?>(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"'
_TOKEN = re.compile(_STRING + r"|[{}\[\],:]|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])")
_PARTIAL = re.compile(_STRING[:-1] + r"(?:\\(?:u[0-9a-fA-F]{0,3})?)?|[\w.+-]{1,64}")
_SPACE = re.compile(r"[ \t\r\n]*")
_INSIDE = re.compile(r'(?>(?:[^"{}\[\]]+|"(?>(?:[^"\\]|\\.)*)")*)([{}\[\]])?', re.DOTALL)
_REST_OF_STRING = re.compile(r'(?>(?:[^"\\]|\\.)*)', re.DOTALL)
_SCALAR_END = re.compile(r"[,\]}\s]")
_HEAD = 1024


class Item(Struct):
    """One item: its text and where it begins. `fault` = why it was not kept whole."""

    text: str
    line: int
    column: int
    fault: str = ""


class Broken(Exception):
    """What is around the items is not JSON; nothing behind this place can be cut."""

    def __init__(self, text: str, line: int, column: int) -> None:
        super().__init__(text)
        self.text, self.line, self.column = text, line, column


def read_path(source: str) -> list[object]:
    """Return the steps of `$.orders[*]`: names and EACH. Raises ValueError for any other kind of path."""
    steps: list[object] = []
    at = 1
    while source.startswith("$") and at < len(source):
        match = _PATH.match(source, at)
        if match is None:
            break
        steps.append(EACH if match[4] else match[1] or match[2] or match[3])
        at = match.end()
    if at < len(source) or not steps or steps[-1] is not EACH:
        raise ValueError(f"{source!r} is not a path to the items of a list; write $[*] or $.orders[*]")
    return steps


class _Inside:
    """The item under way: where it begins, how far it was scanned, and the brackets that are open."""

    def __init__(self, start: int, place: tuple[int, int], first: str) -> None:
        self.start = self.at = start
        self.place, self.scalar = place, first not in '"{[}'
        self.open = self.deepest = 0
        self.is_string = self.in_string = first == '"'
        self.at += self.is_string
        self.head = ""

    def end(self, text: str) -> int:
        """Go on to the end of the item; -1 = it is not there yet."""
        if self.scalar:
            found = _SCALAR_END.search(text, self.at)
            self.at = found.start() if found else len(text)
            return self.at if found else -1
        while True:
            if self.in_string and not self._string(text):
                return -1
            if self.is_string:
                return self.at
            match = _INSIDE.match(text, self.at)  # runs over whole strings and stops behind a bracket
            assert match is not None
            self.at, bracket = match.end(), match[1]
            if bracket is None:
                if self.at == len(text):
                    return -1
                self.in_string, self.at = True, self.at + 1
            elif bracket in "{[":
                self.open += 1
                self.deepest = max(self.deepest, self.open)
            else:
                self.open -= 1
                if self.open <= 0:
                    return self.at

    def _string(self, text: str) -> bool:
        """Go on to the end of the string that is open; false = it is not there yet."""
        match = _REST_OF_STRING.match(text, self.at)
        assert match is not None
        self.at = match.end()
        if not text.startswith('"', self.at):
            return False
        self.in_string, self.at = False, self.at + 1
        return True


class Items:
    """Push scanner. Keeps at most one item (`limit` characters) and the names that lead to it."""

    def __init__(self, path: Sequence[object], limit: int, depth: int) -> None:
        self._path, self._limit, self._depth = list(path), limit, depth
        self._text, self._at = "", 0
        self._known, self._line, self._column = 0, 1, 1
        self._stack: list[object] = []
        self._expect = "value"
        self._item: _Inside | None = None
        self.found = False
        """Whether the list was there at all."""

    def feed(self, text: str, final: bool = False) -> Iterator[Item]:
        """Give the items that are complete. Raises Broken where the JSON around them is not JSON."""
        self._text += text
        while True:
            if self._item is not None:
                item = self._within(self._item)
                if item is None:
                    break
                yield item
            elif not self._step(final):
                break
        self._trim()
        if final and self._expect != "end":
            self._at = len(self._text)
            raise self._broken("it ends too early; the sender cut it")

    def rest(self) -> str:
        """Return what was not read yet, to be kept with an error."""
        return self._text[self._at :]

    def _step(self, final: bool) -> bool:
        """Take one token around the items, or begin an item; False = more text is needed."""
        space = _SPACE.match(self._text, self._at)
        assert space is not None
        at = self._at = space.end()
        if at == len(self._text):
            return False
        first = self._text[at]
        if self._expect.startswith("value") and first != "]" and self._stack == self._path:
            self._item = _Inside(at, self._place(at), first)
            return True
        token = _TOKEN.match(self._text, at)
        if token is None or (token.end() == len(self._text) and token[0][-1] not in '"{}[],:'):
            rest = self._text[at : at + self._limit + 1]
            if not final and len(rest) <= self._limit and _PARTIAL.fullmatch(rest):
                return False
            if token is None:
                raise self._broken(f"unexpected {rest[:12]!r}, expected {self._expect}")
        self._take(token[0])
        self._at = token.end()
        return True

    def _take(self, token: str) -> None:
        first, expect = token[0], self._expect
        if expect == "end":
            raise self._broken("there is something behind the end of the document")
        if first in "{[" and expect in ("value", "value or ]"):
            self._open(first)
        elif first in "}]" and self._stack and self._closes(first):
            self._stack.pop()
            self._value_done()
        elif first == "," and expect == ", or close":
            self._expect = "name" if self._stack[-1] is not EACH else "value"
        elif first == ":" and expect == ":":
            self._expect = "value"
        elif first == '"' and expect in ("name", "name or }"):
            self._stack[-1], self._expect = token[1:-1], ":"
        elif first not in "{}[],:" and expect in ("value", "value or ]"):
            self._value_done()
        else:
            raise self._broken(f"unexpected {token[:12]!r}, expected {expect}")

    def _open(self, bracket: str) -> None:
        if len(self._stack) >= self._depth:
            raise self._broken(f"it is nested deeper than {self._depth}")
        self._stack.append(EACH if bracket == "[" else "")
        self._expect = "value or ]" if bracket == "[" else "name or }"
        self.found = self.found or self._stack == self._path

    def _closes(self, bracket: str) -> bool:
        if self._stack[-1] is EACH:
            return bracket == "]" and self._expect in (", or close", "value or ]")
        return bracket == "}" and self._expect in (", or close", "name or }")

    def _within(self, item: _Inside) -> Item | None:
        """Go on to the end of the item; None = more text is needed."""
        end = item.end(self._text)
        length = (len(self._text) if end < 0 else end) - item.start
        if length > self._limit and not item.head:
            item.head = self._text[item.start : item.start + min(_HEAD, self._limit)]
        if end < 0:
            if item.head:
                item.start = item.at
            return None
        text, fault = self._text[item.start : end], ""
        if item.head:
            text, fault = item.head, f"it is larger than {self._limit} bytes; raise limit:"
        elif len(self._stack) + item.deepest > self._depth:
            fault = f"it is nested deeper than {self._depth}"
        self._at, self._item = end, None
        self._value_done()
        return Item(text, *item.place, fault)

    def _value_done(self) -> None:
        self._expect = ", or close" if self._stack else "end"

    def _place(self, at: int) -> tuple[int, int]:
        """Return line and column (from 1) of a character of the text at hand, not before the last one asked for."""
        newlines = self._text.count("\n", self._known, at)
        if newlines:
            self._line += newlines
            self._column = at - self._text.rfind("\n", self._known, at)
        else:
            self._column += at - self._known
        self._known = at
        return self._line, self._column

    def _trim(self) -> None:
        """Forget what has been read."""
        at = self._item.start if self._item is not None else self._at
        if at:
            self._place(max(at, self._known))
            self._text = self._text[at:]
            self._at -= at
            self._known -= at
            if self._item is not None:
                self._item.start -= at
                self._item.at -= at

    def _broken(self, text: str) -> Broken:
        return Broken(text, *self._place(min(self._at, len(self._text))))
