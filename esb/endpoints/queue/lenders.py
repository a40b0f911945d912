"""Lenders: how a broker lends messages. RabbitMQ pushes them; from a Redis they are pulled.

The client's own way to wait at a Redis takes a message off the list before it is noted as lent, and drops what comes in
while it closes: a kill or a stop in between would lose it. Here one script at the server does both at once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from esb.endpoints.queue.account import HEARTBEAT
from esb.endpoints.queue.client import consumer_of, queue_of

TICK = 0.05
"""Seconds that a turn waits when nothing arrives."""
_RESTORE = 2.0
"""Seconds between two looks for messages whose borrowers died."""

_LEND = """
for index = 3, #KEYS do
  local raw = redis.call('RPOP', KEYS[index])
  if raw then
    local properties = cjson.decode(raw)['properties']
    local tag, way = properties['delivery_tag'], properties['delivery_info'] or {}
    local kept = '[' .. raw .. ',' .. cjson.encode(way['exchange'] or '') .. ',' ..
      cjson.encode(way['routing_key'] or '') .. ']'
    redis.call('ZADD', KEYS[1], ARGV[1], tag)
    redis.call('HSET', KEYS[2], tag, kept)
    return raw
  end
end
return false
"""


class Lender(Protocol):
    """Lends messages of one queue, in the thread that made it."""

    def turn(self, lent: int) -> Sequence[Any]:
        """Return what arrived, after waiting a tick if that is nothing; `lent` messages are not settled yet."""
        ...

    def close(self, lent: Sequence[Any]) -> None:
        """Take no more and give back what was not settled."""
        ...


class AmqpLender:
    """A consumer that the broker pushes to; it keeps the connection's heartbeat going."""

    def __init__(self, connection: Any, name: str, prefetch: int) -> None:
        self._connection = connection
        channel = connection.channel()
        channel.auto_decode = False
        self._arrived: list[Any] = []
        queues = [queue_of(name, no_declare=True)]
        self._consumer = consumer_of(channel, queues, on_message=self._arrived.append, auto_declare=False)
        self._consumer.qos(prefetch_count=prefetch)
        self._consumer.consume()
        self._beat = time.monotonic()

    def turn(self, lent: int) -> Sequence[Any]:
        """Return what arrived."""
        with suppress(TimeoutError):
            self._connection.drain_events(timeout=TICK)
        if time.monotonic() - self._beat > HEARTBEAT / 4:
            self._beat = time.monotonic()
            self._connection.heartbeat_check()
        arrived = list(self._arrived)
        self._arrived.clear()
        return arrived

    def close(self, lent: Sequence[Any]) -> None:
        """Take no more; what was not settled goes back, in its order, when the channel closes."""
        self._consumer.cancel()


class RedisLender:
    """Pulls, and gives back what others left: a borrower that died gives its messages back after a while."""

    def __init__(self, connection: Any, name: str, prefetch: int) -> None:
        self._channel = channel = connection.default_channel
        channel.do_restore = False  # we give back ourselves, without a line on stderr
        self._prefetch = prefetch
        self._lend = channel.client.register_script(_LEND)
        lists = [channel._q_for_pri(name, priority) for priority in channel.priority_steps]
        self._keys = [channel.unacked_index_key, channel.unacked_key, *lists]
        self._restored = 0.0

    def turn(self, lent: int) -> Sequence[Any]:
        """Return what arrived."""
        if time.monotonic() - self._restored > _RESTORE:
            self._restored = time.monotonic()
            self._channel.qos.restore_visible(num=self._channel.unacked_restore_limit, interval=1)
        arrived: list[Any] = []
        while lent + len(arrived) < self._prefetch:
            raw = self._lend(keys=self._keys, args=[time.time()])
            if not raw:
                break
            message = self._channel.Message(json.loads(raw), channel=self._channel)
            self._channel.qos.append(message, message.delivery_tag)
            arrived.append(message)
        if not arrived:
            time.sleep(TICK)
        return arrived

    def close(self, lent: Sequence[Any]) -> None:
        """Give back what was not settled."""
        for message in lent:
            message.requeue()
