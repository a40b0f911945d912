"""What a JWT must say to be let in; the libraries that check one are imported only where an endpoint asks for it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from esb.endpoints.http_in.guards import Guard
from esb.loading import load
from esb.specs import Duration, PartnerName, Secret, Spec, World

_Asymmetric = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_Shared = Literal["HS256", "HS384", "HS512"]
_LOOPBACK = ("http://127.0.0.1:", "http://[::1]:", "http://localhost:")


class TokenClient(Spec):
    """A client that the identity provider knows."""

    scalar: ClassVar[str | None] = "partner"
    partner: PartnerName = Field("", description="The partner that it sends for; default: the endpoint's.")


class Jwt(Spec):
    """A token that an identity provider signed."""

    issuer: str = Field(min_length=1, description="Who must have issued it (iss).")
    audience: str = Field(min_length=1, description="Whom it must be meant for (aud).")
    algorithms: tuple[_Asymmetric | _Shared, ...] = Field(
        ("RS256",), min_length=1, max_length=4, description="The algorithms that are taken, and no others."
    )
    jwks: str = Field("", description="The address of the issuer's keys: https://…/jwks.json")
    key: Secret | None = Field(None, description="A public key (PEM), or the shared secret of HS256.")
    client: str = Field("sub", description="The claim that names the client.")
    clients: dict[str, TokenClient] = Field(
        {}, max_length=1000, description="Clients by that claim, each with its partner; if given, no others may come."
    )
    scope: str = Field("", description="A word that the claim `scope` must hold.")
    leeway: Annotated[Duration, Field(ge=0, le=300)] = Field(30.0, description="How far clocks may differ.")
    refresh: Annotated[Duration, Field(ge=30)] = Field(600.0, description="How long a key set is good for.")

    @model_validator(mode="after")
    def _one_source_of_keys(self) -> Jwt:
        if bool(self.jwks) == (self.key is not None):
            raise ValueError("write `jwks` (the address of a key set) or `key`, one of them")
        shared = [name for name in self.algorithms if name.startswith("HS")]
        if shared and (self.jwks or len(shared) < len(self.algorithms)):
            raise ValueError(
                f"{shared[0]} signs with a shared secret: it stands alone and with `key`. Where a public key would do, "
                "whoever knows the public key could sign"
            )
        if self.jwks and not self.jwks.startswith(("https://", *_LOOPBACK)):
            raise ValueError("a key set is fetched by https; whoever can change it on the way can sign")
        return self

    def guard(self, world: World) -> Guard:
        """Return the live check. Raises DefinitionError if the key is missing or cannot be one."""
        made: Guard = load("esb.endpoints.http_in.tokens:jwt_guard")(self, world)
        return made
