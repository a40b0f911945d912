"""A process of its own for the channel suite: it holds, drains or fills a channel until it is killed.

`python -m esb.testing.channel_worker {hold|drain|fill} WHERE PREFIX CHANNEL PREFETCH`: one line with the id for each
packet that was lent (hold, drain: before it is settled) or that is durable (fill); before all, one that says `ready`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable

from esb.channels import open_channel
from esb.envelope import Ack, Addressed, Packet
from esb.ports import Channel

WINDOW = 20
READY = b"ready"


async def hold(channel: Channel, name: str, prefetch: int) -> None:
    """Take what comes and settle nothing."""
    async for batch in channel.consume(name, prefetch):
        _say(delivery.packet.id for delivery in batch)


async def drain(channel: Channel, name: str, prefetch: int) -> None:
    """Take and settle."""
    async for batch in channel.consume(name, prefetch):
        _say(delivery.packet.id for delivery in batch)
        await channel.settle([Ack(delivery) for delivery in batch])


async def fill(channel: Channel, name: str, prefetch: int) -> None:
    """Publish for ever."""
    number = 0
    while True:
        packets = [Packet(f"{number + index:08d}", b"x" * 100) for index in range(WINDOW)]
        await channel.publish([Addressed(name, packet) for packet in packets])
        _say(packet.id for packet in packets)
        number += WINDOW


def _say(ids: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{one}\n" for one in ids))
    sys.stdout.flush()


async def _main(verb: str, where: str, prefix: str, name: str, prefetch: str) -> None:
    channel = open_channel(where, prefix=prefix)
    await channel.open()
    _say((READY.decode(),))
    await {"hold": hold, "drain": drain, "fill": fill}[verb](channel, name, int(prefetch))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
