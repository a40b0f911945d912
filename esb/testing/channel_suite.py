"""What a channel must do, as checks that run against any backend: this file is the definition of correct.

    @pytest.mark.parametrize("check", CHECKS, ids=name_of)
    async def test_the_channel_keeps_its_promise(check, backend):
        await check(backend)

The checks of `channel_process_suite` need a backend that other processes can open as well.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from msgspec.structs import replace

from esb.envelope import Ack, Addressed, ChannelSpec, Dead, Packet, Retry, Return
from esb.errors import ChannelError, PublishError, TooLargeError
from esb.testing.channel_kit import (
    DELIVERY,
    WITHIN,
    A,
    B,
    Backend,
    Check,
    drain,
    empty,
    fill,
    ids,
    lending,
    nothing,
    numbers,
    opened,
    take,
)

BODY_LIMIT = 16 * 1024 * 1024
"""Bytes that every channel takes, and not one more."""


# --- publish, lend, settle


async def what_is_published_is_lent_oldest_first_and_unchanged(backend: Backend) -> None:
    """Publish all that a packet can carry; get it back as it was."""
    packets = [
        Packet("1", b'{"a":1}', "json", '{"received":"2026-01-02T03:04:05Z"}', order_key="k", headers={"why": "größe"}),
        Packet("2", bytes(range(256)) * 2000, "bytes", attempt=3),
        Packet("3", b"", "claim"),
    ]
    async with opened(backend) as channel, lending(channel, A) as consumer:
        await channel.publish([Addressed(A, packet) for packet in packets])

        deliveries = await take(consumer, 3)

        assert [delivery.packet for delivery in deliveries] == packets
        assert [(delivery.channel, delivery.redelivered) for delivery in deliveries] == [(A, False)] * 3


async def what_is_acknowledged_never_comes_again(backend: Backend) -> None:
    """Settle, close, open, look."""
    async with opened(backend) as channel:
        await fill(channel, A, 50)
        async with lending(channel, A) as consumer:
            assert await drain(channel, [consumer], 50) == numbers(50)

    async with opened(backend) as channel, lending(channel, A) as consumer:
        await empty(channel, A)
        await nothing(consumer)


async def a_consumer_holds_no_more_than_its_prefetch(backend: Backend) -> None:
    """Room comes only from settling."""
    async with opened(backend) as channel, lending(channel, A, prefetch=5) as consumer:
        await fill(channel, A, 12)
        held = await take(consumer, 5)
        await nothing(consumer)

        await channel.settle([Ack(delivery) for delivery in held[:2]])
        more = await take(consumer, 2)
        await nothing(consumer)

        assert ids(held + more) == numbers(7)


async def consumers_share_a_channel_without_twins(backend: Backend) -> None:
    """Four consumers of two connections: each packet goes to one of them."""
    async with opened(backend) as channel, opened(backend) as other:
        consumers: list[Any] = [place.consume(A, 10) for place in (channel, channel, other, other)]
        await fill(channel, A, 200)
        got = await drain(channel, consumers, 200)

        assert sorted(got, key=int) == numbers(200)


async def concurrent_publishers_lose_nothing(backend: Backend) -> None:
    """Many windows at once."""
    async with opened(backend) as channel, lending(channel, A) as consumer:
        await asyncio.gather(*(fill(channel, A, 7, start) for start in range(0, 280, 7)))

        assert sorted(await drain(channel, [consumer], 280), key=int) == numbers(280)


async def what_is_settled_twice_is_settled_once(backend: Backend) -> None:
    """The second settlement, and one after closing, do nothing."""
    async with opened(backend) as channel:
        await fill(channel, A, 2)
        async with lending(channel, A) as consumer:
            first, second = await take(consumer, 2)
            await channel.settle([Ack(first)])
            await channel.settle([Ack(first), Dead(first, {"reason": "again"})])
        await channel.settle([Ack(second)])

        async with lending(channel, A) as consumer, lending(channel, "dead") as dead:
            assert ids(await take(consumer, 1)) == ["1"]
            await nothing(dead)


async def what_is_returned_is_lent_again(backend: Backend) -> None:
    """It says that it was lent before, and its attempt is what it was."""
    async with opened(backend) as channel, lending(channel, A) as consumer:
        await fill(channel, A, 1)
        (first,) = await take(consumer, 1)

        await channel.settle([Return(first)])
        (again,) = await take(consumer, 1)

        assert (again.packet.id, again.packet.attempt, again.redelivered) == ("0", 1, True)


async def closing_a_consumer_returns_what_it_did_not_settle(backend: Backend) -> None:
    """Also what it was lent and had not looked at."""
    async with opened(backend) as channel:
        await fill(channel, A, 9)
        async with lending(channel, A) as consumer:
            first = (await take(consumer, 1))[0]
            await channel.settle([Ack(first)])

        async with lending(channel, A) as consumer:
            assert sorted(ids(await take(consumer, 8))) == numbers(9)[1:]


async def closing_the_channel_returns_what_was_not_settled(backend: Backend) -> None:
    """And ends the iteration of its consumers."""
    async with opened(backend) as channel:
        await fill(channel, A, 3)
        consumer: Any = channel.consume(A, 10)
        await take(consumer, 3)
        waiting = asyncio.ensure_future(_to_the_end(consumer))
        await asyncio.sleep(0)
    await asyncio.wait_for(waiting, WITHIN)

    async with opened(backend) as channel, lending(channel, A) as consumer:
        again = await take(consumer, 3)
        assert ids(again) == numbers(3)
        assert all(delivery.redelivered for delivery in again)


async def _to_the_end(consumer: Any) -> None:
    async for _ in consumer:
        pass


# --- order


async def an_ordered_channel_has_one_active_consumer_and_keeps_the_order(backend: Backend) -> None:
    """The next one takes over when it closes, beginning with what was not settled."""
    spec = ChannelSpec(A, ordered=True)
    async with opened(backend, spec) as channel, opened(backend, spec) as other:
        await fill(channel, A, 30)
        async with lending(channel, A, prefetch=4) as first, lending(other, A, prefetch=4) as second:
            held = await take(first, 4)
            await nothing(second)
            await channel.settle([Ack(delivery) for delivery in held[:2]])
            held = held[2:] + await take(first, 2)
            await nothing(second)
            await first.aclose()
            rest = await drain(other, [second], 28)

        assert ids(held) == ["2", "3", "4", "5"]
        assert rest == numbers(30)[2:]


# --- retry


async def a_retry_comes_back_counted_and_not_before_its_time(backend: Backend) -> None:
    """Also when the delay is longer than one step of a ladder of delays."""
    async with opened(backend) as channel, lending(channel, A) as consumer:
        await fill(channel, A, 2)
        short, long = await take(consumer, 2)
        began = time.monotonic()
        await channel.settle([Retry(short, 0.5), Retry(long, 1.6)])
        came = {}
        for _ in range(2):
            for delivery in await take(consumer, 1):
                came[delivery.packet.id] = (delivery, time.monotonic() - began)
            if len(came) == 2:
                break

        assert {delivery.packet.attempt for delivery, _ in came.values()} == {2}
        assert all(delivery.redelivered and not delivery.packet.due for delivery, _ in came.values())
        assert 0.4 <= came["0"][1] <= 5
        assert 1.5 <= came["1"][1] <= 6


async def a_retry_that_is_not_counted_keeps_the_attempt(backend: Backend) -> None:
    """Waiting for a turn is nobody's failure."""
    async with opened(backend) as channel, lending(channel, A) as consumer:
        await fill(channel, A, 1)
        for after in (0.0, 0.1):
            (delivery,) = await take(consumer, 1)
            await channel.settle([Retry(delivery, after, counted=False)])
        (delivery,) = await take(consumer, 1)

        assert delivery.packet.attempt == 1


