"""What the simulated store remembers: everything that was committed, each method one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from esb.envelope import Addressed, decode_document
from esb.errors import StoreError
from esb.message import derive
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
from esb.testing.simulation.trading import Book
from esb.trading import Closing, Counter, Judgment, NumberClaim


@dataclass(slots=True)
class KeyRow:
    """A deduplicate key and who holds it."""

    owner: str
    state: str
    until: float

    @property
    def message_id(self) -> str:
        """The message of its owner, which is an effect key."""
        return self.owner.partition(".")[0]

    def over(self, before: float) -> bool:
        """Return whether twins of its key are none any more."""
        return self.state == "done" and self.until <= before


@dataclass(slots=True)
class Taken:
    """A sender's key and how far its delivery came."""

    key: IntakeKey
    state: str = "reserved"
    position: int = 0

    @property
    def until(self) -> float:
        """When the key may be used for something else."""
        return self.key.at + self.key.window


@dataclass(slots=True)
class Memory:
    """What survives: everything that was committed. Its methods are the transactions; `store_suite` has the rules."""

    answers: dict[str, bytes] = field(default_factory=dict)
    told: dict[str, tuple[str, float]] = field(default_factory=dict)
    """By the name of an answer: its message and its time."""
    taken: dict[tuple[str, str], Taken] = field(default_factory=dict)
    keys: dict[tuple[str, str], KeyRow] = field(default_factory=dict)
    ledger: dict[LedgerKey, LedgerEntry] = field(default_factory=dict)
    parking: dict[str, Parked] = field(default_factory=dict)
    decided: dict[str, float] = field(default_factory=dict)
    owed: dict[int, Addressed] = field(default_factory=dict)
    journal: dict[str, Record] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    releases: dict[str, Bundle] = field(default_factory=dict)
    leases: dict[str, tuple[str, float]] = field(default_factory=dict)
    marks: dict[str, bytes] = field(default_factory=dict)
    book: Book = field(default_factory=Book)
    _numbers: int = 0

    def reserve(self, keys: Sequence[IntakeKey]) -> list[Reservation]:
        """Answer each key as if one after another."""
        return [self._reserve(key) for key in keys]

    def _reserve(self, key: IntakeKey) -> Reservation:
        name = (key.endpoint, key.key)
        row = self.taken.get(name)
        if row is None or key.at - row.key.at >= key.window:
            if row is not None:
                key = replace(key, message_id=derive(key.message_id, row.key.message_id))
            row = self.taken[name] = Taken(key)
            return self._reservation("new", row)
        if row.key.digest != key.digest:
            return self._reservation("conflict", row)
        return self._reservation(row.state, row)

    def _reservation(self, state: str, row: Taken) -> Reservation:
        known = row.key
        reply = self.answers.get(known.message_id, b"").decode() if state == "published" else ""
        position = 0 if state == "conflict" else row.position
        return Reservation(state, known.message_id, position, reply, known.at, known.release)  # type: ignore[arg-type]

    def advance(self, positions: Sequence[tuple[IntakeKey, int, bool]]) -> None:
        """Move positions on, never back."""
        for key, position, published in positions:
            row = self.taken.get((key.endpoint, key.key))
            if row is not None and row.key.digest == key.digest:
                row.position = max(row.position, position)
                row.state = "published" if published else row.state

    def record(self, answers: Mapping[str, bytes], message_ids: Mapping[str, str], at: float) -> dict[str, bytes]:
        """Keep the answers that are first under their name."""
        for name, answer in answers.items():
            self._keep(name, answer, message_ids.get(name, ""), at)
        return {name: self.answers[name] for name in answers}

    def _keep(self, name: str, answer: bytes, message_id: str, at: float) -> None:
        if name not in self.answers:
            self.answers[name] = answer
            self.told[name] = (message_id, at)

    def claim(self, claims: Sequence[KeyClaim]) -> list[bytes]:
        """Answer each claim as if one after another, and keep the answer with it."""
        return [self._claim(one) for one in claims]

    def _claim(self, one: KeyClaim) -> bytes:
        if one.name in self.answers:
            return self.answers[one.name]
        row = self.keys.get((one.space, one.key))
        if row is not None and row.owner != one.owner and (row.state == "reserved" or one.at < row.until):
            if row.state == "reserved":
                return b"wait"
            self._keep(one.name, b"duplicate", one.owner.partition(".")[0], one.at)
            return b"duplicate"
        if row is None or row.owner != one.owner:
            self.keys[one.space, one.key] = KeyRow(one.owner, "reserved", one.at + one.keep)
        self._keep(one.name, b"first", one.owner.partition(".")[0], one.at)
        return b"first"

    def confirm(self, owners: Sequence[str]) -> None:
        """Say that these owners have passed."""
        for row in self.keys.values():
            if row.owner in owners and row.state == "reserved":
                row.state = "done"

    def free(self, owners: Sequence[str]) -> None:
        """Let go of what these owners reserved."""
        gone = [name for name, row in self.keys.items() if row.owner in owners and row.state == "reserved"]
        for name in gone:
            del self.keys[name]

    def intend(self, entries: Sequence[LedgerEntry]) -> list[LedgerEntry | None]:
        """Write what is about to be sent; return what was known before."""
        before: list[LedgerEntry | None] = []
        for entry in entries:
            row = self.ledger.get(entry.key)
            before.append(row)
            if row is None or not (row.state == "done" or _under_way(row, entry)):
                self.ledger[entry.key] = replace(entry, state="intent", lease=0.0)
        return before

    def conclude(self, entries: Sequence[LedgerEntry]) -> None:
        """Write how deliveries ended; what is done stays done, and a failure does not undo a later intent."""
        for entry in entries:
            row = self.ledger.get(entry.key)
            if row is None or (row.state != "done" and (entry.state == "done" or entry.at >= row.at)):
                self.ledger[entry.key] = entry

    def park(self, rows: Sequence[Parked]) -> None:
        """Insert rows that are not there."""
        for row in rows:
            self.parking.setdefault(row.id, row)

    def parked(self, where: ParkedFilter) -> list[Parked]:
        """Return the rows that match every field that is set, oldest first."""
        rows = sorted(self.parking.values(), key=lambda row: (row.at, row.id))
        return [row for row in rows if _matches(row, where)][: where.limit]

    def decide(self, row: Parked, state: str, send: Addressed | None, record: Record) -> bool:
        """Decide once: open to `state`, or discarded back to open."""
        known = self.parking.get(row.id)
        if known is None or known.state != ("discarded" if state == "open" else "open"):
            return False
        self.parking[row.id] = replace(known, state=state)
        self.decided[row.id] = record.at
        if send is not None:
            self._numbers += 1
            self.owed[self._numbers] = send
        self.append([record])
        return True

    def sent(self, ids: Sequence[int]) -> None:
        """Forget sends that were confirmed."""
        for number in ids:
            self.owed.pop(number, None)

    def append(self, records: Sequence[Record]) -> None:
        """Insert records that are not there."""
        for record in records:
            self.journal.setdefault(record.id, record)

    def take(self, claims: Sequence[NumberClaim]) -> list[tuple[int, ...]]:
        """Answer each claim as if one after another, and keep the answer with it."""
        for one in claims:
            if one.name not in self.answers:
                self._keep(one.name, self.book.take(one), one.message_id, one.at)
        return [tuple(decode_document(self.answers[one.name])) for one in claims]

    def set_counter(self, counter: Counter, record: Record) -> None:
        """Set what the next number is; the record commits with it."""
        self.book.put(counter)
        self.append([record])

    def judge(self, judgments: Sequence[Judgment]) -> list[bool]:
        """Apply judgments, each with its records and what it parks or closes."""
        applied = []
        for one in judgments:
            applied.append(self.book.judge(one))
            if not applied[-1]:
                continue
            self.park([one.exception] if one.exception is not None else [])
            self.append(one.records)
            over = self.parking.get(one.closes)
            if over is not None and over.state == "open":
                self.parking[over.id] = replace(over, state="discarded")
                self.decided[over.id] = one.filed.told_at or 0.0
        return applied

    def close_batch(self, closing: Closing) -> bool:
        """Close a batch once, with all that comes of it."""
        if not self.book.close(closing.batch):
            return False
        for send in closing.sends:
            self._numbers += 1
            self.owed[self._numbers] = send
        self.book.file(closing.filed)
        self.park(closing.exceptions)
        self.append(closing.records)
        return True

    def get(self, digest: str) -> bytes:
        """Return a body."""
        body = self.blobs.get(digest)
        if body is None:
            raise StoreError(f"store: there is no body {digest}")
        if len(digest) == 64 and sha256(body).hexdigest() != digest:
            raise StoreError(f"store: body {digest} was damaged")
        return body

    def lease(self, name: str, owner: str, now: float, ttl: float) -> bool:
        """Take a lease that is free, has run out, or is ours."""
        holder, until = self.leases.get(name, ("", 0.0))
        if holder not in ("", owner) and until > now:
            return False
        self.leases[name] = (owner, now + ttl)
        return True

    def forget(self, before: float) -> int:
        """Remove what bounds the twins of messages that are over; nothing that an open parked message needs."""
        needed = {row.message_id for row in self.parking.values() if row.state == "open"}
        count = self.book.forget(before)
        for table, over in self._expired(before, needed):
            for name in over:
                del table[name]
            count += len(over)
        self.told = {name: told for name, told in self.told.items() if name in self.answers}
        return count

    def _expired(self, before: float, needed: set[str]) -> list[tuple[dict[Any, Any], list[Any]]]:
        """Return each table and the keys of its rows that are over."""
        told, taken, keys, ledger = self.told.items(), self.taken.items(), self.keys.items(), self.ledger.items()
        decided = (name for name, row in self.parking.items() if row.state in ("released", "retried"))
        return [
            (self.answers, [name for name, (owner, at) in told if at < before and owner not in needed]),
            (self.taken, [name for name, row in taken if row.until <= before and row.key.message_id not in needed]),
            (self.keys, [name for name, row in keys if row.over(before) and row.message_id not in needed]),
            (self.ledger, [key for key, row in ledger if _over(row, before) and key.message_id not in needed]),
            (self.parking, [name for name in decided if self.decided[name] < before]),
        ]


def _under_way(row: LedgerEntry, entry: LedgerEntry) -> bool:
    """Return whether an intent may still be somebody's call."""
    return row.state == "intent" and not row.detail and abs(entry.at - row.at) < entry.lease


def _over(entry: LedgerEntry, before: float) -> bool:
    return entry.state == "done" and entry.at < before


def _matches(row: Parked, where: ParkedFilter) -> bool:
    return (
        (not where.ids or row.id in where.ids)
        and where.state in (None, row.state)
        and where.place in (None, row.place)
        and where.route in (None, row.route)
        and where.failure_class in (None, row.failure_class)
        and (where.key is None or any(key.value.casefold() == where.key.casefold() for key in row.keys))
    )
