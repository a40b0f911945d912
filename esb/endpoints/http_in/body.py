"""Reading a body that a stranger sends: never more than the limit, never longer than the timeout."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from starlette.types import Receive

from esb.endpoints.http_in.problems import Refusal, unavailable
from esb.errors import EsbError


class GoneError(EsbError):
    """The sender hung up before its body was complete: there is nobody to answer, and nothing was taken."""


class Budget:
    """How many bytes of unfinished requests one endpoint keeps in memory."""

    def __init__(self, limit: int) -> None:
        self._free = limit

    def take(self, size: int) -> None:
        """Reserve bytes. Raises Refusal (503) if there are not so many."""
        if size > self._free:
            raise unavailable(1.0)
        self._free -= size

    def give(self, size: int) -> None:
        """Return what was reserved."""
        self._free += size


def declared_length(headers: Mapping[str, str], limit: int) -> int | None:
    """Return what Content-Length says, checked before a byte of the body is read.

    Raises:
        Refusal: 400 if it is no number, 413 if it is above the limit.
    """
    text = headers.get("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise Refusal(400, "bad-length", "Content-Length is not a number.")
    if len(text) > 15 or int(text) > limit:
        raise _too_large(limit)
    return int(text)


async def read_body(receive: Receive, limit: int, timeout: float, budget: Budget) -> bytearray:
    """Return the whole body; its size is taken from the budget and must be given back.

    Raises:
        Refusal: 408 if it takes longer than `timeout` seconds, 413 above `limit` bytes, 503 if memory is short.
        GoneError: The sender hung up.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(timeout):
            async for chunk in _chunks(receive):
                if len(body) + len(chunk) > limit:
                    raise _too_large(limit)
                budget.take(len(chunk))
                body += chunk
    except BaseException as error:
        budget.give(len(body))
        if isinstance(error, TimeoutError):
            raise Refusal(408, "too-slow", f"The body did not arrive within {timeout:g} seconds.") from None
        raise
    return body


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise GoneError("the sender hung up")
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "too-large", f"The body is larger than {limit} bytes; send less at once.")