async def what_is_retried_is_not_lost_when_the_channel_closes(backend: Backend) -> None:
    """The delay belongs to the channel, not to the process."""
    async with opened(backend) as channel, lending(channel, A) as consumer:
        await fill(channel, A, 5)
        await channel.settle([Retry(delivery, 0.7) for delivery in await take(consumer, 5)])

    async with opened(backend) as channel, lending(channel, A) as consumer:
        assert sorted(ids(await take(consumer, 5))) == numbers(5)


async def what_is_published_for_later_is_lent_later(backend: Backend) -> None:
    """`due` is a time, not a delay; what is due at once overtakes."""
    async with opened(backend) as channel, lending(channel, A) as consumer:
        due = time.time() + 1.0
        await channel.publish([Addressed(A, Packet("later", b"", due=due)), Addressed(A, Packet("now", b"", due=1.0))])
        (first,) = await take(consumer, 1)
        (second,) = await take(consumer, 1)

        assert (first.packet.id, second.packet.id) == ("now", "later")
        assert time.time() >= due - 0.2


# --- dead letters


async def a_dead_packet_carries_its_reason_and_where_it_died(backend: Backend) -> None:
    """It keeps its attempt and what it had; a reason of any length cannot keep it from dying."""
    async with opened(backend) as channel, lending(channel, DELIVERY) as consumer, lending(channel, "dead") as dead:
        packet = Packet("1", b"{}", attempt=4, order_key="k", headers={"kept": "yes", "reason": "older"})
        await channel.publish([Addressed(DELIVERY, packet)])
        (delivery,) = await take(consumer, 1)
        await channel.settle([Dead(delivery, {"reason": "rejected", "step": "erp", "trace": "x" * 200_000})])

        (buried,) = await take(dead, 1)

        headers = dict(buried.packet.headers)
        assert len(headers.pop("trace")) < 10_000
        assert headers == {"kept": "yes", "reason": "rejected", "step": "erp", "channel": DELIVERY}
        assert replace(buried.packet, headers={}) == replace(packet, headers={})
        await empty(channel, DELIVERY)


