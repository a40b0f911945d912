"""The HTTP sink: one call for each message, with an idempotency key; probes and questions go the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from yarl import URL

from esb.edge import Delivered
from esb.endpoints.http_out.answers import Answered, Reading, outcome
from esb.endpoints.http_out.asks import Shared
from esb.endpoints.http_out.auth import NOBODY, Credentials, send_proved
from esb.endpoints.http_out.client import Client, Request
from esb.endpoints.http_out.destination import Destination
from esb.endpoints.http_out.gone import Gone
from esb.endpoints.http_out.pacing import Pacing
from esb.endpoints.http_out.replies import Replies
from esb.endpoints.http_out.signing import Signer
from esb.endpoints.http_out.urls import join
from esb.endpoints.outgoing import readable, rendered, wire_bytes
from esb.envelope import decode_document, encode_document
from esb.errors import EndpointError, FormatError, RejectedError, ThrottledError
from esb.expressions import Expression, scope_of
from esb.message import Message
from esb.ports import Clock
from esb.specs import Predicate

_JSON = "application/json"
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Probe:
    """How to read back whether a message was applied. `when` is asked of the document that answers."""

    get: Expression
    when: Predicate | None


@dataclass(frozen=True, slots=True)
class Call:
    """What is sent. `path` is rendered from the message and joined to the address.

    `key` gives the idempotency key where it is not the bus's own; `max_answer` bytes of a document that answers a
    question; `cache` seconds that such an answer is kept if the question does not say.
    """

    destination: Destination
    method: str = "POST"
    path: Expression | None = None
    headers: Mapping[str, Expression] | None = None
    content_type: str = ""
    key_header: str = "Idempotency-Key"
    key: Expression | None = None
    probe: Probe | None = None
    max_answer: int = 1_000_000
    cache: float = 0.0


@dataclass(frozen=True, slots=True)
class Door:
    """What a call passes on its way out and its answer on its way in."""

    credentials: Credentials = NOBODY
    signer: Signer | None = None
    pacing: Pacing | None = None
    gone: Gone | None = None
    replies: Replies | None = None


class HttpSink:
    """Delivers messages to one address, and answers questions about what stands there."""

    def __init__(self, call: Call, reading: Reading, client: Client, door: Door, clock: Clock) -> None:
        self._call = call
        self._reading = reading
        self._asking = replace(reading, expect=frozenset(), conflict="rejected", safe=True)
        self._client = client
        self._door = door
        self._clock = clock
        self._shared = Shared(clock)

    async def deliver(self, message: Message, key: str) -> Delivered:
        """Send the message's bytes as they are.

        Raises:
            RejectedError: The receiver said no, or the address cannot be rendered or is not allowed.
            ThrottledError: It asks to slow down, or this key's rate is used up.
            UnknownOutcomeError: The request left and no answer came.
            EndpointError: Nothing was applied.
        """
        call, door, seen = self._call, self._door, readable(message)
        if door.gone is not None:
            door.gone.check()
        base = call.destination.of(seen)
        headers = {"Content-Type": call.content_type or _media_type(message), **self._headers(seen)}
        if call.key_header:
            headers[call.key_header] = _header(rendered(call.key, seen, "the key") if call.key else key, "the key")
        url = join(base, rendered(call.path, seen, "path")) if call.path else base
        if door.pacing is not None:
            await door.pacing.turn(seen)
        answered = await self._send(Request(call.method, url, headers, wire_bytes(message)), key)
        if answered.status == 410 and door.gone is not None:
            raise door.gone.disable(f"the receiver answered {answered.title}", self._clock.now())
        return self._read(answered, seen)

    def _read(self, answered: Answered, seen: Message) -> Delivered:
        door, reading = self._door, self._reading
        secrets = () if answered.status < 300 and door.replies is None else door.credentials.secrets()
        try:
            done = outcome(answered, replace(reading, secrets=secrets) if secrets else reading, self._clock.now())
        except ThrottledError as error:
            if door.pacing is not None and error.retry_after:
                door.pacing.pause(seen, error.retry_after)
            raise
        return done if door.replies is None else door.replies.read(answered, seen, secrets)

    async def _send(self, request: Request, name: str = "") -> Answered:
        """Send a request with our credentials and, if it delivers `name`, our signature."""
        door = self._door

        def signed() -> Mapping[str, str]:
            return door.signer(request.body or b"", name, self._clock.now()) if door.signer and name else {}

        return await send_proved(self._client, door.credentials, request, signed)

    async def applied(self, message: Message, key: str) -> bool | None:
        """Return what the probe says: True if it is there, False if not, None if the answer does not tell.

        Raises:
            EndpointError: The receiver cannot be asked now.
        """
        probe = self._call.probe
        if probe is None:
            return None
        seen = readable(message)
        answered = await self._get(self._call.destination.of(seen), rendered(probe.get, seen, "probe"))
        if answered.status in {404, 410}:
            return False
        if answered.status == 429 or answered.status >= 500:
            outcome(answered, self._private(), self._clock.now())
        if not 200 <= answered.status < 300:
            return None
        document = _document(answered)
        if probe.when is not None:
            return probe.when(document, scope_of(message.with_body(document)))
        return document not in ([], {}) if answered.body else True

    async def ask(self, request: Any) -> Any:
        """Return the JSON document that answers `{"method", "path", "body"?, "key"?, "cache"?}`; None if there is none.

        Equal questions that are asked at once are one call; `cache` seconds is how old an answer may be. Calls that
        change something bear `key` in the idempotency header and are each made.

        Raises:
            RejectedError: There is no such thing (404), or the receiver said no, or its answer cannot be read.
            UnknownOutcomeError: A call that changes something left, and no answer came.
            EndpointError: It cannot be asked now; nothing was applied.
        """
        method, path, body = request.get("method", "GET"), request["path"], request.get("body")
        join(self._call.destination.written, path)
        if method not in _SAFE:
            return await self._fetch(method, path, body, str(request.get("key") or ""))
        keep = request.get("cache") or self._call.cache
        question = {"method": method, "path": path, "body": body}
        return await self._shared.get(question, keep, lambda: self._fetch(method, path, body))

    async def check(self) -> str:
        """Ask whether the server answers at all, by HEAD, which changes nothing. Raises EndpointError if not."""
        if self._door.gone is not None:
            self._door.gone.check()
        if not self._call.destination.fixed:
            return "its addresses come from messages; there is none to look at"
        url = self._call.destination.written
        answered = await self._send(Request("HEAD", url, {}, safe=True, limit=0))
        refused = {401: "the credentials are refused", 403: "the credentials may not do this"}
        if answered.status in refused:
            raise EndpointError(f"{url.origin()} answered {answered.title}: {refused[answered.status]}")
        return f"{url.origin()} answers ({answered.title} to HEAD)"

    async def close(self) -> None:
        """Close the connections."""
        await self._shared.close()
        await self._client.close()

    async def _fetch(self, method: str, path: str, body: Any, key: str = "") -> Any:
        answered = await self._get(self._call.destination.written, path, method, body, key)
        safe = method in _SAFE
        if answered.status < 400 and not answered.whole:
            raise RejectedError(
                f"{method} {path}: the answer is longer than {self._call.max_answer} bytes or broke off"
            )
        try:
            outcome(answered, replace(self._private(), safe=safe), self._clock.now())
        except RejectedError as error:
            raise RejectedError(f"{method} {path}: {error}") from error
        try:
            return _document(answered)
        except EndpointError as error:
            if safe:
                raise
            raise RejectedError(f"{method} {path} was done, but {error}") from error

    async def _get(self, base: URL, path: str, method: str = "GET", body: Any = None, key: str = "") -> Answered:
        headers = {"Accept": _JSON, **({"Content-Type": _JSON} if body is not None else {})}
        content = None if body is None else encode_document(body)
        if key and self._call.key_header:
            headers[self._call.key_header] = _header(key, "the key")
        request = Request(method, join(base, path), headers, content, safe=method in _SAFE, limit=self._call.max_answer)
        return await self._send(request, key)

    def _private(self) -> Reading:
        return replace(self._asking, secrets=self._door.credentials.secrets())

    def _headers(self, message: Message) -> dict[str, str]:
        given = self._call.headers or {}
        return {name: _header(rendered(value, message, name), name) for name, value in given.items()}


def _header(value: str, name: str) -> str:
    """Return the value of a header; one with a line break would be read as another header."""
    if not value.isprintable():
        raise RejectedError(f"the header {name} would hold control characters")
    return value


def _media_type(message: Message) -> str:
    kind = message.format.partition("/")[0]
    known = {"json": _JSON, "xml": "application/xml", "csv": "text/csv; charset=utf-8"}
    known |= {"text": "text/plain; charset=utf-8", "x12": "application/edi-x12", "edifact": "application/edifact"}
    return known.get(kind, "application/octet-stream")


def _document(answered: Answered) -> Any:
    """Return the document of an answer. Raises EndpointError if it is none: proxies answer with pages when it burns."""
    if not answered.body.strip():
        return None
    try:
        return decode_document(answered.body)
    except FormatError as error:
        kind = answered.headers.get("Content-Type", "no type")
        raise EndpointError(f"answered {answered.title} with {kind[:100]}, which is not JSON") from error
