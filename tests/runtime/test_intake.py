from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from esb.edge import Known, Part, Receipt
from esb.envelope import unpack
from esb.errors import ConflictError, DefinitionError, FormatError, TooLargeError
from esb.message import BusinessKey, derive
from esb.runtime.bus import Limits
from esb.runtime.intake import Intaker

ORDERS = b'[{"n": "N1"}, {"n": "N2"}, 3]'


async def test_each_document_is_a_message_with_a_derived_id_and_its_keys(rigged: Any):
    rig = await rigged()
    accepted = await rig.take(ORDERS[:-4] + b"]", name="orders.json")

    messages = [unpack(packet)[0] for packet in await rig.lent("route/orders")]
    assert (accepted.documents, accepted.bad, accepted.repeated) == (2, 0, False)
    assert [message.id for message in messages] == [derive(accepted.message_id, number) for number in (1, 2)]
    assert [message.keys for message in messages] == [
        (BusinessKey("order", "N1", "acme"),),
        (BusinessKey("order", "N2", "acme"),),
    ]
    assert {message.causation_id for message in messages} == {accepted.message_id}
    assert {(message.endpoint, message.partner, message.route) for message in messages} == {("inbox", "acme", "orders")}
    assert {message.release for message in messages} == {rig.bus.plans.current.release}
    assert messages[0].headers == {"file-name": "orders.json"}


async def test_the_same_receipt_again_is_the_same_answer_and_no_new_message(rigged: Any):
    rig = await rigged()
    first = await rig.take(ORDERS, key="k")
    again = await rig.take(ORDERS, key="k")

    assert (again.message_id, again.documents, again.repeated) == (first.message_id, 3, True)
    assert await rig.ready("route/orders") == 3


async def test_a_used_key_with_another_content_is_a_conflict(rigged: Any):
    rig = await rigged()
    await rig.take(b"[]", key="k")

    with pytest.raises(ConflictError, match="'k' came before with another content"):
        await rig.take(b"[1]", key="k")


async def test_a_document_that_cannot_be_read_is_an_exception_beside_its_siblings(rigged: Any):
    rig = await rigged()
    accepted = await rig.take(b'[{"n": "N1"}, {"n": "N2", }]', name="cut.json")
    await rig.work(rig.recorder())

    (row,) = await rig.parked()
    assert accepted.bad == 1
    assert (row.place, row.failure_class, row.owner, row.origin) == ("intake/inbox", "invalid", "desk", "route/orders")
    assert row.message_id == derive(accepted.message_id, 2)
    assert unpack(row.packet)[0].body == b'{"n": "N2", }'
    assert await rig.ready("route/orders") == 1


async def test_equal_failures_share_a_fingerprint_and_others_do_not(rigged: Any):
    rig = await rigged({"endpoints/inbox.yaml": "type: http_in\nauth: none\nformat: { type: csv, columns: [n, m] }\n",
                        "routes/orders.yaml": "from: { endpoint: inbox, each: row }\nsteps: [to: erp]\n"})  # fmt: skip
    await rig.take(b"n,m\n1\n2,2\n333\n\xff,1\n")
    await rig.work(rig.recorder())

    prints = [row.fingerprint for row in sorted(await rig.parked(), key=lambda row: row.reason)]
    assert len(prints) == 3
    assert len(set(prints)) == 2


async def test_wider_than_a_set_nothing_leaves_before_the_end_is_seen(rigged: Any):
    rig = await rigged(
        {"routes/orders.yaml": "from: { endpoint: inbox, each: '$[*]', release: interchange }\nsteps: [to: erp]\n"}
    )

    with pytest.raises(FormatError, match="refused as a whole"):
        await rig.take(b'[{"n": "N1"}, {"n": "N2", ]')

    assert await rig.ready("route/orders") == 0


async def test_a_delivery_above_its_limit_is_refused_with_what_to_do(rigged: Any):
    small = "type: http_in\nauth: none\nformat: json\nmax_size: 60KB\n"
    rig = await rigged({"endpoints/inbox.yaml": small})

    with pytest.raises(TooLargeError, match="raise max_size"):
        await rig.take(b'["' + b"x" * 100_000 + b'"]')


