"""Control numbers that one can see, and set: each change says who wanted it and why."""

from __future__ import annotations

from collections.abc import Sequence

from esb.errors import UsageError
from esb.message import Scope, derive
from esb.ports import Clock, Store
from esb.records import Record
from esb.trading import Counter


async def numbers(store: Store, text: str = "") -> Sequence[Counter]:
    """Return the lines of control numbers, those of one partner together; `text`: only those that name it."""
    wanted = text.casefold()
    return [counter for counter in await store.counters() if wanted in " ".join(_parts(counter.scope)).casefold()]


async def set_number(store: Store, clock: Clock, scope: Scope, number: int, person: str, reason: str) -> Counter:
    """Set the number that the next interchange gets; the change is history under `history_of(scope)`.

    Raises:
        UsageError: The number does not fit, nobody says why, or the line is not known.
    """
    if not 1 <= number < 10**scope.width:
        raise UsageError(f"{number} is no control number; give one from 1 to {10**scope.width - 1}")
    if not person or not reason:
        raise UsageError("say who sets it and why: --reason '…'")
    before = next((one.next for one in await store.counters() if _parts(one.scope) == _parts(scope)), None)
    if before is None:
        raise UsageError(f"no interchange has a number of {' '.join(_parts(scope))} yet; `esb edi numbers` lists them")
    now = clock.now()
    counter = Counter(scope, number, now)
    text = f"by {person}: {reason} (the next number was {before}, and is {number})"
    line = Record(
        id=derive("number", history_of(scope), str(now), number),
        kind="note",
        message_id=history_of(scope),
        at=now,
        place=f"{scope.dialect} {scope.level} {scope.kind}".strip(),
        text=text,
        partner=scope.partner,
    )
    await store.set_counter(counter, line)
    return counter


def history_of(scope: Scope) -> str:
    """Return the id under which the changes of a line of numbers are history."""
    return derive("numbers", *_parts(scope))


def _parts(scope: Scope) -> tuple[str, ...]:
    return scope.dialect, scope.level, scope.ours, scope.partner, scope.kind
