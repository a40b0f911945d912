"""Where is it, and who must act? The history of a message and all that came of it, told in one sentence and a list."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from esb.errors import UsageError
from esb.ports import Store
from esb.records import Parked, ParkedFilter, Record

MOST_NAMED = 5
"""So many messages of one name are told apart in an error."""


class Fate(Struct, frozen=True):
    """How one destination, or the way there, stands: `state` is done, waiting, exception or ended."""

    message_id: str
    place: str
    state: str
    sentence: str
    at: float


class Trace(Struct, frozen=True):
    """A message's whole story: the sentence to say on the telephone, one fate per destination, and the records."""

    identity: str
    sentence: str
    waits_on: str
    fates: tuple[Fate, ...]
    records: tuple[Record, ...]
    parked: tuple[Parked, ...]


async def find(store: Store, key: str, limit: int = 50, partner: str = "") -> list[Trace]:
    """Return the traces of every message that the text names: business key, message id or file name; newest first.

    A business key may be written as it is shown, `order=10045`: then only keys of that kind count.
    `partner`: only of messages that came from that partner; two partners may use one number.
    """
    records = await store.search(key, limit * 20) or await _of_kind(store, key, limit * 20)
    theirs = [record for record in records if partner in ("", record.partner)]
    theirs.sort(key=lambda record: -record.at)
    origins = dict.fromkeys(record.correlation_id or record.message_id for record in theirs)
    traces: list[Trace] = []
    for origin in origins:
        found = await trace(store, origin)
        # A delivery that is told with a line of its own (it had bad documents) says nothing that its documents do not.
        if found.identity == key or not _documents(found) & origins.keys():
            traces.append(found)
        if len(traces) == limit:
            break
    return sorted(traces, key=lambda found: -(found.records[0].at if found.records else 0.0))


async def _of_kind(store: Store, key: str, limit: int) -> list[Record]:
    kind, _, value = key.partition("=")
    records = await store.search(value, limit) if kind and value else ()
    return [record for record in records if any((each.kind, each.value) == (kind, value) for each in record.keys)]


def _documents(found: Trace) -> set[str]:
    """Return the ids of the documents that were cut out of a delivery; none for what is a document itself."""
    received = (record for record in found.records if record.kind == "received")
    return {record.child for record in received if record.message_id == found.identity and record.child}


async def trace(store: Store, identity: str) -> Trace:
    """Return the story of one message id; an unknown id gives a trace without records."""
    records = sorted(await store.history(identity), key=_in_order)
    known = (name for record in records for name in (record.message_id, record.child) if name)
    ids = tuple(dict.fromkeys((identity, *known)))
    waiting = list(await store.parked(ParkedFilter(ids=ids, state=None, limit=1000)))
    fates = tuple(_fates(records, waiting))
    sentence, waits_on = _sentence(identity, records, fates, waiting)
    return Trace(identity, sentence, waits_on, fates, tuple(records), tuple(waiting))


async def one(store: Store, name: str) -> Trace:
    """Return the trace of a message id, of the beginning of one, or of the one message that is known by this name.

    Raises:
        UsageError: Nothing, or more than one message, is called so.
    """
    found = await trace(store, name)
    if found.records:
        return found
    begun = {record.message_id for record in await store.search(name, 200) if record.message_id.startswith(name)}
    named = [await trace(store, identity) for identity in begun] or await find(store, name, MOST_NAMED + 1)
    if len(named) == 1:
        return named[0]
    if not named:
        raise UsageError(f"{name!r} is not known here (esb find {name})")
    ids = ", ".join(found.identity[:12] for found in named[:MOST_NAMED])
    raise UsageError(f"{name!r} names several messages; give an id: {ids} (esb find {name} says what became of each)")


def is_moving(found: Trace) -> bool:
    """Return whether the bus still works on something of it; what waits for a person does not move."""
    parked = {row.message_id for row in found.parked if row.state == "open"}
    if any(fate.state == "waiting" and fate.message_id not in parked for fate in found.fates):
        return True
    ended = any(record.kind in ("routed", "filtered", "duplicate", "discarded") for record in found.records)
    return not (found.fates or parked or ended)


_FOR_PEOPLE = re.compile(r"run `esb [^`]+`")
"""A failure that ends only when a person runs a command names it (`esb.endpoints.http_out.gone`)."""
_RANK = {"received": 0, "note": 1, "routed": 2, "sent": 3, "published": 3, "held": 4, "retry": 5, "delivered": 7}


def _in_order(record: Record) -> tuple[float, int, str]:
    return record.at, _RANK.get(record.kind, 5), record.id


