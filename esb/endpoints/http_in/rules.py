"""Rules: what an endpoint asks of a request, compiled from its spec; and what a request became."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from esb.endpoints.http_in.checking import MakeReader
from esb.endpoints.http_in.guards import Guard
from esb.endpoints.http_in.parameters import Parameters
from esb.endpoints.http_in.replies import Replies
from esb.expressions import Path
from esb.ports import Contract, Format
from esb.specs import World

BODILESS = frozenset({"GET", "DELETE"})
"""Methods whose message is made of the parameters."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a request. `check`: parse before taking; `strict`: one bad part refuses the whole body.

    `identity`: headers, or paths in the body, that may hold the sender's key. `without_key`: what a request without
    one is known by: its content, nothing (each is its own), or it is refused. `reply`: seconds that a caller may wait
    for the route's answer, 0 = told that it was accepted. `charsets`: codecs, by
    Python's names, that the format reads; empty = any. `partners`: of clients that send for another than `partner`.
    """

    name: str
    guard: Guard
    identity: tuple[str | Path, ...]
    parameters: Parameters
    methods: tuple[str, ...] = ("POST",)
    without_key: str = "body"
    headers: tuple[str, ...] = ()
    content_types: tuple[str, ...] = ()
    charsets: tuple[str, ...] = ()
    max_bytes: int = 10_000_000
    timeout: float = 30.0
    at_once: int = 200
    memory: int = 256_000_000
    rate: tuple[float, float] | None = None
    client_rate: tuple[float, float] | None = None
    check: bool = True
    strict: bool = True
    partner: str = ""
    partners: Mapping[str, str] = field(default_factory=dict)
    cloudevents: bool = False
    reply: float = 0.0

    def partner_of(self, client: str) -> str:
        """Return the partner that a client sends for, or an empty text."""
        return self.partners.get(client, self.partner)


@dataclass(frozen=True, slots=True)
class Means:
    """What an endpoint works with, introduced to it by whoever mounts it.

    `reader` (the intake plan's) lets a body be checked before it is taken, `contract` whether it keeps its contract.
    `replies` and the formats to `answer` in are there for synchronous endpoints.
    """

    world: World
    reader: MakeReader | None = None
    contract: Contract | None = None
    replies: Replies | None = None
    answers: Sequence[Format] = ()


@dataclass(frozen=True, slots=True)
class Arrival:
    """One delivery of a request: the sender's key, the digest of all that it holds, its headers and its bytes."""

    key: str
    digest: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
