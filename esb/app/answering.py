"""Who answers asks of kind `http`: the endpoints that a route asks, each with its own pool and time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from esb.errors import DefinitionError, EndpointError
from esb.message import NamedAsk


class Asked(Protocol):
    """A sink that can be asked, too."""

    async def ask(self, request: Any) -> Any: ...


class EndpointAnswers:
    """Answers each ask by its endpoint, side by side; a failure is an answer."""

    def __init__(self, sink: Callable[[str], Any]) -> None:
        self._sink = sink

    async def answer(self, asks: Sequence[NamedAsk]) -> Sequence[Any]:
        """Return one answer, or exception, for each ask."""
        return await asyncio.gather(*(self._one(asked) for asked in asks))

    async def _one(self, asked: NamedAsk) -> Any:
        sink = self._sink(asked.ask.target)
        if not hasattr(sink, "ask"):
            return DefinitionError(f"endpoint {asked.ask.target!r} cannot be asked; use one of type http_out")
        try:
            return await sink.ask({**asked.ask.request, "cache": asked.ask.cache})
        except Exception as error:
            return error if isinstance(error, Exception) else EndpointError(str(error))
