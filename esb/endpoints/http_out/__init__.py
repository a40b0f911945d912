"""http_out: posts messages to an address, and asks it for documents."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from yarl import URL

from esb.endpoints.http_out.answers import OnConflict, Reading
from esb.endpoints.http_out.client import Client
from esb.endpoints.http_out.sink import Call, HttpSink, Probe
from esb.endpoints.http_out.urls import url_fault
from esb.specs import Condition, Duration, Effect, EndpointSpec, Secret, Size, Spec, Value, World

_HEADER = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"


class Basic(Spec):
    """A user and a password (RFC 7617)."""

    user: str = Field(min_length=1, pattern="^[^:]+$", description="The user name.")
    password: Secret = Field(description="The password.")


class OutApiKey(Spec):
    """A key in a header."""

    header: str = Field("X-API-Key", pattern=_HEADER, description="The header that holds the key.")
    key: Secret = Field(description="The key.")


class OutAuth(Spec):
    """How we prove who we are: one way."""

    bearer: Secret | None = Field(None, description="A token for the Authorization header.")
    basic: Basic | None = Field(None, description="A user and a password.")
    api_key: OutApiKey | None = Field(None, description="A key in a header.")

    @model_validator(mode="after")
    def _one_way(self) -> OutAuth:
        if len([each for each in (self.bearer, self.basic, self.api_key) if each is not None]) != 1:
            raise ValueError("write one of: bearer, basic, api_key")
        return self

    def secrets(self, world: World) -> tuple[str, ...]:
        """Return the values that must not be quoted. Raises DefinitionError if one is missing."""
        found = [self.bearer, self.basic and self.basic.password, self.api_key and self.api_key.key]
        return tuple(world.secret(each) for each in found if each)

    def headers(self, world: World) -> Mapping[str, str]:
        """Return the headers; secrets are read at every call, so that a new one needs no restart."""
        if self.bearer:
            return {"Authorization": f"Bearer {world.secret(self.bearer)}"}
        if self.basic:
            pair = f"{self.basic.user}:{world.secret(self.basic.password)}"
            return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        return {self.api_key.header: world.secret(self.api_key.key)} if self.api_key else {}


class HttpProbe(Spec):
    """Reads back whether a message was applied: 2xx and not an empty list = yes, 404 = no."""

    scalar: ClassVar[str | None] = "get"
    get: Value = Field(description='The path behind the url: "/orders/{{ message.effect_key }}".')
    when: Condition | None = Field(None, description="Asked of the JSON that answers: it was applied if this is true.")


class HttpEffect(Effect):
    """What to do when nobody knows whether a call was applied."""

    probe: HttpProbe | None = Field(None, description="How to read back whether it happened.")


class HttpOut(EndpointSpec):
    """Posts messages to an address, and asks it for documents."""

    delivers: ClassVar[bool] = True
    type: Literal["http_out"]
    url: str = Field(description="The address; paths of questions and probes are joined to it.")
    path: Value | None = Field(None, description='Joined to the url for each message: "/{{ message.id }}".')
    method: Literal["POST", "PUT", "PATCH", "DELETE"] = Field("POST", description="The method that delivers.")
    headers: dict[Annotated[str, Field(pattern=_HEADER)], Value] = Field(
        default_factory=dict, description="More headers; values may hold expressions."
    )
    auth: OutAuth | None = Field(None, description="How we prove who we are.")
    content_type: str = Field("", description="Media type of the body; default: that of the format.")
    timeout: Duration = Field(30.0, gt=0, description="Longest time of a call, from connecting to the answer's end.")
    expect: tuple[Annotated[int, Field(ge=200, le=599)], ...] = Field(
        (), description="Statuses that mean done; default: any 2xx."
    )
    conflict: OnConflict = Field("rejected", description="What a 409 means: it has it already (done), or it said no.")
    idempotency_header: str = Field("Idempotency-Key", pattern=_HEADER, description="The header that holds the key.")
    effect: HttpEffect | None = Field(None, description="What to do when an outcome is unknown.")
    cache: Duration = Field(0.0, description="How old an answer to a question may be; default: always ask.")
    max_answer: Size = Field(1_000_000, gt=0, description="Longer answers to questions are refused.")

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if fault := url_fault(url):
            raise ValueError(fault)
        return url

    @field_validator("headers")
    @classmethod
    def _no_framing(cls, headers: dict[str, object]) -> dict[str, object]:
        for name in headers:
            if name.lower() in {"content-length", "transfer-encoding", "host", "connection"}:
                raise ValueError(f"{name} is set by the connection itself")
            if name.lower() == "authorization":
                raise ValueError("Authorization is written under auth:, as a reference to a secret")
        return headers

    def sink(self, name: str, world: World) -> HttpSink:
        """Return the delivery side, which also answers asks. Raises DefinitionError if a secret is missing."""
        secrets = self.auth.secrets(world) if self.auth else ()
        effect = self.effect
        probe = effect.probe if effect else None
        call = Call(
            url=URL(self.url),
            credentials=self._credentials(world),
            method=self.method,
            path=self.path,
            headers=self.headers,
            content_type=self.content_type,
            key_header=self.idempotency_header,
            key=effect.idempotency_key if effect else None,
            probe=Probe(probe.get, probe.when) if probe else None,
            max_answer=self.max_answer,
            cache=self.cache,
        )
        reading = Reading(frozenset(self.expect), self.conflict, secrets=secrets)
        client = Client(self.timeout, self.concurrency, fresh=bool(effect and effect.never_repeat))
        return HttpSink(call, reading, client, world.clock)

    def _credentials(self, world: World) -> Callable[[], Mapping[str, str]]:
        auth = self.auth
        return (lambda: auth.headers(world)) if auth else dict
