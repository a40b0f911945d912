"""Auth: how we prove who we are to a receiver. Secrets are read at every call, so that a new one needs no restart."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol

from pydantic import Field, field_validator, model_validator

from esb.endpoints.http_out.answers import Answered
from esb.endpoints.http_out.client import Client, Request
from esb.endpoints.http_out.signing import HEADER
from esb.endpoints.http_out.token_file import TokenFile
from esb.endpoints.http_out.tokens import Grant, Tokens
from esb.endpoints.http_out.urls import url_fault
from esb.specs import Secret, Spec, World


class Credentials(Protocol):
    """What a call carries to prove who we are."""

    async def headers(self) -> Mapping[str, str]:
        """Return the headers. Raises EndpointError if they cannot be had now."""
        ...

    def refused(self, headers: Mapping[str, str]) -> bool:
        """Take note that the receiver refused these (401); return whether another try may have better ones."""
        ...

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must not be quoted."""
        ...


class Basic(Spec):
    """A user and a password (RFC 7617)."""

    user: str = Field(min_length=1, pattern="^[^:]+$", description="The user name.")
    password: Secret = Field(description="The password.")


class OutApiKey(Spec):
    """A key in a header."""

    header: str = Field("X-API-Key", pattern=HEADER, description="The header that holds the key.")
    key: Secret = Field(description="The key.")


class OAuth2(Spec):
    """A token that is fetched with our own credentials (RFC 6749, 4.4: client credentials)."""

    token_url: str = Field(description="Where tokens are given out.")
    client_id: str = Field(min_length=1, description="Who we are there.")
    client_secret: Secret = Field(description="How we prove it.")
    scope: str = Field("", pattern=r"^[!#-\[\]-~]*( [!#-\[\]-~]+)*$", description="What we ask for, blanks between.")
    audience: str = Field("", description="For whom the token is, where the server wants to know.")
    send: Literal["basic", "body"] = Field("basic", description="How our credentials are sent there.")

    @field_validator("token_url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if fault := url_fault(url):
            raise ValueError(fault)
        return url


class OutAuth(Spec):
    """How we prove who we are: one way."""

    bearer: Secret | None = Field(None, description="A token for the Authorization header.")
    basic: Basic | None = Field(None, description="A user and a password.")
    api_key: OutApiKey | None = Field(None, description="A key in a header.")
    oauth2: OAuth2 | None = Field(None, description="A token that is fetched with our own credentials.")

    @model_validator(mode="after")
    def _one_way(self) -> OutAuth:
        if len([name for name in type(self).model_fields if getattr(self, name) is not None]) != 1:
            raise ValueError("write one of: bearer, basic, api_key, oauth2")
        return self

    def credentials(self, name: str, world: World, client: Client) -> Credentials:
        """Return the live credentials. Raises DefinitionError if a secret is missing."""
        if self.oauth2 is not None:
            grant = self.oauth2
            asked = Grant(
                grant.token_url,
                grant.client_id,
                partial(world.secret, grant.client_secret),
                grant.scope,
                grant.audience,
                grant.send == "basic",
            )
            return Tokens(asked, client, world.clock, TokenFile(world.state, name, lambda: asked.identity))
        found = Written(self, world)
        found.secrets()
        return found


@dataclass(frozen=True, slots=True)
class Written:
    """Credentials that are known beforehand, or none."""

    auth: OutAuth | None = None
    world: World | None = None

    async def headers(self) -> Mapping[str, str]:
        """Return the headers of today's secrets."""
        auth, world = self.auth, self.world
        if auth is None or world is None:
            return {}
        if auth.bearer:
            return {"Authorization": f"Bearer {world.secret(auth.bearer)}"}
        if auth.basic:
            return {"Authorization": f"Basic {_pair(auth.basic.user, world.secret(auth.basic.password))}"}
        return {auth.api_key.header: world.secret(auth.api_key.key)} if auth.api_key else {}

    def refused(self, headers: Mapping[str, str]) -> bool:
        """Return that there are no others."""
        return False

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must not be quoted. Raises DefinitionError if one is missing."""
        auth, world = self.auth, self.world
        if auth is None or world is None:
            return ()
        found = [auth.bearer, auth.basic and auth.basic.password, auth.api_key and auth.api_key.key]
        values = [world.secret(each) for each in found if each]
        if auth.basic:
            # what is sent is a form of the password that anybody can read back
            values.append(_pair(auth.basic.user, values[0]))
        return tuple(values)


def _pair(user: str, password: str) -> str:
    return b64encode(f"{user}:{password}".encode()).decode()


async def send_proved(
    client: Client, credentials: Credentials, request: Request, signed: Callable[[], Mapping[str, str]] = dict
) -> Answered:
    """Send a request with our credentials; once more with better ones if they had run out.

    A 401 says that nothing was applied, so that the second call repeats nothing. `signed` gives the headers of a
    signature, anew for each call.

    Raises:
        UnknownOutcomeError: The request left and no answer came.
        RejectedError: The guard refuses the address.
        EndpointError: It did not leave, or it was safe.
    """
    for last in (False, True):
        proof = await credentials.headers()
        answered = await client.send(replace(request, headers={**request.headers, **signed(), **proof}))
        if last or answered.status != 401 or not credentials.refused(proof):
            return answered
    raise AssertionError("the second answer has been returned")


NOBODY = Written()
"""For receivers that ask nobody who they are."""
