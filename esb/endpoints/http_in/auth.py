"""Who may post: nobody in particular, whoever knows a key or token, or whoever signs with a shared secret."""

from __future__ import annotations

import hmac
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from esb.endpoints.http_in.signatures import Algorithm, Encoding, Signing, verify
from esb.errors import DefinitionError, SecurityError
from esb.specs import Duration, Secret, Spec, World

HEADER = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
"""A field name of RFC 9110."""


class Hmac(Spec):
    """A signature of the raw body in a header."""

    header: str = Field(pattern=HEADER, description="The header that holds the signature.")
    secrets: tuple[Secret, ...] = Field(min_length=1, max_length=8, description="Shared secrets; any of them will do.")
    algorithm: Algorithm = Field("sha256", description="The hash that the HMAC uses.")
    encoding: Encoding = Field("hex", description="How the signature is written.")
    prefix: str = Field("", description="What stands before the signature: sha256=")
    signed: Literal["body", "timestamp.body"] = Field("body", description="What is signed.")
    timestamp: str = Field("", description="The header with the time of sending (seconds since 1970).")
    tolerance: Duration = Field(300.0, gt=0, description="How far that time may be off.")

    @model_validator(mode="after")
    def _signed_timestamp(self) -> Hmac:
        if bool(self.timestamp) != (self.signed == "timestamp.body"):
            raise ValueError(
                "a timestamp protects only if it is signed: write `timestamp` with `signed: timestamp.body`, or neither"
            )
        return self

    def signing(self, world: World) -> Signing:
        """Return how to check it. Raises DefinitionError if a secret is missing."""
        return Signing(
            header=self.header,
            keys=tuple(world.secret(secret).encode() for secret in self.secrets),
            algorithm=self.algorithm,
            encoding=self.encoding,
            prefix=self.prefix,
            timestamp=self.timestamp,
            tolerance=self.tolerance,
        )


class StandardWebhooks(Spec):
    """Signatures as standardwebhooks.com describes them (v1, HMAC-SHA256)."""

    secrets: tuple[Secret, ...] = Field(min_length=1, max_length=8, description="Secrets, with or without whsec_.")
    tolerance: Duration = Field(300.0, gt=0, description="How far the time of sending may be off.")

    def signing(self, world: World) -> Signing:
        """Return how to check it. Raises DefinitionError if a secret is missing or is not base64."""
        return Signing(
            header="webhook-signature",
            keys=tuple(_standard_key(world.secret(secret), str(secret)) for secret in self.secrets),
            encoding="base64",
            prefix="v1,",
            timestamp="webhook-timestamp",
            identity="webhook-id",
            tolerance=self.tolerance,
        )


class ApiKey(Spec):
    """A key in a header."""

    header: str = Field("X-API-Key", pattern=HEADER, description="The header that holds the key.")
    keys: tuple[Secret, ...] = Field(min_length=1, max_length=64, description="Keys; any of them will do.")


class Bearer(Spec):
    """A token in the Authorization header (RFC 6750)."""

    tokens: tuple[Secret, ...] = Field(min_length=1, max_length=64, description="Tokens; any of them will do.")


class Auth(Spec):
    """How senders prove who they are: one way, or `none` written out."""

    scalar: ClassVar[str | None] = "open"
    open: Literal["none"] | None = Field(None, description="Everybody may post.")
    hmac: Hmac | None = Field(None, description="A signature of the body.")
    standard_webhooks: StandardWebhooks | None = Field(None, description="Signatures by the Standard Webhooks rules.")
    api_key: ApiKey | None = Field(None, description="A key in a header.")
    bearer: Bearer | None = Field(None, description="A bearer token.")

    @model_validator(mode="after")
    def _one_way(self) -> Auth:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("write one of: none, hmac, standard_webhooks, api_key, bearer")
        return self

    @property
    def header(self) -> str:
        """Return the lower-case name of the header that holds the proof, which is never copied anywhere."""
        if self.hmac:
            return self.hmac.header.lower()
        if self.api_key:
            return self.api_key.header.lower()
        return "webhook-signature" if self.standard_webhooks else "authorization"

    def guard(self, world: World) -> Guard:
        """Return the live check. Raises DefinitionError if a secret is missing."""
        signed = self.hmac or self.standard_webhooks
        if signed:
            return Guard("Signature", signing=signed.signing(world))
        if self.api_key:
            keys = [world.secret(key) for key in self.api_key.keys]
            return Guard("ApiKey", header=self.header, accepted=_digests(keys))
        if self.bearer:
            tokens = [f"Bearer {world.secret(token)}" for token in self.bearer.tokens]
            return Guard("Bearer", header="authorization", accepted=_digests(tokens))
        return Guard()


@dataclass(frozen=True, slots=True)
class Guard:
    """Checks a request: `admit` by its headers before the body is read, `verify` by its raw bytes after."""

    challenge: str = ""
    header: str = ""
    accepted: tuple[bytes, ...] = ()
    signing: Signing | None = None

    def admit(self, headers: Mapping[str, str]) -> None:
        """Raise SecurityError if the key or token is none of ours (or the signature header is missing)."""
        if self.signing and self.signing.header.lower() not in headers:
            raise SecurityError(f"no header {self.signing.header}")
        if not self.accepted:
            return
        given = headers.get(self.header, "")
        if self.challenge == "Bearer":  # the scheme's name is case-insensitive (RFC 9110, 11.1)
            scheme, _, token = given.partition(" ")
            given = f"Bearer {token.strip()}" if scheme.lower() == "bearer" else ""
        digest = sha256(given.encode("utf-8", "surrogateescape")).digest()
        # Digests are compared, so that not even the length of a key shows in the time taken.
        matches = [hmac.compare_digest(digest, known) for known in self.accepted]
        if not any(matches):
            raise SecurityError(f"no header {self.header}" if not given else f"the value of {self.header} is unknown")

    def verify(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Raise SecurityError if the signature is wrong or too old."""
        if self.signing:
            verify(self.signing, headers, body, now)


def _digests(values: Sequence[str]) -> tuple[bytes, ...]:
    if not all(value.removeprefix("Bearer ") for value in values):
        raise DefinitionError("a key or token is empty; anybody could guess it")
    return tuple(sha256(value.encode()).digest() for value in values)


def _standard_key(secret: str, reference: str) -> bytes:
    try:
        return b64decode(secret.removeprefix("whsec_"), validate=True)
    except (Base64Error, ValueError) as error:
        raise DefinitionError(f"{reference} is not a Standard Webhooks secret (whsec_ and base64)") from error
