"""Answering asks under the law of asks: asked again, a message gets the same answer, and nothing leaves before that.

Stateful asks change state and keep their answer in one store transaction. Answers from outside are kept when they
come; a failure that a step lives with (an answer too) is kept once the run has passed. The first commit wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from esb import errors
from esb.envelope import decode_document, encode_document
from esb.errors import BusyError, ChannelError, DefinitionError, EsbError, RejectedError, StoreError
from esb.message import NamedAsk
from esb.ports import Keys
from esb.records import KeyClaim
from esb.runtime.bus import Bus
from esb.trading import NumberClaim


class KeyAnswers:
    """Answers `keys` asks (Idempotent Receiver) from the store, whole batches in one transaction."""

    def __init__(self, bus: Bus) -> None:
        self._store: Keys = bus.store
        self._clock = bus.clock

    async def answer(self, asks: Sequence[NamedAsk]) -> Sequence[Any]:
        """Return `first`, `duplicate` or `wait` for each claim."""
        now = self._clock.now()
        claims = [
            KeyClaim(
                name=asked.name,
                space=asked.ask.target,
                key=str(asked.ask.request["key"]),
                owner=asked.owner,
                keep=float(asked.ask.request["keep"]),
                at=now,
            )
            for asked in asks
        ]
        return await self._store.claim(claims)


class NumberAnswers:
    """Answers `numbers` asks (control numbers) from the store, whole batches in one transaction."""

    def __init__(self, bus: Bus) -> None:
        self._store, self._clock = bus.store, bus.clock

    async def answer(self, asks: Sequence[NamedAsk]) -> Sequence[Any]:
        """Return the next number of each scope that an interchange wants; asked again, it gets those it had."""
        now = self._clock.now()
        claims = [NumberClaim(asked.name, asked.message_id, now, tuple(asked.ask.request["scopes"])) for asked in asks]
        return await self._store.take(claims)


def keep(answer: Any) -> bytes:
    """Return an answer, or a failure with its class, as it is kept."""
    if isinstance(answer, EsbError):
        return f"!{type(answer).__name__}:{answer}".encode()
    return b"=" + encode_document(answer)


def recall(kept: bytes) -> Any:
    """Return a kept answer; a failure comes back as the error it was."""
    if kept[:1] == b"!":
        name, _, text = kept[1:].decode().partition(":")
        found = getattr(errors, name, RejectedError)
        return found(text) if isinstance(found, type) and issubclass(found, EsbError) else RejectedError(text)
    return decode_document(kept[1:])


def may_be_kept(error: Exception) -> bool:
    """Return whether a failure is an answer that a run may pass with; the bus's own troubles never are."""
    return isinstance(error, EsbError) and not isinstance(error, BusyError | ChannelError | StoreError)


async def ask_outside(bus: Bus, asked: NamedAsk) -> Any:
    """Return the answer to one ask from outside, or the error that stands for it; a success is kept first."""
    answers = bus.answers.get(asked.ask.kind)
    if answers is None:
        return DefinitionError(f"nothing here answers asks of kind {asked.ask.kind!r}")
    try:
        (answer,) = await answers.answer([asked])
    except EsbError as error:
        return error
    if isinstance(answer, Exception):
        return answer
    try:
        kept = await bus.store.record({asked.name: keep(answer)}, {asked.name: asked.message_id})
    except EsbError as error:
        return error
    return recall(kept[asked.name])


async def keep_refusals(bus: Bus, refusals: Mapping[str, tuple[str, EsbError]]) -> bool:
    """Keep the refusals that runs have passed with; false if a twin got another answer first."""
    if not refusals:
        return True
    rows = {name: keep(error) for name, (_, error) in refusals.items()}
    kept = await bus.store.record(rows, {name: message for name, (message, _) in refusals.items()})
    return all(kept[name] == row for name, row in rows.items())
