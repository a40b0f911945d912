"""A sender is told before its key is marked: one wait less, and whatever happens in between, no promise less."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Any

from esb.edge import Accepted, Receipt
from esb.errors import StoreError
from esb.runtime.intake import Intaker


class Body:
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> Any:
        yield self._body


async def take(intaker: Intaker, body: bytes, key: str) -> Accepted:
    return await intaker.take(Receipt("inbox", key, sha256(body).hexdigest(), Body(body)))


class Held:
    """An `advance` that waits for its gate, or fails."""

    def __init__(self, rig: Any, error: Exception | None = None) -> None:
        self.gate, self.calls, self._error = asyncio.Event(), 0, error
        self._advance = rig.bus.store.advance
        rig.bus.store.advance = self

    async def __call__(self, positions: Any) -> None:
        self.calls += 1
        await self.gate.wait()
        if self._error is not None:
            raise self._error
        await self._advance(positions)


async def test_one_document_is_accepted_before_its_key_is_marked_and_a_twin_waits_for_the_mark(rigged: Any):
    rig = await rigged()
    held = Held(rig)
    intaker = Intaker(rig.bus)
    first = await take(intaker, b'[{"n": "N1"}]', "k")
    twin = asyncio.ensure_future(take(intaker, b'[{"n": "N1"}]', "k"))
    await asyncio.wait([twin], timeout=0.05)
    waited = not twin.done()
    held.gate.set()
    again = await twin
    await intaker.settled()

    assert not first.repeated and waited
    assert (again.message_id, again.repeated) == (first.message_id, True)
    assert await rig.ready("route/orders") == 1


async def test_a_process_that_dies_before_the_mark_makes_the_same_message_again(rigged: Any):
    rig = await rigged()
    Held(rig)
    first = await take(Intaker(rig.bus), b'[{"n": "N1"}]', "k")
    again = await take(Intaker(rig.bus), b'[{"n": "N1"}]', "k")  # another process: it knows of no mark under way

    ids = [packet.id for packet in await rig.lent("route/orders")]
    assert (again.message_id, again.repeated) == (first.message_id, False)
    assert len(ids) == 2
    assert len(set(ids)) == 1


async def test_a_mark_that_fails_is_said_and_costs_nobody_anything(rigged: Any):
    rig = await rigged()
    held = Held(rig, StoreError("the store is out of reach"))
    held.gate.set()
    intaker = Intaker(rig.bus)
    first = await take(intaker, b'[{"n": "N1"}]', "k")
    await intaker.settled()

    assert not first.repeated
    assert [fields for event, fields in rig.bus.log.events if event == "intake.unmarked"] == [
        {"endpoint": "inbox", "reason": "the store is out of reach"}
    ]
    assert await rig.ready("route/orders") == 1


async def test_several_documents_are_marked_before_they_are_accepted(rigged: Any):
    rig = await rigged()
    held = Held(rig)
    call = asyncio.ensure_future(take(Intaker(rig.bus), b'[{"n": "N1"}, {"n": "N2"}]', "k"))
    await asyncio.wait([call], timeout=0.1)
    assert not call.done()
    held.gate.set()

    assert (await call).documents == 2
