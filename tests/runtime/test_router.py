from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from esb.envelope import Addressed, unpack
from esb.errors import EndpointError, PublishError, RejectedError
from esb.message import BusinessKey
from esb.runtime.bus import Limits

ASKING = {
    "routes/orders.yaml": """
from: { endpoint: inbox, each: "$[*]" }
key: { order: $.n }
steps:
  - id: customer
    enrich: { ask: erp, get: "/c/{{ body.n }}", into: $.customer }
  - to: erp
"""
}


def route(steps: str) -> dict[str, str]:
    return {"routes/orders.yaml": f'from: {{ endpoint: inbox, each: "$[*]" }}\nkey: {{ order: $.n }}\nsteps:\n{steps}'}


async def kinds(rig: Any, key: str) -> list[str]:
    return [line.kind for line in await rig.bus.store.search(key)]


async def test_what_a_route_sends_is_written_down_with_the_child_that_left(rigged: Any):
    rig = await rigged()
    await rig.take(b'[{"n": "N1"}]')
    await rig.work(rig.router(), rig.recorder())

    (packet,) = await rig.lent("delivery/erp")
    received, sent = await rig.bus.store.search("N1")
    assert (received.kind, sent.kind, sent.place, sent.text) == ("received", "sent", "to", "delivery/erp")
    assert (sent.child, sent.message_id) == (packet.id, received.child)
    assert sent.keys == (BusinessKey("order", "N1", "acme"),)


async def test_a_failed_step_is_an_exception_with_place_owner_and_keys(rigged: Any):
    rig = await rigged(route("  - validate: order@1\n  - to: erp\n") | {"schemas/order@1.json": '{"required": ["x"]}'})
    await rig.take(b'[{"n": "N1"}]')
    await rig.work(rig.router(), rig.recorder())

    (row,) = await rig.parked()
    assert (row.place, row.step, row.owner, row.route) == ("validate", "validate", "desk", "orders")
    assert (row.failure_class, row.origin, row.partner) == ("invalid", "route/orders", "acme")
    assert row.keys == (BusinessKey("order", "N1", "acme"),)
    assert unpack(row.packet)[0].body == {"n": "N1"}
    assert await kinds(rig, "N1") == ["received", "dead"]
    assert await rig.ready("delivery/erp") == 0


async def test_a_message_without_a_destination_says_so(rigged: Any):
    rig = await rigged(route("  - log: seen\n"))
    await rig.take(b'[{"n": "N1"}]')
    await rig.work(rig.router(), rig.recorder())

    lines = await rig.bus.store.search("N1")
    said = {line.kind: line.text for line in lines}
    assert set(said) == {"received", "note", "routed"}
    assert "no step sends it anywhere" in said["routed"]


async def test_what_is_filtered_names_its_rule(rigged: Any):
    rig = await rigged(route("  - filter: { keep_if: \"{{ body.n == 'N2' }}\", reason: only N2 }\n  - to: erp\n"))
    await rig.take(b'[{"n": "N1"}, {"n": "N2"}]')
    await rig.work(rig.router(), rig.recorder())

    (line,) = [line for line in await rig.bus.store.search("N1") if line.kind == "filtered"]
    assert (line.place, line.text) == ("filter", "only N2")
    assert await rig.ready("delivery/erp") == 1


async def test_a_held_message_waits_in_its_place_and_goes_on_from_there(rigged: Any):
    rig = await rigged(route('  - hold: { when: "{{ true }}", queue: desk, reason: look }\n  - to: erp\n'))
    await rig.take(b'[{"n": "N1"}]')
    await rig.work(rig.router(), rig.recorder())

    (row,) = await rig.parked()
    message, at = unpack(row.packet)
    assert (row.place, row.failure_class, row.reason, at) == ("desk", "", "look", "hold")
    assert message.body == {"n": "N1"}
    assert await kinds(rig, "N1") == ["received", "held"]


async def test_asked_again_a_message_gets_the_answer_that_it_had(rigged: Any):
    rig = await rigged(ASKING)
    http = rig.answers["http"] = Answering([{"limit": 1}, {"limit": 2}])
    await rig.take(b'[{"n": "N1"}]')
    (packet,) = await rig.lent("route/orders")
    twins = [Addressed("route/orders", packet)] * 2
    for twin in twins:
        await rig.bus.channel.publish([twin])
        await rig.work(rig.router())

    first, second = await rig.lent("delivery/erp")
    assert http.asked == 1
    assert first == second
    assert json.loads(first.body)["customer"] == {"limit": 1}


