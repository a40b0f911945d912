"""Checks of control numbers."""

# ruff: noqa: D103 - the name of a check is its sentence
from __future__ import annotations

import asyncio
from typing import Any

from esb.message import Scope
from esb.ports import Store
from esb.testing.store_suite.values import DAY, Promises, line
from esb.trading import Counter, NumberClaim

promise = Promises()

INTERCHANGE = Scope("x12", "interchange", "ZZ/HOUSE", "01/ACME")
INVOICES = Scope("x12", "group", "HOUSE", "ACME", "IN")
NOTICES = Scope("x12", "group", "HOUSE", "ACME", "SH")


def claim(name: str, *scopes: Scope, at: float = 1000.0) -> NumberClaim:
    """Return the claim of an interchange."""
    return NumberClaim(name, f"message of {name}", at, scopes or (INTERCHANGE,))


@promise
async def numbers_begin_with_one_and_rise_by_one(store: Store) -> None:
    first = await store.take([claim("a", INTERCHANGE, INVOICES), claim("b", INTERCHANGE, INVOICES)])
    second = await store.take([claim("c", INTERCHANGE, INVOICES)])

    assert [*first, *second] == [(1, 1), (2, 2), (3, 3)]


@promise
async def who_asks_again_gets_the_numbers_it_had(store: Store) -> None:
    await store.take([claim("a"), claim("b")])

    again = await store.take([claim("b", at=2000.0), claim("c"), claim("a")])

    assert again == [(2,), (3,), (1,)]


@promise
async def equal_claims_of_one_call_get_one_number(store: Store) -> None:
    assert await store.take([claim("a"), claim("a"), claim("b")]) == [(1,), (1,), (2,)]


@promise
async def every_pair_level_and_functional_id_has_a_line_of_its_own(store: Store) -> None:
    other = Scope("x12", "interchange", "ZZ/HOUSE", "01/OTHER")
    await store.take([claim("a", INTERCHANGE, INVOICES), claim("b", INTERCHANGE, INVOICES)])

    taken = await store.take([claim("c", other, NOTICES), claim("d", INTERCHANGE, NOTICES)])

    assert taken == [(1, 1), (3, 2)]


@promise
async def behind_the_last_number_of_its_width_comes_one(store: Store) -> None:
    narrow = Scope("edifact", "interchange", "HOUSE", "HANSA", width=3)
    await store.set_counter(Counter(narrow, 999, 1.0), line("r1"))

    assert await store.take([claim("a", narrow), claim("b", narrow)]) == [(999,), (1,)]


@promise
async def a_line_twice_in_one_claim_gives_two_numbers(store: Store) -> None:
    assert await store.take([claim("a", INVOICES, INVOICES)]) == [(1, 2)]


@promise
async def many_that_take_at_once_share_no_number_and_skip_none(store: Store) -> None:
    async def some(start: int) -> list[Any]:
        return list(await store.take([claim(f"{start}-{n}", INTERCHANGE, INVOICES) for n in range(4)]))

    taken = await asyncio.gather(*(some(start) for start in range(6)), *(some(start) for start in range(6)))

    assert sorted({pair for part in taken for pair in part}) == [(n, n) for n in range(1, 25)]
    assert taken[:6] == taken[6:]


@promise
async def counters_tell_what_comes_next(store: Store) -> None:
    await store.take([claim("a", INTERCHANGE, INVOICES, at=1500.0)])

    assert list(await store.counters()) == [Counter(INTERCHANGE, 2, 1500.0), Counter(INVOICES, 2, 1500.0)]


@promise
async def a_number_is_set_and_who_did_it_is_history(store: Store) -> None:
    await store.take([claim("a")])

    await store.set_counter(
        Counter(INTERCHANGE, 700, 2000.0), line("set", "numbers", kind="note", text="by Ann: moved")
    )

    assert await store.take([claim("b"), claim("a")]) == [(700,), (1,)]
    assert [record.text for record in await store.history("numbers")] == ["by Ann: moved"]


@promise
async def what_an_interchange_was_told_is_forgotten_when_no_twin_can_come(store: Store) -> None:
    await store.take([claim("a")])

    await store.forget(1000.0 + DAY)

    assert await store.take([claim("a")]) == [(2,)]
    assert [counter.next for counter in await store.counters()] == [3]


@promise
async def nothing_takes_nothing(store: Store) -> None:
    assert list(await store.take([])) == []
    assert list(await store.counters()) == []


CHECKS = tuple(promise)
