"""Checks of `Journal`: append, search, history."""

# ruff: noqa: D103 - the name of a check is its sentence
from __future__ import annotations

import asyncio
from collections.abc import Sequence

from esb.message import BusinessKey
from esb.ports import Store
from esb.records import Record
from esb.testing.store_suite.values import ORDER, Promises, intake, line

promise = Promises()
_FULL = Record(
    id="r1",
    kind="sent",
    message_id="m1",
    at=1.25,
    generation=2,
    attempt=3,
    route="orders",
    place="choose.otherwise.to",
    text="to delivery/erp",
    child="m2",
    correlation_id="c1",
    partner="acme",
    keys=(ORDER, BusinessKey("invoice", "ü-7")),
)


@promise
async def a_record_comes_back_as_it_went(store: Store) -> None:
    await store.append([_FULL])

    assert await store.history("m1") == [_FULL]


@promise
async def a_record_is_written_once(store: Store) -> None:
    await store.append([line("r1"), line("r1")])
    await store.append([line("r1", at=9.0, text="again"), line("r2", at=2.0)])

    assert await store.history("m1") == [line("r1"), line("r2", at=2.0)]


@promise
async def writers_of_the_same_records_do_not_disturb_each_other(store: Store) -> None:
    records = [line(f"r{number:02}", at=float(number), keys=(ORDER,)) for number in range(40)]

    await asyncio.gather(*(store.append(records if n % 2 else records[::-1]) for n in range(8)))

    assert await store.history("m1") == records


@promise
async def history_runs_in_the_order_of_time_then_id(store: Store) -> None:
    await store.append([line("b", at=2.0), line("c", at=1.0), line("a", at=2.0)])

    assert _ids(await store.history("m1")) == ["c", "a", "b"]


@promise
async def history_follows_children_and_siblings(store: Store) -> None:
    await store.append(
        [
            line("1", "intake", at=1.0, child="m1"),
            line("2", "m1", at=2.0, child="m2", correlation_id="m1"),
            line("3", "m2", at=3.0, child="m3"),
            line("4", "m3", at=4.0),
            line("5", "sibling", at=5.0, correlation_id="m1"),
            line("6", "stranger", at=6.0, correlation_id="other"),
        ]
    )

    assert _ids(await store.history("m1")) == ["2", "3", "4", "5"]
    assert _ids(await store.history("intake")) == ["1", "2", "3", "4", "5"]
    assert _ids(await store.history("sibling")) == ["2", "5"]
    assert _ids(await store.history("nobody")) == []


@promise
async def a_ring_of_children_ends(store: Store) -> None:
    await store.append([line("1", "m1", child="m2"), line("2", "m2", child="m1")])

    assert _ids(await store.history("m1")) == ["1", "2"]


@promise
async def a_message_is_found_by_its_business_key(store: Store) -> None:
    await store.append([line("1", keys=(ORDER,)), line("2", at=2.0), line("3", "m2", at=3.0)])

    assert _ids(await store.search("PO-10045")) == ["1", "2"]
    assert _ids(await store.search("PO-1004")) == []
    assert _ids(await store.search("")) == []


@promise
async def the_key_of_one_document_does_not_find_the_others_of_its_file(store: Store) -> None:
    other = BusinessKey("order", "PO-2")
    held = [("1", "m1", ORDER), ("2", "m2", other)]
    await store.append(
        [
            line(name, "file", kind="received", text="orders.x12", child=child, correlation_id=child, keys=(key,))
            for name, child, key in held
        ]
    )
    await store.append([line("3", "m1", at=2.0, correlation_id="m1"), line("4", "m2", at=3.0, correlation_id="m2")])

    assert _ids(await store.search("PO-10045")) == ["1", "3"]
    assert _ids(await store.search("PO-2")) == ["2", "4"]
    assert _ids(await store.search("orders.x12")) == ["1", "2"]


@promise
async def the_beginning_of_an_id_finds_it(store: Store) -> None:
    await store.append([line("1", "0123456789abcdef" * 2), line("2", "0123456780abcdef" * 2, at=2.0)])

    assert _ids(await store.search("012345678")) == ["1", "2"]
    assert _ids(await store.search("0123456789ab")) == ["1"]
    assert _ids(await store.search("fedcba98")) == []


@promise
async def a_message_is_found_by_its_id_and_by_its_correlation(store: Store) -> None:
    await store.append([line("1", "m1", correlation_id="c1"), line("2", "m2", at=2.0, correlation_id="c1")])

    assert _ids(await store.search("m2")) == ["2"]
    assert _ids(await store.search("M2")) == ["2"]
    assert _ids(await store.search("c1")) == ["1", "2"]


@promise
async def what_is_written_exactly_so_comes_first(store: Store) -> None:
    upper, lower = BusinessKey("order", "PO-ß1"), BusinessKey("order", "po-ß1")
    await store.append([line("2", "m2", at=2.0, keys=(lower,)), line("1", "m1", at=3.0, keys=(upper,))])
    await store.append([line("3", "m1", at=4.0)])

    assert _ids(await store.search("PO-ß1")) == ["1", "3", "2"]
    assert _ids(await store.search("po-ß1")) == ["2", "1", "3"]
    assert _ids(await store.search("PO-SS1")) == ["2", "1", "3"]


@promise
async def a_search_ends_at_its_limit_with_the_newest(store: Store) -> None:
    await store.append([line(str(n), f"m{n}", at=float(n), keys=(ORDER,)) for n in range(9)])

    assert _ids(await store.search("PO-10045", 3)) == ["6", "7", "8"]


@promise
async def a_delivery_is_found_by_the_name_of_its_file(store: Store) -> None:
    await store.append([line("1", "m1", kind="received", text="orders-2026-11.x12"), line("2", "m1", at=2.0)])

    assert _ids(await store.search("Orders-2026-11.X12")) == ["1", "2"]


@promise
async def a_delivery_that_the_recorder_has_not_written_yet_is_found_by_its_key(store: Store) -> None:
    await store.reserve([intake("evt_1", at=5.0)])

    for known in ("evt_1", "EVT_1", "evt_1-d1"):
        (found,) = await store.search(known)
        assert (found.kind, found.message_id, found.at, found.place) == ("received", "evt_1-d1", 5.0, "webhook")
    assert [record.kind for record in await store.history("evt_1-d1")] == ["received"]


@promise
async def the_recorders_word_replaces_the_intakes(store: Store) -> None:
    await store.reserve([intake("evt_1", at=5.0)])
    await store.append([line("1", "evt_1-d1", at=5.0, kind="received")])

    assert _ids(await store.history("evt_1-d1")) == ["1"]
    assert _ids(await store.search("evt_1")) == ["1"]


@promise
async def odd_characters_and_long_texts_never_stop_the_journal(store: Store) -> None:
    odd = [BusinessKey("k", "a\x00b"), BusinessKey("k", "half \ud800"), BusinessKey("k", "x" * 9000)]

    await store.append([line("1", text="\x00 and \udfff", place="p\x00", keys=tuple(odd)), line("2", at=2.0)])

    assert _ids(await store.history("m1")) == ["1", "2"]
    for key in odd:
        assert _ids(await store.search(key.value)) == ["1", "2"]


def _ids(records: Sequence[Record]) -> list[str]:
    return [record.id for record in records]


CHECKS = tuple(promise)
