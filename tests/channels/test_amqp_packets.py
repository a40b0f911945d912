from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pika import frame, spec

from esb.channels.amqp_packets import death, properties, read
from esb.channels.frames import content
from esb.channels.topology import Names
from esb.envelope import Packet

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


@given(PACKETS, st.integers(4096, 8192))
def test_a_packet_comes_through_the_frames_as_it_was(packet: Packet, limit: int) -> None:
    method, header, *bodies = decoded(
        content(7, spec.Basic.Publish(0, "x", "k", True), properties(packet), packet.body, limit)
    )

    back, lent = read(header.properties, b"".join(one.fragment for one in bodies), redelivered=False)

    assert (method.method.exchange, method.method.routing_key, method.method.mandatory) == ("x", "k", True)
    assert header.body_size == len(packet.body)
    assert all(len(one.marshal()) <= limit for one in bodies)
    assert back == packet
    assert not lent


def test_a_packet_that_was_lent_or_redelivered_says_so() -> None:
    packet = Packet("1", b"")
    counted = properties(packet)
    counted.headers["x-delivery-count"] = 1

    assert read(properties(packet, rung="1s", lent=True), b"", redelivered=False)[1]
    assert read(properties(packet), b"", redelivered=True)[1]
    assert read(counted, b"", redelivered=False)[1]


def test_a_packet_is_stored_on_disk_and_says_what_it_is() -> None:
    made = properties(Packet("1", b"{}"))

    assert (made.delivery_mode, made.content_type, made.message_id) == (2, "application/json", "1")
    assert made.type == "esb.packet.1"


def test_what_the_broker_itself_dead_lettered_has_a_reason_and_a_channel() -> None:
    names = Names()
    by_limit = spec.BasicProperties(
        headers={"x-first-death-reason": "delivery_limit", "x-first-death-queue": "esb.route.orders"}
    )
    by_return = spec.BasicProperties(headers={"x-first-death-reason": "expired", "x-first-death-queue": "esb.retry.1s"})

    assert death(by_limit, "orders", names) == {"reason": "delivery_limit", "channel": "route/orders"}
    assert death(by_return, "route/gone", names) == {"reason": "no_channel", "channel": "route/gone"}
    assert death(properties(Packet("1", b"", headers={"reason": "ours"})), "route/a", names) == {}
