"""Intake role: a receipt becomes messages; it is accepted only when every one of them is durable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from esb.edge import Accepted, Finding, Part, Receipt
from esb.envelope import Addressed, pack
from esb.errors import ConflictError, DefinitionError, EsbError, FormatError, TooLargeError
from esb.message import Message, derive
from esb.plan import IntakePlan, Plan
from esb.records import IntakeKey, Parked, Record, RecordKind, Reservation
from esb.runtime.bus import Bus
from esb.runtime.claims import check_in
from esb.runtime.coalesce import Coalesce
from esb.runtime.history import fingerprint, journal, parked, record
from esb.runtime.units import Units

PIECE = 64 * 1024
"""Bytes that are read at once; between two pieces the other work of the process has its turn."""


_TOLD = 5
"""Findings of a good document that its trace tells; a partner's habit would fill the history."""

ANSWERS = frozenset({"997", "999", "TA1", "CONTRL"})
"""Sets that say what became of what was sent."""


class Intaker:
    """Takes receipts for every endpoint of the current release (Messaging Gateway).

    A delivery and its documents have ids that derive from (endpoint, sender's key, digest), so whatever is taken up
    again after a crash makes the same messages; the store's key row says how far it came.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        clock, most = bus.clock, bus.limits.window
        self._reserve = Coalesce[IntakeKey, Reservation](clock, bus.store.reserve, most)
        self._advance = Coalesce[tuple[IntakeKey, int, bool], None](clock, self._advance_all, most)
        self._publish = Coalesce[Sequence[Addressed], None](clock, self._publish_all, 64)
        self._marking: dict[tuple[str, str], asyncio.Future[None]] = {}

    async def take(self, receipt: Receipt) -> Accepted:
        """Make a receipt durable.

        Raises:
            ConflictError: The sender's key came before with another content.
            MessageError: The delivery as a whole cannot be taken; nothing of it was published.
            ChannelError: Not durable; the sender keeps it and tries again.
            StoreError: As ChannelError.
        """
        plan = self._bus.plans.current.intakes.get(receipt.endpoint)
        if plan is None:
            raise DefinitionError(
                f"no route takes from endpoint {receipt.endpoint!r}; give one `from: {{endpoint: …}}`"
            )
        base = derive("intake", receipt.endpoint, receipt.key, receipt.digest)
        now = self._bus.clock.now()
        key = IntakeKey(
            receipt.endpoint, receipt.key, receipt.digest, base, now, plan.window, self._bus.plans.current.release
        )
        marking = self._marking.get((key.endpoint, key.key))
        if marking is not None:
            await marking
        reservation = await self._reserve(key)
        if reservation.state == "conflict":
            raise ConflictError(
                f"{receipt.endpoint}: the key {receipt.key!r} came before with another content; send it with a new key"
            )
        if reservation.state == "published":
            return Accepted(reservation.message_id, reservation.position, repeated=True)
        pinned = await self._bus.plans.get(reservation.release)
        whole = pinned if receipt.endpoint in pinned.intakes else self._bus.plans.current
        taking = _Taking(self._bus, whole, receipt, key, reservation)
        await taking.read(self._publish, self._advance)
        if taking.documents > 1:
            await self._advance((key, taking.documents, True))
        else:
            self._mark(key, taking.documents)
        return Accepted(reservation.message_id, taking.documents, taking.bad)

    async def settled(self) -> None:
        """Return when every key that was taken is marked, or known not to be."""
        while self._marking:
            await next(iter(self._marking.values()))

    def _mark(self, key: IntakeKey, documents: int) -> None:
        """Mark the key of what is durable, while its sender is told already.

        Until then, and if it fails, the key says `reserved`: the same delivery would be published again under the same
        ids, as after a crash at this point. So it is one wait less for a sender, and no promise less.
        """
        name = (key.endpoint, key.key)
        marked = self._marking[name] = asyncio.get_running_loop().create_future()
        self._bus.clock.spawn(self._marked(name, (key, documents, True), marked), "mark")

    async def _marked(
        self, name: tuple[str, str], position: tuple[IntakeKey, int, bool], marked: asyncio.Future[None]
    ) -> None:
        try:
            await self._advance(position)
        except EsbError as error:
            self._bus.log.warning("intake.unmarked", endpoint=name[0], reason=str(error))
        finally:
            if self._marking.get(name) is marked:
                del self._marking[name]
            if not marked.done():
                marked.set_result(None)

    async def _advance_all(self, positions: Sequence[tuple[IntakeKey, int, bool]]) -> Sequence[None]:
        await self._bus.store.advance(positions)
        return [None] * len(positions)

    async def _publish_all(self, windows: Sequence[Sequence[Addressed]]) -> Sequence[None]:
        await self._bus.channel.publish([send for window in windows for send in window])
        return [None] * len(windows)


class _Taking:
    """One receipt being read: parts become messages, windows of messages become durable, one after another."""

    def __init__(self, bus: Bus, whole: Plan, receipt: Receipt, key: IntakeKey, reservation: Reservation) -> None:
        self._bus, self._whole, self._receipt, self._key = bus, whole, receipt, key
        self._plan: IntakePlan = whole.intakes[receipt.endpoint]
        self._base = reservation.message_id
        self._skip = reservation.position
        self._at = reservation.at or key.at
        self._window: list[Addressed] = []
        self._records: list[Record] = []
        self._units = Units(bus, whole.intakes[receipt.endpoint], self._base, self._at)
        self.documents = self.bad = self._weight = 0

    async def read(
        self, publish: Coalesce[Sequence[Addressed], None], advance: Coalesce[tuple[IntakeKey, int, bool], None]
    ) -> None:
        """Read the chunks to their end, publishing window after window."""
        if self._plan.release == "interchange":
            await self._validate()
        async for parts in self._parts(await self._meet()):
            await self._take(parts, publish, advance)
        self._records += self._units.remarks(self._note(self._base))
        self._answer(await self._units.answered_again(self._note(self._base)))
        if self.documents != 1 or self.bad:
            text = f"{self._receipt.name}: {self.documents} documents, {self.bad} bad"
            self._log(self._note(self._base), "received", text, self._plan.endpoint)
        await self._flush(publish)
        await self._units.finish()

    async def _parts(self, met: bool) -> AsyncIterator[Sequence[Part]]:
        """Yield the documents of the delivery; what its source has read with the same reader is not read again."""
        known = self._receipt.known
        if known is not None and known.reader is self._plan.reader and not met:
            yield known.parts
            return
        reader = self._units.reader()
        async for piece in self._pieces():
            yield reader.feed(piece)
        yield reader.end()

    async def _meet(self) -> bool:
        """Look at all of it first, and ask which of its interchanges came before; return whether it has any."""
        scanner = self._plan.scanner()
        if scanner is None:
            return False
        async for piece in self._pieces():
            scanner.feed(piece)
        await self._units.meet(scanner.end())
        return True

    async def _validate(self) -> None:
        """Read all once without publishing: wider than a set, nothing leaves before the end is seen."""
        reader = self._plan.reader()
        async for piece in self._pieces():
            self._refuse_bad(reader.feed(piece))
        self._refuse_bad(reader.end())

    async def _pieces(self) -> AsyncIterator[bytes]:
        """Yield the delivery from its beginning; behind each full piece others work, so that no file holds them up."""
        taken = 0
        async for chunk in self._receipt.chunks:
            taken += len(chunk)
            self._check_size(taken)
            for start in range(0, len(chunk), PIECE):
                piece = chunk[start : start + PIECE]
                yield piece
                if len(piece) == PIECE:
                    await self._bus.clock.sleep(0)

    def _refuse_bad(self, parts: Sequence[Part]) -> None:
        for part in parts:
            if part.error:
                raise _refused(self._receipt, part)

    def _check_size(self, taken: int) -> None:
        if taken > self._plan.max_bytes:
            what = self._receipt.name or "the delivery"
            raise TooLargeError(
                f"{self._receipt.endpoint}: {what} is larger than {self._plan.max_bytes} bytes; "
                "raise max_size of the endpoint or ask the sender to split it"
            )

    async def _take(
        self,
        parts: Sequence[Part],
        publish: Coalesce[Sequence[Addressed], None],
        advance: Coalesce[tuple[IntakeKey, int, bool], None],
    ) -> None:
        for part in parts:
            if part.acknowledgment:
                continue
            await self._add(part)
            if self._full():
                await self._flush(publish)
                await advance((self._key, self.documents, False))
        answers = [part for part in parts if part.acknowledgment]
        if answers and self._plan.acknowledge:
            self._answer(await self._units.acknowledge(self._note(self._base), answers))

    def _answer(self, answers: Sequence[tuple[Message, Addressed]]) -> None:
        """Send acknowledgments to the partner (997, CONTRL): the delivery's last messages."""
        for message, send in answers:
            self._window.append(send)
            self._log(message, "acknowledged", "", self._plan.acknowledge, message.id)

    def _full(self) -> bool:
        """Whether what waits should leave: by bytes, too, for 500 large orders would be 100 MB held at once."""
        limits = self._bus.limits
        return len(self._window) >= limits.window or self._weight >= limits.window_bytes

    async def _add(self, part: Part) -> None:
        self.documents += 1
        self.bad += bool(part.error)
        if self.documents <= self._skip:
            return
        message = self._message(part)
        if part.error:
            self._window.append(parked(self._exception(message, part)))
            self._weight += len(part.raw)
            self._received(message)
            self._log(message, "dead", part.error, f"intake/{self._plan.endpoint}")
            return
        if part.findings:
            self._log(message, "note", _noted(part.findings), f"intake/{self._plan.endpoint}")
        if await self._resolved(message):
            return
        message = self._plan.keys(message)
        route = self._whole.routes[self._plan.route]
        order = route.order_key(message) if route.order_key is not None else ""
        packet = await check_in(self._bus.store, message, pack(message, order_key=order), self._bus.limits.claim_bytes)
        self._window.append(Addressed(f"route/{self._plan.route}", packet))
        self._weight += len(packet.body)
        self._received(message)

    async def _resolved(self, message: Message) -> bool:
        """Let an acknowledgment of the partner's meet what was sent; one that meets nothing is an exception."""
        resolver = self._bus.resolver
        if not self._plan.resolve or resolver is None or message.headers.get("edi_set") not in ANSWERS:
            return False
        reason = await resolver.resolve(message, self._whole.deliveries)
        self._received(message)
        if reason:
            self._window.append(parked(self._exception(message, Part(None, error=reason))))
            self._log(message, "dead", reason, f"intake/{self._plan.endpoint}")
        else:
            self._log(message, "routed", "what it answers knows it", self._plan.endpoint)
        return True

    def _message(self, part: Part) -> Message:
        name = self._units.name(part, self.documents)
        return self._note(name).with_body(part.raw if part.error else part.body).with_headers(part.envelope)

    def _note(self, name: str) -> Message:
        """Return a message of this delivery without a body."""
        plan = self._plan
        return Message(
            id=name,
            body=None,
            received=datetime.fromtimestamp(self._at, UTC),
            format=plan.format,
            route=plan.route,
            endpoint=plan.endpoint,
            partner=self._receipt.partner or plan.partner,
            correlation_id=name,
            causation_id=self._base if name != self._base else "",
            release=self._whole.release,
            headers={**self._receipt.headers, **({"file-name": self._receipt.name} if self._receipt.name else {})},
        )

    def _exception(self, message: Message, part: Part) -> Parked:
        place = f"intake/{self._plan.endpoint}"
        return Parked(
            id=derive("parked", message.id),
            place=place,
            reason=part.error,
            at=self._at,
            origin=f"route/{self._plan.route}",
            packet=pack(message),
            message_id=message.id,
            failure_class="invalid",
            route=self._plan.route,
            step=place,
            owner=self._whole.routes[self._plan.route].owner,
            fingerprint=fingerprint("invalid", self._plan.route, place, part.error),
            partner=message.partner,
            correlation_id=message.correlation_id,
        )

    def _received(self, message: Message) -> None:
        """Tell that the delivery held this document; searchable by the document's keys and by its own id."""
        whole = replace(message, id=self._base)
        text = self._receipt.name or self._receipt.key
        self._log(whole, "received", text, self._plan.endpoint, message.id)

    def _log(self, message: Message, kind: RecordKind, text: str, place: str, child: str = "") -> None:
        self._records.append(record(message, kind, self._at, text=text, place=place, child=child))

    async def _flush(self, publish: Coalesce[Sequence[Addressed], None]) -> None:
        window, records = self._window, self._records
        self._window, self._records, self._weight = [], [], 0
        if records:
            window = [*window, journal(records)]
        if window:
            await publish(window)


def _noted(findings: Sequence[Finding]) -> str:
    """Return what was found in a document that is taken all the same, for its trace: the first few of it."""
    told = [f"{each.code}: {each.text}" + (f" ({each.where})" if each.where else "") for each in findings[:_TOLD]]
    more = len(findings) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _refused(receipt: Receipt, part: Part) -> FormatError:
    return FormatError(f"{receipt.endpoint}: {receipt.name or 'the delivery'} is refused as a whole: {part.error}")
