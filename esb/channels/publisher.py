"""Publishing to RabbitMQ with pipelined confirms: a window leaves in one write and returns when all of it is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from pika import spec
from pika.spec import BasicProperties

from esb.channels.corked import Corked
from esb.channels.frames import content, publish_method
from esb.channels.link import Link
from esb.errors import PublishError

DEADLINE = 30.0
"""Seconds after which a send without a confirm is unknown, as long as the connection lives."""

PATIENCE = 5.0
"""Seconds that a window waits for a connection before it is told that there is none; nothing of it has left then."""

WINDOW_BYTES = 8 * 1024 * 1024
"""Bytes on the way at once; what is more waits for the confirms of what went before."""

_REOPEN_SECONDS = 0.2


class Outgoing(Struct, frozen=True):
    """A message on its way to an exchange. `to` names the target in errors; `mandatory`: a queue must take it.

    `properties` are encoded (`amqp_packets.properties`).
    """

    to: str
    exchange: str
    key: str
    message_id: str
    properties: bytes
    body: bytes
    mandatory: bool = True


class _Window(Struct, eq=False):
    left: int
    done: asyncio.Future[None]
    failed: dict[int, str]

    def fail(self, index: int, reason: str) -> None:
        self.failed.setdefault(index, reason)

    def end_one(self) -> None:
        self.left -= 1
        if self.left == 0 and not self.done.done():
            self.done.set_result(None)


class _Unconfirmed(Struct, eq=False):
    window: _Window
    index: int
    message: Outgoing
    returned: bool = False


class Publisher:
    """One channel in confirm mode on a link."""

    def __init__(self, link: Link, deadline: float = DEADLINE) -> None:
        self._link, self._deadline = link, deadline
        self._channel: Any = None
        self._open = asyncio.Event()
        self._sequence = 0
        self._unconfirmed: dict[int, _Unconfirmed] = {}

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return when the broker has stored every message.

        Raises:
            PublishError: Some are not known to be stored: refused, returned, or without an answer. Those may have been
                stored all the same; publish them again with the same id.
        """
        until = asyncio.get_running_loop().time() + self._deadline
        failed: dict[int, str] = {}
        start = 0
        while start < len(messages):
            end = _fitting(messages, start)
            for index, reason in (await self._window(messages[start:end], until)).items():
                failed[start + index] = reason
            start = end
        if failed:
            raise PublishError(failed)

    async def _window(self, messages: Sequence[Outgoing], until: float) -> Mapping[int, str]:
        """Publish and wait; return what failed, and why."""
        loop = asyncio.get_running_loop()
        if not self._open.is_set():
            try:
                async with asyncio.timeout_at(min(until, loop.time() + PATIENCE)):
                    await self._open.wait()
            except TimeoutError:
                return dict.fromkeys(range(len(messages)), self._link.reason)
        window = _Window(len(messages), loop.create_future(), {})
        self._send(messages, window)
        try:
            async with asyncio.timeout_at(until):
                await window.done
        except TimeoutError:
            self._too_late(window)
        return window.failed

    def _send(self, messages: Sequence[Outgoing], window: _Window) -> None:
        connection: Corked = self._channel.connection
        number, limit = self._channel.channel_number, connection.params.frame_max
        # Encoded before anything is counted: an error here must leave the sequence of confirms as it is.
        frames = []
        for one in messages:
            frames.append(publish_method(number, one.exchange, one.key, one.mandatory))
            frames.append(content(number, one.properties, one.body, limit))
        for index, message in enumerate(messages):
            self._sequence += 1
            self._unconfirmed[self._sequence] = _Unconfirmed(window, index, message)
        with connection.corked():
            connection.emit(frames)

    def _too_late(self, window: _Window) -> None:
        late = {tag: one for tag, one in self._unconfirmed.items() if one.window is window}
        reason = self._link.blocked or f"no confirm within {self._deadline:g} seconds; it may be stored all the same"
        for tag, one in late.items():
            window.fail(one.index, reason)
            del self._unconfirmed[tag]
        if not self._link.blocked:
            self._link.abandon("publisher confirms stay away")

    # --- what the link and the broker say

    def up(self, connection: Corked) -> None:
        """Open the channel."""
        connection.channel(on_open_callback=self._opened)

    def down(self, reason: str) -> None:
        """Fail what is under way: whether it was stored is not known."""
        self._lost(reason)

    def _opened(self, channel: Any) -> None:
        channel.add_on_close_callback(self._closed)
        channel.add_on_return_callback(self._returned)
        channel.confirm_delivery(self._confirmed, callback=lambda _: self._ready(channel))

    def _ready(self, channel: Any) -> None:
        self._channel, self._sequence = channel, 0
        self._open.set()

    def _closed(self, channel: Any, reason: Any) -> None:
        """Open another channel if the broker closed this one alone (it does for an exchange that is missing)."""
        connection: Corked = channel.connection
        if not connection.is_open:
            self._lost(f"the connection was lost: {reason}")
            return
        self._lost(f"the broker closed the channel: {reason}")
        if self._link.connection is connection:
            connection.ioloop.call_later(_REOPEN_SECONDS, self._reopen, connection)

    def _reopen(self, connection: Corked) -> None:
        if self._link.connection is connection and connection.is_open and not self._open.is_set():
            self.up(connection)

    def _lost(self, reason: str) -> None:
        self._open.clear()
        self._channel = None
        unconfirmed, self._unconfirmed = self._unconfirmed, {}
        for one in unconfirmed.values():
            one.window.fail(one.index, reason)
            one.window.end_one()

    def _confirmed(self, frame: Any) -> None:
        method = frame.method
        refused = "" if isinstance(method, spec.Basic.Ack) else "the broker refused it; the queue may be full"
        tags = [method.delivery_tag]
        if method.multiple:
            tags = []
            for tag in self._unconfirmed:  # in the order of publishing
                if tag > method.delivery_tag:
                    break
                tags.append(tag)
        for tag in tags:
            one = self._unconfirmed.pop(tag, None)
            if one is None:
                continue
            if refused:
                one.window.fail(one.index, refused)
            one.window.end_one()

    def _returned(self, _: Any, method: Any, properties: BasicProperties, __: bytes) -> None:
        """Mark what no queue takes; its ack follows. Twins with one id and one target share their fate."""
        for one in self._unconfirmed.values():
            sent = one.message
            if (
                not one.returned
                and sent.message_id == properties.message_id
                and (sent.exchange, sent.key) == (method.exchange, method.routing_key)
            ):
                one.returned = True
                one.window.fail(one.index, f"no channel {sent.to} is declared ({method.reply_text})")
                return


def _fitting(messages: Sequence[Outgoing], start: int) -> int:
    """Return where the window that begins at `start` ends."""
    size = 0
    for index in range(start, len(messages)):
        size += len(messages[index].body)
        if size > WINDOW_BYTES and index > start:
            return index
    return len(messages)
