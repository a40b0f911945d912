"""I-Regexp (RFC 9485) in linear time: a pattern that comes with a message cannot make the bus busy for ever.

The pattern becomes a state machine (Thompson's construction) whose sets of states are found step by step and kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias
from unicodedata import category

LIMIT = 2000
"""Most states of one pattern, after `{n,m}` is written out."""
REMEMBERED = 5000
"""Most transitions kept of one pattern."""

Accepts: TypeAlias = Callable[[str], bool]
_QUANTITY = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{1,4})?)?\}")
_CATEGORY = re.compile(r"(L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|Z[lps]?|S[ckmo]?|C[cfno]?)\}")
_SINGLE = {"n": "\n", "r": "\r", "t": "\t"}
_ESCAPABLE = frozenset("()*+-.?[\\]^{|}nrt")
_NEEDS_ESCAPE = frozenset("()*+?[]{|}")


class PatternError(ValueError):
    """The text is no I-Regexp; RFC 9535 says that such a pattern matches nothing."""


@dataclass(slots=True)
class _State:
    """One state: consume a character that `accepts`, or go on for free along `free`."""

    accepts: Accepts | None = None
    after: int = -1
    free: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Piece:
    """A part of the machine with one way in and one way out."""

    start: int
    end: int


class Pattern:
    """A compiled I-Regexp."""

    def __init__(self, source: str) -> None:
        builder = _Builder(source)
        self._states = builder.states
        piece = builder.whole()
        self._final = piece.end
        self._begin = self._closure((piece.start,))
        self._steps: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def _closure(self, states: tuple[int, ...]) -> frozenset[int]:
        found, waiting = set(states), list(states)
        while waiting:
            for state in self._states[waiting.pop()].free:
                if state not in found:
                    found.add(state)
                    waiting.append(state)
        return frozenset(found)

    def _step(self, states: frozenset[int], char: str) -> frozenset[int]:
        known = self._steps.get((states, char))
        if known is None:
            machine = self._states
            reached = {
                machine[state].after
                for state in states
                if (accepts := machine[state].accepts) is not None and accepts(char)
            }
            known = self._closure(tuple(reached))
            if len(self._steps) < REMEMBERED:
                self._steps[states, char] = known
        return known

    def matches(self, text: str) -> bool:
        """Return whether the whole text fits."""
        states = self._begin
        for char in text:
            states = self._step(states, char)
            if not states:
                return False
        return self._final in states

    def searches(self, text: str) -> bool:
        """Return whether some part of the text fits."""
        states = self._begin
        for char in text:
            if self._final in states:
                return True
            states = self._step(states, char) | self._begin
        return self._final in states


class _Builder:
    """Recursive descent over the grammar of RFC 9485 §4, building states on the way."""

    def __init__(self, source: str) -> None:
        self.source, self.at, self.depth = source, 0, 0
        self.states: list[_State] = []

    def state(self) -> int:
        if len(self.states) >= LIMIT:
            raise PatternError(f"the pattern needs more than {LIMIT} states")
        self.states.append(_State())
        return len(self.states) - 1

    def link(self, first: int, second: int) -> None:
        self.states[first].free.append(second)

    def peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def next(self) -> str:
        char = self.peek()
        if not char:
            raise PatternError("the pattern ends too early")
        self.at += 1
        return char

    def whole(self) -> _Piece:
        piece = self.branches()
        if self.at < len(self.source):
            raise PatternError(f"unexpected {self.peek()!r} at {self.at}")
        return piece

    def branches(self) -> _Piece:
        self.depth += 1
        if self.depth > 50:
            raise PatternError("groups are nested deeper than 50")
        piece = _Piece(self.state(), self.state())
        while True:
            branch = self.branch()
            self.link(piece.start, branch.start)
            self.link(branch.end, piece.end)
            if self.peek() != "|":
                self.depth -= 1
                return piece
            self.at += 1

    def branch(self) -> _Piece:
        start = self.state()
        end = start
        while self.peek() not in {"", "|", ")"}:
            piece = self.quantified()
            self.link(end, piece.start)
            end = piece.end
        return _Piece(start, end)

    def quantified(self) -> _Piece:
        begin = self.at
        piece = self.atom()
        low, high = self.quantity()
        if (low, high) == (1, 1):
            return piece
        after = self.at
        start = end = self.state()
        for number in range(low + 1 if high is None else high):
            self.at = begin  # every copy is built again from the text
            copy = self.atom()
            self.link(end, copy.start)
            self.at = after
            if number >= low:
                self.link(copy.start, copy.end)
            if high is None and number == low:
                self.link(copy.end, copy.start)
            end = copy.end
        return _Piece(start, end)

    def quantity(self) -> tuple[int, int | None]:
        char = self.peek()
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if char in simple:
            self.at += 1
            return simple[char]
        if char != "{":
            return 1, 1
        found = _QUANTITY.match(self.source, self.at)
        if found is None:
            raise PatternError(f"unexpected '{{' at {self.at}")
        self.at = found.end()
        low = int(found.group(1))
        if not found.group(2):
            return low, low
        high = int(found.group(3)) if found.group(3) else None
        if high is not None and high < low:
            raise PatternError(f"{found.group()} ends before it begins")
        return low, high

    def atom(self) -> _Piece:
        if self.peek() == "(":
            self.at += 1
            inside = self.branches()
            if self.next() != ")":
                raise PatternError("a group is not closed")
            start, end = self.state(), self.state()
            self.link(start, inside.start)
            self.link(inside.end, end)
            return _Piece(start, end)
        start, end = self.state(), self.state()
        self.states[start].accepts, self.states[start].after = self.single(), end
        return _Piece(start, end)

    def single(self) -> Accepts:
        char = self.next()
        if char == ".":
            return lambda found: found not in "\n\r"
        if char == "\\":
            return self.escape()
        if char == "[":
            return self.char_class()
        if char in _NEEDS_ESCAPE:
            raise PatternError(f"unexpected {char!r} at {self.at - 1}")
        return char.__eq__

    def escape(self) -> Accepts:
        char = self.next()
        if char in "pP":
            return self.category(negated=char == "P")
        return self.escaped(char).__eq__

    def escaped(self, char: str) -> str:
        if char not in _ESCAPABLE:
            raise PatternError(f"unknown escape \\{char}")
        return _SINGLE.get(char, char)

    def category(self, negated: bool) -> Accepts:
        if self.next() != "{":
            raise PatternError("\\p needs a category: \\p{Lu}")
        found = _CATEGORY.match(self.source, self.at)
        if found is None:
            raise PatternError("unknown category")
        self.at = found.end()
        name = found.group(1)
        return lambda char: category(char).startswith(name) is not negated

    def char_class(self) -> Accepts:
        negated = self.peek() == "^"
        self.at += negated
        members: list[Accepts] = []
        if self.peek() == "-":
            self.at += 1
            members.append("-".__eq__)
        while self.peek() != "]":
            members.append(self.member(bool(members)))
        self.at += 1
        if not members:
            raise PatternError("a class is empty")
        return lambda char: any(accepts(char) for accepts in members) is not negated

    def member(self, later: bool) -> Accepts:
        char = self.next()
        if char == "-" and later and self.peek() == "]":
            return char.__eq__
        if char == "\\" and self.peek() in {"p", "P"}:
            return self.escape()
        first = self.class_char(char)
        if self.peek() != "-" or self.source[self.at + 1 : self.at + 2] == "]":
            return first.__eq__
        self.at += 1
        last = self.class_char(self.next())
        if last < first:
            raise PatternError(f"the range {first}-{last} ends before it begins")
        return lambda found: first <= found <= last

    def class_char(self, char: str) -> str:
        if char == "\\":
            return self.escaped(self.next())
        if char in "[]-":
            raise PatternError(f"unexpected {char!r} in a class")
        return char


@lru_cache(maxsize=500)
def compile_pattern(source: str) -> Pattern | None:
    """Return the pattern, or None when the text is no I-Regexp."""
    try:
        return Pattern(source)
    except PatternError:
        return None


def _compiled(text: Any, pattern: Any) -> Pattern | None:
    return compile_pattern(pattern) if type(text) is str and type(pattern) is str else None


def matches(text: Any, pattern: Any) -> bool:
    """Return whether the whole text fits the I-Regexp; anything but two texts does not."""
    found = _compiled(text, pattern)
    return found is not None and found.matches(text)


def searches(text: Any, pattern: Any) -> bool:
    """Return whether some part of the text fits the I-Regexp; anything but two texts does not."""
    found = _compiled(text, pattern)
    return found is not None and found.searches(text)
