"""One way out to RabbitMQ: an AMQP channel in confirm mode that one kind of target has for itself.

A queue that does not answer (its quorum is lost, its leader hangs) makes the broker hold back the AMQP channel that
publishes to it, and then the whole connection. So no AMQP channel carries two targets, and none has so much on the way
that the broker would stop reading the connection: what a silent queue delays is its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pika import spec
from pika.exceptions import AMQPError
from pika.spec import BasicProperties

from esb.channels.corked import Corked
from esb.channels.frames import content, publish_method
from esb.channels.link import CLOSE_SECONDS, Link
from esb.channels.windows import Entry, Window
from esb.ports import Log

IN_FLIGHT = 200
"""Messages on the way at once. RabbitMQ lets a connection write 400 to an AMQP channel that is held back, less the up
to 199 that it has not counted yet; then it reads nothing more of the whole connection."""

IN_FLIGHT_BYTES = 8 * 1024 * 1024
"""Bytes of bodies on the way at once; what is more waits for the confirms of what went before."""

SILENCE = 15.0
"""Seconds without any confirm, while some are due, after which a target is silent. Electing a leader takes less, and
a node that died is noticed earlier by its connection."""

PROBE_SILENCE = 3.0
"""The same for the first sends to a target that was silent: others of their batch wait with them."""

RENEW_SECONDS = 30.0
"""Seconds that a silent target has to confirm after all; then its AMQP channel is made anew and the next send is a
probe. A broker that has forgotten what it owes would owe it for ever."""


class Outlet:
    """What waits for one kind of target, what is on the way there, and the AMQP channel that takes it there.

    `silence`: seconds, at most `SILENCE`.
    """

    def __init__(self, link: Link, name: str, silence: float, log: Log | None) -> None:
        self._link, self._name, self._silence, self._log = link, name, min(silence, SILENCE), log
        self._loop = asyncio.get_running_loop()
        self._channel: Any = None
        self._opening: Any = None
        self._sequence = self._bytes = 0
        self._waiting: deque[Entry] = deque()
        self._unconfirmed: dict[int, Entry] = {}
        self._heard = self._loop.time()
        self._watch: asyncio.TimerHandle | None = None
        self._silent = self._probing = False

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is on the way."""
        return not (self._waiting or self._unconfirmed or self._silent)

    @property
    def used(self) -> float:
        """When it was last used, by the clock of the loop."""
        return self._heard

    def put(self, entries: Sequence[Entry]) -> None:
        """Send these behind what waits; at a target that is silent they fail at once."""
        if self._silent or (self._probing and not self._nothing_owed()):
            for entry in entries:
                entry.end(f"not sent, {self._text()}")
            return
        self._waiting.extend(entries)
        self._flush()

    def withdraw(self, window: Window, reason: str) -> None:
        """Forget what of a window has not left; of what has left, nobody waits for the confirm any more."""
        held = [entry for entry in self._waiting if entry.window is window]
        if held:
            self._waiting = deque(entry for entry in self._waiting if entry.window is not window)
        for entry in held:
            entry.end(f"{reason}; it was not sent")
        for entry in self._unconfirmed.values():
            if entry.window is window:
                entry.end(f"{reason}; it may be stored all the same")

    def down(self, reason: str) -> None:
        """Fail all that waits and all that is under way (whether that was stored is not known): the link is down."""
        self._lost(reason)
        self._fail_waiting(reason)
        self._silent = self._probing = False
        self._unwatch()

    def close(self) -> None:
        """Close the AMQP channel, if there is one; nothing must be under way."""
        channel, self._channel, self._opening = self._channel, None, None
        self._unwatch()
        if channel is None or not channel.is_open:
            return
        connection = channel.connection
        guard = self._loop.call_later(CLOSE_SECONDS, self._not_closed, connection)
        channel.add_on_close_callback(lambda *_: guard.cancel())
        with suppress(AMQPError):
            channel.close()

    def _not_closed(self, connection: Corked) -> None:
        if self._link.connection is connection and not self._link.blocked:
            self._link.abandon(f"the broker did not close the AMQP channel for {self._name}")

    # --- sending

    def _flush(self) -> None:
        """Send what waits, as far as there is room on the way."""
        if not self._waiting:
            return
        channel = self._channel
        if channel is None:
            self._open()
            return
        connection: Corked = channel.connection
        number, limit = channel.channel_number, connection.params.frame_max
        if not self._unconfirmed:
            self._heard = self._loop.time()
        frames: list[bytes] = []
        while self._waiting and self._has_room(len(self._waiting[0].message.body)):
            entry = self._waiting.popleft()
            message = entry.message
            frames.append(publish_method(number, message.exchange, message.key, message.mandatory))
            frames.append(content(number, message.properties, message.body, limit))
            self._sequence += 1
            self._bytes += len(message.body)
            self._unconfirmed[self._sequence] = entry
        if frames:
            self._watch_out()
            with connection.corked():
                connection.emit(frames)

    def _has_room(self, size: int) -> bool:
        under_way = len(self._unconfirmed)
        return not under_way or (under_way < IN_FLIGHT and self._bytes + size <= IN_FLIGHT_BYTES)

    # --- the AMQP channel

    def _open(self) -> None:
        connection = self._link.connection
        if connection is None or self._opening is not None:
            return
        try:
            self._opening = connection.channel(on_open_callback=self._opened)
        except AMQPError as error:  # it closes this moment, and then the link says so; or it has no channel left
            self._fail_waiting(f"not sent, no AMQP channel for {self._name}: {error}")
            return
        self._opening.add_on_close_callback(self._closed)

    def _opened(self, channel: Any) -> None:
        if channel is not self._opening:
            channel.close()
            return
        channel.add_on_return_callback(self._returned)
        channel.confirm_delivery(self._confirmed, callback=lambda _: self._ready(channel))

    def _ready(self, channel: Any) -> None:
        if channel is self._opening:
            self._channel, self._opening, self._sequence = channel, None, 0
            self._flush()

    def _closed(self, channel: Any, reason: Any) -> None:
        """Fail what was under way (whether it was stored is not known); another channel is opened for what waits."""
        if channel is not self._channel and channel is not self._opening:
            return
        if channel.connection.is_open:
            self._lost(f"the broker closed the channel: {reason}")
            self._flush()
        else:
            self._lost(f"the connection was lost: {reason}")

    def _lost(self, reason: str) -> None:
        self._channel = self._opening = None
        unconfirmed, self._unconfirmed, self._bytes = self._unconfirmed, {}, 0
        for entry in unconfirmed.values():
            entry.end(reason)

    def _fail_waiting(self, reason: str) -> None:
        waiting, self._waiting = self._waiting, deque()
        for entry in waiting:
            entry.end(reason)

    # --- what the broker says of messages

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
        self._heard = self._loop.time()
        if self._silent or self._probing:
            self._answers()
        for tag in tags:
            entry = self._unconfirmed.pop(tag, None)
            if entry is not None:
                self._bytes -= len(entry.message.body)
                entry.end(refused)
        self._flush()

    def _returned(self, _: Any, method: Any, properties: BasicProperties, __: bytes) -> None:
        """Mark what no queue takes; its ack follows. Twins with one id and one target share their fate."""
        for entry in self._unconfirmed.values():
            sent = entry.message
            if (
                not entry.returned
                and sent.message_id == properties.message_id
                and (sent.exchange, sent.key) == (method.exchange, method.routing_key)
            ):
                entry.returned = True
                if entry.window is not None:
                    entry.window.fail(entry.index, f"no channel {sent.to} is declared ({method.reply_text})")
                return

    # --- silence

    def _nothing_owed(self) -> bool:
        return not (self._waiting or self._unconfirmed)

    def _text(self) -> str:
        silent = self._loop.time() - self._heard
        return f"no confirm came from {self._name} for {silent:.0f} seconds; look at its queue at the broker"

    def _watch_out(self) -> None:
        if self._watch is None:
            patience = PROBE_SILENCE if self._probing else self._silence
            self._watch = self._loop.call_later(patience, self._look, patience)

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = None

    def _look(self, patience: float) -> None:
        """Look whether the target is silent. A broker that takes nothing at all is no fault of the target."""
        self._watch = None
        if not self._unconfirmed:
            return
        if self._link.blocked:
            self._heard = self._loop.time()
        quiet = self._loop.time() - self._heard
        if quiet < patience:
            self._watch = self._loop.call_later(max(patience - quiet, 0.01), self._look, patience)
            return
        self._silent = True
        reason = f"no confirm within {patience:g} seconds from {self._name}; it may be stored all the same"
        for entry in self._unconfirmed.values():
            entry.end(reason)
        self._fail_waiting(f"not sent, {self._text()}")
        if self._log and not self._probing:
            self._log.warning("channel.silent", target=self._name, seconds=round(quiet, 1))
        self._watch = self._loop.call_later(RENEW_SECONDS, self._renew)

    def _renew(self) -> None:
        """Give up what the broker owes, and let the next send try."""
        self.close()
        self._lost("")
        self._silent, self._probing = False, True

    def _answers(self) -> None:
        self._silent = self._probing = False
        self._unwatch()
        if self._unconfirmed:
            self._watch_out()
        if self._log:
            self._log.info("channel.answers", target=self._name)
