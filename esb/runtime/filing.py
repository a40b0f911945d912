"""Filing: an interchange that leaves is kept under its control numbers, so that the partner's answer finds it."""

from __future__ import annotations

from esb.envelope import pack
from esb.message import Filing, Message
from esb.ports import Blobs
from esb.runtime.claims import check_in
from esb.trading import Filed


async def file_away(
    blobs: Blobs, message: Message, address: str, filing: Filing, now: float, answers: str = ""
) -> list[Filed]:
    """Return a row for each number that a message bears, its body durable in the blob store.

    `answers`: the interchange that it acknowledges.
    """
    packet = await check_in(blobs, message, pack(message), -1)
    return [
        Filed(
            scope=one.scope,
            number=one.number,
            endpoint=address.partition("/")[2],
            message_id=message.id,
            packet=packet,
            at=now,
            answers=answers,
            due=filing.due(now) if one.owed else None,
            state="open" if one.owed and filing.within else "kept",
        )
        for one in filing.numbers
    ]
