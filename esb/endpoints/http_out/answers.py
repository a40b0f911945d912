"""What a receiver's answer means: status and headers become an outcome or an error of the right class. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Literal, TypeAlias
from urllib.parse import quote

from esb.edge import Delivered
from esb.errors import EndpointError, EsbError, RejectedError, ThrottledError, UnknownOutcomeError

OnConflict: TypeAlias = Literal["done", "rejected"]

LONGEST_WAIT = 86400.0
"""Seconds: what a receiver asks for beyond a day is cut; its queue is kept, but looked at again."""

_EXCERPT = 200
_SECONDS = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)
_AGAIN = frozenset({408, 425, 500, 503})
_CUT = frozenset({502, 504})
"""A gateway lost its server: whether that had applied the call, nobody knows."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back. `body` is cut at the endpoint's limit; `whole` = it was not."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    whole: bool = True

    @property
    def title(self) -> str:
        """Return the status with its name: `201 Created`."""
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return str(self.status)


@dataclass(frozen=True, slots=True)
class Reading:
    """How an endpoint's answers are read. `expect`: statuses that mean done, empty = any 2xx.

    `safe`: the call was a question; nothing can have been applied. `secrets` are cut out of what is quoted.
    """

    expect: frozenset[int] = frozenset()
    conflict: OnConflict = "rejected"
    safe: bool = False
    secrets: tuple[str, ...] = ()


def retry_after(text: str | None, now: float) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3: seconds or a date); None if it is neither."""
    if text is None:
        return None
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_WAIT)
    try:
        date = parsedate_to_datetime(text)
        at = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(at - now, 0.0), LONGEST_WAIT)


def outcome(answered: Answered, reading: Reading, now: float) -> Delivered:
    """Return what was delivered; `now` is a POSIX time.

    Raises:
        ThrottledError: 429, or 503 that says when to come again.
        UnknownOutcomeError: A gateway cut the call.
        EndpointError: The receiver failed and may heal.
        RejectedError: It said no.
    """
    status = answered.status
    if status in reading.expect or (not reading.expect and 200 <= status < 300):
        return Delivered(answered.title, answered.body)
    if status == 409 and reading.conflict == "done" and not reading.safe:
        return Delivered(f"{answered.title}: the receiver has it already", answered.body)
    raise _failure(answered, reading, now)


def _failure(answered: Answered, reading: Reading, now: float) -> EsbError:
    status, wait = answered.status, retry_after(answered.headers.get("Retry-After"), now)
    text = f"answered {answered.title}{excerpt(answered, reading.secrets)}"
    if status == 429 or (status == 503 and wait is not None):
        return ThrottledError(text, wait)
    # A conflict with a time to come again: the receiver still works on our first attempt (Idempotency-Key draft, 2.7).
    if status in _AGAIN or (status == 409 and wait is not None):
        return EndpointError(text, wait)
    if status in _CUT and not reading.safe:
        return UnknownOutcomeError(text, wait)
    if status >= 500:
        return EndpointError(text, wait)
    if 300 <= status < 400:
        return RejectedError(f"{text}; redirects are not followed: write the final address into `url`")
    if 200 <= status < 300:
        return RejectedError(f"{text}; expected {', '.join(map(str, sorted(reading.expect)))}")
    return RejectedError(text)


def excerpt(answered: Answered, secrets: tuple[str, ...]) -> str:
    """Return the beginning of a body for people, `: …`, printable, without our secrets; empty if there is none."""
    text = answered.body[: 8 * _EXCERPT].decode("utf-8", "replace")
    for secret in filter(None, secrets):  # before anything is cut: half a secret is no longer recognised
        for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]):
            text = text.replace(form, "***")
    plain = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return f": {plain[:_EXCERPT]}{'…' if len(plain) > _EXCERPT else ''}" if plain else ""
