"""Who answers: the endpoints that a route asks (`http`), and the routes that a caller waits for (replies)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from esb.app.changes import Changes
from esb.endpoints.http_in.replies import Standing, StoppingError
from esb.errors import DefinitionError, EndpointError, StoreError
from esb.management.readers import is_theirs
from esb.management.trace import trace
from esb.message import NamedAsk
from esb.ports import Clock, Store

_LOOK = 0.05
"""Seconds between two looks into the store for replies that another process may have kept."""


class Asked(Protocol):
    """A sink that can be asked, too."""

    async def ask(self, request: Any) -> Any: ...


class EndpointAnswers:
    """Answers each ask by its endpoint, side by side; a failure is an answer.

    A call that changes something bears the name of its ask as its key, unless the step gives one.
    """

    def __init__(self, sink: Callable[[str], Any], changes: Changes) -> None:
        self._sink, self._changes = sink, changes

    async def answer(self, asks: Sequence[NamedAsk]) -> Sequence[Any]:
        """Return one answer, or exception, for each ask."""
        return await asyncio.gather(*(self._one(asked) for asked in asks))

    async def _one(self, asked: NamedAsk) -> Any:
        sink = self._sink(asked.ask.target)
        if not hasattr(sink, "ask"):
            return DefinitionError(f"endpoint {asked.ask.target!r} cannot be asked; use one of type http_out")
        try:
            if asked.ask.request.get("method", "GET") == "GET":
                return await sink.ask({**asked.ask.request, "cache": asked.ask.cache})
            request = {"key": asked.name, **asked.ask.request}
            return await self._changes.make(asked, lambda: sink.ask(request))
        except Exception as error:
            return error if isinstance(error, Exception) else EndpointError(str(error))


class StoredReplies:
    """Replies are rows of the store, the first of a name stays. Who waits here is woken at once by what this process
    keeps; for what another one keeps, one query for all who wait is asked again and again.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._waiting: defaultdict[str, set[asyncio.Future[bytes]]] = defaultdict(set)
        self._looking: Any = None
        self._stopping = False

    def stop(self) -> None:
        """Let everybody go who waits: the process ends."""
        self._stopping = True
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(StoppingError("the process ends"))

    async def keep(self, name: str, message_id: str, reply: bytes) -> None:
        """Keep a reply until its message is forgotten, and wake who waits for it."""
        kept = await self._store.record({name: reply}, {name: message_id})
        self._wake(name, kept[name])

    async def find(self, name: str) -> bytes | None:
        """Return a reply that is there."""
        return (await self._store.recorded([name])).get(name)

    async def wait(self, name: str, seconds: float) -> bytes | None:
        """Return a reply as soon as it is there, or None when the time is over.

        Raises:
            StoppingError: The process ends.
        """
        found = await self.find(name)
        if found is not None:
            return found
        if self._stopping:
            raise StoppingError("the process ends")
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[name].add(future)
        if self._looking is None:
            self._looking = self._clock.spawn(self._look(), "replies")
        try:
            return await asyncio.wait_for(future, seconds)
        except TimeoutError:
            return None
        finally:
            self._waiting[name].discard(future)
            if not self._waiting[name]:
                del self._waiting[name]

    async def standing(self, message_id: str, endpoint: str, client: str) -> Standing:
        """Return how a delivery of which there is no reply stands; one of another endpoint or client is unknown."""
        found = await trace(self._store, message_id)
        if not is_theirs(found, {endpoint: client}):
            return "unknown"
        if any(record.kind == "sent" and record.text == f"delivery/{endpoint}" for record in found.records):
            return "waiting"
        open_rows = [row for row in found.parked if row.state == "open"]
        if any(row.failure_class for row in open_rows):
            return "failed"
        if open_rows:
            return "held"
        ended = [fate for fate in found.fates if fate.state == "ended"]
        return "ended" if ended and len(ended) == len(found.fates) else "waiting"

    async def _look(self) -> None:
        """Ask the store for all that is waited for, until nobody waits."""
        try:
            while self._waiting:
                await self._clock.sleep(_LOOK)
                names = list(self._waiting)
                try:
                    kept = await self._store.recorded(names) if names else {}
                except StoreError:
                    continue
                for name, reply in kept.items():
                    self._wake(name, reply)
        finally:
            self._looking = None

    def _wake(self, name: str, reply: bytes) -> None:
        for future in self._waiting.get(name, ()):
            if not future.done():
                future.set_result(reply)
