"""The HTTP client of one endpoint: its own pool, no redirects, no cookies, every size and time bounded."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

import aiohttp
from yarl import URL

from esb.endpoints.http_out.answers import Answered
from esb.endpoints.http_out.guard import OPEN, CheckedResolver, ForbiddenAddressError, Guard
from esb.endpoints.unreached import unreached
from esb.errors import EndpointError, EsbError, RejectedError, UnknownOutcomeError

_CONNECT = 5.0
_KEEP_ALIVE = 15.0
_LAST_MOMENT = 0.05
"""Seconds before a call's end at which the rest of an answer is no longer waited for."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `safe`: a question; if it is cut nothing can have been applied."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None = None
    safe: bool = False
    limit: int = 64 * 1024


@dataclass(slots=True)
class Client:
    """Sends requests, at most `pool` at a time. `fresh`: every call gets its own connection.

    On a kept connection a server may hang up at the moment we write, and then nobody knows whether it read the call;
    endpoints whose effects must never be repeated pay for a connection each instead. `tls` gives the context of today,
    `guard` says which addresses may be connected to.
    """

    timeout: float = 30.0
    pool: int = 16
    fresh: bool = False
    guard: Guard = OPEN
    tls: Callable[[], ssl.SSLContext] | None = None
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    async def send(self, request: Request) -> Answered:
        """Return what came back, whatever its status.

        Raises:
            UnknownOutcomeError: The request left and no answer came.
            RejectedError: The guard refuses the address.
            EndpointError: It did not leave, or it was safe.
        """
        sent = SimpleNamespace(left=False)
        try:
            async with asyncio.timeout(self.timeout) as limit:
                return await self._exchange(request, sent, limit.when() or 0.0)
        except TimeoutError as error:
            raise _cut(request, sent.left, f"no answer within {self.timeout:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failure(request, sent.left, error) from error

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _exchange(self, request: Request, sent: SimpleNamespace, until: float) -> Answered:
        self.guard.check(request.url.host or "")
        async with self._opened().request(
            request.method,
            request.url,
            data=request.body,
            headers=request.headers,
            allow_redirects=False,
            ssl=self.tls() if self.tls is not None else True,
            trace_request_ctx=sent,
        ) as response:
            body, whole = await _read(response, request.limit, None if request.safe else until - _LAST_MOMENT)
            if not whole:
                response.close()  # the rest of an endless answer is not waited for
            return Answered(response.status, response.headers, body, whole)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            keep = {"force_close": True} if self.fresh else {"keepalive_timeout": _KEEP_ALIVE}
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self.pool, resolver=CheckedResolver(self.guard), **keep),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(_CONNECT, self.timeout)),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                trace_configs=[_tracing()],
                headers={"User-Agent": "esb", "Accept-Encoding": "identity"},
            )
        return self._session


async def _read(response: aiohttp.ClientResponse, limit: int, until: float | None) -> tuple[bytes, bool]:
    """Return the body up to the limit (and, if it is given, up to a time of the loop), and whether that was all.

    A body that breaks off, or drips for ever, does not take back the status that came before it.
    """
    body = bytearray()
    try:
        async with asyncio.timeout_at(until):
            async for chunk in response.content.iter_chunked(64 * 1024):
                body += chunk
                if len(body) > limit:
                    return bytes(body[:limit]), False
    except (aiohttp.ClientError, OSError, TimeoutError):
        return bytes(body), False
    return bytes(body), True


def _tracing() -> aiohttp.TraceConfig:
    """Return what notes the moment from which on a request may have reached the server."""
    tracing = aiohttp.TraceConfig()

    async def leaving(session: object, context: SimpleNamespace, params: object) -> None:
        context.trace_request_ctx.left = True

    tracing.on_request_headers_sent.append(leaving)
    return tracing


def _failure(request: Request, left: bool, error: Exception) -> EsbError:
    forbidden = error if isinstance(error, ForbiddenAddressError) else error.__cause__
    if isinstance(forbidden, ForbiddenAddressError):
        return RejectedError(f"{forbidden}; if it may be reached, write its network under networks:")
    if isinstance(error, aiohttp.InvalidURL):
        return RejectedError(f"the address cannot be used: {error}")
    return _cut(request, left, _reason(error))


def _cut(request: Request, left: bool, reason: str) -> EndpointError:
    where = f"{request.method} {request.url.origin()}{request.url.path}"
    if request.safe or not left:
        return EndpointError(f"{where}: {reason}")
    return UnknownOutcomeError(f"{where}: {reason} after the request was sent; it may have been applied")


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server hung up"
    if isinstance(error, aiohttp.ClientResponseError):
        # its text quotes what the server sent, and that may be what we sent: our credentials
        return "the answer is not HTTP"
    return unreached(error) or str(error) or type(error).__name__
