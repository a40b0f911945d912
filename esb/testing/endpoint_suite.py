"""endpoint_suite: what every endpoint promises, whatever it reaches. A test subclasses a suite and sets the place up.

It uses nothing but plain assertions, so that users can hold their own endpoints to it.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from esb.edge import Receipt
from esb.errors import EndpointError, MessageError, RejectedError, StoreError
from esb.ports import Sink, Source
from esb.testing.endpoint_kit import RecordingIntake, order, raised, until


class Place(Protocol):
    """Where senders leave documents for a source under test, seen from the senders' side."""

    source: Source
    intake: RecordingIntake

    async def put(self, name: str, body: bytes) -> None: ...
    async def waiting(self) -> Sequence[str]:
        """Return the names of what the sender still sees as not taken."""
        ...


class SourceSuite:
    """What a polling source promises."""

    @abstractmethod
    def open_place(self, folder: Path) -> AbstractAsyncContextManager[Place]:
        """Return a fresh place, its source (with a SteppedClock) and its intake."""

    async def test_what_was_put_there_is_taken_once_byte_for_byte(self, tmp_path: Path) -> None:
        """Bytes arrive as they are; a second run takes nothing."""
        async with self.open_place(tmp_path) as place:
            bodies = [b"first", b"\xff\xfe\x00 binary \r\n", b"x" * 3_000_000]
            for number, body in enumerate(bodies):
                await place.put(f"{number}.dat", body)

            await place.source.run(place.intake, once=True)
            await place.source.run(place.intake, once=True)

            assert sorted(taken.body for taken in place.intake.taken) == sorted(bodies)
            assert await place.waiting() == []

    async def test_nothing_is_settled_while_the_bus_is_out_of_reach(self, tmp_path: Path) -> None:
        """The sender keeps what was not taken, and it is taken later."""
        async with self.open_place(tmp_path) as place:
            await place.put("1.dat", b"one")
            place.intake.failing = _down

            await raised(place.source.run(place.intake, once=True), StoreError)
            place.intake.failing = lambda receipt: None
            await place.source.run(place.intake, once=True)

            assert [taken.body for taken in place.intake.taken] == [b"one"]
            assert await place.waiting() == []

    async def test_a_short_outage_of_the_bus_is_waited_for(self, tmp_path: Path) -> None:
        """A run goes on as soon as the bus is back."""
        async with self.open_place(tmp_path) as place:
            await place.put("1.dat", b"one")
            place.intake.failing = _down_for(2)

            await place.source.run(place.intake, once=True)

            assert [taken.body for taken in place.intake.taken] == [b"one"]

    async def test_a_run_that_is_cancelled_while_taking_takes_the_same_key_again(self, tmp_path: Path) -> None:
        """What was under way is not lost, and keeps its identity."""
        async with self.open_place(tmp_path) as place:
            await place.put("1.dat", b"one")
            keys: list[str] = []
            place.intake.failing = lambda receipt: keys.append(receipt.key)
            place.intake.gate = asyncio.Event()
            run = asyncio.ensure_future(place.source.run(place.intake, once=False))
            await until(lambda: bool(keys))

            run.cancel()
            await asyncio.wait([run])
            place.intake.gate = None
            await place.source.run(place.intake, once=True)

            assert len(keys) == 2
            assert keys[0] == keys[1]
            assert [taken.body for taken in place.intake.taken] == [b"one"]

    async def test_what_can_never_be_taken_is_put_aside_and_its_siblings_go_on(self, tmp_path: Path) -> None:
        """One bad document never stops the others."""
        async with self.open_place(tmp_path) as place:
            for name in ("1.dat", "2.dat", "3.dat"):
                await place.put(name, name.encode())
            place.intake.failing = _refuse("2.dat")

            await place.source.run(place.intake, once=True)

            assert sorted(taken.body for taken in place.intake.taken) == [b"1.dat", b"3.dat"]
            assert await place.waiting() == []

    async def test_a_fault_of_ours_loses_nothing_and_stops_nobody_else(self, tmp_path: Path) -> None:
        """A bug that one document meets is not the others' fate."""
        async with self.open_place(tmp_path) as place:
            for name in ("1.dat", "2.dat"):
                await place.put(name, name.encode())
            place.intake.failing = _bug("1.dat")

            await place.source.run(place.intake, once=True)

            assert [taken.body for taken in place.intake.taken] == [b"2.dat"]

    async def test_a_check_says_in_one_line_what_it_found_and_takes_nothing(self, tmp_path: Path) -> None:
        """`esb endpoint check` prints it; what waited before still waits, and can be taken."""
        async with self.open_place(tmp_path) as place:
            await place.put("one.dat", b"one")
            before = await place.waiting()

            said = await place.source.check()

            assert said
            assert "\n" not in said
            assert place.intake.taken == []
            assert await place.waiting() == before


