"""What the store knows of trading by interchange, as values: control numbers, what came, what left, what waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from esb.message import Scope
from esb.records import Record


class NumberClaim(Struct, frozen=True):
    """Takes the next number of each scope under a name; asked again under that name, it gets the same numbers."""

    name: str
    message_id: str
    at: float
    scopes: tuple[Scope, ...]


class Counter(Struct, frozen=True):
    """A line of control numbers: `next` is the one that the next interchange gets; `at` when it was last taken."""

    scope: Scope
    next: int
    at: float


class Trading(Protocol):
    """What partners count and answer; a part of the store, each method one transaction."""

    async def take(self, claims: Sequence[NumberClaim]) -> Sequence[tuple[int, ...]]:
        """Return the numbers of each claim, as if one after another: those it had, or the next ones, now its own."""
        ...

    async def counters(self) -> Sequence[Counter]: ...
    async def set_counter(self, counter: Counter, record: Record) -> None:
        """Set what comes next; the record says who wanted it and why, and commits with it."""
        ...
