"""Who may post: nobody in particular, whoever knows a key, a password or has a token, or whoever signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from esb.endpoints.http_in.claims import Jwt
from esb.endpoints.http_in.fresh import FreshGuard
from esb.endpoints.http_in.guards import Guard, KeyGuard, OpenGuard, SignedGuard
from esb.endpoints.http_in.passwords import Basic
from esb.endpoints.http_in.presets import HEADER, GitHub, Hmac, Preset, Shopify, Standard, Stripe
from esb.errors import DefinitionError
from esb.specs import PartnerName, Secret, SecretRef, Spec, World
from esb.specs.secrets import references_of

_COMMON = ("Idempotency-Key", "webhook-id")


def _listed(given: Any) -> Any:
    return given if isinstance(given, list | tuple) else [given]


ClientName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
OneOrMore = Annotated[
    tuple[Secret, ...],
    BeforeValidator(_listed, json_schema_input_type=Secret | list[Secret]),
    Field(min_length=1, max_length=8),
]


class Client(Spec):
    """One of several senders at an endpoint."""

    scalar: ClassVar[str | None] = "secret"
    secret: OneOrMore = Field(description="Its secret, or several while one is replaced.")
    partner: PartnerName = Field("", description="The partner that it sends for; default: the endpoint's.")


class _Keyed(Spec):
    """Secrets that all belong to one sender, or to clients with names."""

    clients: dict[ClientName, Client] = Field(
        {}, max_length=1000, description="Name: its secret, several while one is replaced, or secret and partner."
    )

    def _accepted(self, one: Sequence[SecretRef], world: World) -> tuple[tuple[bytes, str], ...]:
        named = [(reference, name) for name, client in self.clients.items() for reference in client.secret]
        pairs = [(world.secret(reference), name) for reference, name in [*((each, "") for each in one), *named]]
        if not all(value for value, _ in pairs):
            raise DefinitionError("a key or token is empty; anybody could guess it")
        if len({value for value, _ in pairs}) < len(pairs):
            raise DefinitionError("two clients have the same key or token; they could not be told apart")
        return tuple((sha256(value.encode()).digest(), name) for value, name in pairs)


class ApiKey(_Keyed):
    """A key in a header."""

    header: str = Field("X-API-Key", pattern=HEADER, description="The header that holds the key.")
    keys: tuple[Secret, ...] = Field((), max_length=64, description="Keys of one sender; any of them will do.")

    @model_validator(mode="after")
    def _some(self) -> ApiKey:
        _one_of(self, "keys")
        return self

    def guard(self, world: World) -> Guard:
        """Return the live check. Raises DefinitionError if a key is missing."""
        return KeyGuard("ApiKey", self.header.lower(), self._accepted(self.keys, world))


class Bearer(_Keyed):
    """A token in the Authorization header (RFC 6750)."""

    tokens: tuple[Secret, ...] = Field((), max_length=64, description="Tokens of one sender; any of them will do.")

    @model_validator(mode="after")
    def _some(self) -> Bearer:
        _one_of(self, "tokens")
        return self

    def guard(self, world: World) -> Guard:
        """Return the live check. Raises DefinitionError if a token is missing."""
        return KeyGuard("Bearer", "authorization", self._accepted(self.tokens, world))


def _one_of(spec: _Keyed, field: str) -> None:
    if bool(getattr(spec, field)) == bool(spec.clients):
        raise ValueError(f"write `{field}` for one sender, or `clients` for several that are told apart")


class Auth(Spec):
    """How senders prove who they are: one way, or `none` written out."""

    scalar: ClassVar[str | None] = "open"
    open: Literal["none"] | None = Field(None, description="Everybody may post.")
    standard: Standard | None = Field(None, description="Signatures by the Standard Webhooks rules.")
    github: GitHub | None = Field(None, description="Webhooks of GitHub.")
    shopify: Shopify | None = Field(None, description="Webhooks of Shopify.")
    stripe: Stripe | None = Field(None, description="Webhooks of Stripe.")
    hmac: Hmac | None = Field(None, description="Any other signature of the body.")
    api_key: ApiKey | None = Field(None, description="A key in a header.")
    bearer: Bearer | None = Field(None, description="A bearer token that we gave out.")
    basic: Basic | None = Field(None, description="A user name and a password.")
    jwt: Jwt | None = Field(None, description="A token that an identity provider signed.")

    @model_validator(mode="after")
    def _one_way(self) -> Auth:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"write one of: none, {', '.join(list(type(self).model_fields)[1:])}")
        return self

    @property
    def preset(self) -> Preset | None:
        """Return how the body is signed, if it is."""
        return self.standard or self.github or self.shopify or self.stripe or self.hmac

    @property
    def header(self) -> str:
        """Return the lower-case name of the header that holds the proof, which is never copied anywhere."""
        if self.hmac:
            return self.hmac.header.lower()
        if self.api_key:
            return self.api_key.header.lower()
        headers: Mapping[str, Any] = {
            "webhook-signature": self.standard,
            "x-hub-signature-256": self.github,
            "x-shopify-hmac-sha256": self.shopify,
            "stripe-signature": self.stripe,
        }
        return next((name for name, preset in headers.items() if preset), "authorization")

    @property
    def identity(self) -> tuple[str, ...]:
        """Return where this kind of sender writes the id of a message: headers, or a path in the body."""
        return self.preset.identity if self.preset else _COMMON

    @property
    def partners(self) -> Mapping[str, str]:
        """Return the partners of clients that have one of their own, by client."""
        clients: dict[str, Any] = {}
        for way in (self.api_key, self.bearer, self.jwt):
            clients |= way.clients if way is not None else {}
        clients |= self.basic.users if self.basic is not None else {}
        return {name: client.partner for name, client in clients.items() if client.partner}

    def guard(self, world: World) -> Guard:
        """Return the live check. Raises DefinitionError if a secret is missing."""
        if preset := self.preset:
            return FreshGuard(lambda: SignedGuard(preset.signing(world)), references_of(preset), world)
        if held := self.api_key or self.bearer or self.basic:
            return FreshGuard(lambda: held.guard(world), references_of(held), world)
        return self.jwt.guard(world) if self.jwt else OpenGuard()