async def test_a_large_body_waits_in_the_blob_store_and_comes_back_whole(rigged: Any):
    rig = await rigged(limits=Limits(claim_bytes=1000))
    await rig.take(b'[{"n": "N1", "text": "' + b"x" * 5000 + b'"}, {"n": "N2"}]')

    large, small = await rig.lent("route/orders")
    assert (large.content, small.content) == ("claim", "json")
    assert len(large.body) < 200
    claim = unpack(large)[0].body
    assert len(await rig.bus.store.get(claim.digest)) == claim.size > 5000


async def test_more_documents_than_a_window_are_all_published(rigged: Any):
    rig = await rigged(limits=Limits(window=7))
    accepted = await rig.take(b"[" + b",".join(b'{"n": "%d"}' % n for n in range(50)) + b"]")

    assert accepted.documents == 50
    assert len({packet.id for packet in await rig.lent("route/orders")}) == 50


async def test_large_documents_leave_before_there_are_many(rigged: Any, monkeypatch: pytest.MonkeyPatch):
    rig = await rigged(limits=Limits(window=500, window_bytes=10_000))
    publish, sizes = rig.bus.channel.publish, []

    async def noting(sends: Any) -> None:
        sizes.append(sum(len(send.packet.body) for send in sends if send.to.startswith("route/")))
        await publish(sends)

    monkeypatch.setattr(rig.bus.channel, "publish", noting)

    accepted = await rig.take(b"[" + b",".join(b'{"n": "%d", "t": "%s"}' % (n, b"x" * 3000) for n in range(40)) + b"]")

    assert accepted.documents == len(await rig.lent("route/orders")) == 40
    assert len(sizes) >= 9
    assert max(sizes) < 14_000


async def test_an_endpoint_that_feeds_no_route_takes_nothing(rigged: Any):
    rig = await rigged()

    with pytest.raises(DefinitionError, match="no route takes from endpoint 'erp'"):
        await rig.take(b"[]", endpoint="erp")


async def test_a_delivery_is_found_by_name_and_each_document_by_its_key(rigged: Any):
    rig = await rigged()
    accepted = await rig.take(ORDERS, name="orders.json")
    await rig.work(rig.recorder())

    lines = await rig.history(accepted.message_id)
    found = await rig.bus.store.search("N2")
    assert [line.kind for line in lines] == ["received"] * 4
    assert [line.text for line in lines if not line.child] == ["orders.json: 3 documents, 0 bad"]
    assert {line.child for line in found if line.child} == {derive(accepted.message_id, 2)}


class Whole:
    """A body as chunks."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


class Unread:
    """Chunks that nobody may read."""

    def __aiter__(self) -> Any:
        raise AssertionError("the delivery is read a second time")


async def test_what_a_source_has_read_with_the_plan_s_reader_is_not_read_again(rigged: Any):
    rig = await rigged()
    plan = rig.bus.plans.current.intakes["inbox"]
    reader = plan.reader()
    parts = [*reader.feed(ORDERS), *reader.end()]
    receipt = Receipt("inbox", "k", "digest", Unread(), known=Known(plan.reader, parts))

    accepted = await Intaker(rig.bus).take(receipt)

    messages = [unpack(packet)[0] for packet in await rig.lent("route/orders")]
    assert accepted.documents == 3
    assert [message.body for message in messages] == [{"n": "N1"}, {"n": "N2"}, 3]
    assert [message.id for message in messages] == [derive(accepted.message_id, number) for number in (1, 2, 3)]


async def test_what_was_read_with_another_reader_is_read_again(rigged: Any):
    rig = await rigged()
    receipt = Receipt("inbox", "k", "digest", Whole(ORDERS), known=Known(lambda: None, [Part({"n": "other"})]))

    accepted = await Intaker(rig.bus).take(receipt)

    assert accepted.documents == 3
    assert unpack((await rig.lent("route/orders"))[0])[0].body == {"n": "N1"}