def _fates(records: Sequence[Record], waiting: Sequence[Parked]) -> list[Fate]:
    """Return one fate per destination that was chosen, and one per way that ended without."""
    by_message: dict[str, list[Record]] = {}
    for record in records:
        by_message.setdefault(record.message_id, []).append(record)
    parked = {row.message_id: row for row in waiting if row.state == "open"}
    fates: list[Fate] = []
    for record in records:
        if record.kind == "sent" and record.text.startswith("delivery/"):
            fates.append(_delivery(record, by_message.get(record.child, []), parked))
        elif record.kind == "sent" and record.text.startswith("batch/"):
            fates.append(_batched(record, by_message, parked))
        elif record.kind in ("filtered", "duplicate") and record.place and not _was_delivered(by_message, record):
            fates.append(Fate(record.message_id, record.place, "ended", f"{record.kind}: {record.text}", record.at))
    sent = {record.child for record in records if record.kind == "sent"}
    fates.extend(_waiting(row) for row in parked.values() if row.message_id not in sent)
    retries = [line[-1] for name, line in by_message.items() if line[-1].kind == "retry" and name not in sent]
    fates.extend(Fate(last.message_id, last.place, "waiting", _retrying(last), last.at) for last in retries)
    return fates


def _was_delivered(by_message: Mapping[str, Sequence[Record]], record: Record) -> bool:
    return any(line.kind == "delivered" for line in by_message.get(record.message_id, ()))


def _delivery(sent: Record, lines: Sequence[Record], parked: Mapping[str, Parked]) -> Fate:
    place = sent.text.partition("/")[2].partition(":")[0]
    if sent.child in parked:
        return _waiting(parked[sent.child])
    delivered = [line for line in lines if line.kind == "delivered"]
    if delivered:
        last = delivered[-1]
        detail = f" ({last.text})" if last.text else ""
        said = "".join(f"; {line.text}" for line in lines if line.kind in ("confirmed", "contested"))
        return Fate(sent.child, place, "done", f"delivered to {place}{detail}{said}", last.at)
    closing = [line for line in lines if line.kind in ("filtered", "discarded", "retry")]
    if closing and closing[-1].kind == "retry":
        return Fate(sent.child, place, "waiting", _retrying(closing[-1]), closing[-1].at)
    if closing:
        return Fate(sent.child, place, "ended", f"{closing[-1].kind} at {place}: {closing[-1].text}", closing[-1].at)
    return Fate(sent.child, place, "waiting", f"on its way to {place}", sent.at)


def _batched(sent: Record, by_message: Mapping[str, Sequence[Record]], parked: Mapping[str, Parked]) -> Fate:
    """Return the fate of a document that leaves with others: that of its batch, once there is one."""
    place = sent.text.partition("/")[2]
    if sent.child in parked:
        return _waiting(parked[sent.child])
    for line in by_message.get(sent.child, []):
        if line.kind == "batched":
            carried = replace(line, text=f"delivery/{line.place}")
            fate = _delivery(carried, by_message.get(line.child, []), parked)
            return replace(fate, sentence=f"{fate.sentence}, in {line.text}")
    return Fate(sent.child, place, "waiting", f"waiting for others that leave with it to {place}", sent.at)


def _retrying(record: Record) -> str:
    if _FOR_PEOPLE.search(record.text):
        return f"{record.place} takes nothing until somebody acts: {record.text}"
    return f"{record.place} failed, and it is tried again by itself: {record.text}"


def _waiting(row: Parked) -> Fate:
    if row.failure_class:
        return Fate(row.message_id, row.place, "exception", f"stopped at {row.place}: {row.reason}", row.at)
    return Fate(row.message_id, row.place, "waiting", f"held in {row.place}: {row.reason}", row.at)


def _sentence(
    identity: str, records: Sequence[Record], fates: Sequence[Fate], waiting: Sequence[Parked]
) -> tuple[str, str]:
    """Return what to say and who must act; the worst fate speaks first."""
    if not records:
        return f"Nothing here is known as {identity}.", ""
    for row in waiting:
        if row.state == "open":
            verb = "stopped" if row.failure_class else "is held"
            owner = row.owner or "whoever is on duty"
            hint = _what_to_call(row)
            why = row.reason if row.reason.endswith(("?", "!", ".")) else f"{row.reason}."
            return f"It {verb} at {row.place}: {why} {owner} must act (esb dead {hint} {row.id[:12]}).", owner
    moving = [fate for fate in fates if fate.state == "waiting"]
    if moving and _FOR_PEOPLE.search(moving[-1].sentence):
        return f"It waits: {moving[-1].sentence}.", "whoever is on duty"
    if moving:
        return f"It is under way: {moving[-1].sentence}. Nobody needs to act.", "system"
    done = [fate for fate in fates if fate.state == "done"]
    if done:
        last = max(done, key=lambda fate: fate.at)
        places = ", ".join(dict.fromkeys(fate.place for fate in done))
        return f"It is done: delivered to {places}; the last at {clock_text(last.at)}.", ""
    if fates:
        return f"It ended without a delivery: {fates[-1].sentence}.", ""
    last_record = records[-1]
    return f"It was {last_record.kind} at {clock_text(last_record.at)} and nothing more is known yet.", "system"


def _what_to_call(row: Parked) -> str:
    """Return the command that comes next: what could not be read is looked at, for it cannot be retried as it is."""
    if not row.failure_class:
        return "release"
    return "show" if row.place.startswith("intake/") else "retry"


def clock_text(at: float) -> str:
    """Return a time for people: UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
