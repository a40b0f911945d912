"""Basic authentication (RFC 7617): passwords are kept as argon2 hashes, and checked off the event loop.

A hash is made to be slow: 30 to 100 ms of a core. So a password that was right is remembered for a while under a keyed
digest that only this process can make, and how many may be checked or wait for it at once is bounded.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import ClassVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import Field

from esb.endpoints.http_in.problems import unavailable
from esb.errors import DefinitionError, SecurityError
from esb.specs import PartnerName, Secret, Spec, World

_AT_ONCE, _WAITING = 2, 64
_REMEMBERED = 300.0
"""Seconds for which a password that was right is known again without its hash."""
_MOST = 10_000
_LONGEST = 1024


class User(Spec):
    """A user of an endpoint."""

    scalar: ClassVar[str | None] = "password"
    password: Secret = Field(description="The argon2 hash of the password.")
    partner: PartnerName = Field("", description="The partner that this user sends for; default: the endpoint's.")


class Basic(Spec):
    """A user name and a password (RFC 7617)."""

    users: dict[str, User] = Field(
        min_length=1,
        max_length=1000,
        description="User name: the argon2 hash of the password. Users are clients of their own.",
    )

    def guard(self, world: World) -> BasicGuard:
        """Return the live check. Raises DefinitionError if a hash is missing or is none."""
        hashes = {user: world.secret(each.password).strip() for user, each in self.users.items()}
        for user, text in hashes.items():
            _check_hash(text, f"{self.users[user].password} (user {user})")
        return BasicGuard(hashes, world.clock.now)


class BasicGuard:
    """Checks passwords. `hashes` by user; `now` gives the POSIX time."""

    challenge = 'Basic realm="esb", charset="UTF-8"'

    def __init__(self, hashes: Mapping[str, str], now: Callable[[], float]) -> None:
        self._hashes = dict(hashes)
        self._hasher = PasswordHasher()
        # An unknown user costs as much as a known one: the time must not tell which names there are.
        self._nobody = next(iter(self._hashes.values()))
        self._secret = secrets.token_bytes(32)
        self._known: dict[bytes, float] = {}
        self._now = now
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def admit(self, headers: Mapping[str, str]) -> str:
        """Return the user.

        Raises:
            SecurityError: The password is not the user's, or there is no such user.
            Refusal: Too many passwords are being checked (503).
        """
        user, password = _read(headers.get("authorization", ""))
        mark = hmac.digest(self._secret, f"{len(user)}:{user}{password}".encode(), sha256)
        if self._known.get(mark, 0.0) > self._now():
            return user
        if self._waiting >= _WAITING:
            raise unavailable(1.0)
        self._waiting += 1
        try:
            async with self._turn:
                right = await asyncio.to_thread(self._check, user, password)
        finally:
            self._waiting -= 1
        if not right:
            raise SecurityError("the user or the password is wrong")
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[mark] = self._now() + _REMEMBERED
        return user

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Return: the password has proved it."""

    def _check(self, user: str, password: str) -> bool:
        try:
            right = self._hasher.verify(self._hashes.get(user, self._nobody), password)
        except VerificationError:
            return False
        return right and user in self._hashes


def _read(header: str) -> tuple[str, str]:
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic" or len(text) > _LONGEST:
        raise SecurityError("no user and password")
    try:
        user, colon, password = b64decode(text.strip(), validate=True).decode().partition(":")
    except (Base64Error, ValueError):
        raise SecurityError("the user and password cannot be read") from None
    if not colon or not password:
        raise SecurityError("the user and password cannot be read")
    return user, password


def _check_hash(text: str, what: str) -> None:
    try:
        if not text.startswith("$argon2"):
            raise InvalidHashError
        PasswordHasher().check_needs_rehash(text)
    except (InvalidHashError, ValueError):
        advice = 'make one with: python -c "import argon2; print(argon2.PasswordHasher().hash(input()))"'
        raise DefinitionError(f"{what} is not an argon2 hash; {advice}") from None
