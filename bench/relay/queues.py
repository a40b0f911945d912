"""The queues of the relay at a private node, and the file of the embedded channel: filled, counted and emptied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pika

from bench.relay.project import ROUTE, SINKS
from esb.channels import open_channel
from esb.envelope import Addressed, Topology

QUEUE = f"esb.route.{ROUTE}"
EXCHANGE = "esb.delivery"
_WINDOW = 1000


async def fill(url: str, topology: Topology, sends: Sequence[Addressed]) -> None:
    """Declare everything and publish the messages to the route's channel, confirmed."""
    channel = open_channel(url)
    await channel.open()
    try:
        await channel.declare(topology)
        for start in range(0, len(sends), _WINDOW):
            await channel.publish(sends[start : start + _WINDOW])
    finally:
        await channel.close()


@dataclass(frozen=True, slots=True)
class Counted:
    """How many messages were left in the route's queue, and how many came out."""

    left: int
    out: int


def empty(url: str) -> Counted:
    """Count what is in the queues and empty them."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    counted = Counted(_purge(channel, QUEUE), sum(_purge(channel, f"esb.delivery.{sink}") for sink in SINKS))
    _purge(channel, "esb.journal")
    connection.close()
    return counted


def _purge(channel: Any, queue: str) -> int:
    return int(channel.queue_purge(queue).method.message_count)


async def embedded_depth(url: str) -> Counted:
    """Count what is in an embedded channel."""
    channel = open_channel(url)
    await channel.open()
    try:
        names = [f"route/{ROUTE}", *(f"delivery/{sink}" for sink in SINKS)]
        depth = await channel.depth(names)
    finally:
        await channel.close()
    return Counted(depth[names[0]].ready + depth[names[0]].lent, sum(depth[name].ready for name in names[1:]))
