"""http_in: takes webhooks and REST calls; 202 only when the message is durable, or the route's own answer."""

from __future__ import annotations

import asyncio
import codecs
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from esb.endpoints.http_in.auth import Auth
from esb.endpoints.http_in.checking import MakeReader, OnInvalid
from esb.endpoints.http_in.cloudevents import BATCH, STRUCTURED
from esb.endpoints.http_in.handler import Door, headers_of
from esb.endpoints.http_in.parameters import NAME, PATH, Parameter, Parameters, names_of
from esb.endpoints.http_in.replies import Replies, ReplySink
from esb.endpoints.http_in.rules import BODILESS, Means, Rules
from esb.errors import ExpressionSyntaxError
from esb.expressions import compile_path
from esb.ports import Contract, Format, Intake, Sink
from esb.specs import ContractName, Duration, EndpointSpec, Rate, Size, Spec, World

if TYPE_CHECKING:
    from esb.specs import AnyFormat

_TYPES = {
    "json": ("application/json", "application/x-ndjson", "text/json", "+json"),
    "xml": ("application/xml", "text/xml", "+xml"),
    "csv": ("text/csv", "text/plain"),
}
_NEVER_COPIED = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})

Method = Literal["POST", "PUT", "PATCH", "GET", "DELETE"]


def _listed(given: Any) -> Any:
    return given if isinstance(given, list | tuple) else [given]


class ReplyMode(Spec):
    """Who asks waits for the route's last document."""

    scalar: ClassVar[str | None] = "mode"
    mode: Literal["sync"] = Field("sync", description="The route's last document is the answer.")
    timeout: Duration = Field(10.0, gt=0, le=300, description="How long a caller waits; then 504 with a Location.")
    contract: ContractName | None = Field(None, description="What answers look like, for /openapi.json.")


