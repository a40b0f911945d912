from __future__ import annotations

import asyncio
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from kombu.connection import Connection

from esb.channels import topology as broker
from esb.channels.rabbitmq import RabbitChannel
from esb.channels.topology import Names
from esb.envelope import Ack, Addressed, ChannelSpec, Packet, Retry, Topology
from esb.errors import ChannelError, PublishError
from esb.ports import Channel
from esb.testing.channel_kit import (
    WITHIN,
    A,
    B,
    Backend,
    drain,
    draining,
    empty,
    fill,
    ids,
    lending,
    nothing,
    numbers,
    opened,
    take,
    until,
)
from esb.testing.rabbitmq_node import RabbitNode

pytestmark = pytest.mark.rabbitmq


def through(proxy: Any, prefix: str, deadline: float = 30.0) -> RabbitChannel:
    return RabbitChannel(f"amqp://guest:guest@127.0.0.1:{proxy.port}/%2f", prefix=prefix, deadline=deadline)


async def test_a_confirm_that_is_lost_makes_every_send_of_the_window_unknown(rabbitmq: Backend, proxy: Any) -> None:
    async with opened(rabbitmq) as straight:
        channel = through(proxy, rabbitmq.prefix)
        await channel.open()
        async with lending(straight, A) as consumer:
            await fill(channel, A, 1, start=10)
            await straight.settle([Ack(delivery) for delivery in await take(consumer, 1)])
            proxy.mute()
            publishing = asyncio.create_task(fill(channel, A, 10))
            stored = await take(consumer, 10)
            proxy.cut()

            with pytest.raises(PublishError) as failure:
                await publishing
            await fill(channel, A, 10)
            again = await take(consumer, 10)
        await channel.close()

    assert sorted(failure.value.failed) == list(range(10))
    assert all("was lost" in reason for reason in failure.value.failed.values())
    assert ids(stored) == ids(again) == numbers(10)


async def test_a_publish_has_a_deadline_and_a_broker_that_stays_silent_is_given_up(
    rabbitmq: Backend, proxy: Any
) -> None:
    async with opened(rabbitmq):
        channel = through(proxy, rabbitmq.prefix, deadline=0.5)
        await channel.open()
        proxy.mute()

        with pytest.raises(PublishError, match=r"no confirm within 0\.5 seconds"):
            await fill(channel, A, 3)
        proxy.cut()
        await publish_at_last(channel, "later")

        await channel.close()


async def test_a_consumer_goes_on_by_itself_after_its_connection_was_cut(rabbitmq: Backend, proxy: Any) -> None:
    async with opened(rabbitmq) as straight:
        channel = through(proxy, rabbitmq.prefix)
        await channel.open()
        await fill(straight, A, 3)
        consumer = channel.consume(A, 10)
        before = await take(consumer, 3)

        proxy.cut()
        again = await take(consumer, 3)
        await channel.settle([Ack(delivery) for delivery in before])
        await nothing(consumer)
        await channel.settle([Ack(delivery) for delivery in again])
        await fill(straight, A, 1, start=3)
        last = await take(consumer, 1)
        await channel.close()

    assert ids(before) == ids(again) == numbers(3)
    assert all(delivery.redelivered for delivery in again)
    assert before[0].token.tenure is not again[0].token.tenure
    assert ids(last) == ["3"]


async def test_a_node_that_is_killed_and_restarted_under_load_loses_nothing(
    node: RabbitNode, rabbitmq: Backend
) -> None:
    promised: set[str] = set()

    async with opened(rabbitmq) as channel, lending(channel, A, 50) as consumer, draining(channel, consumer) as got:
        publishing = asyncio.create_task(publish_on_and_on(channel, promised))
        await until(lambda: len(promised) >= 300)
        await asyncio.to_thread(node.restart)
        resumed = len(promised)
        await until(lambda: len(promised) >= resumed + 300)
        publishing.cancel()
        await until(lambda: promised <= set(got))

    assert len(promised) >= 600


async def test_a_frozen_node_is_noticed_and_left_alone_until_it_answers(node: RabbitNode, rabbitmq: Backend) -> None:
    async with opened(rabbitmq) as channel:
        node.freeze()
        try:
            began = time.monotonic()
            with pytest.raises(PublishError, match="nothing came for 9 seconds"):
                await fill(channel, A, 1)
            noticed = time.monotonic() - began
        finally:
            node.thaw()
        await publish_at_last(channel, "later")

    assert noticed < 13


async def test_a_blocked_broker_makes_publishers_wait_and_lets_consumers_settle(
    node: RabbitNode, rabbitmq: Backend
) -> None:
    async with opened(rabbitmq) as straight:
        channel = RabbitChannel(node.url, prefix=rabbitmq.prefix, deadline=1.0)
        await channel.open()
        await fill(straight, A, 5)
        await asyncio.to_thread(node.ctl, "set_vm_memory_high_watermark", "0.0000001")
        try:
            with pytest.raises(PublishError, match="takes nothing now"):
                await fill(channel, A, 1)
            async with lending(channel, A) as consumer:
                assert await drain(channel, [consumer], 5) == numbers(5)
        finally:
            await asyncio.to_thread(node.ctl, "set_vm_memory_high_watermark", "0.6")
        await publish_at_last(channel, "later")
        await channel.close()


async def test_a_retry_whose_channel_is_gone_ends_among_the_dead(node: RabbitNode, rabbitmq: Backend) -> None:
    names = Names(rabbitmq.prefix)
    async with opened(rabbitmq) as channel, lending(channel, "dead") as dead:
        consumer = channel.consume(A, 10)
        await fill(channel, A, 1)
        (delivery,) = await take(consumer, 1)
        await channel.settle([Retry(delivery, 0.5)])
        await asyncio.to_thread(broker.delete, node.url, names, [A])

        (buried,) = await take(dead, 1)
        await channel.settle([Ack(buried)])

    assert buried.packet.id == "0"
    assert dict(buried.packet.headers) == {"reason": "no_channel", "channel": A}


