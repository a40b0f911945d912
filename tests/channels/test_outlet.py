"""A queue that does not answer delays nobody but who publishes to it; shown with queues whose leader stands still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from esb.channels import outlet
from esb.channels.link import Link
from esb.channels.outlet import IN_FLIGHT
from esb.channels.publisher import Publisher
from esb.channels.rabbitmq import RabbitChannel
from esb.channels.windows import Outgoing
from esb.envelope import Ack, Addressed, ChannelSpec, Packet, Retry
from esb.errors import PublishError
from esb.testing.channel_kit import WITHIN, A, B, Backend, drain, fill, ids, lending, numbers, opened, take, until
from esb.testing.rabbitmq_node import RabbitNode

pytestmark = pytest.mark.rabbitmq


@contextmanager
def silent(node: RabbitNode, queue: str) -> Iterator[None]:
    """Let the leader of a quorum queue stand still: it takes everything and answers nothing."""
    node.ctl("eval", f"sys:suspend('%2F_{queue}').")
    try:
        yield
    finally:
        node.ctl("eval", f"sys:resume('%2F_{queue}').")


@asynccontextmanager
async def impatient(node: RabbitNode, prefix: str, deadline: float = 0.5) -> AsyncIterator[RabbitChannel]:
    """A channel for which a target is silent after `deadline` seconds already."""
    channel = RabbitChannel(node.url, prefix=prefix, deadline=deadline)
    await channel.open()
    try:
        yield channel
    finally:
        await channel.close()


async def at_last(channel: Any, packet_id: str) -> None:
    async with asyncio.timeout(WITHIN):
        while True:
            try:
                await channel.publish([Addressed(A, Packet(packet_id, b""))])
                return
            except PublishError:
                await asyncio.sleep(0.05)


async def test_a_queue_that_does_not_answer_delays_no_other(node: RabbitNode, rabbitmq: Backend) -> None:
    each = 5 * IN_FLIGHT
    async with opened(rabbitmq) as channel, lending(channel, B) as consumer:
        await fill(channel, A, 1)
        with silent(node, f"{rabbitmq.prefix}.route.a"):
            stuck = [asyncio.create_task(fill(channel, A, each, number * each)) for number in range(3)]
            for number in range(50):
                async with asyncio.timeout(2):
                    await fill(channel, B, 20, number * 20)
            assert not any(publishing.done() for publishing in stuck)
        assert await drain(channel, [consumer], 1000) == numbers(1000)
        await asyncio.gather(*stuck)

        async with lending(channel, A) as late:
            assert (await drain(channel, [late], 3 * each + 1))[1:] == numbers(3 * each)


async def test_a_delivery_is_retried_while_the_queue_that_lent_it_does_not_answer(
    node: RabbitNode, rabbitmq: Backend
) -> None:
    async with (
        opened(rabbitmq) as channel,
        impatient(node, rabbitmq.prefix) as other,
        lending(channel, A) as consumer,
    ):
        await fill(channel, A, 1)
        (delivery,) = await take(consumer, 1)
        with silent(node, f"{rabbitmq.prefix}.route.a"):
            with pytest.raises(PublishError):
                await fill(other, A, 1, start=1)
            async with asyncio.timeout(2):
                await channel.settle([Retry(delivery, 0.2)])
        again = await take(consumer, 2)

    assert sorted(ids(again)) == ["0", "1"]


async def test_a_silent_target_fails_what_it_holds_and_refuses_at_once_until_it_answers(
    node: RabbitNode, rabbitmq: Backend
) -> None:
    async with opened(rabbitmq) as straight, impatient(node, rabbitmq.prefix) as channel:
        await fill(channel, A, 1)
        with silent(node, f"{rabbitmq.prefix}.route.a"):
            with pytest.raises(PublishError, match=r"no confirm within 0\.5 seconds from route/a") as unknown:
                await fill(channel, A, IN_FLIGHT + 1, start=1)
            began = time.monotonic()
            with pytest.raises(PublishError) as mixed:
                await channel.publish([Addressed(to, Packet("mixed", b"")) for to in (B, A, B)])
            refused = time.monotonic() - began
        await at_last(channel, "later")

        async with lending(straight, A, 1000) as consumer, lending(straight, B) as others:
            stored = await take(consumer, IN_FLIGHT + 2)
            passed = await take(others, 2)

    reasons = unknown.value.failed
    assert "may be stored" in reasons[IN_FLIGHT - 1]
    assert "not sent" in reasons[IN_FLIGHT]
    assert refused < 0.4
    assert list(mixed.value.failed) == [1]
    assert mixed.value.failed[1].startswith("not sent, no confirm came from route/a for")
    assert ids(stored) == [*numbers(IN_FLIGHT + 1), "later"]
    assert ids(passed) == ["mixed", "mixed"]


async def test_a_target_that_stays_silent_is_tried_again_on_a_fresh_channel(
    node: RabbitNode, rabbitmq: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlet, "RENEW_SECONDS", 0.3)
    monkeypatch.setattr(outlet, "PROBE_SILENCE", 0.2)
    probes, refusals = 0, 0
    async with opened(rabbitmq), impatient(node, rabbitmq.prefix) as channel:
        await fill(channel, A, 1)
        with silent(node, f"{rabbitmq.prefix}.route.a"):
            async with asyncio.timeout(WITHIN):
                while probes < 3 or not refusals:
                    with pytest.raises(PublishError) as failure:
                        await fill(channel, A, 1, start=1)
                    probes += "it may be stored" in failure.value.failed[0]
                    refusals += "not sent" in failure.value.failed[0]
                    await asyncio.sleep(0.05)
            await fill(channel, B, 1)

        await at_last(channel, "later")


async def test_what_waits_behind_what_is_on_the_way_fails_with_it_when_the_connection_is_lost(
    rabbitmq: Backend, proxy: Any
) -> None:
    async with opened(rabbitmq):
        channel = RabbitChannel(f"amqp://guest:guest@127.0.0.1:{proxy.port}/%2f", prefix=rabbitmq.prefix)
        await channel.open()
        await fill(channel, A, 1)
        proxy.mute()
        publishing = asyncio.create_task(fill(channel, A, 2 * IN_FLIGHT, start=1))
        await asyncio.sleep(0)
        proxy.cut()

        with pytest.raises(PublishError) as failure:
            await publishing
        await at_last(channel, "later")
        await channel.close()

    assert sorted(failure.value.failed) == list(range(2 * IN_FLIGHT))
    assert all("was lost" in reason for reason in failure.value.failed.values())


async def test_who_subscribes_to_several_topics_gets_them_in_the_order_of_publishing(rabbitmq: Backend) -> None:
    topics = ("event/order.made", "event/order.changed", "event/order.sent")
    async with opened(rabbitmq, ChannelSpec(A), subscriptions=[("order.#", A)]) as channel:
        await channel.publish([Addressed(topics[n % 3], Packet(str(n), b"")) for n in range(300)])

        async with lending(channel, A, 300) as consumer:
            assert ids(await take(consumer, 300)) == numbers(300)


async def test_amqp_channels_are_given_up_for_others_when_there_are_many_targets(
    node: RabbitNode, rabbitmq: Backend
) -> None:
    names = [f"delivery/{number}" for number in range(6)]
    async with opened(rabbitmq, *map(ChannelSpec, names)) as channel:
        link = Link(node.url, "few", None)
        publisher = Publisher(link, outlets=2)
        link.add(publisher)
        await link.open(WITHIN)
        for turn in range(3):
            for name in names:
                out = Outgoing(name, f"{rabbitmq.prefix}.delivery", name[9:], str(turn), b"\0\0", b"", name)
                await publisher.publish([out])
        await until(lambda: len(link.connection._channels) <= 2)  # type: ignore[union-attr]
        await link.close()

        depths = await channel.depth(names)
        async with lending(channel, names[0]) as consumer:
            got = await take(consumer, 3)
            await channel.settle([Ack(delivery) for delivery in got])

    assert {depth.ready for depth in depths.values()} == {3}


async def test_a_window_to_a_missing_exchange_fails_and_other_targets_go_on(
    node: RabbitNode, rabbitmq: Backend
) -> None:
    async with opened(rabbitmq) as channel:
        link = Link(node.url, "astray", None)
        publisher = Publisher(link)
        link.add(publisher)
        await link.open(WITHIN)
        astray = [Outgoing("astray", "no-such-exchange", "", str(n), b"\0\0", b"", "astray") for n in range(3)]
        good = [Outgoing(A, f"{rabbitmq.prefix}.route", "a", str(n), b"\0\0", b"", A) for n in range(3)]

        with pytest.raises(PublishError, match="NOT_FOUND") as failure:
            await publisher.publish([*astray, *good])
        await link.close()

        assert sorted(failure.value.failed) == [0, 1, 2]
        async with lending(channel, A) as consumer:
            assert len(await take(consumer, 3)) == 3
