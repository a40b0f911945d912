from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from esb.envelope import Ack, Dead, Delivery, Retry, pack
from esb.errors import ChannelError, EndpointError, RejectedError, StoreError
from esb.message import BusinessKey, Message
from esb.plan import DeadLetter, Divert, Hold, Ignore, RetryAfter, Verdict
from esb.runtime.verdicts import HEAL, Failed, Outcome, fail

MESSAGE = Message(
    id="a" * 32, body={"n": 1}, received=datetime(2026, 3, 2, tzinfo=UTC), route="orders", partner="acme",
    keys=(BusinessKey("order", "N1", "acme"),),
)  # fmt: skip
DELIVERY = Delivery("route/orders", pack(MESSAGE), None)


def outcome(verdict: Verdict, cause: Exception | None = None) -> Outcome:
    failed = Failed(cause or RejectedError("no"), "choose/to", "desk")
    return fail(DELIVERY, MESSAGE, failed, lambda failure: verdict, 5.0)


def said(found: Outcome) -> list[tuple[str, str]]:
    return [(line.kind, line.place) for line in found.records]


def test_a_retry_keeps_the_message_and_tells_when_it_is_next():
    found = outcome(RetryAfter(2.5), EndpointError("away"))

    assert found.settlement == Retry(DELIVERY, 2.5)
    assert (said(found), found.sends) == ([("retry", "choose/to")], [])
    assert found.records[0].text == "away; attempt 1, next in 2.5 s"


def test_a_dead_letter_is_an_exception_that_somebody_owns():
    found = outcome(DeadLetter("rejected: no"))
    (row,) = found.parked_rows()

    assert found.settlement == Ack(DELIVERY)
    assert (row.reason, row.place, row.owner, row.failure_class) == ("rejected: no", "choose/to", "desk", "rejected")
    assert (row.keys, row.partner, row.origin, row.packet) == (MESSAGE.keys, "acme", "route/orders", DELIVERY.packet)
    assert said(found) == [("dead", "choose/to")]


def test_a_hold_is_an_exception_in_the_place_that_the_policy_names():
    (row,) = outcome(Hold("credit-desk", "ask them")).parked_rows()

    assert (row.place, row.reason, row.failure_class) == ("credit-desk", "ask them", "rejected")


def test_a_diversion_goes_to_the_other_endpoint_unchanged():
    found = outcome(Divert("mailbox", "it is for people"))

    assert [(send.to, send.packet.id) for send in found.sends] == [("delivery/mailbox", MESSAGE.id)]
    assert said(found) == [("sent", "choose/to")]


def test_what_is_ignored_is_an_outcome_that_names_its_rule():
    found = outcome(Ignore("they know"))

    assert (found.settlement, found.sends, said(found)) == (Ack(DELIVERY), [], [("filtered", "choose/to")])
    assert found.records[0].text == "they know: no"


@pytest.mark.parametrize("cause", [ChannelError("away"), StoreError("away")])
def test_trouble_of_the_bus_itself_counts_no_attempt_and_asks_no_policy(cause: Exception):
    def never(failure: Any) -> Verdict:
        raise AssertionError("asked")

    found = fail(DELIVERY, MESSAGE, Failed(cause, "x"), never, 5.0)

    assert found == Outcome(Retry(DELIVERY, HEAL, counted=False))


def test_what_cannot_even_be_read_goes_to_the_dead_letters():
    found = fail(DELIVERY, None, Failed(RejectedError("torn"), "x"), lambda failure: RetryAfter(1), 5.0)

    assert found.settlement == Dead(DELIVERY, {"reason": "torn", "origin": "route/orders"})


def test_the_policy_hears_class_attempt_and_what_the_receiver_asked_for():
    heard: list[Any] = []

    def policy(failure: Any) -> Verdict:
        heard.append(failure)
        return DeadLetter("x")

    fail(DELIVERY, MESSAGE, Failed(EndpointError("away", 7.0), "x"), policy, 5.0)
    fail(DELIVERY, MESSAGE, Failed(KeyError("oops"), "x"), policy, 5.0)

    assert [(one.failure_class, one.attempt, one.retry_after, one.key) for one in heard] == [
        ("transient", 1, 7.0, MESSAGE.id),
        ("bug", 1, None, MESSAGE.id),
    ]
