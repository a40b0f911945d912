"""Units: the interchanges of a delivery: whether they came before, what their messages are called, their answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from esb.edge import Interchange, Part
from esb.envelope import Addressed, pack
from esb.message import Filing, Message, derive
from esb.plan import IntakePlan
from esb.records import Record
from esb.runtime.bus import Bus
from esb.runtime.claims import check_in, check_out
from esb.runtime.filing import file_away
from esb.runtime.history import record
from esb.trading import Arrival, Filed, FiledFilter, Meeting, NumberClaim


class Units:
    """What one delivery holds. A message's id derives from its interchange, whatever file or post brings that.

    So an interchange that was cut and comes again by another way makes the messages that it made before.
    """

    def __init__(self, bus: Bus, plan: IntakePlan, base: str, at: float) -> None:
        self._bus, self._plan, self._base, self._at = bus, plan, base, at
        self._met: dict[int, tuple[Interchange, Meeting]] = {}
        self._doubles: set[int] = set()
        self._count: Counter[int] = Counter()
        self._answers: Counter[int] = Counter()

    async def meet(self, found: Sequence[Interchange]) -> None:
        """Ask the store about each; one that was cut is not remembered, for it will come again."""
        whole = [(number, one) for number, one in enumerate(found, 1) if one.whole]
        arrivals = [
            Arrival(one, f"{self._base}.{number}", self._plan.endpoint, self._at, self._plan.duplicates)
            for number, one in whole
        ]
        met = await self._bus.store.meet(arrivals)
        self._met = {number: (one, said) for (number, one), said in zip(whole, met, strict=True)}
        self._tell_doubles()

    def _tell_doubles(self) -> None:
        """Take what stands twice in this delivery for a retransmission: the answer to the first answers both."""
        bases: set[str] = set()
        for number, (one, said) in self._met.items():
            if said.state == "new" and said.base in bases:
                self._doubles.add(number)
                self._met[number] = one, replace(said, state="again")
            elif said.state == "new":
                bases.add(said.base)

    def reader(self) -> Any:
        """Return the reader of the delivery, told what came before."""
        reader: Any = self._plan.reader()
        if self._met:
            last = max(self._met)
            reader.met([self._met[number][1].state if number in self._met else "new" for number in range(1, last + 1)])
        return reader

    def name(self, part: Part, ordinal: int) -> str:
        """Return the id of a document's message; `ordinal` is its place in the delivery."""
        if part.unit not in self._met:
            return derive(self._base, ordinal)
        self._count[part.unit] += 1
        return derive(self._of(part.unit), self._count[part.unit])

    def remarks(self, delivery: Message) -> list[Record]:
        """Return what history says of interchanges that came before."""
        lines = []
        for number, (one, said) in self._met.items():
            label = f"interchange {one.number} of {one.sender}"
            where = {"place": self._plan.endpoint, "attempt": number}
            if said.state == "again":
                when = datetime.fromtimestamp(said.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
                text = f"{label} came before ({when}); it is answered again and not processed again"
                if number in self._doubles:
                    text = f"{label} stands twice in this delivery; it is answered and processed once"
                lines.append(record(delivery, "duplicate", self._at, text=text, **where))
            elif said.copy_of:
                text = f"{label} has the content of interchange {said.copy_of}, which came before; it is processed"
                lines.append(record(delivery, "note", self._at, text=text, **where))
        return lines

    async def acknowledge(self, sender: Message, answers: Sequence[Part]) -> list[tuple[Message, Addressed]]:
        """Return what the reader answers as messages, with control numbers that are theirs for good, filed."""
        messages = [self._answer(sender, part) for part in answers]
        pairs = list(zip(messages, answers, strict=True))
        drafts = [(message, part) for message, part in pairs if part.draft is not None and self._plan.numbered]
        numbered = await self._numbered(drafts) if drafts else {}
        finished = [numbered.get(message.id, message) for message in messages]
        return [(message, await self._addressed(message)) for message in finished]

    async def _numbered(self, drafts: Sequence[tuple[Message, Part]]) -> dict[str, Message]:
        """Return the answers with their numbers, by id, all taken at once and filed."""
        claims = [
            NumberClaim(derive("numbers", message.id), message.id, self._at, part.draft.wants)
            for message, part in drafts
            if part.draft is not None
        ]
        taken = await self._bus.store.take(claims)
        made: dict[str, Message] = {}
        filed: list[Filed] = []
        for (message, part), numbers in zip(drafts, taken, strict=True):
            assert part.draft is not None
            written = part.draft.write(numbers)
            answer = made[message.id] = message.with_body(written.body).with_headers(written.headers)
            filing, base = Filing(written.numbers), self._base_of_answers(part.unit)
            filed += await file_away(self._bus.store, answer, self._address, filing, self._at, base)
        await self._bus.store.file(filed)
        return made

    async def answered_again(self, sender: Message) -> list[tuple[Message, Addressed]]:
        """Return the answers to interchanges that came again: the bytes that they got then, as new messages."""
        sends: list[tuple[Message, Addressed]] = []
        for number, (_, said) in self._met.items():
            if said.state != "again" or number in self._doubles or not self._plan.acknowledge:
                continue
            rows = await self._bus.store.filed(FiledFilter(answers=said.base))
            packets = {row.message_id: row.packet for row in rows}
            for count, packet in enumerate(packets.values(), 1):
                name = derive(self._base, "again", number, count)
                before, _ = await check_out(self._bus.store, packet, read_body=False)
                again = replace(before, id=name, correlation_id=name, causation_id=sender.id, received=sender.received)
                sends.append((again, await self._addressed(again)))
        return sends

    async def finish(self) -> None:
        """Note that all of it is durable: whoever brings one of its interchanges again brings a retransmission."""
        bases = [said.base for _, said in self._met.values() if said.state == "new"]
        if bases:
            await self._bus.store.finish(bases)

    @property
    def _address(self) -> str:
        return f"delivery/{self._plan.acknowledge}"

    def _of(self, unit: int) -> str:
        return self._met[unit][1].base if unit in self._met else self._base

    def _base_of_answers(self, unit: int) -> str:
        """Return what answers derive from; the refusal of a duplicate is no answer to the one that came first."""
        duplicate = unit in self._met and self._met[unit][1].state == "other"
        return derive(self._base, unit) if duplicate else self._of(unit)

    def _answer(self, sender: Message, part: Part) -> Message:
        self._answers[part.unit] += 1
        name = derive(self._base_of_answers(part.unit), "ack", self._answers[part.unit])
        message = replace(sender, id=name, correlation_id=name, causation_id=self._base)
        return message.with_body(part.body, format="acknowledgment").with_headers(part.envelope)

    async def _addressed(self, message: Message) -> Addressed:
        packet = await check_in(self._bus.store, message, pack(message), self._bus.limits.claim_bytes)
        return Addressed(self._address, packet)
