"""Windows: messages that are published together, and what becomes of each of them."""

from __future__ import annotations

import asyncio

from msgspec import Struct


class Outgoing(Struct, frozen=True):
    """A message on its way to an exchange. `to` names the target in errors; `mandatory`: a queue must take it.

    `properties` are encoded (`amqp_packets.properties`). Those with one `outlet` leave in order.
    """

    to: str
    exchange: str
    key: str
    message_id: str
    properties: bytes
    body: bytes
    outlet: str
    mandatory: bool = True


class Window(Struct, eq=False):
    """Messages that are published together; `done` when each is confirmed or failed."""

    left: int
    done: asyncio.Future[None]
    failed: dict[int, str]

    def fail(self, index: int, reason: str) -> None:
        """Note why one failed; the first reason counts."""
        self.failed.setdefault(index, reason)

    def end_one(self) -> None:
        """Count one that is confirmed or failed."""
        self.left -= 1
        if self.left == 0 and not self.done.done():
            self.done.set_result(None)


class Entry(Struct, eq=False):
    """A message of a window; without one, nobody waits for it any more."""

    window: Window | None
    index: int
    message: Outgoing
    returned: bool = False

    def end(self, reason: str = "") -> None:
        """Tell the window, if it is still there, that this one is confirmed, or why it failed."""
        window, self.window = self.window, None
        if window is not None:
            if reason:
                window.fail(self.index, reason)
            window.end_one()
