"""Claim Check: bodies above a size wait in the blob store and travel as a claim."""

from __future__ import annotations

from hashlib import sha256

from esb.envelope import Packet, decode_document, pack, unpack
from esb.message import Claim, Message
from esb.ports import Blobs


async def check_in(blobs: Blobs, message: Message, packet: Packet, limit: int) -> Packet:
    """Return the packet, or one with a claim if its body is larger than `limit` bytes; the blob is durable then."""
    if len(packet.body) <= limit or packet.content == "claim":
        return packet
    digest = sha256(packet.body).hexdigest()
    await blobs.put(digest, packet.body)
    claim = pack(message.with_body(Claim(digest, len(packet.body))), order_key=packet.order_key, headers=packet.headers)
    meta = {"claimed": packet.content, **claim.headers}
    return Packet(claim.id, claim.body, "claim", packet.meta, packet.attempt, packet.due, packet.order_key, meta)


async def check_out(blobs: Blobs, packet: Packet, read_body: bool = True) -> tuple[Message, str]:
    """Return the message of a packet and the step it enters at, its body fetched if it was claimed.

    Raises:
        StoreError: The blob store is out of reach.
        FormatError: The body is not what the packet says.
    """
    message, at = unpack(packet, read_body)
    if type(message.body) is not Claim:
        return message, at
    raw = await blobs.get(message.body.digest)
    if read_body and packet.headers.get("claimed") == "json":
        return message.with_body(decode_document(raw)), at
    return message.with_body(raw), at
