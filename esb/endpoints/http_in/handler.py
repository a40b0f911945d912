"""The door: one request becomes one receipt. 202 is answered only when the intake has all of it for good.

The order of the checks is the order of their price: method, key or token, lengths and types from the headers; then the
body with its limits; then the signature over its raw bytes; and only a sender who is known is counted and parsed.
"""

from __future__ import annotations

import asyncio
import codecs
import math
from collections.abc import AsyncIterator, Awaitable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from esb.edge import Accepted, Known, Receipt
from esb.endpoints.gcra import Gcra
from esb.endpoints.http_in.arrivals import Call, arrivals
from esb.endpoints.http_in.body import Budget, GoneError, declared_length, read_body
from esb.endpoints.http_in.checking import check
from esb.endpoints.http_in.negotiation import media_type
from esb.endpoints.http_in.problems import Refusal, refusal, response, unavailable
from esb.endpoints.http_in.rules import BODILESS, Arrival, Means, Rules
from esb.endpoints.http_in.synchronous import Synchronous
from esb.endpoints.taking import take
from esb.errors import EsbError, SecurityError
from esb.ports import Intake

_LARGE = 256 * 1024
"""Bodies above this size are parsed in a thread: others must not wait for it."""
_MOST_CLIENTS = 10_000
_AT_ONCE = 64
"""Events of one batch that are taken side by side."""


