from __future__ import annotations

import pytest
from kombu.entity import Queue

from esb.channels.topology import RUNGS, Names, exchanges, queues, rung_for
from esb.envelope import ChannelSpec, Topology
from esb.errors import ChannelError

TOPOLOGY = Topology(
    (ChannelSpec("route/orders", ordered=True), ChannelSpec("delivery/erp", delivery_limit=5), ChannelSpec("reply/x")),
    (("order.*", "route/orders"),),
)


def by_name() -> dict[str, Queue]:
    return {queue.name: queue for queue in queues(Names(), TOPOLOGY)}


def bindings(queue: Queue) -> set[tuple[str, str]]:
    return {(binding.exchange.name, binding.routing_key) for binding in queue.bindings}


def test_every_queue_is_a_quorum_queue_that_loses_nothing() -> None:
    for name, queue in by_name().items():
        arguments = queue.queue_arguments
        assert queue.durable
        assert arguments["x-queue-type"] == "quorum"
        assert arguments["x-overflow"] == "reject-publish"
        assert "x-delivery-limit" in arguments
        if name != "esb.dead":
            assert arguments["x-dead-letter-strategy"] == "at-least-once"
            assert arguments["x-dead-letter-exchange"] == ("esb.return" if ".retry." in name else "esb.dead")


def test_the_dead_journal_and_rungs_are_there_without_being_asked_for() -> None:
    assert {"esb.dead", "esb.journal", *(f"esb.retry.{rung}" for rung in RUNGS)} < by_name().keys()


def test_a_channel_is_bound_for_its_address_its_events_and_its_returns() -> None:
    assert bindings(by_name()["esb.route.orders"]) == {
        ("esb.route", "orders"),
        ("esb.return", "route/orders"),
        ("esb.events", "order.*"),
    }
    assert bindings(by_name()["esb.reply.x"]) == {("esb.return", "reply/x")}


def test_the_limit_of_deliveries_counts_the_first_one_too() -> None:
    assert by_name()["esb.delivery.erp"].queue_arguments["x-delivery-limit"] == 4


def test_an_ordered_channel_has_a_single_active_consumer() -> None:
    ordered = [name for name, queue in by_name().items() if "x-single-active-consumer" in queue.queue_arguments]

    assert ordered == ["esb.route.orders"]


def test_what_returns_to_nowhere_goes_to_the_dead() -> None:
    returns = {exchange.name: exchange for exchange in exchanges(Names())}["esb.return"]

    assert returns.arguments == {"alternate-exchange": "esb.dead"}


@pytest.mark.parametrize("channel", ["route/orders", "delivery/erp.v2", "journal", "dead", "reply/a.b"])
def test_a_queue_name_leads_back_to_its_channel(channel: str) -> None:
    names = Names("shop")

    assert names.channel(names.queue(channel)) == channel


@pytest.mark.parametrize(
    ("to", "target"),
    [
        ("route/orders", ("esb.route", "orders")),
        ("delivery/erp", ("esb.delivery", "erp")),
        ("event/order.paid", ("esb.events", "order.paid")),
        ("dead", ("esb.dead", "dead")),
        ("journal", ("", "esb.journal")),
        ("reply/x", ("", "esb.reply.x")),
    ],
)
def test_an_address_has_an_exchange_and_a_key(to: str, target: tuple[str, str]) -> None:
    assert Names().target(to) == target


@pytest.mark.parametrize(
    ("seconds", "rung"), [(0.01, "1s"), (1.0, "1s"), (9.9, "1s"), (10, "10s"), (59, "10s"), (3599, "10m"), (9e9, "1h")]
)
def test_a_packet_takes_the_longest_rung_that_is_not_too_long(seconds: float, rung: str) -> None:
    assert rung_for(seconds) == rung


def test_a_name_that_no_queue_can_have_is_refused() -> None:
    with pytest.raises(ChannelError, match="longer than 200"):
        queues(Names(), Topology((ChannelSpec("route/" + "x" * 300),)))
