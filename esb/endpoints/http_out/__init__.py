"""http_out: posts messages to an address, and asks it for documents."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from esb.endpoints.http_out.answers import OnConflict, Reading
from esb.endpoints.http_out.auth import NOBODY, OutAuth
from esb.endpoints.http_out.client import Client
from esb.endpoints.http_out.destination import Destination, Networks
from esb.endpoints.http_out.gone import Gone
from esb.endpoints.http_out.guard import Guard
from esb.endpoints.http_out.pacing import LimitEach, Pacing
from esb.endpoints.http_out.replies import AnswerSpec, Replies
from esb.endpoints.http_out.signing import HEADER, Sign
from esb.endpoints.http_out.sink import Call, Door, HttpSink, Probe
from esb.endpoints.http_out.tls import Tls
from esb.endpoints.http_out.urls import url_fault
from esb.specs import Condition, Duration, Effect, EndpointSpec, Size, Spec, Value, World


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
    url: Value = Field(description="The address; paths of questions and probes are joined to it.")
    hosts: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description='Hosts that a url with expressions may lead to, as globs: "*.partner.example".'
    )
    networks: Networks | None = Field(
        None, description="Networks inside that may be reached, e.g. 10.1.0.0/16; written, all others are closed."
    )
    path: Value | None = Field(None, description='Joined to the url for each message: "/{{ message.id }}".')
    method: Literal["POST", "PUT", "PATCH", "DELETE"] = Field("POST", description="The method that delivers.")
    headers: dict[Annotated[str, Field(pattern=HEADER)], Value] = Field(
        default_factory=dict, description="More headers; values may hold expressions."
    )
    auth: OutAuth | None = Field(None, description="How we prove who we are.")
    sign: Sign | None = Field(None, description="How calls are signed.")
    tls: Tls | None = Field(None, description="Our certificate, and whom we trust.")
    content_type: str = Field("", description="Media type of the body; default: that of the format.")
    timeout: Duration = Field(30.0, gt=0, description="Longest time of a call, from connecting to the answer's end.")
    expect: tuple[Annotated[int, Field(ge=200, le=599)], ...] = Field(
        (), description="Statuses that mean done; default: any 2xx."
    )
    conflict: OnConflict = Field("rejected", description="What a 409 means: it has it already (done), or it said no.")
    gone: Literal["disable", "rejected"] | None = Field(
        None,
        description="What a 410 means: send nothing more, or it said no; default: disable where webhooks are signed.",
    )
    answer: AnswerSpec | None = Field(None, description="What is read from the JSON that answers a delivery.")
    limit_each: LimitEach | None = Field(None, description="A rate that every key (customer, shop) has for itself.")
    idempotency_header: str = Field("Idempotency-Key", pattern=HEADER, description="The header that holds the key.")
    effect: HttpEffect | None = Field(None, description="What to do when an outcome is unknown.")
    cache: Duration = Field(0.0, description="How old an answer to a question may be; default: always ask.")
    max_answer: Size = Field(1_000_000, gt=0, description="Longer answers to questions are refused.")

    @field_validator("url")
    @classmethod
    def _usable(cls, url: Value) -> Value:
        if url.kind == "literal" and (fault := url_fault(str(url.source))):
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

    @model_validator(mode="after")
    def _bounded(self) -> HttpOut:
        fixed = self.url.kind == "literal"
        if fixed == bool(self.hosts):
            raise ValueError('a url with expressions needs hosts: ["*.partner.example"], a written one has none')
        if "*" in self.hosts and (self.auth is not None or (self.tls is not None and self.tls.key is not None)):
            raise ValueError("credentials would go to any host; write under hosts: who may get them")
        return self

    def sink(self, name: str, world: World) -> HttpSink:
        """Return the delivery side, which also answers asks. Raises DefinitionError if a secret is missing."""
        effect, clock = self.effect, world.clock
        probe = effect.probe if effect else None
        destination = Destination(self.url, self.hosts)
        call = Call(
            destination=destination,
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
        client = Client(
            self.timeout,
            self.concurrency,
            fresh=bool(effect and effect.never_repeat),
            guard=Guard(not destination.fixed or self.networks is not None, self.networks or ()),
            tls=self.tls.context(world) if self.tls else None,
        )
        door = Door(
            credentials=self.auth.credentials(name, world, client) if self.auth else NOBODY,
            signer=self.sign.signer(world) if self.sign else None,
            pacing=Pacing(self.limit_each, clock) if self.limit_each else None,
            gone=Gone(world.state, name, world.log) if self._disables() else None,
            replies=Replies(self.answer) if self.answer else None,
        )
        return HttpSink(call, Reading(frozenset(self.expect), self.conflict), client, door, clock)

    def _disables(self) -> bool:
        if self.gone is not None:
            return self.gone == "disable"
        return self.sign is not None and self.sign.standard is not None