class HttpIn(EndpointSpec):
    """Takes webhooks and REST calls."""

    receives: ClassVar[bool] = True
    type: Literal["http_in"]
    auth: Auth = Field(description="How senders prove who they are; `none` if everybody may post.")
    path: str = Field("", description="The path below /api, with {parameters}; default: the address is /in/NAME.")
    methods: Annotated[tuple[Method, ...], BeforeValidator(_listed, json_schema_input_type=Method | list[Method])] = (
        Field(("POST",), min_length=1, description="GET and DELETE have no body: their message is the parameters.")
    )
    parameters: dict[Annotated[str, Field(pattern=NAME)], Parameter] = Field(
        {}, max_length=50, description="Values of path and query that go on with the message."
    )
    key: tuple[str, ...] | None = Field(
        None, description="Headers, or paths in the body, that may hold the sender's key; default: those of `auth`."
    )
    without_key: Literal["body", "each", "refuse"] | None = Field(
        None,
        description="Without a key: equal bodies are one message, each request is one, or it is refused (400). "
        "Default: body, and each where the caller waits for a reply.",
    )
    headers: tuple[str, ...] = Field((), description="Request headers that become headers of the message.")
    cloudevents: bool = Field(False, description="Events by CloudEvents 1.0: binary, structured, or in batches.")
    content_types: tuple[str, ...] | None = Field(
        None, description="Media types that are taken; default: those of the format."
    )
    contract: ContractName | None = Field(None, description="What breaks it is refused at once (422).")
    on_invalid: OnInvalid | None = Field(
        None, description="A body that cannot be read: refuse (400), or accept (202) and make it an exception."
    )
    reply: ReplyMode | None = Field(None, description="Answer with what the route makes: sync.")
    answers: list[AnyFormat] = Field([], max_length=8, description="Formats of replies, by Accept; default: json.")
    max_size: Size = Field(10_000_000, gt=0, description="Larger bodies are refused (413).")
    timeout: Duration = Field(30.0, gt=0, description="How long a body may take to arrive (408).")
    concurrency: int = Field(200, ge=1, le=10_000, description="Requests under way at once; more are told 503.")
    client_limit: Rate | None = Field(None, description="At most so many requests of one client, e.g. 5/s (429).")

    @field_validator("headers")
    @classmethod
    def _no_credentials(cls, headers: tuple[str, ...]) -> tuple[str, ...]:
        for name in headers:
            if name.lower() in _NEVER_COPIED:
                raise ValueError(f"{name} holds credentials and is never copied into a message")
        return tuple(name.lower() for name in headers)

    @field_validator("path")
    @classmethod
    def _a_path(cls, path: str) -> str:
        if path and not re.fullmatch(PATH, path):
            raise ValueError(f"{path!r} is not a path of words and {{parameters}}, such as /orders/{{number}}")
        if len(set(names_of(path))) < len(names_of(path)):
            raise ValueError("a parameter stands twice in the path")
        return path

    @field_validator("key")
    @classmethod
    def _keys(cls, key: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for place in key or ():
            if place.startswith("$"):
                try:
                    compile_path(place)
                except ExpressionSyntaxError as error:
                    raise ValueError(f"{place}: {error.text}") from None
        return key

    @model_validator(mode="after")
    def _proof_stays_here(self) -> HttpIn:
        if self.auth.header in self.headers and not self.auth.open:
            raise ValueError(f"{self.auth.header} proves who the sender is and is never copied into a message")
        return self

    @model_validator(mode="after")
    def _methods_that_make_sense(self) -> HttpIn:
        if "GET" in self.methods and self.reply is None:
            raise ValueError("who asks by GET waits for an answer: write `reply: sync`")
        if BODILESS & set(self.methods) and self.kind != "json":
            raise ValueError("GET and DELETE have no body; their message is JSON: write `format: json`")
        if self.cloudevents and (self.reply is not None or self.methods != ("POST",)):
            raise ValueError("events are posted and not answered: leave out `reply` and `methods`")
        if self.answers and self.reply is None:
            raise ValueError("`answers` says in which formats a reply is written: write `reply: sync`")
        return self

    @property
    def kind(self) -> str:
        """Return the type of the format that bodies are read in."""
        return self.format.type if self.format else "json"

    @property
    def replies(self) -> bool:
        """Whether callers get the route's last document, which comes back to this endpoint as a delivery."""
        return self.reply is not None

    def address(self, name: str) -> str:
        """Return the path that requests are sent to."""
        return f"/api{self.path}" if self.path else f"/in/{name}"

    def source(self, name: str, world: World) -> HttpSource:
        """Return the intake side. Raises DefinitionError if a secret is missing."""
        types = _TYPES.get(self.kind, ()) if self.content_types is None else self.content_types
        if types and self.cloudevents:
            types = (*types, STRUCTURED, BATCH)
        places = self.auth.identity if self.key is None else self.key
        rules = Rules(
            name=name,
            guard=self.auth.guard(world),
            identity=tuple(compile_path(each) if each.startswith("$") else each for each in places),
            parameters=Parameters.of(self.parameters, self.path),
            methods=self.methods,
            without_key=self.without_key or ("each" if self.reply else "body"),
            headers=self.headers,
            content_types=tuple(each.lower() for each in types),
            charsets=self._charsets(),
            max_bytes=self.max_size,
            timeout=self.timeout,
            at_once=self.concurrency,
            rate=self.limit,
            client_rate=self.client_limit,
            check=self.on_invalid == "refuse" or (self.on_invalid is None and self.kind == "json"),
            strict=self.on_invalid == "refuse",
            partner=self.partner,
            partners=self.auth.partners,
            cloudevents=self.cloudevents,
            reply=self.reply.timeout if self.reply else 0.0,
        )
        return HttpSource(self, rules, world)

    def sink(self, name: str, world: World) -> Sink:
        """Return the delivery side of an endpoint that replies, to be checked: it keeps nothing."""
        return ReplySink(None) if self.replies else super().sink(name, world)

    def reply_sink(self, replies: Replies) -> ReplySink:
        """Return the delivery side of an endpoint that replies."""
        return ReplySink(replies)

    def _charsets(self) -> tuple[str, ...]:
        """Return what a request may say of its characters; XML says it itself, and bytes have none."""
        if self.kind == "json":
            return ("utf-8", "ascii")
        declared = str(getattr(self.format, "encoding", ""))
        return (codecs.lookup(declared).name, "ascii") if declared else ()


class HttpSource:
    """The intake side: `app` mounts `routes` on its listener; there is nothing to poll."""

    def __init__(self, spec: HttpIn, rules: Rules, world: World) -> None:
        self.spec = spec
        self._rules = rules
        self._world = world

    @property
    def authenticated(self) -> bool:
        """Return whether senders prove who they are; if not, the listener should bind to loopback only."""
        return bool(self._rules.guard.challenge)

    async def admit(self, request: Request) -> str:
        """Return the client that a request without a body comes from.

        Raises:
            SecurityError: Its headers prove nothing.
            EndpointError: They cannot be checked now.
        """
        headers, guard = headers_of(request), self._rules.guard
        client = await guard.admit(headers)
        guard.verify(headers, b"", self._world.clock.now())
        return client

    def routes(
        self,
        intake: Intake,
        reader: MakeReader | None = None,
        contract: Contract | None = None,
        replies: Replies | None = None,
        answers: tuple[Format, ...] = (),
    ) -> list[BaseRoute]:
        """Return the routes to mount.

        `reader` (the intake plan's) and `contract` let a body be checked before it is taken; `replies` and the formats
        to answer in are what an endpoint with `reply: sync` needs.
        """
        rules = self._rules
        if reader is None and self.spec.kind != "json":
            contract, rules = None, replace(rules, check=False)  # without its reader only JSON can be checked
        door = Door(rules, intake, Means(self._world, reader, contract, replies, answers))
        # Endpoints may share a path, told apart by their methods; the address of one alone answers for all methods.
        methods = list(rules.methods) if self.spec.path else None
        own = Route(self.spec.address(rules.name), door, methods=methods)
        if own.methods is not None:
            own.methods.discard("HEAD")  # it would do the work of a GET for an answer that nobody sees
        mounted: list[BaseRoute] = [own]
        if rules.reply:
            mounted.append(Route(f"/in/{rules.name}/results/{{message_id}}", _Results(door)))
        return mounted

    async def check(self) -> str:
        """Say where it waits and who may come; the listener's port is the process's own matter."""
        who = "senders prove who they are" if self.authenticated else "anybody who reaches the listener may post"
        return f"waits at {self.spec.address(self._rules.name)} of the listener; {who}"

    async def run(self, intake: Intake, once: bool) -> None:
        """Wait until cancelled; with `once` return, for nothing waits at this door."""
        if not once:
            await asyncio.Event().wait()


class _Results:
    """The results of a door, as an application of their own."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._door.result(scope, receive, send)
