"""Readers: who may learn what became of a message. Whoever sent it, by the proof that its endpoint asks senders for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from starlette.requests import Request

from esb.endpoints.http_in.arrivals import scope_of
from esb.errors import EsbError, SecurityError
from esb.management.trace import Trace

Admit: TypeAlias = Callable[[Request], Awaitable[str]]
"""Returns the client that a request comes from, empty where senders have no names. Raises SecurityError."""


class Readers:
    """Asks every endpoint's guard who is there; `doors` by endpoint."""

    def __init__(self, doors: Mapping[str, Admit]) -> None:
        self._doors = doors

    async def admitted(self, request: Request) -> tuple[Mapping[str, str], EsbError | None]:
        """Return as which client a request may read, by endpoint, and why some guard could not say.

        All are asked, whichever message is wanted: the time that it takes tells nothing about a message.
        """
        found: dict[str, str] = {}
        unable: EsbError | None = None
        for endpoint, admit in self._doors.items():
            try:
                found[endpoint] = await admit(request)
            except SecurityError:
                continue
            except EsbError as error:
                unable = error
        return found, unable


def is_theirs(found: Trace, clients: Mapping[str, str]) -> bool:
    """Return whether all that a trace tells of came in by these clients; `clients` by endpoint.

    A delivery's key begins with its client's name, so its history says whose it is.
    """
    deliveries: dict[str, bool] = {}
    for record in found.records:
        if record.kind == "received":
            client = clients.get(record.place)
            known = client is not None and record.text.startswith(scope_of(client))
            deliveries[record.message_id] = deliveries.get(record.message_id, False) or known
    return bool(deliveries) and all(deliveries.values())
