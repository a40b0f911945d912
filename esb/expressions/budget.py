"""Budget: how much one rendering may do. Counted, not timed, so that the same message always gets the same answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from esb.errors import TooLargeError

OUTPUT = 1_000_000
"""Most characters that a template may give."""
STEPS = 1_000_000
"""Most turns of all loops, calls and members read by filters together; about a second of work."""
TEXT = 16 * OUTPUT
"""Most characters that all parts of a rendering may make together, also those that never come out."""
RANGE = 100_000
"""Most numbers of one range and members of one list that an expression makes."""


class Budget:
    """What is left for one rendering."""

    __slots__ = ("steps", "text")

    def __init__(self) -> None:
        self.steps, self.text = STEPS, TEXT

    def charge(self, steps: int, text: int = 0) -> None:
        """Take from the budget.

        Raises:
            TooLargeError: Nothing is left.
        """
        self.steps -= steps
        self.text -= text
        if self.steps < 0:
            raise TooLargeError(f"it takes more than {STEPS} steps; loop over less")
        if self.text < 0:
            raise TooLargeError(f"it makes more than {TEXT} characters; cut the document into smaller parts")


_CURRENT: ContextVar[Budget | None] = ContextVar("budget", default=None)


@contextmanager
def limited() -> Iterator[Budget]:
    """Give the code inside a fresh budget."""
    budget = Budget()
    token = _CURRENT.set(budget)
    try:
        yield budget
    finally:
        _CURRENT.reset(token)


def charge(steps: int, text: int = 0) -> None:
    """Take from the budget of the rendering under way; outside of one nothing can loop, and nothing is counted."""
    budget = _CURRENT.get()
    if budget is not None:
        budget.charge(steps, text)


def size_of(value: Any) -> int:
    """Return what it costs, in steps, to read a value once."""
    kind = type(value)
    if kind is str:
        return 1 + len(value) // 1000
    return 1 + len(value) if kind in {list, tuple, dict, range} else 1
