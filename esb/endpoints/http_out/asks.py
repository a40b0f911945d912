"""Asking: a document fetched for a step; equal questions share one call, and a fresh answer serves again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from esb.envelope import encode_document
from esb.ports import Clock

_MOST = 10_000


class Shared:
    """Answers by question. `keep` seconds = how old an answer may be; 0 still shares a call that is under way."""

    def __init__(self, clock: Clock, most: int = _MOST) -> None:
        self._clock = clock
        self._most = most
        self._kept: OrderedDict[bytes, tuple[float, Any]] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Task[Any]] = {}

    async def get(self, question: Mapping[str, Any], keep: float, fetch: Callable[[], Awaitable[Any]]) -> Any:
        """Return the answer, fetched if nobody has it. A failure is told to all who wait for it and never kept."""
        name = encode_document(dict(question))
        now = self._clock.now()
        at, answer = self._kept.get(name, (None, None))
        if at is not None and 0 <= now - at < keep:
            return answer
        if name not in self._under_way:
            self._under_way[name] = self._clock.spawn(self._fetch(name, fetch), "ask")
        # Shielded: whoever stops waiting must not take the answer from the others.
        return await asyncio.shield(self._under_way[name])

    async def close(self) -> None:
        """Stop what is under way."""
        for task in list(self._under_way.values()):
            task.cancel()

    async def _fetch(self, name: bytes, fetch: Callable[[], Awaitable[Any]]) -> Any:
        try:
            answer = await fetch()
        finally:
            self._under_way.pop(name, None)
        self._kept[name] = (self._clock.now(), answer)
        self._kept.move_to_end(name)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return answer
