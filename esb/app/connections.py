"""Connections of strangers: a head has a time and a size, and framing has one meaning; all else is a problem.

The server reads HTTP; what it leaves to others is bounded here. A client that sends its head byte by byte, or one
without end, keeps nothing for longer than a few seconds. A request whose length can be read in two ways is refused, so
that a proxy in front and we never disagree about where it ends (RFC 9112, 6.3 and 11.2).
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from esb.management.api import problem

HEAD_SECONDS = 10.0
HEAD_BYTES, HEAD_FIELDS, URL_BYTES = 32 * 1024, 100, 8 * 1024
MOST_CONNECTIONS = 4000


class _RefusedError(Exception):
    """What a head says cannot be accepted."""

    def __init__(self, status: int, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail


_GARBLED = _RefusedError(400, "not-http", "The request is not HTTP/1.1 as RFC 9112 has it.")


class Connection(HttpToolsProtocol):
    """One connection; every limit ends in an answer where one can still be given, and in a closed connection."""

    _in_head = True
    _head_size = 0
    _timer: asyncio.TimerHandle | None = None
    _refusal: _RefusedError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the client its time for a head."""
        super().connection_made(transport)
        self._start()
        if len(self.connections) > MOST_CONNECTIONS:
            self._refuse(_RefusedError(503, "unavailable", "Too many connections; come again later."))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the time."""
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; what is not HTTP is answered and ends the connection."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._start()
        if self._in_head or not self._answered:
            self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
            self._grow(len(data))
        except httptools.HttpParserUpgrade:
            return  # no other protocol is spoken here: it is answered as the request it is
        except (httptools.HttpParserError, _RefusedError) as error:
            self._refuse(self._refusal or (error if isinstance(error, _RefusedError) else _GARBLED))

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._in_head, self._head_size = True, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        super().on_url(url)
        if len(self.url) > URL_BYTES:
            self._reject(414, "too-long", f"The address is longer than {URL_BYTES} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field."""
        super().on_header(name, value)
        self._head_size += len(name) + len(value) + 4
        if self._head_size > HEAD_BYTES or len(self.headers) > HEAD_FIELDS:
            self._reject_size()

    def on_headers_complete(self) -> None:
        """Refuse a head that can be read in two ways; else begin the request."""
        self._in_head = False
        self._cancel()
        self._check_framing()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for the next head; its time begins with its first byte."""
        super().on_message_complete()
        self._in_head, self._head_size = True, 0

    def send_400_response(self, msg: str) -> None:
        """Answer with a problem."""
        self._refuse(_GARBLED)

    @property
    def _answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _check_framing(self) -> None:
        names = [name for name, _ in self.headers]
        if b"transfer-encoding" in names:
            codings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
            if b"content-length" in names or codings != [b"chunked"] or self.parser.get_http_version() == "1.0":
                self._reject(400, "ambiguous-length", "Write Content-Length, or Transfer-Encoding: chunked; not both.")
        hosts = names.count(b"host")
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            self._reject(400, "bad-host", "A request has one Host.")

    def _grow(self, size: int) -> None:
        """Count what came of a head that is not complete: a line without an end is never handed on as a field."""
        if self._in_head:
            self._head_size += size
            if self._head_size > 2 * HEAD_BYTES:
                self._reject_size()

    def _reject_size(self) -> None:
        self._reject(431, "header-too-large", f"The head is larger than {HEAD_BYTES} bytes or {HEAD_FIELDS} fields.")

    def _reject(self, status: int, kind: str, detail: str) -> None:
        """Keep the reason: the parser wraps whatever its callbacks raise. Raises _RefusedError."""
        self._refusal = _RefusedError(status, kind, detail)
        raise self._refusal

    def _refuse(self, refused: _RefusedError) -> None:
        """Answer, if it is this request's turn, and close."""
        self._cancel()
        if self.transport.is_closing():
            return
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body or cycle.response_started:
                # What came behind a whole request is garbled: that one is answered first, and then it ends.
                cycle.keep_alive = False
                self.flow.pause_reading()
                return
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(_answer(refused))
        self.transport.close()

    def _start(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._late)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._answered and self._in_head:
            self._refuse(_RefusedError(408, "too-slow", f"The head did not arrive within {HEAD_SECONDS:g} seconds."))


def _answer(refused: _RefusedError) -> bytes:
    made = problem(refused.status, refused.kind, refused.detail)
    headers = [*made.raw_headers, (b"connection", b"close"), *([(b"retry-after", b"5")] * (refused.status == 503))]
    head = b"".join(b"%b: %b\r\n" % pair for pair in headers)
    status = b"HTTP/1.1 %d %b\r\n" % (refused.status, HTTPStatus(refused.status).phrase.encode())
    return status + head + b"\r\n" + bytes(made.body)
