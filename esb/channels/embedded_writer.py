"""The one thread of a process that writes the embedded channel's file: group commit, and lending to consumers.

What came while the last transaction was being committed goes into the next one, so the disk is asked once for many
publishers. The same transaction settles, and lends what consumers have room for.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pysqlite3.dbapi2 as sqlite3
from msgspec import Struct

from esb.channels.embedded_file import ChannelFile, Lent, Settled
from esb.errors import ChannelError

POLL = 0.05
"""Seconds after which what another process published is noticed, at the latest, while a consumer waits."""

RECOVER = 0.5
"""Seconds between two looks whether an owner of claims died."""

BATCH_BYTES = 32 * 1024 * 1024
"""Bytes lent to a consumer in one batch, and so about what a consumer with large messages holds in memory."""

_IDLE = 1.0
_AFTER_FAILURE = 0.2


class Lender:
    """The writer's side of one consumer: how much it may hold, and what it holds."""

    def __init__(self, name: str, prefetch: int, deliver: Callable[[Sequence[Lent]], None]) -> None:
        self.name, self.prefetch, self.deliver = name, prefetch, deliver
        # Half at a time: while a consumer works on one half, the other is lent in the transaction of its publishes.
        self.chunk = (prefetch + 1) // 2
        self.live: set[int] = set()

    @property
    def room(self) -> int:
        """How many more it may hold, lent a half at a time."""
        return min(self.prefetch - len(self.live), self.chunk)


class Job(Struct, eq=False):
    """Work for the next transaction. `answer` gets its result or its error on the event loop.

    Without an `answer` the work is a settlement: it is tried until it is done. `freed` = what consumers hold no more.
    """

    work: Callable[[ChannelFile], Any]
    answer: Callable[[Any], None] | None = None
    durable: bool = False
    freed: Mapping[Lender, Sequence[int]] = {}


