from __future__ import annotations

import asyncio
from typing import Any

import pytest

from esb.envelope import Addressed
from esb.errors import EndpointError, RejectedError, ThrottledError, UnknownOutcomeError
from esb.records import LedgerEntry, LedgerKey

KEYED = "type: http_out\nurl: http://127.0.0.1:1/x\neffect: { idempotency_key: '{{ message.effect_key }}' }\n"
PROBED = "type: http_out\nurl: http://127.0.0.1:1/x\neffect: { probe: { get: /y } }\n"


async def arrived(rig: Any, count: int = 1) -> list[Any]:
    """Bring messages into the delivery channel; return their packets."""
    await rig.take(b"[" + b",".join(b'{"n": "N%d"}' % n for n in range(1, count + 1)) + b"]")
    await rig.work(rig.router())
    packets = await rig.lent("delivery/erp")
    await rig.bus.channel.publish([Addressed("delivery/erp", packet) for packet in packets])
    return packets


async def entry(rig: Any, packet: Any) -> LedgerEntry | None:
    key = LedgerKey("erp", packet.id)
    found: LedgerEntry | None = (await rig.bus.store.entries([key])).get(key)
    return found


async def delayed(rig: Any) -> int:
    found: int = (await rig.bus.channel.depth(["delivery/erp"]))["delivery/erp"].delayed
    return found


async def calls_until_open(rig: Any) -> int:
    """Deliver until the breaker opens; return how often the sink was called, whose failures are a hundred."""
    deliverer = rig.deliverer()
    running = asyncio.create_task(deliverer.run())
    while deliverer.breaker.state != "open":
        await asyncio.sleep(0.01)
    calls = 100 - len(rig.sink.fails)
    await deliverer.stop()
    await running
    return calls


async def test_a_delivery_is_noted_as_done_and_told(rigged: Any):
    rig = await rigged()
    (packet,) = await arrived(rig)
    await rig.work(rig.deliverer(), rig.recorder())

    ((message, key),) = rig.sink.taken
    done = await entry(rig, packet)
    (line,) = [line for line in await rig.bus.store.search("N1") if line.kind == "delivered"]
    assert (message.body, key) == (b'{"n":"N1"}', packet.id)
    assert done is not None
    assert (done.state, done.detail) == ("done", "taken")
    assert (line.place, line.text) == ("erp", "taken")


async def test_what_the_ledger_knows_as_done_is_never_sent_again(rigged: Any):
    rig = await rigged()
    (packet,) = await arrived(rig)
    await rig.work(rig.deliverer(), rig.recorder())
    await rig.bus.channel.publish([Addressed("delivery/erp", packet)] * 2)
    await rig.work(rig.deliverer(), rig.recorder())

    assert len(rig.sink.taken) == 1
    assert "duplicate" in [line.kind for line in await rig.bus.store.search("N1")]


async def test_a_delivery_whose_line_was_lost_in_a_kill_is_told_when_it_comes_again(rigged: Any):
    rig = await rigged()
    (packet,) = await arrived(rig)
    done = LedgerEntry(LedgerKey("erp", packet.id), "done", 1, rig.bus.clock.now(), "201 Created")
    await rig.bus.store.conclude([done])
    await rig.work(rig.deliverer(), rig.recorder())

    (line,) = [line for line in await rig.bus.store.search("N1") if line.kind == "delivered"]
    assert (line.place, line.text, line.at) == ("erp", "201 Created", done.at)
    assert rig.sink.taken == []


async def test_a_refusal_is_an_exception_and_a_clean_intent(rigged: Any):
    rig = await rigged()
    rig.sink.fails = [RejectedError("not that customer")]
    (packet,) = await arrived(rig)
    await rig.work(rig.deliverer(), rig.recorder())

    (row,) = await rig.parked()
    left = await entry(rig, packet)
    assert (row.place, row.origin, row.failure_class, row.owner) == ("erp", "delivery/erp", "rejected", "desk")
    assert "not that customer" in row.reason
    assert left is not None
    assert (left.state, left.detail) == ("intent", "failed cleanly")


async def test_a_failure_that_may_heal_is_delayed_and_its_attempt_counted(rigged: Any):
    rig = await rigged()
    rig.sink.fails = [EndpointError("away")]
    await arrived(rig)
    await rig.work(rig.deliverer(), rig.recorder())

    (line,) = [line for line in await rig.bus.store.search("N1") if line.kind == "retry"]
    assert (await delayed(rig), line.attempt, line.place) == (1, 1, "erp")
    assert await rig.parked() == []


async def test_what_fails_is_said_in_the_log_of_the_process(rigged: Any):
    rig = await rigged()
    rig.sink.fails = [EndpointError("it is down"), RejectedError("no such customer")]
    await arrived(rig, 2)
    await rig.work(rig.deliverer())

    told = {event: fields for event, fields in rig.bus.log.events if event.startswith("message.")}
    assert "it is down; attempt 1, next in" in told["message.retry"]["reason"]
    assert told["message.exception"]["place"] == "erp"
    assert "no such customer" in told["message.exception"]["reason"]