class Answering:
    """Gives each of its answers once, in turn."""

    def __init__(self, answers: list[Any]) -> None:
        self._answers, self.asked = answers, 0

    async def answer(self, asks: Any) -> list[Any]:
        self.asked += len(asks)
        return [self._answers.pop(0) for _ in asks]


async def test_a_late_answer_does_not_keep_its_batch_waiting(rigged: Any, http: Any):
    rig = await rigged(ASKING, limits=Limits(grace=0.05))
    answers = rig.answers["http"] = http({"/c/slow": {"a": 1}, "/c/quick": "at once"}, seconds=0.6)
    await rig.take(b'[{"n": "slow"}, {"n": "quick"}]')
    router = rig.router()
    running = asyncio.create_task(router.run())
    first = await anext(rig.bus.channel.consume("delivery/erp", 10))
    waited = await rig.ready("delivery/erp")
    await router.stop()
    await running

    assert [json.loads(delivery.packet.body)["n"] for delivery in first] == ["quick"]
    assert waited == 0
    assert sorted(answers.asked) == ["/c/quick", "/c/slow"]
    assert (await rig.bus.channel.depth(["route/orders"]))["route/orders"].lent == 0


async def test_a_refused_ask_is_the_message_s_failure_and_no_other_s(rigged: Any, http: Any):
    rig = await rigged(ASKING)
    rig.answers["http"] = http({"/c/N1": RejectedError("unknown"), "/c/N2": {"a": 1}})
    await rig.take(b'[{"n": "N1"}, {"n": "N2"}]')
    await rig.work(rig.router(), rig.recorder())

    (row,) = await rig.parked()
    assert (row.place, row.failure_class) == ("customer", "rejected")
    assert await rig.ready("delivery/erp") == 1


async def test_a_failure_that_may_heal_is_tried_again_and_told(rigged: Any, http: Any):
    rig = await rigged(ASKING)
    rig.answers["http"] = http({"/c/N1": EndpointError("away")})
    await rig.take(b'[{"n": "N1"}]')
    await rig.work(rig.router(), rig.recorder())

    depth = (await rig.bus.channel.depth(["route/orders"]))["route/orders"]
    (line,) = [line for line in await rig.bus.store.search("N1") if line.kind == "retry"]
    assert (depth.delayed, depth.lent) == (1, 0)
    assert (line.place, line.attempt, line.text.startswith("away; attempt 1, next in")) == ("customer", 1, True)


async def test_a_message_keeps_the_release_it_came_in_under(rigged: Any, deploy: Any):
    rig = await rigged(route("  - set: { body: { $.by: first } }\n  - to: erp\n"))
    await rig.take(b'[{"n": "N1"}]')
    deploy(rig, route("  - set: { body: { $.by: second } }\n  - to: erp\n"))
    await rig.take(b'[{"n": "N2"}]')
    await rig.work(rig.router())

    bodies = [json.loads(packet.body) for packet in await rig.lent("delivery/erp")]
    assert {body["n"]: body["by"] for body in bodies} == {"N1": "first", "N2": "second"}


async def test_a_large_body_is_loaded_for_the_route_and_leaves_as_a_claim(rigged: Any):
    rig = await rigged(route("  - set: { body: { $.seen: \"{{ body.text | length }}\" } }\n  - to: erp\n"),
                       limits=Limits(claim_bytes=1000))  # fmt: skip
    await rig.take(b'[{"n": "N1", "text": "' + b"x" * 5000 + b'"}]')
    await rig.work(rig.router(), rig.deliverer(), rig.recorder())

    ((message, _),) = rig.sink.taken
    assert message.body.startswith(b'{"n":"N1","text":"xxx')
    assert message.body.endswith(b'"seen":5000}')


@pytest.mark.parametrize("published", [False, True])
async def test_a_window_that_is_not_confirmed_is_lent_again_and_makes_the_same_sends(
    rigged: Any, published: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("esb.runtime.committing.HEAL", 0.05)
    rig = await rigged(limits=Limits())
    await rig.take(b'[{"n": "N1"}]')
    router, publish = rig.router(), rig.bus.channel.publish
    windows: list[Any] = []

    async def unsure(sends: Any) -> None:
        windows.append([send.packet for send in sends if send.to == "delivery/erp"])
        if len(windows) == 1:
            if published:
                await publish(sends)
            raise PublishError(dict.fromkeys(range(len(sends)), "no confirm"))
        await publish(sends)

    rig.bus.channel.publish = unsure
    running = asyncio.create_task(router.run())
    while len(windows) < 2:
        await asyncio.sleep(0.01)
    await router.stop()
    await running

    assert windows[0] == windows[1]
    assert await rig.ready("delivery/erp") == 1 + published
