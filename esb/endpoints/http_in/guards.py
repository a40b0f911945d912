"""Guards: who is this? Each answers with the client's name (empty where senders have none) or raises SecurityError.

`admit` looks at the headers before the body is read, `verify` at the raw bytes after. Nothing here says to a sender
which part of a proof was wrong; the error's text is for our log.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Protocol

from esb.endpoints.http_in.signatures import Signing, verify
from esb.errors import SecurityError


class Guard(Protocol):
    """Checks who a request comes from. `challenge` is what a 401 says in WWW-Authenticate; empty = everybody may."""

    @property
    def challenge(self) -> str: ...

    async def admit(self, headers: Mapping[str, str]) -> str:
        """Return the name of the client. Raises SecurityError if its headers prove nothing."""
        ...

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Raise SecurityError if what the body must prove is wrong or too old."""
        ...


class OpenGuard:
    """Everybody may post."""

    challenge = ""

    async def admit(self, headers: Mapping[str, str]) -> str:
        """Admit."""
        return ""

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Return."""


@dataclass(frozen=True, slots=True)
class SignedGuard:
    """The body is signed."""

    signing: Signing
    challenge: ClassVar[str] = "Signature"

    async def admit(self, headers: Mapping[str, str]) -> str:
        """Refuse what has no signature before its body costs anything."""
        if not self.signing.of(headers):
            raise SecurityError(f"no header {self.signing.header}")
        return ""

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Check the signature."""
        verify(self.signing, headers, body, now)


@dataclass(frozen=True, slots=True)
class KeyGuard:
    """A header holds a key or a bearer token. `accepted`: (SHA-256 of a key, the client that has it)."""

    challenge: str
    header: str
    accepted: tuple[tuple[bytes, str], ...]

    async def admit(self, headers: Mapping[str, str]) -> str:
        """Return whose key it is."""
        given = headers.get(self.header, "")
        if self.challenge == "Bearer":
            given = bearer(given)
        digest = sha256(given.encode("utf-8", "surrogateescape")).digest()
        # Digests are compared, all of them, so that neither length nor likeness of a key shows in the time taken.
        found = [client for known, client in self.accepted if hmac.compare_digest(digest, known)]
        if not found or not given:
            raise SecurityError(f"the value of {self.header} is unknown" if given else f"no header {self.header}")
        return found[0]

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Return: the key has proved it."""


def bearer(header: str) -> str:
    """Return the token of an Authorization header; the scheme's name is case-insensitive (RFC 9110, 11.1)."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
