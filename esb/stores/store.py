"""The store: every method is one transaction of the room's functions on one database."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from esb.envelope import Addressed
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
from esb.stores import (
    answers,
    arrived,
    batches,
    blobs,
    filing,
    held_keys,
    intake_keys,
    journal,
    ledger,
    marks,
    migrate,
    numbers,
    parking,
    retention,
)
from esb.stores.database import Database
from esb.trading import (
    Arrival,
    Batch,
    Closing,
    Collected,
    Counter,
    Filed,
    FiledFilter,
    Judgment,
    Meeting,
    NumberClaim,
)


class SqlStore:
    """`esb.ports.Store` on SQLite or PostgreSQL. Every method may raise StoreError, after which it may be called again.

    `now` gives the POSIX time of rows that come without one (answers, bodies, releases).
    """

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database, self._now = database, now
        self._write, self._read = database.write, database.read

    async def open(self) -> None:
        """Make sure that the schema is there and ours; an empty database gets it.

        Raises:
            StoreError: Out of reach, or the schema is older or newer than this esb.
        """
        self._database.prepare()
        await self._write(migrate.ready)

    async def close(self) -> None:
        await self._database.close()

    async def reserve(self, keys: Sequence[IntakeKey]) -> Sequence[Reservation]:
        return await self._write(partial(intake_keys.reserve, keys=keys)) if keys else []

    async def advance(self, positions: Sequence[tuple[IntakeKey, int, bool]]) -> None:
        if positions:
            await self._write(partial(intake_keys.advance, positions=positions))

    async def recorded(self, names: Sequence[str]) -> Mapping[str, bytes]:
        return await self._read(partial(answers.recorded, names=names)) if names else {}

    async def record(self, answers_: Mapping[str, bytes], message_ids: Mapping[str, str]) -> Mapping[str, bytes]:
        if not answers_:
            return {}
        return await self._write(partial(answers.record, given=answers_, message_ids=message_ids, at=self._now()))

    async def claim(self, claims: Sequence[KeyClaim]) -> Sequence[bytes]:
        return await self._write(partial(held_keys.claim, claims=claims)) if claims else []

    async def confirm(self, owners: Sequence[str]) -> None:
        if owners:
            await self._write(partial(held_keys.confirm, owners=owners))

    async def free(self, owners: Sequence[str]) -> None:
        if owners:
            await self._write(partial(held_keys.free, owners=owners))

    async def intend(self, entries: Sequence[LedgerEntry]) -> Sequence[LedgerEntry | None]:
        return await self._write(partial(ledger.intend, entries=entries)) if entries else []

    async def conclude(self, entries: Sequence[LedgerEntry]) -> None:
        if entries:
            await self._write(partial(ledger.conclude, entries=entries))

    async def entries(self, keys: Sequence[LedgerKey]) -> Mapping[LedgerKey, LedgerEntry]:
        return await self._read(partial(ledger.find, keys=keys)) if keys else {}

    async def park(self, rows: Sequence[Parked]) -> None:
        if rows:
            await self._write(partial(parking.park, rows=rows))

    async def parked(self, where: ParkedFilter) -> Sequence[Parked]:
        return await self._read(partial(parking.find, where=where))

    async def decide(self, row: Parked, state: str, send: Addressed | None, record: Record) -> bool:
        work = partial(parking.decide, row=row, state=state, send=send, record=record, at=record.at)
        return await self._write(work)

    async def outbox(self, limit: int) -> Sequence[tuple[int, Addressed]]:
        return await self._read(partial(parking.owed, limit=limit))

    async def sent(self, ids: Sequence[int]) -> None:
        if ids:
            await self._write(partial(parking.sent, ids=ids))

    async def append(self, records: Sequence[Record]) -> None:
        if records:
            await self._write(partial(journal.append, records=records))

    async def search(self, key: str, limit: int = 100) -> Sequence[Record]:
        return await self._read(partial(journal.search, key=key, limit=limit))

    async def history(self, message_id: str) -> Sequence[Record]:
        return await self._read(partial(journal.history, message_id=message_id))

    async def take(self, claims: Sequence[NumberClaim]) -> Sequence[tuple[int, ...]]:
        return await self._write(partial(numbers.take, claims=claims)) if claims else []

    async def counters(self) -> Sequence[Counter]:
        return await self._read(numbers.every)

    async def set_counter(self, counter: Counter, record: Record) -> None:
        await self._write(partial(numbers.put, counter=counter, record=record))

    async def meet(self, arrivals: Sequence[Arrival]) -> Sequence[Meeting]:
        return await self._write(partial(arrived.meet, arrivals=arrivals)) if arrivals else []

    async def finish(self, bases: Sequence[str]) -> None:
        if bases:
            await self._write(partial(arrived.finish, bases=bases))

    async def collect(self, rows: Sequence[Collected]) -> None:
        if rows:
            await self._write(partial(batches.collect, rows=rows))

    async def gather(self, endpoint: str, most: int, before: float) -> Sequence[Batch]:
        return await self._write(partial(batches.gather, endpoint=endpoint, most=most, before=before))

    async def close_batch(self, closing: Closing) -> bool:
        return await self._write(partial(batches.close, closing=closing))

    async def collected(self) -> Sequence[tuple[str, str, int, float]]:
        return await self._read(batches.depths)

    async def file(self, rows: Sequence[Filed]) -> None:
        if rows:
            await self._write(partial(filing.file, rows=rows))

    async def filed(self, where: FiledFilter) -> Sequence[Filed]:
        return await self._read(partial(filing.find, where=where))

    async def judge(self, judgments: Sequence[Judgment]) -> Sequence[bool]:
        return await self._write(partial(filing.judge, judgments=judgments)) if judgments else []

    async def put(self, digest: str, body: bytes) -> None:
        blobs.check_size(digest, body)
        await self._write(partial(blobs.put, digest=digest, body=body, at=self._now()))

    async def get(self, digest: str) -> bytes:
        return await self._read(partial(blobs.get, digest=digest))

    async def save_release(self, bundle: Bundle) -> None:
        await self._write(partial(blobs.save_release, bundle=bundle, at=self._now()))

    async def release(self, digest: str) -> Bundle | None:
        return await self._read(partial(blobs.release, digest=digest))

    async def lease(self, name: str, owner: str, now: float, ttl: float) -> bool:
        return await self._write(partial(blobs.lease, name=name, owner=owner, now=now, ttl=ttl))

    async def remember(self, name: str, value: bytes) -> None:
        await self._write(partial(marks.remember, name=name, value=value, at=self._now()))

    async def recall(self, name: str) -> bytes | None:
        return await self._read(partial(marks.recall, name=name))

    async def forget(self, before: float, history: float | None = None) -> int:
        """Remove what is older than `before` (POSIX time); return the rows removed.

        `before` bounds what protects from twins, so it must lie further back than the longest retry. History, bodies
        and discarded messages stay until `history` is given: the store cannot see what still waits in a channel, so
        the caller chooses a time that nothing there is older than.
        """
        rounds = retention.expired(before) + (retention.historical(history) if history is not None else [])
        removed = 0
        for query in rounds:
            count = retention.CHUNK
            while count >= retention.CHUNK:
                count = await self._write(partial(retention.chunk, query=query))
                removed += count
        return removed
