"""What partners owe: the acknowledgments that should have come, or should come soon."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from esb.ports import Store
from esb.runtime.overdue import label
from esb.trading import Filed, FiledFilter

_MOST = 10_000


class Owed(Struct, frozen=True):
    """Something sent that its partner has not acknowledged; times are POSIX times."""

    what: str
    endpoint: str
    partner: str
    number: int
    message_id: str
    sent: float
    due: float
    overdue: bool


class Waiting(Struct, frozen=True):
    """Documents that wait in a batch: how many, and since when the oldest of them (POSIX time)."""

    endpoint: str
    kind: str
    count: int
    since: float


async def owed(store: Store, now: float) -> Sequence[Owed]:
    """Return the acknowledgments that are owed to us, the most urgent first."""
    rows = [
        *await store.filed(FiledFilter(state="overdue", limit=_MOST)),
        *await store.filed(FiledFilter(state="open", limit=_MOST)),
    ]
    return sorted((_owed(row, now) for row in rows if row.due is not None), key=lambda one: one.due)


async def waiting(store: Store) -> Sequence[Waiting]:
    """Return what waits in batches."""
    return [Waiting(*row) for row in await store.collected()]


def _owed(row: Filed, now: float) -> Owed:
    due = row.due or 0.0
    return Owed(
        what=label(row),
        endpoint=row.endpoint,
        partner=row.scope.partner,
        number=row.number,
        message_id=row.message_id,
        sent=row.at,
        due=due,
        overdue=due <= now,
    )
