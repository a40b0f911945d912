from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from esb.envelope import Depth
from esb.errors import ChannelError, StoreError
from esb.management.api import Api
from esb.management.metrics import Metrics
from esb.ports import Store
from esb.records import IntakeKey, Record

ID = "a" * 32


async def fine() -> str:
    return "reachable"


async def away() -> str:
    raise ChannelError("nobody answers")


async def scrape() -> bytes:
    return Metrics().render({}, {}, {})


async def answer(handler: Any, query: str = "", **path: str) -> tuple[int, str]:
    """Return status and text of one handler's answer."""
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": query.encode(),
        "headers": [],
        "path_params": path,
    }
    given = await handler(Request(scope))
    return given.status_code, bytes(given.body).decode()


async def test_a_message_is_found_right_after_its_202(store: Store):
    await store.reserve([IntakeKey("shop", "k1", "digest", ID, 1.0)])

    status, text = await answer(Api(store, {}, scrape).message, identity=ID)

    assert status == 200
    assert '"state":"accepted"' in text
    assert '"kind":"received","place":"shop"' in text


async def test_the_worst_fate_is_the_state(store: Store):
    lines = [
        Record(id="1", kind="sent", message_id=ID, at=1.0, text="delivery/erp", child="b" * 32, place="to"),
        Record(id="2", kind="sent", message_id=ID, at=1.0, text="delivery/mail", child="c" * 32, place="to"),
        Record(id="3", kind="delivered", message_id="b" * 32, at=2.0, place="erp"),
    ]
    await store.append(lines)

    _, text = await answer(Api(store, {}, scrape).message, identity=ID)

    assert '"state":"waiting"' in text
    assert '"place":"erp","state":"done"' in text


@pytest.mark.parametrize("identity", ["0" * 32, "x" * 32, "a" * 31, "../../etc", "' OR 1=1"])
async def test_what_is_no_known_id_is_not_found(store: Store, identity: str):
    status, text = await answer(Api(store, {}, scrape).message, identity=identity)

    assert (status, '"status":404' in text) == (404, True)


async def test_ready_names_what_is_not(store: Store):
    api = Api(store, {"channel": away, "store": fine}, scrape)

    assert await answer(api.ready) == (503, "[-]channel nobody answers\n[+]store reachable\nnot ready\n")
    assert (await answer(api.live))[0] == 200


async def test_ready_is_short_unless_asked(store: Store):
    api = Api(store, {"store": fine}, scrape)

    assert await answer(api.ready) == (200, "ready\n")
    assert await answer(api.ready, "verbose") == (200, "[+]store reachable\nready\n")


def test_metrics_have_depths_breakers_parked_and_counts():
    metrics = Metrics()
    line = Record(id="1", kind="received", message_id=ID, at=1.0, route="orders", place="shop", child="b" * 32)
    metrics.count([line, line, Record(id="2", kind="received", message_id=ID, at=1.0)])

    text = metrics.render(
        {"route/orders": Depth(3, 2, 1, 4.5)}, {"erp": "open", "mail": "closed"}, {"": 2, "invalid": 1}
    )

    lines = text.decode().splitlines()
    assert {
        'esb_channel_ready_messages{channel="route/orders"} 3.0',
        'esb_channel_lent_messages{channel="route/orders"} 2.0',
        'esb_channel_delayed_messages{channel="route/orders"} 1.0',
        'esb_channel_oldest_seconds{channel="route/orders"} 4.5',
        'esb_endpoint_open{endpoint="erp"} 1.0',
        'esb_endpoint_open{endpoint="mail"} 0.0',
        'esb_parked_messages{class="hold"} 2.0',
        'esb_parked_messages{class="invalid"} 1.0',
        'esb_parked_messages{class="bug"} 0.0',
        'esb_records_total{kind="received",place="shop",route="orders"} 2.0',
    } <= set(lines)
    assert metrics.totals["received"] == 2


async def test_a_store_that_is_away_is_told_by_its_error(store: Store):
    async def refuse(identity: str) -> Any:
        raise StoreError("away")

    store.history = refuse  # type: ignore[method-assign]

    with pytest.raises(StoreError):
        await answer(Api(store, {}, scrape).message, identity=ID)
