"""Where messages wait: the embedded channel (a file) and the RabbitMQ channel, behind `esb.ports.Channel`."""

from __future__ import annotations

from pathlib import Path

from esb.channels.embedded import EmbeddedChannel
from esb.channels.rabbitmq import RabbitChannel
from esb.errors import UsageError
from esb.ports import Channel, Clock, Log

__all__ = ["EmbeddedChannel", "RabbitChannel", "open_channel"]


def open_channel(where: str, clock: Clock | None = None, log: Log | None = None, prefix: str = "esb") -> Channel:
    """Return the channel at `embedded:PATH` or `amqp://…` (`amqps://…`), not opened yet.

    `prefix` begins the names at a broker, so that two buses can share a virtual host.

    Raises:
        UsageError: The address is neither.
        ChannelError: It is one of RabbitMQ that cannot be read.
    """
    scheme, colon, rest = where.partition(":")
    if scheme == "embedded" and rest:
        return EmbeddedChannel(Path(rest), clock)
    if scheme in ("amqp", "amqps") and colon:
        return RabbitChannel(where, clock, log, prefix)
    raise UsageError(f"channel {scheme!r} is unknown; write embedded:PATH, amqp://HOST/VHOST or amqps://HOST/VHOST")
