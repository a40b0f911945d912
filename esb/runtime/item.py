"""One delivery on its way through a route."""

from __future__ import annotations

from dataclasses import dataclass, field

from esb.envelope import Delivery
from esb.errors import EsbError
from esb.message import Message
from esb.pipeline import Result
from esb.plan import Plan


@dataclass(slots=True)
class Item:
    """What the router knows of a delivery: its message, the release it is pinned to, and how its run ended."""

    delivery: Delivery
    message: Message | None = None
    at: str = ""
    plan: Plan | None = None
    result: Result | None = None
    error: Exception | None = None
    refusals: dict[str, tuple[str, EsbError]] = field(default_factory=dict)
    owners: set[str] = field(default_factory=set)
