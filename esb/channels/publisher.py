"""Publishing to RabbitMQ with pipelined confirms: a window leaves in one write and returns when all of it is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from esb.channels.corked import Corked
from esb.channels.frames import refuse_wide
from esb.channels.link import Link
from esb.channels.outlet import Outlet
from esb.channels.windows import Entry, Outgoing, Window
from esb.errors import PublishError
from esb.ports import Log

DEADLINE = 30.0
"""Seconds after which a send without a confirm is unknown, as long as the connection lives."""

PATIENCE = 5.0
"""Seconds that a window waits for a connection before it is told that there is none; nothing of it has left then."""

OUTLETS = 256
"""AMQP channels that are kept, as long as one of them is idle and can be given up for another; a broker allows 2047."""


class Publisher:
    """All outlets on a link: one for each kind of target, made when it is first needed."""

    def __init__(self, link: Link, deadline: float = DEADLINE, log: Log | None = None, outlets: int = OUTLETS) -> None:
        self._link, self._deadline, self._log, self._most = link, deadline, log, outlets
        self._up = asyncio.Event()
        self._outlets: dict[str, Outlet] = {}

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return when the broker has stored every message.

        Raises:
            PublishError: Some are not known to be stored: refused, returned, or without an answer. Those may have been
                stored all the same; publish them again with the same id.
            TooLargeError: The properties of one do not fit into a frame; nothing has left.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._deadline
        connection = await self._connection(min(until, loop.time() + PATIENCE))
        if connection is None:
            raise PublishError(dict.fromkeys(range(len(messages)), self._link.reason))
        refuse_wide((message.properties for message in messages), connection.params.frame_max)
        window = Window(len(messages), loop.create_future(), {})
        used = self._put(messages, window, connection)
        try:
            async with asyncio.timeout_at(until):
                await window.done
        except TimeoutError:
            pass
        finally:
            if window.left:
                self._withdraw(used, window)
        if window.failed:
            raise PublishError(window.failed)

    async def _connection(self, until: float) -> Corked | None:
        try:
            async with asyncio.timeout_at(until):
                # One that is closed is there still, for the moment until the link has noticed.
                while (connection := self._link.connection) is None or not connection.is_open:
                    self._up.clear()
                    await self._up.wait()
        except TimeoutError:
            return None
        return connection

    def _put(self, messages: Sequence[Outgoing], window: Window, connection: Corked) -> list[Outlet]:
        """Hand each message to its outlet, in order; return the outlets."""
        entries: dict[str, list[Entry]] = {}
        for index, message in enumerate(messages):
            entry = Entry(window, index, message)
            if message.outlet in entries:
                entries[message.outlet].append(entry)
            else:
                entries[message.outlet] = [entry]
        used = []
        with connection.corked():
            for name, mine in entries.items():
                outlet = self._outlets.get(name) or self._made(name)
                used.append(outlet)
                outlet.put(mine)
        return used

    def _made(self, name: str) -> Outlet:
        if len(self._outlets) >= self._most:
            idle = [(outlet.used, other) for other, outlet in self._outlets.items() if outlet.idle]
            if idle:
                self._outlets.pop(min(idle)[1]).close()
        made = self._outlets[name] = Outlet(self._link, name, self._deadline, self._log)
        return made

    def _withdraw(self, used: Sequence[Outlet], window: Window) -> None:
        reason = self._link.blocked or f"no confirm within {self._deadline:g} seconds"
        for outlet in used:
            outlet.withdraw(window, reason)

    # --- what the link says

    def up(self, connection: Corked) -> None:
        """Let those go on that wait for a connection."""
        self._up.set()

    def down(self, reason: str) -> None:
        """Fail what is under way: whether it was stored is not known."""
        for outlet in self._outlets.values():
            outlet.down(reason)