class Writer(threading.Thread):
    """Owns the file. Everything reaches it as a job; everything leaves it through the event loop."""

    def __init__(self, open_file: Callable[[], ChannelFile], now: Callable[[], float]) -> None:
        super().__init__(name="esb-channel-writer", daemon=True)
        self._open_file, self._now = open_file, now
        self._loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[ChannelError | None] = self._loop.create_future()
        self._wake = threading.Condition()
        self._jobs: deque[Job] = deque()
        self._stopping = False
        self._lenders: dict[Lender, None] = {}
        self._recovered = 0.0
        self._doing: list[Job] = []

    # --- called on the event loop

    def post(self, job: Job) -> None:
        """Have the job done in the next transaction."""
        with self._wake:
            if self._stopping:
                raise ChannelError("the channel is closed; open it again to use it")
            self._jobs.append(job)
            self._wake.notify()

    def stop(self) -> None:
        """Do what was posted and end; `ended` says when."""
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def add(self, lender: Lender, file: ChannelFile) -> None:
        """Lend to this consumer from now on (work of a job)."""
        if lender.name not in file.registry:
            raise ChannelError(f"no channel {lender.name} is declared; declare the topology before consuming")
        self._lenders[lender] = None
        file.stirred.add(lender.name)

    def remove(self, lender: Lender, file: ChannelFile) -> None:
        """Lend to this consumer no more; what it did not settle goes back (work of a job)."""
        file.settle(Settled(give_back=tuple(lender.live)), self._now())
        self._lenders.pop(lender, None)
        if not any(other.name == lender.name for other in self._lenders):
            file.registry.release(lender.name, file.owner)
        file.stir()

    # --- the thread

    def run(self) -> None:
        """Open the file, work until stopped, close the file."""
        try:
            file = self._open_file()
        except Exception as error:  # whatever it is, who waits for the opening must hear of it
            self._tell(_resolve, self.opened, error)
            return
        self._tell(_resolve, self.opened, None)
        fault: ChannelError | None = None
        try:
            while self._turn(file):
                pass
        except Exception as error:  # a fault of ours: nobody may wait for an answer for ever
            fault = ChannelError(f"the writer of {file.path} failed: {type(error).__name__}: {error}")
            fault.__cause__ = error
        self._end(file, fault)

    def _end(self, file: ChannelFile, fault: ChannelError | None) -> None:
        with self._wake:
            self._stopping = True
            left = [*self._doing, *self._jobs]
            self._jobs.clear()
        try:
            file.close()
        except sqlite3.Error as error:  # claims that could not be given back are recovered when the process is gone
            fault = fault or ChannelError(f"{file.path} was not closed properly: {error}")
        self._tell(_answer, left, fault or ChannelError("the channel was closed"))
        self._tell(_resolve, self.ended, fault, True)

    def _turn(self, file: ChannelFile) -> bool:
        """Do one transaction, if there is something to do; return whether to go on."""
        jobs, stopping = self._take(self._patience(file))
        if stopping and not jobs:
            return False
        self._doing = jobs
        try:
            self._look_around(file)
            self._transact(file, jobs)
        except sqlite3.Error as error:
            file.rollback()
            self._failed(jobs, f"{file.path}: {error}; nothing was stored, try again when it is mended", stopping)
        self._doing = []
        return True

    def _take(self, patience: float) -> tuple[list[Job], bool]:
        with self._wake:
            if not self._jobs and not self._stopping and patience > 0:
                self._wake.wait(patience)
            jobs = list(self._jobs)
            self._jobs.clear()
            return jobs, self._stopping

    def _patience(self, file: ChannelFile) -> float:
        """Return how long the thread may sleep if no job comes."""
        hungry = [lender for lender in self._lenders if lender.room > 0]
        if not hungry:
            return _IDLE
        if any(lender.name in file.stirred for lender in hungry):
            return 0.0
        due = file.next_due()
        return POLL if due is None else max(0.0, min(POLL, due - self._now()))

    def _look_around(self, file: ChannelFile) -> None:
        """Notice what other processes did, and give back what dead ones held."""
        file.changed()
        if time.monotonic() - self._recovered >= RECOVER:
            file.recover()
            self._recovered = time.monotonic()

    def _transact(self, file: ChannelFile, jobs: Sequence[Job]) -> None:
        """Do the jobs and lend, in one transaction, if there is anything to do."""
        now = self._now()
        due = file.next_due() if self._lenders else None
        ripe = due is not None and due <= now
        if not jobs and not ripe and not self._candidates(file):
            return
        file.begin(durable=any(job.durable for job in jobs))
        file.changed()
        results = [_do(job, file) for job in jobs]
        if ripe:
            file.promote(now)
        lent = self._lend(file, now)
        file.commit()
        for job in jobs:
            for lender, numbers in job.freed.items():
                lender.live.difference_update(numbers)
        for lender, batch in lent:
            lender.live.update(one.seq for one in batch)
        self._tell(_deliver, jobs, results, lent)

    def _candidates(self, file: ChannelFile) -> list[Lender]:
        """Return who has room in a channel that has something to lend; in an ordered one only the first has a turn."""
        found = []
        taken: set[str] = set()
        for lender in self._lenders:
            name = lender.name
            if name not in file.stirred or name in taken:
                continue
            if file.registry.ordered(name):
                taken.add(name)
            if lender.room > 0:
                if not file.ready(name):
                    file.stirred.discard(name)
                    continue
                found.append(lender)
        return found

    def _lend(self, file: ChannelFile, now: float) -> list[tuple[Lender, list[Lent]]]:
        lent = []
        for lender in self._candidates(file):
            if not file.registry.hold(lender.name, file.owner):
                file.stirred.discard(lender.name)  # another process holds it; when it lets go, the file changes
                continue
            batch = file.lend(lender.name, lender.room, BATCH_BYTES, now)
            if batch:
                lent.append((lender, batch))
        return lent

    def _failed(self, jobs: Sequence[Job], reason: str, stopping: bool) -> None:
        """Answer whoever waits; settlements are tried again, else their messages would be lent for ever."""
        with self._wake:
            if not stopping:
                self._jobs.extendleft(reversed([job for job in jobs if job.answer is None]))
        self._tell(_answer, jobs, ChannelError(reason))
        time.sleep(_AFTER_FAILURE)

    def _tell(self, what: Callable[..., Any], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *arguments)
        except RuntimeError:  # the event loop is closed: nobody listens any more
            with self._wake:
                self._stopping = True


def _do(job: Job, file: ChannelFile) -> Any:
    try:
        return job.work(file)
    except ChannelError as error:  # refused before anything was written: its neighbours in the transaction go on
        return error


def _deliver(jobs: Sequence[Job], results: Sequence[Any], lent: Sequence[tuple[Lender, Sequence[Lent]]]) -> None:
    for lender, batch in lent:
        lender.deliver(batch)
    for job, result in zip(jobs, results, strict=True):
        if job.answer is not None:
            job.answer(result)


def _answer(jobs: Sequence[Job], error: ChannelError) -> None:
    for job in jobs:
        if job.answer is not None:
            job.answer(error)


def _resolve(future: asyncio.Future[Any], result: Any, plain: bool = False) -> None:
    """Resolve the future; an error is raised to who waits, unless it is the `plain` result."""
    if future.done():
        return
    if isinstance(result, Exception) and not plain:
        future.set_exception(result)
    else:
        future.set_result(result)
