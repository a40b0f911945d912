"""How vendors sign: the presets that an endpoint names, and the generic HMAC that all others are written with."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Annotated, Any, ClassVar, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from esb.endpoints.http_in.signatures import WORDS, Algorithm, Encoding, Signing
from esb.errors import DefinitionError
from esb.specs import Duration, Secret, SecretRef, Spec, World

HEADER = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
"""A field name of RFC 9110."""


def _listed(given: Any) -> Any:
    return given if isinstance(given, list | tuple) else [given]


Secrets = Annotated[
    tuple[Secret, ...],
    BeforeValidator(_listed, json_schema_input_type=Secret | list[Secret]),
    Field(min_length=1, max_length=8, description="Shared secrets; any of them will do, so that one can be replaced."),
]
Tolerance = Annotated[Duration, Field(gt=0, description="How far the time of sending may be off.")]


class Hmac(Spec):
    """A signature of the raw body in a header."""

    identity: ClassVar[tuple[str, ...]] = ("Idempotency-Key", "webhook-id")
    header: str = Field(pattern=HEADER, description="The header that holds the signature.")
    secrets: Secrets
    algorithm: Algorithm = Field("sha256", description="The hash that the HMAC uses.")
    encoding: Encoding = Field("hex", description="How the signature is written.")
    prefix: str = Field("", description="What stands before the signature: sha256=")
    signed: str = Field(
        "body",
        max_length=100,
        description="What is signed, in order: body, timestamp.body, id.timestamp.body, v0:timestamp:body",
    )
    timestamp: str = Field("", description="The header with the time of sending (seconds since 1970).")
    id_header: str = Field("", description="The header with the id, if the id is signed.")
    tolerance: Tolerance = 300.0

    @model_validator(mode="after")
    def _what_is_signed_is_there(self) -> Hmac:
        words = WORDS.findall(self.signed)
        if words.count("body") != 1:
            raise ValueError("`signed` names `body` once: a signature that leaves it out protects nothing")
        if bool(self.timestamp) != ("timestamp" in words):
            raise ValueError(
                "a timestamp protects only if it is signed: write `timestamp` with `signed: timestamp.body`, or neither"
            )
        if bool(self.id_header) != ("id" in words):
            raise ValueError("an id that is signed needs `id_header`, and one that is not signed needs none")
        return self

    def signing(self, world: World) -> Signing:
        """Return how to check it. Raises DefinitionError if a secret is missing."""
        return Signing(
            header=self.header,
            keys=_raw(self.secrets, world),
            algorithm=self.algorithm,
            encoding=self.encoding,
            prefix=self.prefix,
            timestamp=self.timestamp,
            identity=self.id_header,
            tolerance=self.tolerance,
            layout=self.signed,
        )


class Standard(Spec):
    """Signatures as standardwebhooks.com describes them: v1 (HMAC-SHA256) and v1a (Ed25519)."""

    identity: ClassVar[tuple[str, ...]] = ("webhook-id",)
    secrets: tuple[Secret, ...] = Field((), max_length=8, description="Secrets, with or without whsec_.")
    public_keys: tuple[str, ...] = Field((), max_length=8, description="Ed25519 public keys, with or without whpk_.")
    tolerance: Tolerance = 300.0

    @model_validator(mode="after")
    def _one_key(self) -> Standard:
        if not self.secrets and not self.public_keys:
            raise ValueError("write `secrets`, `public_keys`, or both while the sender changes from one to the other")
        for key in self.public_keys:
            if len(_base64(key.removeprefix("whpk_"), "a public key")) != 32:
                raise ValueError("a public key is 32 bytes in base64, with or without whpk_ before it")
        return self

    def signing(self, world: World) -> Signing:
        """Return how to check it. Raises DefinitionError if a secret is missing or is not base64."""
        return Signing(
            header="webhook-signature",
            keys=tuple(_standard_key(secret, world) for secret in self.secrets),
            encoding="base64",
            prefix="v1,",
            timestamp="webhook-timestamp",
            identity="webhook-id",
            tolerance=self.tolerance,
            public_keys=tuple(_base64(key.removeprefix("whpk_"), "a public key") for key in self.public_keys),
        )


class GitHub(Spec):
    """Webhooks of GitHub: X-Hub-Signature-256; the delivery's id is the key."""

    scalar: ClassVar[str | None] = "secrets"
    identity: ClassVar[tuple[str, ...]] = ("X-GitHub-Delivery",)
    secrets: Secrets

    def signing(self, world: World) -> Signing:
        """Return how to check it. Raises DefinitionError if a secret is missing."""
        return Signing(header="X-Hub-Signature-256", keys=_raw(self.secrets, world), prefix="sha256=")


class Shopify(Spec):
    """Webhooks of Shopify: X-Shopify-Hmac-Sha256 (or, of its Events, Shopify-Hmac-Sha256); the webhook's id, or the
    event's, is the key."""

    scalar: ClassVar[str | None] = "secrets"
    identity: ClassVar[tuple[str, ...]] = (
        "X-Shopify-Webhook-Id", "Shopify-Webhook-Id", "X-Shopify-Event-Id", "Shopify-Event-Id",
    )  # fmt: skip
    secrets: Secrets

    def signing(self, world: World) -> Signing:
        """Return how to check it. Raises DefinitionError if a secret is missing."""
        return Signing(
            header="X-Shopify-Hmac-Sha256",
            other_header="Shopify-Hmac-Sha256",
            keys=_raw(self.secrets, world),
            encoding="base64",
        )


class Stripe(Spec):
    """Webhooks of Stripe: Stripe-Signature, which holds the time; the event's id is the key."""

    scalar: ClassVar[str | None] = "secrets"
    identity: ClassVar[tuple[str, ...]] = ("$.id",)
    secrets: Secrets
    tolerance: Tolerance = 300.0

    def signing(self, world: World) -> Signing:
        """Return how to check it. Raises DefinitionError if a secret is missing."""
        return Signing(
            header="Stripe-Signature",
            keys=_raw(self.secrets, world),
            prefix="v1=",
            tolerance=self.tolerance,
            pairs=True,
        )


Preset: TypeAlias = Hmac | Standard | GitHub | Shopify | Stripe
"""Every way to sign that an endpoint can name."""


def _raw(secrets: tuple[SecretRef, ...], world: World) -> tuple[bytes, ...]:
    """Return the secrets as they are used: their own bytes."""
    return tuple(world.secret(secret).encode() for secret in secrets)


def _standard_key(secret: SecretRef, world: World) -> bytes:
    try:
        return _base64(world.secret(secret).removeprefix("whsec_"), str(secret))
    except ValueError as error:
        raise DefinitionError(f"{secret} is not a Standard Webhooks secret (whsec_ and base64)") from error


def _base64(text: str, what: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise ValueError(f"{what} is not base64") from None
