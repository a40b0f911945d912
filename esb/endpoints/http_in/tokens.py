"""JWT (RFC 7519): issuer, audience and algorithms are pinned; keys come from the definition or from a JWKS address.

A key set is fetched when it is first needed and kept. A token with a key id that is not in it makes us look again, for
keys are rotated, but no more often than every half minute: whoever posts tokens with invented ids moves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import aiohttp
import jwt
import msgspec

from esb.endpoints.http_in.claims import Jwt
from esb.endpoints.http_in.guards import bearer
from esb.errors import DefinitionError, EndpointError, SecurityError
from esb.specs import World

_LONGEST = 16_000
_LARGEST = 1_000_000
_TIMEOUT = aiohttp.ClientTimeout(total=5.0)
_AGAIN = 30.0
"""Seconds between two looks at a key set because of a key that is not in it, or because it could not be had."""


def jwt_guard(spec: Jwt, world: World) -> JwtGuard:
    """Return the live check. Raises DefinitionError if the key is missing or cannot be one."""
    if spec.key is not None:
        return JwtGuard(spec, _Fixed(_read_key(world.secret(spec.key), spec.algorithms[0], str(spec.key))))
    return JwtGuard(spec, KeySet(spec.jwks, spec.algorithms, spec.refresh, world))


class _Keys(Protocol):
    async def key(self, identity: str) -> Any: ...


class JwtGuard:
    """Checks tokens."""

    challenge: ClassVar[str] = "Bearer"

    def __init__(self, spec: Jwt, keys: _Keys) -> None:
        self._spec, self._keys = spec, keys

    async def admit(self, headers: Mapping[str, str]) -> str:
        """Return the client that the token names.

        Raises:
            SecurityError: It is not signed by the issuer, not for us, or not valid now.
            EndpointError: The issuer's keys are out of reach.
        """
        token = bearer(headers.get("authorization", ""))
        if not token or len(token) > _LONGEST:
            raise SecurityError("no token")
        try:
            head = jwt.get_unverified_header(token)
            key = await self._keys.key(str(head.get("kid", "")))
            claims = self._read(token, key)
        except jwt.PyJWTError as error:
            raise SecurityError(f"the token is not valid: {error}") from None
        except (ValueError, TypeError, RecursionError) as error:  # claims of shapes that nobody signs
            raise SecurityError(f"the token cannot be read: {type(error).__name__}") from None
        if self._spec.scope and self._spec.scope not in str(claims.get("scope", "")).split():
            raise SecurityError(f"the token lacks the scope {self._spec.scope}")
        client = claims.get(self._spec.client)
        if not isinstance(client, str) or not client or len(client) > 255 or not client.isprintable():
            raise SecurityError(f"the token's claim {self._spec.client} names no client")
        if self._spec.clients and client not in self._spec.clients:
            raise SecurityError(f"the client {client} is not among the endpoint's clients")
        return client

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Return: the token has proved it."""

    def _read(self, token: str, key: Any) -> Mapping[str, Any]:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(self._spec.algorithms),
            audience=self._spec.audience,
            issuer=self._spec.issuer,
            leeway=self._spec.leeway,
            options={"require": ["exp", "iss", "aud"]},
        )
        return claims


class _Fixed:
    """One key, whatever a token says of its id."""

    def __init__(self, key: Any) -> None:
        self._key = key

    async def key(self, identity: str) -> Any:
        return self._key


class KeySet:
    """The keys at an address, by id; fetched by one for all who wait."""

    def __init__(self, url: str, algorithms: tuple[str, ...], refresh: float, world: World) -> None:
        self._url, self._algorithms, self._refresh = url, algorithms, refresh
        self._log, self._now = world.log, world.clock.now
        self._keys: dict[str, Any] = {}
        self._fetched = self._asked = float("-inf")
        self._fetching = asyncio.Lock()

    async def key(self, identity: str) -> Any:
        """Return a key by its id.

        Raises:
            SecurityError: There is no such key.
            EndpointError: The keys were never to be had.
        """
        if self._is_due(identity):
            async with self._fetching:
                if self._is_due(identity):
                    await self._fetch()
        if not self._keys:
            raise EndpointError("the issuer's keys are out of reach", _AGAIN)
        if identity in self._keys:
            return self._keys[identity]
        if not identity and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        raise SecurityError("the token was signed with a key that the issuer does not publish")

    def _is_due(self, identity: str) -> bool:
        now = self._now()
        wanted = now - self._fetched >= self._refresh or (bool(identity) and identity not in self._keys)
        return (wanted or not self._keys) and now - self._asked >= _AGAIN

    async def _fetch(self) -> None:
        """Fetch the keys; those that we have stay good while the issuer is out of reach."""
        self._asked = self._now()
        try:
            found = _read_set(await self._get(), self._algorithms)
        except (aiohttp.ClientError, TimeoutError, ValueError, msgspec.MsgspecError) as error:
            self._log.warning("http_in.keys", url=self._url, reason=str(error) or type(error).__name__)
            return
        if found:
            self._keys, self._fetched = found, self._now()
        else:
            self._log.warning("http_in.keys", url=self._url, reason="it holds no key for these algorithms")

    async def _get(self) -> bytes:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=False) as client,
            client.get(self._url, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise ValueError(f"it answers {answer.status}")
            raw = await answer.content.read(_LARGEST + 1)
            while len(raw) <= _LARGEST and (more := await answer.content.read(_LARGEST)):
                raw += more
            if len(raw) > _LARGEST:
                raise ValueError(f"it is larger than {_LARGEST} bytes")
            return raw


class _Set(msgspec.Struct):
    keys: list[dict[str, Any]]


def _read_set(raw: bytes, algorithms: tuple[str, ...]) -> dict[str, Any]:
    """Return the keys of a JWK set (RFC 7517) that can verify our algorithms, each pinned to one of them."""
    found: dict[str, Any] = {}
    for given in msgspec.json.decode(raw, type=_Set).keys[:100]:
        named = given.get("alg")
        chosen = [name for name in algorithms if named in (None, name)]
        if given.get("use", "sig") != "sig" or not chosen or given.get("kty") == "oct":
            continue
        key = _of_kind(given, chosen)
        if key is not None:
            found[str(given.get("kid", ""))] = key
    return found


def _of_kind(given: dict[str, Any], algorithms: list[str]) -> Any:
    for name in algorithms:
        try:
            return jwt.PyJWK.from_dict(given, algorithm=name).key
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
    return None


def _read_key(text: str, algorithm: str, what: str) -> Any:
    """Return a key in the form that verifies fastest. Raises DefinitionError."""
    if algorithm.startswith("HS"):
        if len(text.encode()) < 32:
            raise DefinitionError(f"{what}: a shared secret of less than 32 bytes can be guessed (RFC 7518, 3.2)")
        return text.encode()
    try:
        return jwt.get_algorithm_by_name(algorithm).prepare_key(text)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise DefinitionError(f"{what} is no public key for {algorithm} (PEM)") from None