async def the_dead_can_be_published_to_and_never_die_again(backend: Backend) -> None:
    """Whoever reads the dead may crash as often as it likes."""
    async with opened(backend) as channel:
        await channel.publish([Addressed("dead", Packet("1", b"", headers={"reason": "r", "channel": A}))])
        for _ in range(25):
            async with lending(channel, "dead") as dead:
                (delivery,) = await take(dead, 1)

        assert dict(delivery.packet.headers) == {"reason": "r", "channel": A}


# --- addresses


async def publishing_to_nowhere_is_an_error_that_says_which(backend: Backend) -> None:
    """The others of the window are durable."""
    async with opened(backend) as channel, lending(channel, A) as consumer:
        window = [Packet(str(number), b"") for number in range(4)]
        try:
            await channel.publish(
                [
                    Addressed(A, window[0]),
                    Addressed("route/nobody", window[1]),
                    Addressed("delivery/nobody", window[2]),
                    Addressed(A, window[3]),
                ]
            )
            raise AssertionError("a send to nowhere passed")
        except PublishError as error:
            failed = error.failed

        assert sorted(failed) == [1, 2]
        assert "route/nobody" in failed[1]
        assert "delivery/nobody" in failed[2]
        assert ids(await take(consumer, 2)) == ["0", "3"]


async def consuming_what_is_not_declared_is_an_error(backend: Backend) -> None:
    """It names the channel."""
    async with opened(backend) as channel, lending(channel, "route/nobody") as consumer:
        try:
            await take(consumer, 1)
            raise AssertionError("a channel that is not declared was consumed")
        except ChannelError as error:
            assert "route/nobody" in str(error)