async def test_an_unknown_outcome_waits_for_a_person_where_nothing_may_be_repeated(rigged: Any):
    rig = await rigged()
    rig.sink.fails = [UnknownOutcomeError("no answer")]
    (packet,) = await arrived(rig)
    await rig.work(rig.deliverer(), rig.recorder())

    (row,) = await rig.parked()
    left = await entry(rig, packet)
    assert row.failure_class == "unknown"
    assert left is not None
    assert left.state == "unknown"


async def test_an_unknown_outcome_is_sent_again_with_its_key_where_repeats_are_recognised(rigged: Any):
    rig = await rigged({"endpoints/erp.yaml": KEYED})
    (packet,) = await arrived(rig)
    await rig.bus.store.intend([LedgerEntry(LedgerKey("erp", packet.id), "unknown", 1, 1.0, "no answer")])
    await rig.bus.store.conclude([LedgerEntry(LedgerKey("erp", packet.id), "unknown", 1, 1.0, "no answer")])
    await rig.work(rig.deliverer())

    assert [key for _, key in rig.sink.taken] == [packet.id]


@pytest.mark.parametrize(("found", "sent", "waits"), [(True, 0, 0), (False, 1, 0), (None, 0, 1)])
async def test_a_cut_call_is_probed_before_it_is_repeated(rigged: Any, found: bool | None, sent: int, waits: int):
    rig = await rigged({"endpoints/erp.yaml": PROBED})
    (packet,) = await arrived(rig)
    await rig.bus.store.intend([LedgerEntry(LedgerKey("erp", packet.id), "intent", 1, 1.0)])
    rig.sink.found = found
    await rig.work(rig.deliverer(), rig.recorder())

    assert (rig.sink.probes, len(rig.sink.taken)) == (1, sent)
    assert await delayed(rig) + len(await rig.parked()) == waits


async def test_a_throttled_call_waits_as_long_as_the_receiver_asks(rigged: Any):
    rig = await rigged()
    rig.sink.fails = [ThrottledError("slow down", 90.0)]
    await arrived(rig)
    await rig.work(rig.deliverer(), rig.recorder())

    (line,) = [line for line in await rig.bus.store.search("N1") if line.kind == "retry"]
    assert "next in 90 s" in line.text


async def test_no_more_calls_run_at_once_than_the_endpoint_allows(rigged: Any):
    rig = await rigged({"endpoints/erp.yaml": KEYED + "concurrency: 2\n"})
    most, now = 0, 0

    class Counting(type(rig.sink)):  # type: ignore[misc]
        async def deliver(self, message: Any, key: str) -> Any:
            nonlocal most, now
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.02)
            now -= 1
            return await super().deliver(message, key)

    rig.sink = Counting()
    await arrived(rig, 8)
    await rig.work(rig.deliverer())

    assert (len(rig.sink.taken), most) == (8, 2)


async def test_a_receiver_that_keeps_failing_is_left_alone_for_a_while(rigged: Any):
    rig = await rigged({"endpoints/erp.yaml": KEYED})
    rig.sink.fails = [EndpointError("away") for _ in range(100)]
    await arrived(rig, 12)
    calls = await calls_until_open(rig)

    assert 10 <= calls <= 12


async def test_a_receiver_that_refuses_ten_in_a_row_is_asked_slowly(rigged: Any):
    rig = await rigged({"endpoints/erp.yaml": KEYED})
    rig.sink.fails = [RejectedError("422: the field 'tax' is missing") for _ in range(100)]
    await arrived(rig, 40)
    calls = await calls_until_open(rig)

    assert 10 <= calls <= 10 + 16
    assert (await rig.bus.channel.depth(["delivery/erp"]))["delivery/erp"].ready >= 14


async def test_bad_messages_that_are_refused_for_reasons_of_their_own_never_stop_the_good_ones_behind_them(rigged: Any):
    rig = await rigged({"endpoints/erp.yaml": KEYED})
    rig.sink.fails = [RejectedError(f"422: {'x' * (n % 7)} is missing") for n in range(30)]
    await arrived(rig, 40)
    deliverer, states = rig.deliverer(), set()
    running = asyncio.create_task(deliverer.run())
    while len(rig.sink.taken) < 10:
        states.add(deliverer.breaker.state)
        await asyncio.sleep(0.01)
    await deliverer.stop()
    await running

    assert states == {"closed"}


@pytest.mark.parametrize("effect", [KEYED, PROBED])
async def test_a_stop_does_not_wait_for_a_receiver_that_is_left_alone(rigged: Any, effect: str):
    rig = await rigged({"endpoints/erp.yaml": effect})
    rig.sink.fails = [EndpointError("away") for _ in range(100)]
    packets = await arrived(rig, 30)
    deliverer = rig.deliverer()
    running = asyncio.create_task(deliverer.run())
    while deliverer.breaker.state != "open":
        await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await deliverer.stop()
        await running

    depth = (await rig.bus.channel.depth(["delivery/erp"]))["delivery/erp"]
    entries = [await entry(rig, packet) for packet in packets]
    assert (depth.lent, depth.ready + depth.delayed) == (0, 30)
    assert {one.detail for one in entries if one is not None} == {"failed cleanly"}
