"""Signing: how a receiver can tell that a call is ours and new. The time is handed in, fresh for each attempt."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from pydantic import Field, model_validator

from esb.errors import DefinitionError
from esb.specs import Secret, Spec, World

HEADER = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
"""A field name of RFC 9110."""

Signer: TypeAlias = Callable[[bytes, str, float], Mapping[str, str]]
"""Gives the headers for a body, the id of what is sent, and the time of sending."""


class OutHmac(Spec):
    """An HMAC of the body in a header."""

    header: str = Field(pattern=HEADER, description="The header that holds the signature.")
    secret: Secret = Field(description="The shared secret.")
    algorithm: Literal["sha256", "sha512", "sha1"] = Field("sha256", description="The hash that the HMAC uses.")
    encoding: Literal["hex", "base64"] = Field("hex", description="How the signature is written.")
    prefix: str = Field("", pattern=r"^[ -~]*$", description="What stands before the signature: sha256=")
    signed: Literal["body", "timestamp.body"] = Field("body", description="What is signed.")
    timestamp: str = Field("", pattern=HEADER[:-2] + "*$", description="The header that gets the time of sending.")

    @model_validator(mode="after")
    def _signed_timestamp(self) -> OutHmac:
        if bool(self.timestamp) != (self.signed == "timestamp.body"):
            raise ValueError("write `timestamp` with `signed: timestamp.body`, or neither")
        return self

    def signer(self, world: World) -> Signer:
        """Return what signs; the secret is read each time, so that a new one needs no restart."""
        world.secret(self.secret)

        def sign(body: bytes, name: str, now: float) -> Mapping[str, str]:
            stamp = str(int(now))
            content = b"%b.%b" % (stamp.encode(), body) if self.timestamp else body
            digest = hmac.digest(world.secret(self.secret).encode(), content, self.algorithm)
            text = digest.hex() if self.encoding == "hex" else b64encode(digest).decode()
            headers = {self.header: self.prefix + text}
            return {**headers, self.timestamp: stamp} if self.timestamp else headers

        return sign


class OutStandardWebhooks(Spec):
    """Signatures as standardwebhooks.com describes them (v1, HMAC-SHA256)."""

    secrets: tuple[Secret, ...] = Field(
        min_length=1, max_length=8, description="Secrets (whsec_…); while one is replaced, each of them signs."
    )

    def signer(self, world: World) -> Signer:
        """Return what signs. Raises DefinitionError if a secret is missing or is not base64."""

        def keys() -> list[bytes]:
            return [_standard_key(world.secret(secret), repr(secret)) for secret in self.secrets]

        def sign(body: bytes, name: str, now: float) -> Mapping[str, str]:
            # A dot in the id could be read as the end of the id; our second generations have one.
            identity, stamp = name.replace(".", "_"), str(int(now))
            content = b"%b.%b.%b" % (identity.encode(), stamp.encode(), body)
            signatures = [b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys()]
            return {
                "webhook-id": identity,
                "webhook-timestamp": stamp,
                "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
            }

        keys()
        return sign


class Sign(Spec):
    """How calls are signed: one way."""

    hmac: OutHmac | None = Field(None, description="An HMAC of the body in a header.")
    standard: OutStandardWebhooks | None = Field(None, description="Signatures by the Standard Webhooks rules.")

    @model_validator(mode="after")
    def _one_way(self) -> Sign:
        if (self.hmac is None) == (self.standard is None):
            raise ValueError("write one of: hmac, standard")
        return self

    def secrets(self) -> tuple[Secret, ...]:
        """Return the references whose values must not be quoted."""
        if self.hmac is not None:
            return (self.hmac.secret,)
        return self.standard.secrets if self.standard is not None else ()

    def signer(self, world: World) -> Signer:
        """Return what signs. Raises DefinitionError if a secret is missing."""
        way = self.hmac or self.standard
        assert way is not None, "one way is written"
        return way.signer(world)


def _standard_key(secret: str, reference: str) -> bytes:
    try:
        return b64decode(secret.removeprefix("whsec_"), validate=True)
    except (Base64Error, ValueError) as error:
        raise DefinitionError(f"{reference} is not a Standard Webhooks secret (whsec_ and base64)") from error
