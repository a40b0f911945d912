"""Message, Send, Ask and their kin: frozen values. All ids derive here, so that a redelivery makes them again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from esb.calendar import Calendar, deadline

Document: TypeAlias = Any
"""A JSON-like value: dict, list, str, int, Decimal, bool or None. Never float: money passes through here."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


def derive(*parts: str | int) -> str:
    """Return the id that these parts always have: 32 hex digits, the same on every machine and every day."""
    digest = blake2b(digest_size=16)
    for part in parts:
        raw = str(part).encode()
        digest.update(b"%d:%b" % (len(raw), raw))
    return digest.hexdigest()


class BusinessKey(Struct, frozen=True):
    """What people search for. `scope` is the partner, or `house` for numbers that the house gives out."""

    kind: str
    value: str
    scope: str = "house"


class Claim(Struct, frozen=True):
    """Stands for a body in the blob store (Claim Check): its digest and its size in bytes."""

    digest: str
    size: int


class Message(Struct, frozen=True, kw_only=True):
    """One document under way. Who may settle it holds a `Delivery`; the message does not know.

    `body` is bytes, a document or a Claim; `format` says what the bytes are (`json`, `x12/850`, `csv`, `text` …).
    `received` is the time of intake, the only clock a route can read. `generation` counts the times a person started
    it anew; automatic retries keep it. `scratch` lives for one run only (the caught error of a guard); it never leaves.
    """

    id: str
    body: Any
    received: datetime
    format: str = "json"
    generation: int = 0
    route: str = ""
    endpoint: str = ""
    partner: str = ""
    correlation_id: str = ""
    causation_id: str = ""
    release: str = ""
    headers: Mapping[str, str] = NOTHING
    keys: tuple[BusinessKey, ...] = ()
    scratch: Mapping[str, Any] = NOTHING

    def with_body(self, body: Any, format: str | UnsetType = UNSET) -> Message:  # noqa: A002
        """Return the same message with another body (and format, where the change of body changes it)."""
        return replace(self, body=body) if format is UNSET else replace(self, body=body, format=format)

    def with_headers(self, headers: Mapping[str, str]) -> Message:
        """Return the same message with these headers beside, or in place of, those it has."""
        return replace(self, headers={**self.headers, **headers})

    def part(self, path: str, number: int, body: Any) -> Message:
        """Return part `number` (from 1) that the splitter at step `path` cuts out; its id derives from ours."""
        return replace(self, id=derive(self.id, path, number), body=body, causation_id=self.id)

    @property
    def effect_key(self) -> str:
        """The idempotency key for receivers: stable over automatic retries, new for a new generation."""
        return f"{self.id}.{self.generation}" if self.generation else self.id


class Scope(Struct, frozen=True):
    """Whose numbers run in one line: those of a pair of identifiers at a level, of groups by functional id (`kind`).

    `ours` and `partner` are the identifiers of the envelope at that level. A number has at most `width` digits; behind
    the last one comes 1 again.
    """

    dialect: str
    level: Literal["interchange", "group"]
    ours: str
    partner: str
    kind: str = ""
    width: int = 9


class Numbered(Struct, frozen=True):
    """A control number that left. `owed`: the partner has to acknowledge what bears it."""

    scope: Scope
    number: int
    owed: bool = False


class Filing(Struct, frozen=True):
    """By what an outgoing interchange is found when the partner speaks of it. `within`: seconds it has to answer.

    0 = nobody waits for an answer. `calendar`: only the partner's working time counts.
    """

    numbers: tuple[Numbered, ...]
    within: float = 0.0
    calendar: Calendar | None = None

    def due(self, now: float) -> float | None:
        """Return when the answer to what leaves now should be there, or None."""
        if not self.within:
            return None
        return now + self.within if self.calendar is None else deadline(self.calendar, now, self.within)


class Send(Struct, frozen=True):
    """What a pipeline wants to leave: `to` is an address (`delivery/erp`, `event/order.accepted`, `route/x`).

    `filing`: the body is an interchange, which is kept until the partner has answered it.
    """

    to: str
    message: Message
    step: str
    filing: Filing | None = None


class End(Struct, frozen=True):
    """A way that ended without a send, with the rule that ended it. `outcome`: filtered, duplicate, done."""

    outcome: str
    reason: str
    step: str
    message: Message


class Park(Struct, frozen=True):
    """A message that waits for a person in `place`; released, it goes on behind step `step`."""

    place: str
    reason: str
    step: str
    message: Message


class Note(Struct, frozen=True):
    """Something for the trace: which branch was taken, what a log step said."""

    step: str
    text: str
    level: Literal["debug", "info", "warning"] = "info"


class Ask(Struct, frozen=True):
    """What a step needs from outside. `kind` names who can answer (`keys`, `numbers`, `http`), `target` which of them.

    A `stateful` ask changes state in the store: its change and its answer commit together. `cache` (seconds): an
    answer of this age to an equal request will do.
    """

    kind: str
    target: str
    request: Any
    stateful: bool = False
    cache: float = 0.0


class NamedAsk(Struct, frozen=True):
    """An ask with the name under which its answer is kept: f(route, message id, generation, step path, index).

    `owner` is who holds what a stateful ask reserves: `message id.generation.route`.
    """

    name: str
    ask: Ask
    message_id: str
    owner: str = ""


Output: TypeAlias = Message | Send | End | Park | Note
"""What a step may give: messages go on to the next step; everything else is kept until the last step has passed."""


def ask_name(route: str, message: Message, path: str, index: int) -> str:
    """Return the name of an ask (the law of asks): equal for every redelivery and late twin of the message."""
    return derive("ask", route, message.id, message.generation, path, index)


def send_id(route: str, message: Message, path: str, to: str, index: int) -> str:
    """Return the id of an output: f(route, input id, step path, destination, index). The generation is inherited.

    The route belongs to it: two routes that take one event and send to one endpoint make two deliveries.
    """
    return derive("send", route, message.id, path, to, index)
