"""Synchronous answers: the route's last document goes back to who asked, now or at the address of the result."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from starlette.responses import Response

from esb.edge import Accepted
from esb.endpoints.http_in.negotiation import choose, media_type
from esb.endpoints.http_in.problems import Refusal, response
from esb.endpoints.http_in.replies import (
    Replies,
    Reply,
    Standing,
    StoppingError,
    document_id,
    read_reply,
    reply_name,
)
from esb.envelope import decode_document
from esb.errors import EsbError, FormatError
from esb.ports import Format

_FIRST_LOOK, _LONGEST_LOOK = 0.25, 2.0
"""Seconds between two looks at how a message stands: one that has failed will have no reply to wait for."""
_RETRY_AFTER = 2
_BODILESS_STATUSES = frozenset({204, 205, 304})
_LARGE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Synchronous:
    """Answers for one endpoint. `seconds`: how long a caller may wait."""

    endpoint: str
    seconds: float
    replies: Replies
    formats: Mapping[str, Format]
    """By media type, the first is the one that callers without a preference get."""

    def accepted(self, accept: str) -> str:
        """Return the media type to answer in. Raises Refusal (406) if none of ours will do."""
        found = choose(accept, list(self.formats))
        if found is None:
            detail = f"The answer can be had as {', '.join(self.formats)}."
            raise Refusal(406, "not-acceptable", detail)
        return found

    def place(self, message_id: str) -> str:
        """Return the address of a result."""
        return f"/in/{self.endpoint}/results/{message_id}"

    async def answer(self, accepted: Accepted, media: str, client: str) -> Response:
        """Return the reply, what became of the message instead, or (504) where the reply can be had later."""
        if accepted.documents != 1:
            detail = "A request that is answered holds one document; this one was taken and kept all the same."
            raise Refusal(422, "not-one-document", detail, {"Location": self.place(accepted.message_id)})
        name = reply_name(document_id(accepted.message_id))
        loop = asyncio.get_running_loop()
        end, look = loop.time() + self.seconds, _FIRST_LOOK
        while (left := end - loop.time()) > 0:
            try:
                raw = await self.replies.wait(name, min(left, look))
            except StoppingError:
                break
            if raw is not None:
                return await self._written(raw, media, client, accepted.repeated)
            standing = await self.replies.standing(accepted.message_id, self.endpoint, client)
            if standing in ("failed", "ended", "held"):
                raw = await self.replies.find(name)  # it may have come while we looked
                if raw is None:
                    return self._without(standing, accepted.message_id)
            look = min(look * 2, _LONGEST_LOOK)
        detail = "There is no answer yet; the work goes on. Ask for the result at Location."
        headers = {"Location": self.place(accepted.message_id), "Retry-After": str(_RETRY_AFTER)}
        raise Refusal(504, "late", detail, headers)

    async def result(self, message_id: str, media: str, client: str) -> Response:
        """Return the answer to an earlier request: the reply, or how it stands."""
        raw = await self.replies.find(reply_name(document_id(message_id)))
        if raw is not None:
            return await self._written(raw, media, client, repeated=False)
        return self._without(await self.replies.standing(message_id, self.endpoint, client), message_id)

    async def _written(self, raw: bytes, media: str, client: str, repeated: bool) -> Response:
        reply = read_reply(raw)
        if (reply.endpoint, reply.client) != (self.endpoint, client):
            raise Refusal(404, "not-found", "There is no such result.")
        headers = {"X-Content-Type-Options": "nosniff", **({"Idempotent-Replayed": "true"} if repeated else {})}
        if reply.status in _BODILESS_STATUSES:
            return Response(status_code=reply.status, headers=headers)
        if len(reply.body) > _LARGE:
            body, kind = await asyncio.to_thread(self._render, reply, media)
        else:
            body, kind = self._render(reply, media)
        if len(self.formats) > 1:
            headers["Vary"] = "Accept"
        return Response(body, reply.status, headers, kind)

    def _render(self, reply: Reply, media: str) -> tuple[bytes, str]:
        """Return the bytes and their media type; what is no document goes out as the route made it."""
        if reply.format != "json":
            return reply.body, media_type(reply.format)
        if media == "application/json":
            return reply.body, media
        try:
            return self.formats[media].render(decode_document(reply.body)), media
        except EsbError as error:
            what = str(error) if isinstance(error, FormatError) else "it cannot be written so"
            raise Refusal(406, "not-representable", f"The answer cannot be written as {media}: {what}") from None

    def _without(self, standing: Standing, message_id: str) -> Response:
        """Return what to say of a message that has no reply."""
        if standing == "unknown":
            raise Refusal(404, "not-found", "There is no such result.")
        if standing == "ended":
            return Response(status_code=204)
        place = {"Location": self.place(message_id)}
        if standing == "failed":
            detail = f"It was taken, but could not be processed, and waits for a person as {message_id}."
            return response(Refusal(422, "not-processed", detail, place))
        document = {"id": message_id, "state": standing, "result_url": self.place(message_id)}
        return Response(
            msgspec.json.encode(document), 202, {**place, "Retry-After": str(_RETRY_AFTER)}, "application/json"
        )
