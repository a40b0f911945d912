from __future__ import annotations

from typing import Any

from esb.steps.call import Call


def test_the_steps_of_the_other_route_run_in_this_place(bench: Any):
    bench.routes = {"notify": [{"to": "mail"}]}

    result = bench.run([{"call": "notify"}, {"to": "erp"}], bench.message({}))

    assert [send.to for send in result.sends] == ["delivery/mail", "delivery/erp"]


def test_two_calls_of_one_route_send_under_different_ids(bench: Any):
    bench.routes = {"notify": [{"to": "mail"}]}

    result = bench.run([{"id": "first", "call": "notify"}, {"id": "second", "call": "notify"}], bench.message({}))

    assert len({send.message.id for send in result.sends}) == 2


def test_the_bare_name_is_the_route(bench: Any):
    assert bench.spec({"call": "notify"}) == Call(route="notify")