class Receiver(Protocol):
    """The far side of a sink under test."""

    sink: Sink

    async def effects(self) -> Sequence[bytes]:
        """Return the bodies that took effect, one for each effect."""
        ...

    async def fail(self, how: str) -> None:
        """Behave from now on: `down` (out of reach), `refusing` (says no), or `well`."""
        ...


class SinkSuite:
    """What a sink promises."""

    @abstractmethod
    def open_receiver(self, folder: Path) -> AbstractAsyncContextManager[Receiver]:
        """Return a fresh far side and a sink that reaches it."""

    async def test_bytes_arrive_as_they_are(self, tmp_path: Path) -> None:
        """What the route rendered is what the receiver gets."""
        async with self.open_receiver(tmp_path) as receiver:
            bodies = [b'{"a":12.10}', b"\xff\xfe\x00\r\n", b"y" * 2_000_000]

            for number, body in enumerate(bodies):
                await receiver.sink.deliver(order(number, body), order(number).effect_key)

            assert sorted(await receiver.effects()) == sorted(bodies)

    async def test_a_redelivery_has_no_second_effect(self, tmp_path: Path) -> None:
        """The key, or the name that derives from the message, makes the twin recognisable."""
        async with self.open_receiver(tmp_path) as receiver:
            message = order(1)

            first = await receiver.sink.deliver(message, message.effect_key)
            second = await receiver.sink.deliver(message, message.effect_key)

            assert await receiver.effects() == [message.body]
            assert first.detail
            assert second.detail

    async def test_many_at_once_each_have_their_effect(self, tmp_path: Path) -> None:
        """Deliveries side by side do not disturb each other."""
        async with self.open_receiver(tmp_path) as receiver:
            messages = [order(number) for number in range(50)]

            await asyncio.gather(*(receiver.sink.deliver(message, message.effect_key) for message in messages))

            assert sorted(await receiver.effects()) == sorted(message.body for message in messages)

    async def test_a_receiver_out_of_reach_is_an_error_that_may_heal(self, tmp_path: Path) -> None:
        """It is transient, nothing is applied, and the next attempt may pass."""
        async with self.open_receiver(tmp_path) as receiver:
            await receiver.fail("down")
            error = await raised(receiver.sink.deliver(order(1), "k"), EndpointError)
            await receiver.fail("well")
            await receiver.sink.deliver(order(1), "k")

            assert type(error) is EndpointError
            assert len(await receiver.effects()) == 1

    async def test_a_receiver_that_says_no_is_not_asked_again(self, tmp_path: Path) -> None:
        """A refusal is a matter of the message, not of time."""
        async with self.open_receiver(tmp_path) as receiver:
            await receiver.fail("refusing")

            await raised(receiver.sink.deliver(order(1), "k"), RejectedError)

            assert await receiver.effects() == []

    async def test_the_check_says_in_one_line_what_is_reached_or_wrong(self, tmp_path: Path) -> None:
        """`esb doctor` prints it."""
        async with self.open_receiver(tmp_path) as receiver:
            good = await receiver.sink.check()
            await receiver.fail("down")
            bad = str(await raised(receiver.sink.check(), EndpointError))

            assert good
            assert bad
            assert "\n" not in good + bad

    async def test_it_can_be_closed_twice(self, tmp_path: Path) -> None:
        """Closing is what happens on every way out."""
        async with self.open_receiver(tmp_path) as receiver:
            await receiver.sink.deliver(order(1), "k")

            await receiver.sink.close()
            await receiver.sink.close()


def _down(receipt: Receipt) -> None:
    raise StoreError("the store is out of reach")


def _down_for(takes: int) -> Callable[[Receipt], None]:
    left = [None] * takes

    def fail(receipt: Receipt) -> None:
        if left:
            left.pop()
            _down(receipt)

    return fail


def _refuse(name: str) -> Callable[[Receipt], None]:
    def refuse(receipt: Receipt) -> None:
        if name in receipt.key:
            raise MessageError(f"{name} can never be taken")

    return refuse


def _bug(name: str) -> Callable[[Receipt], None]:
    def fail(receipt: Receipt) -> None:
        if name in receipt.key:
            raise ZeroDivisionError("a fault of ours")

    return fail
