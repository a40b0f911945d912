"""Courier: the one thread that owns a consuming connection. The client blocks, and nobody else may touch it.

Messages go to the event loop, settlements come back by a queue; both pass hands, never objects of the connection that
are used on two sides at once.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from esb.endpoints.queue.account import Account
from esb.endpoints.queue.lenders import AmqpLender, Lender, RedisLender
from esb.errors import EndpointError

Settling: TypeAlias = Literal["ack", "reject", "requeue"]


class Courier:
    """Lends messages of one queue until it is stopped; what was not settled goes back to the broker.

    `arrived` gets each message and `ended` the reason, both in the event loop.
    """

    def __init__(
        self,
        account: Account,
        name: str,
        prefetch: int,
        arrived: Callable[[Any], None],
        ended: Callable[[EndpointError | None], None],
    ) -> None:
        self._account, self._name, self._prefetch = account, name, prefetch
        self._arrived, self._ended = arrived, ended
        self._loop = asyncio.get_running_loop()
        self._settlements: queue.SimpleQueue[tuple[Any, Settling]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._lent: set[Any] = set()
        self._thread = threading.Thread(target=self._run, name=f"queue {name}", daemon=True)
        self.quiet = 0
        """How many times in a row nothing arrived."""

    def start(self) -> None:
        """Begin; messages may arrive from now on."""
        self._thread.start()

    def settle(self, message: Any, how: Settling) -> None:
        """Settle a message that arrived; on a connection that is lost it is lent again by the broker."""
        self._settlements.put((message, how))

    async def stop(self) -> None:
        """Settle what was decided, give back the rest, and return when the thread has ended."""
        self._stopping.set()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        error: EndpointError | None = None
        try:
            self._work()
        except Exception as failure:  # the thread's last line: whatever it is, the loop must hear of it
            error = self._account.trouble(failure, f"take from the queue {self._name!r}")
        self._tell(self._ended, error)

    def _work(self) -> None:
        with self._account.connection() as connection:
            open_lender = RedisLender if self._account.is_redis else AmqpLender
            lender: Lender = open_lender(connection, self._name, self._prefetch)
            while not self._stopping.is_set():
                self._settle_all()
                arrived = lender.turn(len(self._lent))
                self._lent.update(arrived)
                for message in arrived:
                    self._tell(self._arrived, message)
                self.quiet = 0 if arrived else self.quiet + 1
            self._settle_all()
            lender.close(list(self._lent))

    def _settle_all(self) -> None:
        while True:
            try:
                message, how = self._settlements.get_nowait()
            except queue.Empty:
                return
            if message in self._lent:
                self._lent.discard(message)
                getattr(message, how)()

    def _tell(self, whom: Callable[[Any], None], what: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(whom, what)
        except RuntimeError:  # the loop has been closed: nobody is left to be told
            self._stopping.set()
