"""http_in: takes webhooks and REST calls at POST /in/NAME; 202 only when the message is durable."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from starlette.routing import BaseRoute, Route

from esb.endpoints.http_in.auth import Auth
from esb.endpoints.http_in.checking import MakeReader, OnInvalid
from esb.endpoints.http_in.handler import Door, Rules
from esb.ports import Intake
from esb.specs import Duration, EndpointSpec, Size, World

_TYPES = {
    "json": ("application/json", "application/x-ndjson", "text/json", "+json"),
    "xml": ("application/xml", "text/xml", "+xml"),
    "csv": ("text/csv", "text/plain"),
}
_NEVER_COPIED = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


class HttpIn(EndpointSpec):
    """Takes webhooks and REST calls."""

    receives: ClassVar[bool] = True
    type: Literal["http_in"]
    auth: Auth = Field(description="How senders prove who they are; `none` if everybody may post.")
    key: tuple[str, ...] = Field(
        ("Idempotency-Key", "webhook-id"),
        description="Headers that may hold the sender's key; without one, equal bodies are one message.",
    )
    headers: tuple[str, ...] = Field((), description="Request headers that become headers of the message.")
    content_types: tuple[str, ...] | None = Field(
        None, description="Media types that are taken; default: those of the format."
    )
    on_invalid: OnInvalid | None = Field(
        None, description="A body that cannot be read: refuse (400), or accept (202) and make it an exception."
    )
    max_size: Size = Field(10_000_000, gt=0, description="Larger bodies are refused (413).")
    timeout: Duration = Field(30.0, gt=0, description="How long a body may take to arrive (408).")
    concurrency: int = Field(200, ge=1, le=10_000, description="Requests under way at once; more are told 503.")

    @field_validator("headers")
    @classmethod
    def _no_credentials(cls, headers: tuple[str, ...]) -> tuple[str, ...]:
        for name in headers:
            if name.lower() in _NEVER_COPIED:
                raise ValueError(f"{name} holds credentials and is never copied into a message")
        return tuple(name.lower() for name in headers)

    @model_validator(mode="after")
    def _proof_stays_here(self) -> HttpIn:
        if self.auth.header in self.headers and not self.auth.open:
            raise ValueError(f"{self.auth.header} proves who the sender is and is never copied into a message")
        return self

    def source(self, name: str, world: World) -> HttpSource:
        """Return the intake side. Raises DefinitionError if a secret is missing."""
        kind = self.format.type if self.format else "json"
        whole_json = kind == "json"
        types = _TYPES.get(kind, ()) if self.content_types is None else self.content_types
        rules = Rules(
            name=name,
            guard=self.auth.guard(world),
            identity=self.key,
            headers=self.headers,
            content_types=tuple(each.lower() for each in types),
            max_bytes=self.max_size,
            timeout=self.timeout,
            at_once=self.concurrency,
            rate=self.limit,
            check=self.on_invalid == "refuse" or (self.on_invalid is None and whole_json),
            strict=self.on_invalid == "refuse",
            partner=self.partner,
        )
        return HttpSource(rules, world, kind)


class HttpSource:
    """The intake side: `app` mounts `routes` on its listener; there is nothing to poll."""

    def __init__(self, rules: Rules, world: World, kind: str) -> None:
        self._rules = rules
        self._world = world
        self._kind = kind

    @property
    def authenticated(self) -> bool:
        """Return whether senders prove who they are; if not, the listener should bind to loopback only."""
        return bool(self._rules.guard.challenge)

    def routes(self, intake: Intake, reader: MakeReader | None = None) -> list[BaseRoute]:
        """Return the route to mount. `reader` (the intake plan's) lets a body be checked before it is taken."""
        rules = self._rules
        if reader is None and self._kind != "json":
            rules = replace(rules, check=False)  # without its reader only JSON can be checked
        return [Route(f"/in/{rules.name}", Door(rules, intake, self._world, reader))]

    async def run(self, intake: Intake, once: bool) -> None:
        """Wait until cancelled; with `once` return, for nothing waits at this door."""
        if not once:
            await asyncio.Event().wait()
