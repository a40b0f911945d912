"""Problems: every refusal as application/problem+json (RFC 9457). Never a traceback, never more than a sender needs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from esb.errors import (
    BusyError,
    ConflictError,
    EndpointError,
    EsbError,
    FormatError,
    MessageError,
    SecurityError,
    TooLargeError,
)
from esb.message import NOTHING

_RETRY_AFTER = 5.0
_CLOSING = frozenset({401, 408, 413, 415, 431})
"""Answers that may leave a body unread: the connection cannot be used again."""


class Refusal(EsbError):
    """A request that is answered with a problem. `code` is stable, `detail` says what to do."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        headers: Mapping[str, str] = NOTHING,
        errors: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(detail or code)
        self.status, self.code, self.detail = status, code, detail
        self.headers, self.errors = headers, errors


def unavailable(after: float | None = None) -> Refusal:
    """Return the answer of a bus that cannot take anything now."""
    wait = str(max(1, math.ceil(min(after or _RETRY_AFTER, 3600.0))))
    detail = "The message was not taken and nothing is kept of it; send it again later."
    return Refusal(503, "unavailable", detail, {"Retry-After": wait})


def refusal(error: EsbError) -> Refusal:
    """Return the answer for what the intake raised; only what concerns the sender's own document is told."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ConflictError):
        return Refusal(422, "key-conflict", "This key was used before for another body; use a new key.")
    if isinstance(error, TooLargeError):
        return Refusal(413, "too-large", str(error))
    if isinstance(error, FormatError):
        return Refusal(400, "not-parseable", str(error))
    if isinstance(error, MessageError):
        return Refusal(422, "not-acceptable", str(error))
    if isinstance(error, BusyError):
        wait = str(max(1, math.ceil(error.retry_after or 1.0)))
        detail = "A request with this key is still under way; its outcome can be had by sending it again."
        return Refusal(409, "in-progress", detail, {"Retry-After": wait})
    if isinstance(error, SecurityError):
        return Refusal(401, "unauthorized")
    return unavailable(error.retry_after if isinstance(error, EndpointError) else None)


def response(problem: Refusal) -> Response:
    """Return the problem document as an answer."""
    document: dict[str, Any] = {
        "type": f"urn:esb:problem:{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
    }
    if problem.detail:
        document["detail"] = problem.detail
    if problem.errors:
        document["errors"] = list(problem.errors)
    headers = dict(problem.headers)
    if problem.status in _CLOSING:
        headers["Connection"] = "close"
    return Response(msgspec.json.encode(document), problem.status, headers, "application/problem+json")
