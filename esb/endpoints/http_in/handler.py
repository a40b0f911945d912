"""The door: one POST becomes one receipt. 202 is answered only when the intake has all of it for good.

The order of the checks is the order of their price: method, key or token, lengths and types from the headers; then the
body with its limits; then the signature over its raw bytes; and only a sender who is known is counted and parsed.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from esb.edge import Accepted, Receipt
from esb.endpoints.gcra import Gcra
from esb.endpoints.http_in.auth import Guard
from esb.endpoints.http_in.body import Budget, GoneError, declared_length, read_body
from esb.endpoints.http_in.checking import MakeReader, check
from esb.endpoints.http_in.problems import Refusal, refusal, response, unavailable
from esb.endpoints.taking import take
from esb.errors import EsbError, SecurityError
from esb.ports import Intake
from esb.specs import World

_COPIED = ("content-type", "user-agent")
_LONGEST_HEADER = 2000
_LONGEST_KEY = 255
_LARGE = 256 * 1024
"""Bodies above this size are parsed in a thread: others must not wait for it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a request. `check`: parse before taking; `strict`: one bad part refuses the whole body."""

    name: str
    guard: Guard
    identity: tuple[str, ...]
    headers: tuple[str, ...] = ()
    content_types: tuple[str, ...] = ()
    max_bytes: int = 10_000_000
    timeout: float = 30.0
    at_once: int = 200
    memory: int = 256_000_000
    rate: tuple[float, float] | None = None
    check: bool = True
    strict: bool = True
    partner: str = ""


@dataclass(slots=True)
class Door:
    """An ASGI application for one endpoint."""

    rules: Rules
    intake: Intake
    world: World
    reader: MakeReader | None = None
    _open: int = 0
    _budget: Budget = field(init=False)
    _rate: Gcra | None = field(init=False)

    def __post_init__(self) -> None:
        self._budget = Budget(self.rules.memory)
        self._rate = Gcra(*self.rules.rate) if self.rules.rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            answer = await self._answer(Request(scope), receive)
        except GoneError:
            return
        except SecurityError as error:
            self.world.log.warning("http_in.unauthorized", endpoint=self.rules.name, reason=str(error))
            challenge = {"WWW-Authenticate": self.rules.guard.challenge}
            answer = response(Refusal(401, "unauthorized", headers=challenge))
        except EsbError as error:
            problem = refusal(error)
            self.world.log.info(
                "http_in.refused",
                endpoint=self.rules.name,
                status=problem.status,
                code=problem.code,
                reason=str(error),
            )
            answer = response(problem)
        await answer(scope, receive, send)

    async def _answer(self, request: Request, receive: Receive) -> Response:
        if request.method != "POST":
            raise Refusal(405, "method-not-allowed", "Messages are sent by POST.", {"Allow": "POST"})
        headers = _headers(request)
        self.rules.guard.admit(headers)
        declared_length(headers, self.rules.max_bytes)
        _check_type(headers, self.rules.content_types)
        if self._open >= self.rules.at_once:
            raise unavailable(1.0)
        self._open += 1
        try:
            body = await read_body(receive, self.rules.max_bytes, self.rules.timeout, self._budget)
            try:
                return _accepted(await self._take(headers, bytes(body)))
            finally:
                self._budget.give(len(body))
        finally:
            self._open -= 1

    async def _take(self, headers: Mapping[str, str], body: bytes) -> Accepted:
        self.rules.guard.verify(headers, body, self.world.clock.now())
        self._count()
        copied = self._copied(headers)
        digest = sha256(body).hexdigest()
        key = _key(headers, self.rules.identity) or f"sha256:{digest}"
        if not body:
            raise Refusal(400, "empty", "The body is empty.")
        if self.rules.check:
            await self._check(body)
        receipt = Receipt(
            endpoint=self.rules.name,
            key=key,
            digest=digest,
            chunks=_Whole(body),
            headers=copied,
            partner=self.rules.partner,
        )
        return await take(self.intake, receipt, self.world.log)

    def _count(self) -> None:
        wait = self._rate.wait(self.world.clock.now()) if self._rate else 0.0
        if wait:
            detail = "Too many requests; send the same one again later."
            raise Refusal(429, "too-many", detail, {"Retry-After": str(max(1, math.ceil(wait)))})

    async def _check(self, body: bytes) -> None:
        if len(body) > _LARGE:
            await asyncio.to_thread(check, body, self.reader, self.rules.strict)
        else:
            check(body, self.reader, self.rules.strict)

    def _copied(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers that go on with the message: an allowlist, so that no credential ever does."""
        copied = {name: headers[name] for name in (*_COPIED, *self.rules.headers) if name in headers}
        for name, value in copied.items():
            if len(value) > _LONGEST_HEADER:
                detail = f"The header {name} is longer than {_LONGEST_HEADER} characters."
                raise Refusal(431, "header-too-large", detail)
            if not value.isprintable():
                raise Refusal(400, "bad-header", f"The header {name} holds control characters.")
        return copied


def _headers(request: Request) -> dict[str, str]:
    """Return the headers by lower-case name; repeated ones joined as RFC 9110 (5.3) says."""
    found: dict[str, str] = {}
    for raw_name, raw_value in request.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip(" \t")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _check_type(headers: Mapping[str, str], accepted: tuple[str, ...]) -> None:
    """Refuse what the endpoint's format cannot read; a body without a type is given the benefit of the doubt."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        detail = "Compressed bodies are not taken; send it without Content-Encoding."
        raise Refusal(415, "content-encoding", detail, {"Accept-Encoding": "identity"})
    given = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not given or not accepted:
        return
    # "+json" stands for every structured type that is JSON underneath (RFC 6839).
    if not any(given == kind or (kind.startswith("+") and given.endswith(kind)) for kind in accepted):
        kinds = ", ".join(kind for kind in accepted if not kind.startswith("+"))
        raise Refusal(415, "media-type", f"Send it as {kinds}.", {"Accept-Post": kinds})


def _key(headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Return the sender's key, from the first of these headers that is there, or an empty text."""
    name = next((name for name in names if name.lower() in headers), None)
    if name is None:
        return ""
    key = headers[name.lower()].strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':  # a structured string (RFC 9651), as the Idempotency-Key draft asks
        key = key[1:-1]
    if not (1 <= len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()):
        raise Refusal(400, "bad-key", f"{name} must hold 1 to {_LONGEST_KEY} visible ASCII characters.")
    return key


class _Whole:
    """The body as chunks; every reading begins at its start, for a delivery may be validated before it is taken."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


def _accepted(accepted: Accepted) -> Response:
    status = f"/v1/messages/{accepted.message_id}"
    headers = {"Location": status}
    if accepted.repeated:
        headers["Idempotent-Replayed"] = "true"
    document = {"id": accepted.message_id, "status_url": status}
    return Response(msgspec.json.encode(document), 202, headers, "application/json")
