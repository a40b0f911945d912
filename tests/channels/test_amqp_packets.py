from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import frame, spec

from esb.channels.amqp_packets import death, properties, read
from esb.channels.frames import content, publish_method
from esb.channels.topology import Names
from esb.envelope import Packet
from esb.errors import TooLargeError

TEXT = st.text(max_size=40)
PACKETS = st.builds(
    Packet,
    id=st.text(st.characters(codec="ascii", exclude_categories=("C",)), min_size=1, max_size=64),
    body=st.binary(max_size=9000),
    content=st.sampled_from(["json", "bytes", "claim"]),
    meta=TEXT,
    attempt=st.integers(1, 10_000),
    due=st.integers(0, 10_000_000_000).map(lambda millis: millis / 1000),
    order_key=TEXT,
    headers=st.dictionaries(st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=40), TEXT),
)


def decoded(data: bytes) -> list[frame.Frame]:
    frames = []
    while data:
        used, value = frame.decode_frame(data)
        frames.append(value)
        data = data[used:]
    return frames


def through_frames(packet: Packet, limit: int = 8192, **more: Any) -> tuple[spec.BasicProperties, bytes]:
    """Encode as we do, decode as pika does."""
    data = publish_method(7, "x", "k", True) + content(7, properties(packet, **more), packet.body, limit)
    method, header, *bodies = decoded(data)
    assert (method.method.exchange, method.method.routing_key, method.method.mandatory) == ("x", "k", True)
    assert header.body_size == len(packet.body)
    assert all(len(one.marshal()) <= limit for one in (header, *bodies))
    return header.properties, b"".join(one.fragment for one in bodies)


@given(PACKETS, st.integers(4096, 8192))
def test_a_packet_comes_through_the_frames_as_it_was(packet: Packet, limit: int) -> None:
    made, body = through_frames(packet, limit)

    assert read(made, body, redelivered=False) == (packet, False)


def test_a_packet_that_was_lent_or_redelivered_says_so() -> None:
    packet = Packet("1", b"")
    lent, body = through_frames(packet, rung="1s", lent=True)
    fresh, _ = through_frames(packet)
    counted, _ = through_frames(packet)
    counted.headers["x-delivery-count"] = 1

    assert lent.headers["esb-rung"] == "1s"
    assert read(lent, body, redelivered=False) == (packet, True)
    assert read(fresh, body, redelivered=True) == (packet, True)
    assert read(counted, body, redelivered=False) == (packet, True)


def test_a_packet_is_stored_on_disk_and_says_what_it_is() -> None:
    made, _ = through_frames(Packet("1", b"{}"))

    assert (made.delivery_mode, made.content_type, made.message_id) == (2, "application/json", "1")
    assert made.type == "esb.packet.1"


def test_what_amqp_cannot_carry_is_refused_before_it_is_sent() -> None:
    with pytest.raises(TooLargeError, match="AMQP allows 255"):
        properties(Packet("x" * 256, b""))
    with pytest.raises(TooLargeError, match="the broker takes 4088"):
        content(1, properties(Packet("1", b"", meta="m" * 5000)), b"", 4096)


def test_what_the_broker_itself_dead_lettered_has_a_reason_and_a_channel() -> None:
    names = Names()
    by_limit = spec.BasicProperties(
        headers={"x-first-death-reason": "delivery_limit", "x-first-death-queue": "esb.route.orders"}
    )
    by_return = spec.BasicProperties(headers={"x-first-death-reason": "expired", "x-first-death-queue": "esb.retry.1s"})

    assert death(by_limit, "orders", names) == {"reason": "delivery_limit", "channel": "route/orders"}
    assert death(by_return, "route/gone", names) == {"reason": "no_channel", "channel": "route/gone"}
    ours, _ = through_frames(Packet("1", b"", headers={"reason": "ours"}))
    assert death(ours, "route/a", names) == {}
