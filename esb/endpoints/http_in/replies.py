"""Replies: what a synchronous route answers, kept under its message, and how a caller learns of it.

A reply is a delivery like any other: the route's last document goes to this endpoint's own channel, and the sink keeps
it in the store, where the first one wins. So the caller may hang up, the process that listens may die, and the same key
sent again gets the same answer.
"""

from __future__ import annotations

import re
from typing import Literal, Protocol, TypeAlias

import msgspec
from msgspec import Struct

from esb.edge import Delivered
from esb.errors import EndpointError, EsbError, RejectedError
from esb.message import Message, derive

LARGEST = 10_000_000
"""Bytes of a reply: it is held in memory, and kept in one row of the store."""
STATUS = "http-status"
"""The header of a message that chooses the status of the reply."""
CLIENT = "http-client"
"""The header that says whose message it is."""

Standing: TypeAlias = Literal["unknown", "waiting", "held", "failed", "ended"]
"""How a message without a reply stands: `failed` waits for a person as an exception, `ended` will have none."""


class StoppingError(EsbError):
    """This process stops: the reply will be kept by another, or by the next."""


class Reply(Struct, frozen=True):
    """What the route said. `format` json = a document that can be written in other formats, too.

    `endpoint` and `client`: whose it is; whoever asks elsewhere or as somebody else is told that there is nothing.
    """

    body: bytes
    format: str = "json"
    status: int = 200
    client: str = ""
    endpoint: str = ""


class Replies(Protocol):
    """Where replies are kept and waited for; `name` is that of `reply_name`."""

    async def keep(self, name: str, message_id: str, reply: bytes) -> None: ...
    async def wait(self, name: str, seconds: float) -> bytes | None:
        """Return the reply as soon as it is there, or None when the time is over. Raises StoppingError."""
        ...

    async def find(self, name: str) -> bytes | None: ...
    async def standing(self, message_id: str, endpoint: str, client: str) -> Standing: ...


_STATUS = re.compile(r"[2-5][0-9]{2}")
_encode = msgspec.msgpack.Encoder().encode
read_reply = msgspec.msgpack.Decoder(Reply).decode


def document_id(message_id: str) -> str:
    """Return the id of the one document of a delivery, which every message that comes of it carries along."""
    return derive(message_id, 1)


def reply_name(document: str) -> str:
    """Return the name under which the reply to a document is kept."""
    return derive("reply", document)


class ReplySink:
    """The delivery side of a synchronous endpoint: a delivered message is a reply that is kept."""

    def __init__(self, replies: Replies | None) -> None:
        self._replies = replies

    async def deliver(self, message: Message, key: str) -> Delivered:
        """Keep the reply.

        Raises:
            RejectedError: It is too large.
            StoreError: The store is out of reach.
            EndpointError: It was made without a place for replies.
        """
        if self._replies is None:
            raise EndpointError("replies are kept by the process that listens, not here")
        body = message.body if isinstance(message.body, bytes) else bytes(message.body)
        if len(body) > LARGEST:
            raise RejectedError(f"the reply has {len(body)} bytes, the limit is {LARGEST}; answer with a link instead")
        asked = message.headers.get(STATUS, "")
        status = int(asked) if _STATUS.fullmatch(asked) else 200
        reply = Reply(body, message.format, status, message.headers.get(CLIENT, ""), message.endpoint)
        document = message.correlation_id
        await self._replies.keep(reply_name(document), document, _encode(reply))
        return Delivered(f"replied {reply.status}, {len(body)} bytes")

    async def applied(self, message: Message, key: str) -> bool | None:
        """Return that a reply can simply be kept again: the first one stays."""
        return None

    async def check(self) -> str:
        """Return that replies need nothing but the store."""
        return "replies are kept in the store"

    async def close(self) -> None:
        """Return."""
