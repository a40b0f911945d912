"""The simulated store: `esb.ports.Store` on a memory, each method one transaction that commits whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from esb.envelope import Addressed
from esb.errors import StoreError
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
from esb.testing.simulation import annals
from esb.testing.simulation.faults import Faults
from esb.testing.simulation.memory import Memory
from esb.testing.simulation.process import Process
from esb.testing.simulation.traded import SimulatedTrading


class SimulatedStore(SimulatedTrading):
    """The store as one process sees it: calls may fail, commit without an answer, or find it out of reach."""

    def __init__(self, memory: Memory, faults: Faults, process: Process) -> None:
        super().__init__(memory)
        self._faults, self._process = faults, process
        self._now = process.clock.now

    async def open(self) -> None:
        await self._call(lambda: None)

    async def close(self) -> None:
        return

    async def reserve(self, keys: Sequence[IntakeKey]) -> Sequence[Reservation]:
        found: Sequence[Reservation] = await self._call(lambda: self.memory.reserve(keys))
        return found

    async def advance(self, positions: Sequence[tuple[IntakeKey, int, bool]]) -> None:
        await self._call(lambda: self.memory.advance(positions))

    async def recorded(self, names: Sequence[str]) -> Mapping[str, bytes]:
        known = self.memory.answers
        found: dict[str, bytes] = await self._call(lambda: {name: known[name] for name in names if name in known})
        return found

    async def record(self, answers: Mapping[str, bytes], message_ids: Mapping[str, str]) -> Mapping[str, bytes]:
        kept: dict[str, bytes] = await self._call(lambda: self.memory.record(answers, message_ids, self._now()))
        return kept

    async def claim(self, claims: Sequence[KeyClaim]) -> Sequence[bytes]:
        told: list[bytes] = await self._call(lambda: self.memory.claim(claims))
        return told

    async def confirm(self, owners: Sequence[str]) -> None:
        await self._call(lambda: self.memory.confirm(owners))

    async def free(self, owners: Sequence[str]) -> None:
        await self._call(lambda: self.memory.free(owners))

    async def intend(self, entries: Sequence[LedgerEntry]) -> Sequence[LedgerEntry | None]:
        before: list[LedgerEntry | None] = await self._call(lambda: self.memory.intend(entries))
        return before

    async def conclude(self, entries: Sequence[LedgerEntry]) -> None:
        await self._call(lambda: self.memory.conclude(entries))

    async def entries(self, keys: Sequence[LedgerKey]) -> Mapping[LedgerKey, LedgerEntry]:
        known = self.memory.ledger
        found: dict[LedgerKey, LedgerEntry] = await self._call(
            lambda: {key: known[key] for key in keys if key in known}
        )
        return found

    async def park(self, rows: Sequence[Parked]) -> None:
        await self._call(lambda: self.memory.park(rows))

    async def parked(self, where: ParkedFilter) -> Sequence[Parked]:
        found: list[Parked] = await self._call(lambda: self.memory.parked(where))
        return found

    async def decide(self, row: Parked, state: str, send: Addressed | None, record: Record) -> bool:
        decided: bool = await self._call(lambda: self.memory.decide(row, state, send, record))
        return decided

    async def outbox(self, limit: int) -> Sequence[tuple[int, Addressed]]:
        found: list[tuple[int, Addressed]] = await self._call(lambda: sorted(self.memory.owed.items())[:limit])
        return found

    async def sent(self, ids: Sequence[int]) -> None:
        await self._call(lambda: self.memory.sent(ids))

    async def append(self, records: Sequence[Record]) -> None:
        await self._call(lambda: self.memory.append(records))

    async def search(self, key: str, limit: int = 100) -> Sequence[Record]:
        found: list[Record] = await self._call(lambda: annals.search(self.memory, key, limit))
        return found

    async def history(self, message_id: str) -> Sequence[Record]:
        found: list[Record] = await self._call(lambda: annals.history(self.memory, message_id))
        return found

    async def put(self, digest: str, body: bytes) -> None:
        await self._call(lambda: self.memory.blobs.setdefault(digest, body))

    async def get(self, digest: str) -> bytes:
        body: bytes = await self._call(lambda: self.memory.get(digest))
        return body

    async def save_release(self, bundle: Bundle) -> None:
        await self._call(lambda: self.memory.releases.setdefault(bundle.digest, bundle))

    async def release(self, digest: str) -> Bundle | None:
        found: Bundle | None = await self._call(lambda: self.memory.releases.get(digest))
        return found

    async def lease(self, name: str, owner: str, now: float, ttl: float) -> bool:
        taken: bool = await self._call(lambda: self.memory.lease(name, owner, now, ttl))
        return taken

    async def remember(self, name: str, value: bytes) -> None:
        await self._call(lambda: self.memory.marks.__setitem__(name, value))

    async def recall(self, name: str) -> bytes | None:
        found: bytes | None = await self._call(lambda: self.memory.marks.get(name))
        return found

    async def forget(self, before: float, history: float | None = None) -> int:
        removed: int = await self._call(lambda: self.memory.forget(before))
        return removed

    async def _call(self, transaction: Callable[[], Any]) -> Any:
        return await self._process.wire.call(lambda: self._transact(transaction))

    def _transact(self, transaction: Callable[[], Any]) -> Any:
        if "store" in self._faults.down or self._faults.strikes("refused"):
            raise StoreError("the store is out of reach")
        result = transaction()
        if self._faults.strikes("uncertain"):
            raise StoreError("the store did not answer; the transaction may have been committed")
        return result