@dataclass(slots=True)
class Door:
    """An ASGI application for one endpoint."""

    rules: Rules
    intake: Intake
    means: Means
    _open: int = 0
    _budget: Budget = field(init=False)
    _rate: Gcra | None = field(init=False)
    _clients: dict[str, Gcra] = field(init=False, default_factory=dict)
    _synchronous: Synchronous | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._budget = Budget(self.rules.memory)
        self._rate = Gcra(*self.rules.rate) if self.rules.rate else None
        if self.rules.reply and self.means.replies is not None:
            formats = {media_type(each.name): each for each in self.means.answers}
            self._synchronous = Synchronous(self.rules.name, self.rules.reply, self.means.replies, formats)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._reply(self._answer(Request(scope), receive), scope, receive, send)

    async def result(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for the result of an earlier one."""
        await self._reply(self._result(Request(scope)), scope, receive, send)

    async def _reply(self, work: Awaitable[Response], scope: Scope, receive: Receive, send: Send) -> None:
        log, name = self.means.world.log, self.rules.name
        try:
            answer = await work
        except GoneError:
            return
        except SecurityError as error:
            log.warning("http_in.unauthorized", endpoint=name, reason=str(error))
            answer = response(Refusal(401, "unauthorized", headers={"WWW-Authenticate": self.rules.guard.challenge}))
        except EsbError as error:
            problem = refusal(error)
            log.info("http_in.refused", endpoint=name, status=problem.status, code=problem.code, reason=str(error))
            answer = response(problem)
        await answer(scope, receive, send)

    async def _answer(self, request: Request, receive: Receive) -> Response:
        rules = self.rules
        if request.method not in rules.methods:
            allowed = ", ".join(rules.methods)
            raise Refusal(405, "method-not-allowed", f"Messages are sent by {allowed}.", {"Allow": allowed})
        headers = headers_of(request)
        client = await rules.guard.admit(headers)
        media = self._synchronous.accepted(headers.get("accept", "")) if self._synchronous else ""
        parameters = rules.parameters.read(request.path_params, request.scope["query_string"])
        call = Call(request.method, client, parameters, headers)
        declared_length(headers, rules.max_bytes)
        if request.method not in BODILESS:
            _check_type(headers, rules)
        if self._open >= rules.at_once:
            raise unavailable(1.0)
        self._open += 1
        try:
            accepted = await self._received(call, receive)
            if self._synchronous is None or "respond-async" in headers.get("prefer", ""):
                return self._accepted(accepted)
            return await _unless_gone(self._synchronous.answer(accepted[0], media, client), receive)
        finally:
            self._open -= 1

    async def _received(self, call: Call, receive: Receive) -> list[Accepted]:
        """Return what the intake said of a request's deliveries; its memory is given back before anybody waits."""
        body = await read_body(receive, self.rules.max_bytes, self.rules.timeout, self._budget)
        try:
            return await self._take(call, bytes(body))
        finally:
            self._budget.give(len(body))

    async def _take(self, call: Call, body: bytes) -> list[Accepted]:
        self.rules.guard.verify(call.headers, body, self.means.world.clock.now())
        self._count(call.client)
        found = arrivals(self.rules, call, body)
        known = [await self._check(arrival.body) for arrival in found]
        if len(found) == 1:
            return [await self._take_one(found[0], call.client, known[0])]
        turn = asyncio.Semaphore(_AT_ONCE)

        async def one(arrival: Arrival, read: Known | None) -> Accepted:
            async with turn:
                return await self._take_one(arrival, call.client, read)

        # All are taken before a failure is told: the sender sends the batch again, and what was taken is known.
        given = await asyncio.gather(*map(one, found, known), return_exceptions=True)
        failed = next((each for each in given if isinstance(each, BaseException)), None)
        if failed is not None:
            raise failed
        return [each for each in given if isinstance(each, Accepted)]

    async def _take_one(self, arrival: Arrival, client: str, known: Known | None) -> Accepted:
        receipt = Receipt(
            endpoint=self.rules.name,
            key=arrival.key,
            digest=arrival.digest,
            chunks=_Whole(arrival.body),
            headers=arrival.headers,
            partner=self.rules.partner_of(client),
            known=known,
        )
        return await take(self.intake, receipt, self.means.world.log)

    def _count(self, client: str) -> None:
        """Count a request against the rates. Raises Refusal (429)."""
        now = self.means.world.clock.now()
        wait = 0.0
        if self.rules.client_rate is not None:
            if client not in self._clients and len(self._clients) >= _MOST_CLIENTS:
                self._clients.pop(next(iter(self._clients)))
            wait = self._clients.setdefault(client, Gcra(*self.rules.client_rate)).wait(now)
        if not wait and self._rate is not None:
            wait = self._rate.wait(now)
        if wait:
            detail = "Too many requests; send the same one again later."
            raise Refusal(429, "too-many", detail, {"Retry-After": str(max(1, math.ceil(wait)))})

    async def _check(self, body: bytes) -> Known | None:
        """Return what the body holds, if it was looked at with the intake's own reader. Raises Refusal."""
        reader = self.means.reader
        if not self.rules.check and self.means.contract is None:
            return None
        given = (body, reader, self.rules.strict, self.means.contract)
        parts = await asyncio.to_thread(check, *given) if len(body) > _LARGE else check(*given)
        return None if reader is None or parts is None else Known(reader, parts)

    def _accepted(self, accepted: list[Accepted]) -> Response:
        if len(accepted) == 1:
            return _told(accepted[0], self._place(accepted[0]))
        told = [_document(each, self._place(each)) | {"repeated": each.repeated} for each in accepted]
        return Response(msgspec.json.encode({"events": told}), 202, media_type="application/json")

    def _place(self, accepted: Accepted) -> str:
        if self._synchronous is not None:
            return self._synchronous.place(accepted.message_id)
        return f"/v1/messages/{accepted.message_id}"

    async def _result(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise Refusal(405, "method-not-allowed", "Results are read by GET.", {"Allow": "GET, HEAD"})
        headers, guard = headers_of(request), self.rules.guard
        client = await guard.admit(headers)
        guard.verify(headers, b"", self.means.world.clock.now())
        self._count(client)
        if self._synchronous is None:
            raise Refusal(404, "not-found", "There is no such result.")
        media = self._synchronous.accepted(headers.get("accept", ""))
        return await self._synchronous.result(request.path_params["message_id"], media, client)


async def _unless_gone(work: Coroutine[Any, Any, Response], receive: Receive) -> Response:
    """Return what the work returns; who hangs up waits for nothing and keeps no place (the route's work goes on).

    Raises:
        GoneError: The caller hung up.
    """
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise GoneError("the caller hung up")
        return working.result()
    finally:
        working.cancel()
        gone.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def headers_of(request: Request) -> dict[str, str]:
    """Return the headers by lower-case name; repeated ones joined as RFC 9110 (5.3) says."""
    found: dict[str, str] = {}
    for raw_name, raw_value in request.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip(" \t")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _check_type(headers: Mapping[str, str], rules: Rules) -> None:
    """Refuse what the endpoint's format cannot read; a body without a type is given the benefit of the doubt."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        detail = "Compressed bodies are not taken; send it without Content-Encoding."
        raise Refusal(415, "content-encoding", detail, {"Accept-Encoding": "identity"})
    given, _, parameters = headers.get("content-type", "").partition(";")
    kind, accepted = given.strip().lower(), rules.content_types
    # "+json" stands for every structured type that is JSON underneath (RFC 6839).
    fits = any(kind == each or (each.startswith("+") and kind.endswith(each)) for each in accepted)
    if kind and accepted and not fits:
        kinds = ", ".join(each for each in accepted if not each.startswith("+"))
        raise Refusal(415, "media-type", f"Send it as {kinds}.", {"Accept-Post": kinds})
    charset = next((value for name, value in map(_pair, parameters.split(";")) if name == "charset"), "")
    if charset and rules.charsets and _codec(charset) not in rules.charsets:
        raise Refusal(415, "charset", f"Send it in {rules.charsets[0]}.")


def _codec(charset: str) -> str:
    try:
        return codecs.lookup(charset).name
    except (LookupError, ValueError):
        return ""


def _pair(parameter: str) -> tuple[str, str]:
    name, _, value = parameter.partition("=")
    return name.strip().lower(), value.strip().strip('"').lower()


class _Whole:
    """The body as chunks; every reading begins at its start, for a delivery may be validated before it is taken."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


def _told(accepted: Accepted, place: str) -> Response:
    headers = {"Location": place, **({"Idempotent-Replayed": "true"} if accepted.repeated else {})}
    return Response(msgspec.json.encode(_document(accepted, place)), 202, headers, "application/json")


def _document(accepted: Accepted, place: str) -> dict[str, object]:
    document: dict[str, object] = {"id": accepted.message_id, "status_url": place}
    if accepted.documents != 1 or accepted.bad:
        document |= {"documents": accepted.documents, "bad": accepted.bad}
    return document
