"""Tokens: an OAuth 2.0 access token, fetched once for all calls of a process and again before it runs out."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus, urlencode

from yarl import URL

from esb.endpoints.http_out.answers import Answered, Reading, excerpt, outcome
from esb.endpoints.http_out.client import Client, Request
from esb.envelope import decode_document
from esb.errors import EndpointError, FormatError, RejectedError
from esb.ports import Clock

_UNSAID = 300.0
"""Seconds that a token is used if the server does not say how long it lives."""
_EARLY = 60.0
"""Seconds before its end in which a token is no longer given out; less for tokens that live shortly."""
_PAUSE = 2.0
"""Seconds in which nobody asks again after the server refused: what all calls wait for is asked for once."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What is asked for, and as whom. `basic`: our credentials go into the header, else into the form."""

    url: str
    client_id: str
    secret: Callable[[], str]
    scope: str = ""
    audience: str = ""
    basic: bool = True

    def request(self) -> Request:
        """Return the call that asks for a token (RFC 6749, 4.4.2)."""
        form = {"grant_type": "client_credentials", "scope": self.scope, "audience": self.audience}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if self.basic:  # RFC 6749, 2.3.1: both are form-encoded before they are joined
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret())}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": self.client_id, "client_secret": self.secret()}
        body = urlencode({name: value for name, value in form.items() if value}).encode()
        return Request("POST", URL(self.url), headers, body, safe=True)


class Tokens:
    """Credentials by a token. Calls that need one at the same time wait for one fetch."""

    def __init__(self, grant: Grant, client: Client, clock: Clock) -> None:
        self._grant, self._client, self._clock = grant, client, clock
        self._token, self._until = "", 0.0
        self._fetching: asyncio.Task[str] | None = None
        self._failed: tuple[float, str] = (0.0, "")

    async def headers(self) -> Mapping[str, str]:
        """Return the header with a token that is good for a while.

        Raises:
            EndpointError: No token can be had now.
        """
        if not self._token or self._clock.now() >= self._until:
            if self._fetching is None:
                self._fetching = self._clock.spawn(self._fetch(), "token")
            # Shielded: whoever stops waiting must not take the token from the others.
            return _bearer(await asyncio.shield(self._fetching))
        return _bearer(self._token)

    def refused(self, headers: Mapping[str, str]) -> bool:
        """Forget the token that was refused, unless it has been replaced meanwhile; another try is worth it."""
        if headers.get("Authorization") == f"Bearer {self._token}":
            self._token = ""
        return True

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must not be quoted."""
        return self._grant.secret(), self._token

    async def _fetch(self) -> str:
        try:
            at, reason = self._failed
            if 0 <= self._clock.now() - at < _PAUSE:
                raise EndpointError(reason)
            self._token, self._until = await self._ask()
            return self._token
        except EndpointError as error:
            if str(error) != self._failed[1] or self._clock.now() - self._failed[0] >= _PAUSE:
                self._failed = (self._clock.now(), str(error))
            raise
        finally:
            self._fetching = None

    async def _ask(self) -> tuple[str, float]:
        """Return a token and the time until which it is given out."""
        began = self._clock.now()
        answered = await self._client.send(self._grant.request())
        secrets = (self._grant.secret(),)
        try:
            outcome(answered, Reading(safe=True, secrets=secrets), began)
        except RejectedError as error:  # a matter of the endpoint's credentials, not of the message
            raise EndpointError(f"no token from {self._grant.url}: {error}") from error
        token, lives = _read(answered, self._grant.url, secrets)
        return token, began + lives - min(_EARLY, lives / 4)


def _bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _read(answered: Answered, url: str, secrets: tuple[str, ...]) -> tuple[str, float]:
    """Return the token of an answer (RFC 6749, 5.1) and the seconds it lives."""
    try:
        document = decode_document(answered.body)
    except FormatError:
        document = None
    token = document.get("access_token") if isinstance(document, dict) else None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        said = "" if isinstance(document, dict) else excerpt(answered, secrets)
        raise EndpointError(f"no token from {url}: the answer holds no access_token{said}")
    if str(document.get("token_type", "bearer")).lower() != "bearer":
        raise EndpointError(f"no token from {url}: it gives tokens of type {document['token_type']!s:.40}, not bearer")
    try:
        lives = float(document.get("expires_in", _UNSAID))
    except (TypeError, ValueError):
        lives = _UNSAID
    return token, lives if 0 < lives < 10 * 365 * 86400 else _UNSAID