async def an_event_reaches_every_subscriber_once(backend: Backend) -> None:
    """Also none, which is no error; patterns as AMQP has them."""
    subscriptions = [("order.*", A), ("order.#", A), ("order.accepted", B), ("#.late", DELIVERY)]
    specs = (ChannelSpec(A), ChannelSpec(B), ChannelSpec(DELIVERY))
    topics = ("order.accepted", "order.line.late", "invoice.late", "invoice.paid")
    async with opened(backend, *specs, subscriptions=subscriptions) as channel:
        await channel.publish([Addressed(f"event/{topic}", Packet(topic, b"e")) for topic in topics])

        async with lending(channel, A) as a, lending(channel, B) as b, lending(channel, DELIVERY) as delivery:
            assert ids(await take(a, 2)) == ["order.accepted", "order.line.late"]
            assert ids(await take(b, 1)) == ["order.accepted"]
            assert ids(await take(delivery, 2)) == ["order.line.late", "invoice.late"]
            for consumer in (a, b, delivery):
                await nothing(consumer)


async def journal_and_dead_are_always_there(backend: Backend) -> None:
    """Nobody declares them."""
    async with opened(backend) as channel, lending(channel, "journal") as journal:
        await channel.publish([Addressed("journal", Packet("1", b"[]"))])

        assert ids(await take(journal, 1)) == ["1"]


async def an_oversized_message_is_refused_before_anything_leaves(backend: Backend) -> None:
    """What is just small enough passes, whole."""
    largest = Packet("1", bytes(BODY_LIMIT), "bytes")
    async with opened(backend) as channel, lending(channel, A) as consumer:
        for bad in (Packet("2", bytes(BODY_LIMIT + 1)), Packet("3", b"", headers={"h": "x" * 70_000})):
            try:
                await channel.publish([Addressed(A, Packet("0", b"")), Addressed(A, bad)])
                raise AssertionError("an oversized message passed")
            except TooLargeError as error:
                assert bad.id in str(error)
        await channel.publish([Addressed(A, largest)])

        assert [delivery.packet for delivery in await take(consumer, 1)] == [largest]


async def depth_counts_what_is_ready_and_what_is_lent(backend: Backend) -> None:
    """A channel that nobody declared has nothing."""
    async with opened(backend) as channel, lending(channel, A, prefetch=2) as consumer:
        await fill(channel, A, 5)
        await take(consumer, 2)
        async with asyncio.timeout(WITHIN):
            while (depths := await channel.depth([A, "route/nobody"]))[A].ready != 3:
                await asyncio.sleep(0.02)

        assert depths[A].lent == 2
        assert depths["route/nobody"].ready == 0


async def declaring_again_changes_nothing(backend: Backend) -> None:
    """Every process declares at its start."""
    async with opened(backend) as channel:
        await fill(channel, A, 1)
        async with opened(backend) as other, lending(other, A) as consumer:
            assert ids(await take(consumer, 1)) == ["0"]


CHECKS: tuple[Check, ...] = (
    what_is_published_is_lent_oldest_first_and_unchanged,
    what_is_acknowledged_never_comes_again,
    a_consumer_holds_no_more_than_its_prefetch,
    consumers_share_a_channel_without_twins,
    concurrent_publishers_lose_nothing,
    what_is_settled_twice_is_settled_once,
    what_is_returned_is_lent_again,
    closing_a_consumer_returns_what_it_did_not_settle,
    closing_the_channel_returns_what_was_not_settled,
    an_ordered_channel_has_one_active_consumer_and_keeps_the_order,
    a_retry_comes_back_counted_and_not_before_its_time,
    a_retry_that_is_not_counted_keeps_the_attempt,
    what_is_retried_is_not_lost_when_the_channel_closes,
    what_is_published_for_later_is_lent_later,
    a_dead_packet_carries_its_reason_and_where_it_died,
    the_dead_can_be_published_to_and_never_die_again,
    publishing_to_nowhere_is_an_error_that_says_which,
    consuming_what_is_not_declared_is_an_error,
    an_event_reaches_every_subscriber_once,
    journal_and_dead_are_always_there,
    an_oversized_message_is_refused_before_anything_leaves,
    depth_counts_what_is_ready_and_what_is_lent,
    declaring_again_changes_nothing,
)
