"""The values that the checks put into a store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from msgspec.structs import replace

from esb.envelope import Packet
from esb.message import BusinessKey
from esb.ports import Store
from esb.records import IntakeKey, KeyClaim, LedgerEntry, LedgerKey, Parked, Record

Check: TypeAlias = Callable[[Store], Awaitable[None]]
DAY = 86400.0


class Promises(list[Check]):
    """A decorator that collects the checks of a file."""

    def __call__(self, check: Check) -> Check:
        """Add a check."""
        self.append(check)
        return check


ORDER = BusinessKey("order", "PO-10045", "acme")
PACKET = Packet(
    id="m1",
    body=b'{"total":12.10}',
    meta='{"route":"orders"}',
    attempt=3,
    due=12.5,
    order_key="PO-10045",
    headers={"trace": "a\x00b"},
)
PARKED = Parked(
    id="p1",
    place="delivery/erp",
    reason="503 from the ERP",
    at=100.0,
    origin="delivery/erp",
    packet=PACKET,
    message_id="m1",
    generation=1,
    failure_class="transient",
    route="orders",
    step="to",
    owner="order-desk",
    fingerprint="f1",
    partner="acme",
    correlation_id="c1",
    keys=(ORDER,),
)


def intake(key: str = "order-1", digest: str = "d1", at: float = 1000.0, **fields: Any) -> IntakeKey:
    """Return a sender's key; its message id derives from key and digest, as the intake's does."""
    return IntakeKey(fields.pop("endpoint", "webhook"), key, digest, f"{key}-{digest}", at, **fields)


def claim(owner: str, key: str = "PO-1", at: float = 1000.0, name: str = "", keep: float = DAY) -> KeyClaim:
    """Return the claim of an owner; its ask is named after it."""
    return KeyClaim(name or f"ask-{owner}-{key}", "orders/deduplicate", key, owner, keep, at)


def entry(message_id: str = "m1", state: Any = "intent", attempt: int = 1, **fields: Any) -> LedgerEntry:
    """Return a ledger entry of endpoint `erp`, or of another one."""
    key = LedgerKey(fields.pop("endpoint", "erp"), message_id, fields.pop("generation", 0))
    return LedgerEntry(key, state, attempt, fields.pop("at", 1000.0), **fields)


def line(name: str, message_id: str = "m1", at: float = 1.0, **fields: Any) -> Record:
    """Return a journal record."""
    return Record(id=name, kind=fields.pop("kind", "sent"), message_id=message_id, at=at, **fields)


def parked(name: str = "p1", **changes: Any) -> Parked:
    """Return a parked message."""
    return replace(PARKED, id=name, **changes)
