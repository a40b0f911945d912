"""What the store remembers, as values: journal records, intake keys, ledger entries, parked messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from esb.envelope import Packet
from esb.message import NOTHING, BusinessKey

RecordKind: TypeAlias = Literal[
    "received", "routed", "sent", "published", "filtered", "duplicate", "held", "note", "answered",
    "delivered", "retry", "dead", "released", "discarded", "restored", "retried", "acknowledged", "refused",
    "confirmed", "contested", "overdue", "batched",
]  # fmt: skip


class Record(Struct, frozen=True, kw_only=True):
    """One line of a message's history; id = f(message, generation, place, attempt, kind), inserted if absent.

    `at` is a POSIX time. `place` is the step path or the endpoint. `child` is the id of the message that left.
    """

    id: str
    kind: RecordKind
    message_id: str
    at: float
    generation: int = 0
    attempt: int = 1
    route: str = ""
    place: str = ""
    text: str = ""
    child: str = ""
    correlation_id: str = ""
    partner: str = ""
    keys: tuple[BusinessKey, ...] = ()


class IntakeKey(Struct, frozen=True):
    """A sender's key at an endpoint, and the digest of what came with it. `window`: seconds in which twins are one.

    `release` is the one that takes it in: whoever takes it up again does so under that one.
    """

    endpoint: str
    key: str
    digest: str
    message_id: str
    at: float
    window: float = 7 * 86400.0
    release: str = ""


class Reservation(Struct, frozen=True):
    """What the store says of an intake key: `position` counts the documents that are already durable.

    `at` (POSIX time) and `release` are those of the first reservation: a delivery that is taken up again keeps them.
    `message_id` is the one to use: a key that comes again after its window begins another message.
    """

    state: Literal["new", "reserved", "published", "conflict"]
    message_id: str
    position: int = 0
    answer: str = ""
    at: float = 0.0
    release: str = ""


class KeyClaim(Struct, frozen=True):
    """A deduplicate step's claim: key in a space, held by an owner: `message id.generation.route`."""

    name: str
    space: str
    key: str
    owner: str
    keep: float
    at: float


CLEAN = "failed cleanly"
"""The detail of an intent whose call failed without an effect: whoever comes next may simply call."""


class LedgerKey(Struct, frozen=True):
    """What a delivery is known by: (endpoint, output id, generation)."""

    endpoint: str
    message_id: str
    generation: int = 0


class LedgerEntry(Struct, frozen=True):
    """How far a delivery came. `intent`: the call may be under way or was cut; `unknown`: no answer came.

    `lease`: seconds in which an intent without a detail is somebody's call under way, which no other may take over.
    """

    key: LedgerKey
    state: Literal["intent", "done", "unknown"]
    attempt: int
    at: float
    detail: str = ""
    lease: float = 0.0


class Parked(Struct, frozen=True, kw_only=True):
    """A message that waits for a person (exception or hold). `origin` is the address it goes back to.

    `at_step` = the step path behind which it goes on when released; `failure_class` is empty for a hold.
    """

    id: str
    place: str
    reason: str
    at: float
    origin: str
    packet: Packet
    message_id: str
    generation: int = 0
    state: Literal["open", "released", "retried", "discarded"] = "open"
    failure_class: str = ""
    route: str = ""
    step: str = ""
    owner: str = ""
    fingerprint: str = ""
    partner: str = ""
    correlation_id: str = ""
    keys: tuple[BusinessKey, ...] = ()


class ParkedFilter(Struct, frozen=True):
    """Which parked messages: every field that is set must match. `ids` are their own or those of their messages."""

    ids: tuple[str, ...] = ()
    state: str | None = "open"
    place: str | None = None
    route: str | None = None
    failure_class: str | None = None
    key: str | None = None
    limit: int = 100


class Bundle(Struct, frozen=True):
    """A release: the definitions' files by path, named by the digest of their content and the engine's version."""

    digest: str
    files: Mapping[str, bytes] = NOTHING
    engine: str = ""