async def test_a_consumer_whose_queue_is_deleted_is_told(node: RabbitNode, rabbitmq: Backend) -> None:
    async with opened(rabbitmq) as channel, lending(channel, A) as consumer:
        await fill(channel, A, 1)
        await take(consumer, 1)
        await asyncio.to_thread(broker.delete, node.url, Names(rabbitmq.prefix), [A])

        with pytest.raises(ChannelError, match="route/a cannot be consumed"):
            await take(consumer, 1)


async def test_a_missing_exchange_fails_the_window_and_not_the_publisher(node: RabbitNode, rabbitmq: Backend) -> None:
    channel = RabbitChannel(node.url, prefix=rabbitmq.prefix)
    await channel.open()
    with pytest.raises(PublishError, match="NOT_FOUND"):
        await fill(channel, A, 2)
    await channel.declare(Topology((ChannelSpec(A),)))

    await fill(channel, A, 2)

    async with lending(channel, A) as consumer:
        assert await drain(channel, [consumer], 2) == numbers(2)
    await channel.close()


async def test_a_queue_with_other_arguments_is_reported_and_all_others_are_declared(
    node: RabbitNode, rabbitmq: Backend
) -> None:
    channel = RabbitChannel(node.url, prefix=rabbitmq.prefix)
    await channel.open()
    await channel.declare(Topology((ChannelSpec(A, delivery_limit=5),)))
    changed = Topology((ChannelSpec(A, delivery_limit=9), ChannelSpec(B)))

    before = await channel.compare(changed)
    with pytest.raises(
        ChannelError, match=r"needs a migration: queue .*route\.a has other arguments .*x-delivery-limit"
    ):
        await channel.declare(changed)
    after = await channel.compare(changed)
    await fill(channel, B, 1)
    await channel.close()

    assert [difference.name.removeprefix(rabbitmq.prefix) for difference in before] == [".route.a", ".route.b"]
    assert [difference.name.removeprefix(rabbitmq.prefix) for difference in after] == [".route.a"]
    assert "missing" in before[1].text


async def test_a_wrong_password_is_said_at_once_and_not_repeated(node: RabbitNode) -> None:
    channel = RabbitChannel(f"amqp://guest:hush-hush@127.0.0.1:{node.port}/%2f")

    with pytest.raises(ChannelError, match="as guest") as failure:
        await asyncio.wait_for(channel.open(), WITHIN)

    assert "hush-hush" not in str(failure.value)
    with pytest.raises(ChannelError) as failure:
        await channel.declare(Topology(()))
    assert "hush-hush" not in str(failure.value)


async def test_a_broker_that_is_not_there_is_an_error_after_some_patience() -> None:
    channel = RabbitChannel("amqp://guest:guest@127.0.0.1:1/%2f")

    with pytest.raises(ChannelError, match=r"no connection to RabbitMQ at 127\.0\.0\.1:1 as guest: ConnectionRefused"):
        await channel.open(patience=0.5)


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout {key} -out {certificate}"
    subprocess.run(made.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    channel = RabbitChannel(f"amqps://guest:guest@localhost:{server.sockets[0].getsockname()[1]}/%2f")

    with pytest.raises(ChannelError, match="certificate verify failed"):
        await channel.open(patience=1.0)
    with pytest.raises(ChannelError, match="certificate verify failed"):
        await channel.declare(Topology(()))

    server.close()


async def test_of_several_nodes_one_that_answers_is_taken(node: RabbitNode, rabbitmq: Backend) -> None:
    channel = RabbitChannel(f"amqp://guest:guest@127.0.0.1:1/%2f;{node.url}", prefix=rabbitmq.prefix)
    await channel.open()

    await channel.declare(Topology((ChannelSpec(A),)))
    await fill(channel, A, 1)
    async with opened(rabbitmq) as beside:
        got = await emptied(beside)
    await channel.close()

    assert got == numbers(1)


async def test_what_a_foreign_program_put_into_a_queue_is_a_packet_too(node: RabbitNode, rabbitmq: Backend) -> None:
    async with opened(rabbitmq) as channel, lending(channel, A) as consumer:
        with Connection(node.url.replace("amqp:", "pyamqp:")) as connection:
            connection.Producer().publish(b"raw", exchange=f"{rabbitmq.prefix}.route", routing_key="a")

        (delivery,) = await take(consumer, 1)

    assert (delivery.packet.body, delivery.packet.content, delivery.packet.attempt) == (b"raw", "bytes", 1)
    assert delivery.packet.id


async def emptied(channel: Channel) -> list[str]:
    """Take the one packet that waits; return its id when nothing is left."""
    async with lending(channel, A) as consumer:
        got = await drain(channel, [consumer], 1)
        await empty(channel, A)
    return got


async def publish_at_last(channel: RabbitChannel | Any, packet_id: str) -> None:
    async with asyncio.timeout(WITHIN):
        while True:
            try:
                await channel.publish([Addressed(A, Packet(packet_id, b""))])
                return
            except PublishError:
                await asyncio.sleep(0.05)


async def publish_on_and_on(channel: Any, promised: set[str]) -> None:
    number = 0
    while True:
        window = [str(number + index) for index in range(20)]
        number += 20
        while True:
            try:
                await channel.publish([Addressed(A, Packet(one, b"x" * 200)) for one in window])
                break
            except PublishError:
                await asyncio.sleep(0.05)
        promised.update(window)
