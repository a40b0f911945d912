"""The bus of one process: the ports it was given, introduced to each other by `app`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from esb.message import Message
from esb.plan import DeliveryPlan, Plan
from esb.ports import Answers, Channel, Clock, Log, Store
from esb.runtime.suspects import Suspects


class Plans(Protocol):
    """Releases by digest. `current` is what new messages are pinned to; old ones come back from the store."""

    current: Plan

    async def get(self, release: str) -> Plan: ...


class Resolver(Protocol):
    """Whoever understands a partner's acknowledgment of what was sent (997, 999, TA1, CONTRL)."""

    async def resolve(self, answer: Message, deliveries: Mapping[str, DeliveryPlan]) -> str:
        """Note what it says; return why it cannot be noted, or nothing. The same answer again changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes of a process. `claim_bytes`: larger bodies wait in the blob store (Claim Check).

    `window`, `window_bytes`: documents of one delivery are published when there are so many, or so large together.
    """

    prefetch: int = 200
    batches: int = 3
    window: int = 500
    window_bytes: int = 1 << 19
    claim_bytes: int = 256 * 1024
    grace: float = 0.25
    """Seconds that a batch waits for its late asks before it goes on without them."""
    drain: float = 20.0
    """Seconds that a stop may take."""
    history: float = 90 * 86400.0
    """Seconds that finished messages stay in the store."""


@dataclass(frozen=True, slots=True)
class Bus:
    """Everything a role needs."""

    plans: Plans
    channel: Channel
    store: Store
    clock: Clock
    log: Log
    answers: Mapping[str, Answers] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    resolver: Resolver | None = None
    """None = partners' acknowledgments go their way as documents."""
    suspects: Suspects | None = None
    """Where a worker marks which message it runs alone; None = crashes are not told apart."""
