"""What the store knows of trading by interchange, as values: control numbers, what came, what left, what waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from esb.edge import Interchange, Met
from esb.envelope import Addressed, Packet
from esb.message import Scope
from esb.records import Parked, Record

FiledState: TypeAlias = Literal["kept", "open", "overdue", "accepted", "noted", "partial", "rejected"]
"""kept: nobody waits for an answer; open: one is owed; noted: accepted with errors; partial: some sets rejected."""


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


class Arrival(Struct, frozen=True):
    """An interchange that a delivery brings. `owner`: the delivery and the place in it; `window` in seconds."""

    interchange: Interchange
    owner: str
    endpoint: str
    at: float
    window: float


class Meeting(Struct, frozen=True):
    """Whether an interchange came before (see `esb.edge.Met`).

    `base`: what the ids of its messages derive from. `at`: when it came first. `copy_of`: the number under which the
    same content came before.
    """

    state: Met
    base: str
    at: float
    copy_of: str = ""


class Filed(Struct, frozen=True, kw_only=True):
    """An interchange or group that left, under its number, until the partner has answered it.

    `packet` is what went to `endpoint`, its body claimed from the blob store. `answers`: the interchange that it
    acknowledges. `due`: when the answer should be there (POSIX time); None = nobody waits for one.
    """

    scope: Scope
    number: int
    endpoint: str
    message_id: str
    packet: Packet
    at: float
    answers: str = ""
    due: float | None = None
    state: FiledState = "kept"
    told: str = ""
    told_at: float | None = None


class FiledFilter(Struct, frozen=True):
    """Which filed rows: those of these numbers, of these messages, those that answer an interchange, or by state.

    `due`: only those whose answer should have come by then.
    """

    numbers: tuple[tuple[Scope, int], ...] = ()
    message_ids: tuple[str, ...] = ()
    answers: str = ""
    state: FiledState | None = None
    due: float | None = None
    limit: int = 1000


class Collected(Struct, frozen=True):
    """A document that waits in a batch for an endpoint; `id` = f(message, generation), `kind` its type."""

    id: str
    endpoint: str
    kind: str
    at: float
    packet: Packet


class Batch(Struct, frozen=True):
    """Documents that leave together; the members of an id never change."""

    id: str
    endpoint: str
    kind: str
    members: tuple[Collected, ...]


class Closing(Struct, frozen=True):
    """What comes of a batch, all or nothing: its send, what is filed, its history, and documents that cannot leave."""

    batch: str
    at: float
    sends: tuple[Addressed, ...]
    filed: tuple[Filed, ...] = ()
    records: tuple[Record, ...] = ()
    exceptions: tuple[Parked, ...] = ()


class Judgment(Struct, frozen=True):
    """What has become of something filed: it is `filed` now, if it was in one of the states `before`.

    `exception` is parked with it; the open exception with the id `closes` is over by it.
    """

    filed: Filed
    before: tuple[FiledState, ...]
    records: tuple[Record, ...]
    exception: Parked | None = None
    closes: str = ""


class Trading(Protocol):
    """What partners count and answer; a part of the store, each method one transaction."""

    async def take(self, claims: Sequence[NumberClaim]) -> Sequence[tuple[int, ...]]:
        """Return the numbers of each claim, as if one after another: those it had, or the next ones, now its own."""
        ...

    async def counters(self) -> Sequence[Counter]: ...
    async def meet(self, arrivals: Sequence[Arrival]) -> Sequence[Meeting]:
        """Say of each interchange whether it came before; one that nobody finished is new to whoever brings it."""
        ...

    async def finish(self, bases: Sequence[str]) -> None: ...
    async def file(self, rows: Sequence[Filed]) -> None:
        """Keep what leaves under its number; what the same message has filed before stays as it is."""
        ...

    async def filed(self, where: FiledFilter) -> Sequence[Filed]: ...
    async def judge(self, judgments: Sequence[Judgment]) -> Sequence[bool]:
        """Apply each judgment whole or not at all; return which were applied."""
        ...

    async def collect(self, rows: Sequence[Collected]) -> None: ...
    async def gather(self, endpoint: str, most: int, before: float) -> Sequence[Batch]:
        """Begin batches where `most` documents wait, or one since `before`; return all that are begun, not closed."""
        ...

    async def close_batch(self, closing: Closing) -> bool: ...
    async def collected(self) -> Sequence[tuple[str, str, int, float]]:
        """Return what waits: endpoint, kind, how many, and since when the oldest of them (POSIX time)."""
        ...

    async def set_counter(self, counter: Counter, record: Record) -> None:
        """Set what comes next; the record says who wanted it and why, and commits with it."""
        ...
