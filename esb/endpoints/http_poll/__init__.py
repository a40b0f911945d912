"""http_poll: asks an API again and again for what is new, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator
from yarl import URL

from esb.endpoints.gcra import Gcra
from esb.endpoints.http_out.auth import NOBODY, OutAuth
from esb.endpoints.http_out.client import Client
from esb.endpoints.http_out.destination import Networks
from esb.endpoints.http_out.guard import Guard
from esb.endpoints.http_out.signing import HEADER
from esb.endpoints.http_out.tls import Tls
from esb.endpoints.http_out.urls import url_fault
from esb.endpoints.http_poll.pages import Paging
from esb.endpoints.http_poll.source import Asking, HttpPoller, Line
from esb.endpoints.items import Items
from esb.endpoints.rounds import Rounds
from esb.expressions import Expression, compile_value
from esb.specs import VALUE_SCHEMA, Duration, EndpointSpec, PathText, Size, Spec, World, compiled

if TYPE_CHECKING:
    CursorValue: TypeAlias = Expression
else:
    CursorValue = Annotated[Any, compiled(lambda source: compile_value(source, frozenset({"cursor"}))), VALUE_SCHEMA]


class Cursor(Spec):
    """How far was read: a field of the items that rises, a time or a number."""

    field: PathText = Field(description="Where an item shows it: $.updated_at")
    start: str = Field("", description="Where the first round begins; default: the query is sent without it.")
    overlap: Duration = Field(
        0.0, description="So much is asked for again: items that come late are taken, known ones are recognised."
    )


class HttpPoll(EndpointSpec):
    """Asks an API for what is new, page by page."""

    receives: ClassVar[bool] = True
    type: Literal["http_poll"]
    url: str = Field(description="The address that is asked.")
    networks: Networks | None = Field(
        None, description="Networks inside that may be reached, e.g. 10.1.0.0/16; written, all others are closed."
    )
    query: dict[str, CursorValue] = Field(
        default_factory=dict, description='Query parameters: { since: "{{ cursor }}", limit: 100 }.'
    )
    headers: dict[Annotated[str, Field(pattern=HEADER)], Annotated[str, Field(pattern=r"^[ -~]*$")]] = Field(
        default_factory=dict, description="More headers."
    )
    auth: OutAuth | None = Field(None, description="How we prove who we are.")
    tls: Tls | None = Field(None, description="Our certificate, and whom we trust.")
    poll: Duration = Field(60.0, gt=0, description="The pause between two rounds.")
    timeout: Duration = Field(30.0, gt=0, description="Longest time of a call, from connecting to the answer's end.")
    items: PathText | None = Field(
        None, description="Where a page has its list of items: $.orders, or $; default: a page is one document."
    )
    key: PathText | None = Field(None, description="What an item is known by: $.id; changed content is new.")
    cursor: Cursor | None = Field(None, description="How far was read.")
    paging: Paging | None = Field(None, description="Where the next page is.")
    max_page: Size = Field(10_000_000, gt=0, description="Longer pages are refused.")

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if fault := url_fault(url):
            raise ValueError(fault)
        return url

    @field_validator("headers")
    @classmethod
    def _no_secret(cls, headers: dict[str, str]) -> dict[str, str]:
        if any(name.lower() == "authorization" for name in headers):
            raise ValueError("Authorization is written under auth:, as a reference to a secret")
        return headers

    @model_validator(mode="after")
    def _of_items(self) -> HttpPoll:
        if self.items is None and (self.cursor is not None or self.key is not None):
            raise ValueError("key and cursor belong to items; write where a page has its list, or $")
        if self.cursor is not None and self.cursor.overlap > self.duplicates / 2:
            raise ValueError("items are recognised for the time of duplicates; make it longer than twice the overlap")
        return self

    def source(self, name: str, world: World) -> HttpPoller:
        """Return the poller. Raises DefinitionError if a secret is missing."""
        cursor = self.cursor
        asking = Asking(
            url=URL(self.url),
            query=self.query,
            headers={"Accept": "application/json", **self.headers} if self.items is not None else self.headers,
            items=self.items,
            key=self.key,
            field=cursor.field if cursor else None,
            start=cursor.start if cursor else "",
            overlap=cursor.overlap if cursor else 0.0,
            paging=self.paging,
            max_page=self.max_page,
        )
        guard = Guard(self.networks is not None, self.networks or ())
        client = Client(self.timeout, guard=guard, tls=self.tls.context(world) if self.tls else None)
        credentials = self.auth.credentials(name, world, client) if self.auth else NOBODY
        items = Items(name, world, 1 if self.ordered else self.concurrency, self.partner)
        rounds = Rounds(name, world, self.poll)
        line = Line(client, credentials, Gcra(*self.limit) if self.limit else None)
        return HttpPoller(asking, line, items, rounds, rounds.another("seen"))
