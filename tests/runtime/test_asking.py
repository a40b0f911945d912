from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from esb.errors import (
    BusyError,
    ChannelError,
    DefinitionError,
    EndpointError,
    EsbError,
    RejectedError,
    StoreError,
    ThrottledError,
    UnknownOutcomeError,
)
from esb.message import Ask, NamedAsk
from esb.runtime.asking import ask_outside, keep, keep_refusals, may_be_kept, recall


def asked(name: str, kind: str = "http", **request: Any) -> NamedAsk:
    return NamedAsk(name, Ask(kind, "erp", {"method": "GET", "path": "/c", **request}), "m1", "m1.0.orders")


class Table:
    """Answers every ask with the next of its answers."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    async def answer(self, asks: Any) -> list[Any]:
        return [self._answers.pop(0) for _ in asks]


@pytest.mark.parametrize("answer", [None, "", {"a": [1, Decimal("12.10"), True]}, [], "!RejectedError:x"])
def test_an_answer_comes_back_as_it_was_kept(answer: Any):
    assert recall(keep(answer)) == answer


@pytest.mark.parametrize("error", [RejectedError, EndpointError, ThrottledError, UnknownOutcomeError])
def test_a_failure_comes_back_as_the_failure_that_it_was(error: type[EsbError]):
    back = recall(keep(error("no: such customer")))

    assert (type(back), str(back)) == (error, "no: such customer")


@pytest.mark.parametrize("kept", [b"!NoSuchError:text", b"!Exception:text", b"!annotations:text"])
def test_a_failure_of_an_unknown_kind_is_a_refusal(kept: bytes):
    assert type(recall(kept)) is RejectedError


def test_the_bus_s_own_troubles_are_no_answers():
    troubles = [ChannelError("x"), StoreError("x"), BusyError("x"), KeyError("x")]

    assert [may_be_kept(error) for error in troubles] == [False] * 4
    assert may_be_kept(RejectedError("x"))


async def test_the_first_answer_wins(rigged: Any):
    rig = await rigged()
    rig.answers["http"] = Table({"limit": 1}, {"limit": 2})

    answers = [await ask_outside(rig.bus, asked("n1")) for _ in range(2)]

    assert answers == [{"limit": 1}] * 2


async def test_nobody_who_answers_is_a_definition_error_and_nothing_is_kept(rigged: Any):
    rig = await rigged()

    answer = await ask_outside(rig.bus, asked("n1", kind="weather"))

    assert isinstance(answer, DefinitionError)
    assert await rig.bus.store.recorded(["n1"]) == {}


async def test_a_refusal_is_kept_once_and_a_twin_that_knows_better_is_told(rigged: Any):
    rig = await rigged()
    refusals = {"n1": ("m1", RejectedError("no"))}

    assert await keep_refusals(rig.bus, {})
    assert await keep_refusals(rig.bus, refusals)
    assert await keep_refusals(rig.bus, refusals)
    assert not await keep_refusals(rig.bus, {"n1": ("m1", RejectedError("another reason"))})


async def test_keys_are_claimed_as_if_one_after_another(rigged: Any):
    rig = await rigged()
    claims = [
        NamedAsk(f"n{n}", Ask("keys", "space", {"key": "K1", "keep": 60}, stateful=True), f"m{n}", f"m{n}.0.orders")
        for n in (1, 2, 1)
    ]

    answers = await rig.answers["keys"].answer(claims)
    await rig.bus.store.confirm(["m1.0.orders"])
    later = await rig.answers["keys"].answer([claims[1]])

    assert list(answers) == [b"first", b"wait", b"first"]
    assert list(later) == [b"duplicate"]
