"""Pauses: endpoints that a person has stopped for a while. What waits for them waits; nothing is dropped.

A pause is a line of history, like its end: the last line about an endpoint says how things stand, and all of them say
who wanted it and why.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from esb.errors import UsageError
from esb.message import derive
from esb.ports import Clock, Store
from esb.records import Record

HISTORY = derive("pauses")
"""The id under which all pauses are history."""

_PAUSED, _RESUMED = "paused", "resumed"
_FRESH = 86400.0
"""Seconds after which a pause that still holds is written down again: history is forgotten, a pause must not be."""


class Pause(Struct, frozen=True):
    """An endpoint that is paused: since when (POSIX time), by whom and why."""

    endpoint: str
    since: float
    text: str
    written: float
    """When it was last written down."""


async def pauses(store: Store) -> Mapping[str, Pause]:
    """Return the endpoints that are paused, by name."""
    found: dict[str, Pause] = {}
    lines = sorted(await store.history(HISTORY), key=lambda line: line.at)
    for line in lines:
        if line.child == _PAUSED:
            before = found.get(line.place)
            since = before.since if before is not None else line.at
            found[line.place] = Pause(line.place, since, line.text, line.at)
        else:
            found.pop(line.place, None)
    return found


async def pause(store: Store, clock: Clock, endpoint: str, person: str, reason: str) -> Pause:
    """Pause an endpoint; paused already, it stays so for the first reason.

    Raises:
        UsageError: Nobody says why.
    """
    known = (await pauses(store)).get(endpoint)
    if known is not None:
        return known
    if not reason:
        raise UsageError("say why: --reason '…'; whoever meets the pause will read it")
    now = clock.now()
    text = f"by {person}: {reason}"
    await store.append([_line(endpoint, _PAUSED, text, now)])
    return Pause(endpoint, now, text, now)


async def resume(store: Store, clock: Clock, endpoint: str, person: str, reason: str = "") -> bool:
    """End a pause; return whether there was one."""
    if endpoint not in await pauses(store):
        return False
    text = f"by {person}" + (f": {reason}" if reason else "")
    await store.append([_line(endpoint, _RESUMED, text, clock.now())])
    return True


async def keep(store: Store, clock: Clock, held: Mapping[str, Pause]) -> None:
    """Write down again what has been paused for long."""
    now = clock.now()
    stale = [one for one in held.values() if now - one.written > _FRESH]
    if stale:
        await store.append([_line(one.endpoint, _PAUSED, one.text, now) for one in stale])


def _line(endpoint: str, state: str, text: str, now: float) -> Record:
    name = derive("pause", endpoint, state, str(now))
    return Record(id=name, kind="note", message_id=HISTORY, at=now, place=endpoint, text=text, child=state)
