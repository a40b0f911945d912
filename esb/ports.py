"""Every seam of the bus. READ THIS FIRST: rooms meet here and are introduced to each other by `app`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from esb.edge import Accepted, Delivered, Finding, Part, Receipt
from esb.envelope import Addressed, Delivery, Depth, Settlement, Topology
from esb.message import Ask, Document, Message, NamedAsk, Output
from esb.records import (
    Bundle,
    IntakeKey,
    KeyClaim,
    LedgerEntry,
    LedgerKey,
    Parked,
    ParkedFilter,
    Record,
    Reservation,
)  # fmt: skip
from esb.trading import Trading

Answer: TypeAlias = Any
Outputs: TypeAlias = Sequence[Output]
Asking: TypeAlias = Generator[Ask | NamedAsk, Answer, Outputs]
Step: TypeAlias = Callable[[Message], "Outputs | Asking"]
"""One pattern, pure. It gives outputs, or (as a generator) asks first and then returns them."""


class Reader(Protocol):
    """Push parser: bytes in, parts out. It opens nothing and keeps no more than one part in memory."""

    def feed(self, data: bytes) -> Sequence[Part]: ...
    def end(self) -> Sequence[Part]:
        """Return what is left, then acknowledgments (parts with `acknowledgment=True`, body bytes)."""
        ...


class Format(Protocol):
    """Bytes <-> document, pure. `name` is what a message carries as its format."""

    name: str

    def reader(self, each: str | None = None) -> Reader: ...
    def render(self, document: Document) -> bytes: ...


class Transform(Protocol):
    """Document -> document, pure; reads the whole message, gives the new body and its format."""

    def __call__(self, message: Message) -> tuple[Any, str]: ...


Contract: TypeAlias = Callable[[Any], Sequence[Finding]]
"""A compiled schema: no findings = the document keeps the contract."""


class Intake(Protocol):
    """Takes receipts. Returns only when every document is durable in a channel; before that nothing is promised."""

    async def take(self, receipt: Receipt) -> Accepted: ...


class Source(Protocol):
    """The intake side of an endpoint. It settles its side (moves the file, answers 202) only after `take` returned."""

    async def run(self, intake: Intake, once: bool) -> None: ...
    async def check(self) -> str:
        """Look whether it could take, taking nothing; returns what it found, raises EndpointError in one line."""
        ...


class Sink(Protocol):
    """The delivery side of an endpoint. Raises RejectedError, ThrottledError, EndpointError, UnknownOutcomeError."""

    async def deliver(self, message: Message, key: str) -> Delivered: ...
    async def applied(self, message: Message, key: str) -> bool | None:
        """Return whether an effect whose outcome is unknown has happened (the endpoint's probe); None = cannot say."""
        ...

    async def check(self) -> str: ...
    async def close(self) -> None: ...


class Answers(Protocol):
    """Whoever can answer asks of one kind, as if one after another. A failure is an answer too: an exception."""

    async def answer(self, asks: Sequence[NamedAsk]) -> Sequence[Answer | Exception]: ...


class Channel(Protocol):
    """Where messages wait: embedded, rabbitmq, simulated. `channel_suite` says what is correct."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def declare(self, topology: Topology) -> None: ...
    async def publish(self, sends: Sequence[Addressed]) -> None:
        """Return when every send is durable; else raise PublishError saying which are not known to be.

        A `route/` or `delivery/` address without a queue is an error; an event without a subscriber is not.
        """
        ...

    def consume(self, name: str, prefetch: int) -> AsyncIterator[Sequence[Delivery]]:
        """Lend deliveries in batches until closed; closing the iterator returns what was not settled."""
        ...

    async def settle(self, done: Sequence[Settlement]) -> None: ...
    async def depth(self, names: Sequence[str]) -> Mapping[str, Depth]: ...


class Keys(Protocol):
    """Who came before: intake keys, deduplicate keys, recorded answers."""

    async def reserve(self, keys: Sequence[IntakeKey]) -> Sequence[Reservation]: ...
    async def advance(self, positions: Sequence[tuple[IntakeKey, int, bool]]) -> None: ...
    async def recorded(self, names: Sequence[str]) -> Mapping[str, bytes]: ...
    async def record(self, answers: Mapping[str, bytes], message_ids: Mapping[str, str]) -> Mapping[str, bytes]: ...
    async def claim(self, claims: Sequence[KeyClaim]) -> Sequence[bytes]: ...
    async def confirm(self, owners: Sequence[str]) -> None: ...
    async def free(self, owners: Sequence[str]) -> None: ...


class Ledger(Protocol):
    """How far each delivery came."""

    async def intend(self, entries: Sequence[LedgerEntry]) -> Sequence[LedgerEntry | None]: ...
    async def conclude(self, entries: Sequence[LedgerEntry]) -> None: ...
    async def entries(self, keys: Sequence[LedgerKey]) -> Mapping[LedgerKey, LedgerEntry]: ...


class Parking(Protocol):
    """Messages that wait for a person, and the sends that a person's decision owes (outbox)."""

    async def park(self, rows: Sequence[Parked]) -> None: ...
    async def parked(self, where: ParkedFilter) -> Sequence[Parked]: ...
    async def decide(self, row: Parked, state: str, send: Addressed | None, record: Record) -> bool: ...
    async def outbox(self, limit: int) -> Sequence[tuple[int, Addressed]]: ...
    async def sent(self, ids: Sequence[int]) -> None: ...


class Journal(Protocol):
    """The history of every message, searchable by business key."""

    async def append(self, records: Sequence[Record]) -> None: ...
    async def search(self, key: str, limit: int = 100) -> Sequence[Record]: ...
    async def history(self, message_id: str) -> Sequence[Record]: ...


class Blobs(Protocol):
    """Bodies too large to travel, by digest; releases by digest."""

    async def put(self, digest: str, body: bytes) -> None: ...
    async def get(self, digest: str) -> bytes: ...
    async def save_release(self, bundle: Bundle) -> None: ...
    async def release(self, digest: str) -> Bundle | None: ...
    async def lease(self, name: str, owner: str, now: float, ttl: float) -> bool: ...
    async def remember(self, name: str, value: bytes) -> None:
        """Keep a small value under a name, in place of what was there; it stays until it is replaced."""
        ...

    async def recall(self, name: str) -> bytes | None: ...


class Store(Keys, Ledger, Parking, Journal, Blobs, Trading, Protocol):
    """All that must be remembered. `store_suite` says what is correct."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def forget(self, before: float, history: float | None = None) -> int: ...


class Clock(Protocol):
    """Time and tasks enter here; the simulation replaces it."""

    def now(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...
    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> Any: ...


class Log(Protocol):
    """Structured log lines: an event name and fields; never a payload, never a secret."""

    def info(self, event: str, **fields: Any) -> Any: ...
    def warning(self, event: str, **fields: Any) -> Any: ...
    def error(self, event: str, **fields: Any) -> Any: ...
