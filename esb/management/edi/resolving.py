"""Resolving: a partner's acknowledgment meets what was sent, and both people and history learn what it means."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from esb.envelope import unpack
from esb.management.edi.said import Said, said
from esb.management.edi.sent import Sent, cut
from esb.management.edi_files.remarks import Remark
from esb.message import Claim, Message, derive
from esb.plan import DeliveryPlan
from esb.ports import Clock, Store
from esb.records import Parked
from esb.runtime.history import fingerprint, record
from esb.runtime.overdue import exception_of, label, missed
from esb.trading import Filed, FiledFilter, FiledState, Judgment

_ANY: tuple[FiledState, ...] = ("kept", "open", "overdue", "accepted", "noted", "partial", "rejected")
_TOLD = 20
"""Remarks that are told in words; the acknowledgment itself has all of them."""


class Resolver:
    """`esb.runtime.bus.Resolver`: notes what became of what was sent; a rejection is an exception of its owner."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def resolve(self, answer: Message, deliveries: Mapping[str, DeliveryPlan]) -> str:
        """Apply an acknowledgment; return why it cannot be, or nothing.

        The same acknowledgment again changes nothing.
        """
        kind = answer.headers.get("edi_set", "")
        one = said(kind, answer.body, answer.headers)
        rows = await self._store.filed(FiledFilter(numbers=((one.scope, one.number),)))
        if not rows:
            level = f"{one.scope.level} {one.number} {one.scope.kind}".strip()
            return f"their {kind} speaks of {level}, which is none that we sent to {one.scope.partner}"
        await self._judge(answer, one, rows[0], deliveries)
        return ""

    async def _judge(self, answer: Message, one: Said, row: Filed, deliveries: Mapping[str, DeliveryPlan]) -> None:
        rows = [row]
        if one.scope.level == "interchange" and one.scope.dialect == "x12" and one.state == "rejected":
            # a rejected interchange takes its groups with it: nobody will acknowledge them
            rows = [*await self._store.filed(FiledFilter(message_ids=(row.message_id,)))]
        text = await self._in_words(answer, one, row)
        judgments = [
            self._judgment(answer, one, each, text, deliveries, number == 0) for number, each in enumerate(rows)
        ]
        await self._store.judge(judgments)

    def _judgment(
        self, answer: Message, one: Said, row: Filed, text: str, deliveries: Mapping[str, DeliveryPlan], first: bool
    ) -> Judgment:
        now = self._clock.now()
        message, _ = unpack(row.packet, read_body=False)
        good = one.state in ("accepted", "noted")
        kind = "confirmed" if good else "contested"
        line = record(message, kind, now, place=row.endpoint, text=text, child=answer.id)  # type: ignore[arg-type]
        exception = None if good or not first else _contested(row, message, answer, text, now, deliveries)
        told = replace(row, state=one.state, told=text, told_at=now)
        return Judgment(told, _ANY, (line,) if first else (), exception, missed(row))

    async def _in_words(self, answer: Message, one: Said, row: Filed) -> str:
        verbs = {"accepted": "accepted", "noted": "accepted, with errors noted,", "partial": "accepted a part of"}
        number = answer.headers.get("edi_interchange", "")
        who = f"{answer.partner or one.scope.partner}'s {answer.headers.get('edi_set', '')} {number}".strip()
        head = f"{who} {verbs.get(one.state, 'rejected')} {label(row)}"
        if one.sets:
            head += f" ({one.sets})"
        if not one.remarks:
            return head
        sent = await self._sent(row)
        lines = [_sentence(remark, sent) for remark in one.remarks[:_TOLD]]
        more = len(one.remarks) - _TOLD
        return f"{head}: {'; '.join(lines)}" + (f"; and {more} more" if more > 0 else "")

    async def _sent(self, row: Filed) -> Sent:
        claim = unpack(row.packet, read_body=False)[0].body
        assert isinstance(claim, Claim)
        return cut(await self._store.get(claim.digest))


def _sentence(remark: Remark, sent: Sent) -> str:
    """Return a remark with what was sent in its place: `set 856 0001, segment 8 MAN, element 3 "EACH": …`."""
    where: list[str] = []
    if remark.set:
        where.append(f"set {remark.set} {remark.transaction}")
    segment = sent.segment(remark.transaction, remark.position) if remark.position else ""
    tag = segment.partition(sent.element)[0] or remark.tag
    if remark.position:
        where.append(f"segment {remark.position} {tag}".strip())
    if remark.element > 0:
        value = sent.value(segment, remark.element, remark.component) or remark.value
        place = f"element {remark.element}" + (f":{remark.component}" if remark.component else "")
        where.append(f'{place} "{value[:99]}"' if value else f"{place} (it was empty)")
    elif segment:
        where[-1] += f' "{segment[:99]}"'
    return f"{', '.join(where)}: {remark.text} ({remark.code})" if where else f"{remark.text} ({remark.code})"


def _contested(
    row: Filed, message: Message, answer: Message, text: str, now: float, deliveries: Mapping[str, DeliveryPlan]
) -> Parked:
    """Return the exception for something that the partner did not take; a retry sends the same bytes again."""
    parked = exception_of(row, message, "rejected", text, now, deliveries)
    return replace(
        parked,
        id=derive("contested", row.message_id, row.scope.level, row.scope.kind, str(row.number), answer.id),
        fingerprint=fingerprint("rejected", message.route, row.endpoint, text),
    )
