"""Exceptions and holds: what waits for a person, and what a person may decide. Every decision names who and why."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from esb.envelope import Addressed, Packet, decode_document, encode_document, restart, unpack
from esb.errors import UsageError
from esb.message import NOTHING, derive
from esb.ports import Clock, Store
from esb.records import CLEAN, LedgerEntry, LedgerKey, Parked, ParkedFilter, Record, RecordKind


class Decision(Struct, frozen=True):
    """Who decided, why, and (for a retry) the body that was edited and whether the old release is kept."""

    who: str
    reason: str = ""
    body: bytes | None = None
    as_then: bool = False


class Desk:
    """Where a person decides about parked messages. Each verb is a compare-and-set: the first decision counts."""

    def __init__(self, store: Store, clock: Clock, release: str) -> None:
        self._store, self._clock, self._release = store, clock, release

    async def find(self, identity: str) -> Parked:
        """Return one parked message by its id, the id of its message, or an unambiguous beginning of either.

        Raises:
            UsageError: None or several match.
        """
        rows = await self._store.parked(ParkedFilter(state=None, limit=10_000))
        exact = [row for row in rows if identity in (row.id, row.message_id)]
        found = exact or [row for row in rows if row.id.startswith(identity) or row.message_id.startswith(identity)]
        if not found:
            raise UsageError(f"no exception and no hold has the id {identity!r}; `esb dead list` shows what waits")
        if len(found) > 1 and not exact:
            raise UsageError(f"{identity!r} begins {len(found)} ids; give more of it")
        return next((row for row in found if row.state == "open"), found[0])

    async def retry(self, row: Parked, decision: Decision) -> bool:
        """Start it again where it failed; false if someone decided before.

        A route starts a new generation, so that its asks are asked anew. A delivery keeps its generation, and with
        it the receiver's idempotency key, unless the ledger says that it was done; an outcome that nobody knew is
        settled by the decision: it is sent again.

        Raises:
            UsageError: It was never read, so there is nothing to start again.
            FormatError: The edited body is no JSON where a document is expected.
        """
        packet = restart(row.packet, release=None if decision.as_then else self._release)
        if decision.body is not None:
            packet = replace(packet, body=decision.body, content=_content(row, decision.body), headers=NOTHING)
        elif _unread(row):
            raise UsageError(
                f"{row.id[:12]} could not be read when it came in, and would not be now; give the document that the "
                "route expects, as JSON, with --body FILE, or discard it and let the sender send it again"
            )
        if await self._starts_anew(row, decision):
            packet = restart(packet, generation=row.generation + 1)
        done = await self._decide(row, "retried", Addressed(row.origin, packet), decision)
        if done and row.origin.startswith("delivery/"):
            await self._settle_unknown(row)
        return done

    async def release(self, row: Parked, decision: Decision) -> bool:
        """Let a held message go on behind its step; it keeps its generation and its pinned release."""
        if row.failure_class:
            raise UsageError(f"{row.id[:12]} is an exception, not a hold; retry or discard it")
        return await self._decide(row, "released", Addressed(row.origin, restart(row.packet)), decision)

    async def discard(self, row: Parked, decision: Decision) -> bool:
        """Give it up, for a reason; the keys that it reserved are free again, and `restore` takes it back."""
        if not decision.reason:
            raise UsageError("say why it is discarded: --reason '…'")
        done = await self._decide(row, "discarded", None, decision)
        if done:
            await self._store.free([_owner(row)])
        return done

    async def restore(self, row: Parked, decision: Decision) -> bool:
        """Take a discard back: it waits for a person again."""
        if row.state != "discarded":
            raise UsageError(f"{row.id[:12]} is {row.state}, not discarded")
        return await self._decide(row, "open", None, decision)

    async def _starts_anew(self, row: Parked, decision: Decision) -> bool:
        if not row.origin.startswith("delivery/") or decision.body is not None:
            return True
        key = LedgerKey(row.origin.partition("/")[2], row.message_id, row.generation)
        entry = (await self._store.entries([key])).get(key)
        return entry is not None and entry.state == "done"

    async def _settle_unknown(self, row: Parked) -> None:
        """Note that a person has decided to send again what nobody knew the outcome of."""
        key = LedgerKey(row.origin.partition("/")[2], row.message_id, row.generation)
        entry = (await self._store.entries([key])).get(key)
        if entry is not None and entry.state == "unknown":
            await self._store.conclude([LedgerEntry(key, "intent", entry.attempt, self._clock.now(), CLEAN)])

    async def _decide(self, row: Parked, state: str, send: Addressed | None, decision: Decision) -> bool:
        now = self._clock.now()
        kinds: dict[str, RecordKind] = {"open": "restored", "retried": "retried", "released": "released"}
        kind = kinds.get(state, "discarded")
        text = f"by {decision.who}" + (f": {decision.reason}" if decision.reason else "")
        line = Record(
            id=derive("decision", row.id, kind, str(now)),
            kind=kind,
            message_id=row.message_id,
            at=now,
            generation=row.generation,
            route=row.route,
            place=row.place,
            text=text,
            correlation_id=row.correlation_id,
            partner=row.partner,
            keys=row.keys,
        )
        return await self._store.decide(row, state, send, line)


def _owner(row: Parked) -> str:
    return f"{row.message_id}.{row.generation}.{row.route}"


def _unread(row: Parked) -> bool:
    """Return whether the message is the bytes of a document that nobody could read."""
    return row.place.startswith("intake/")


def _content(row: Parked, body: bytes) -> Literal["json", "bytes"]:
    """Return what an edited body is: a document, wherever a document is expected.

    Raises:
        FormatError: It is no JSON.
    """
    if row.packet.content == "bytes" and not _unread(row):
        return "bytes"
    if row.packet.headers.get("claimed") == "bytes":
        return "bytes"
    decode_document(body)
    return "json"


def body_text(packet: Packet, limit: int = 20_000) -> str:
    """Return the body of a parked packet for people: JSON as it is, other bytes as text, cut at `limit`."""
    message, _ = unpack(packet, read_body=False)
    raw = message.body if isinstance(message.body, bytes) else encode_document(str(message.body))
    text = raw.decode("utf-8", "replace")
    return text if len(text) <= limit else f"{text[:limit]}… ({len(raw)} bytes)"
