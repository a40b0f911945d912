"""Tokens: an OAuth 2.0 access token, fetched once for all calls (and all workers of a machine), replaced in time."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote_plus, urlencode

from yarl import URL

from esb.endpoints.http_out.answers import Answered, Reading, excerpt, outcome
from esb.endpoints.http_out.client import Client, Request
from esb.endpoints.http_out.token_file import Token, TokenFile
from esb.envelope import decode_document
from esb.errors import EndpointError, FormatError, RejectedError
from esb.ports import Clock

_UNSAID = 300.0
"""Seconds that a token is used if the server does not say how long it lives."""
_EARLY = 60.0
"""Seconds before its end in which a token is no longer given out; less for tokens that live shortly."""
_YOUNG = 5.0
"""Seconds in which a token that is refused is not replaced: where none is taken, each call would fetch one."""
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

    @property
    def identity(self) -> str:
        """What tells this grant from others; the secret cannot be read from it."""
        return sha256(
            "\n".join((self.url, self.client_id, self.scope, self.audience, self.secret())).encode()
        ).hexdigest()

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

    def __init__(self, grant: Grant, client: Client, clock: Clock, kept: TokenFile) -> None:
        self._grant, self._client, self._clock, self._kept = grant, client, clock, kept
        self._token = Token()
        self._bad = ""
        self._fetching: asyncio.Task[str] | None = None
        self._failed: tuple[float, str] = (0.0, "")

    async def headers(self) -> Mapping[str, str]:
        """Return the header with a token that is good for a while.

        Raises:
            EndpointError: No token can be had now.
        """
        if self._is_good(self._token):
            return _bearer(self._token.text)
        if self._fetching is None:
            self._fetching = self._clock.spawn(self._renew(), "token")
        # Shielded: whoever stops waiting must not take the token from the others.
        return _bearer(await asyncio.shield(self._fetching))

    def refused(self, headers: Mapping[str, str]) -> bool:
        """Forget the token that was refused; another try is worth it unless the token had just been given out."""
        if headers != _bearer(self._token.text):
            return True  # it has been replaced meanwhile
        if 0 <= self._clock.now() - self._token.since < _YOUNG:
            return False
        self._bad = self._token.text
        return True

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must not be quoted."""
        return self._grant.secret(), self._token.text

    def _is_good(self, token: Token) -> bool:
        return bool(token.text) and token.text != self._bad and self._clock.now() < token.until

    async def _renew(self) -> str:
        try:
            at, reason = self._failed
            if 0 <= self._clock.now() - at < _PAUSE:
                raise EndpointError(reason)
            async with self._kept.turn(self._clock):
                found = self._kept.read()
                if not self._is_good(found):
                    found = await self._ask()
                    self._kept.write(found)
            self._token = found
            return found.text
        except EndpointError as error:
            if str(error) != self._failed[1] or self._clock.now() - self._failed[0] >= _PAUSE:
                self._failed = (self._clock.now(), str(error))
            raise
        finally:
            self._fetching = None

    async def _ask(self) -> Token:
        """Return a new token."""
        began = self._clock.now()
        answered = await self._client.send(self._grant.request())
        secrets = (self._grant.secret(),)
        try:
            outcome(answered, Reading(safe=True, secrets=secrets), began)
        except RejectedError as error:  # a matter of the endpoint's credentials, not of the message
            raise EndpointError(f"no token from {self._grant.url}: {error}") from error
        token, lives = _read(answered, self._grant.url, secrets)
        return Token(token, self._clock.now(), began + lives - min(_EARLY, lives / 4))


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
