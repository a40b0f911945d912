"""sql: takes rows from a database, and writes messages into one."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from esb.endpoints.http_out.tls import Tls
from esb.endpoints.items import Items
from esb.endpoints.rounds import Rounds
from esb.endpoints.sql.actions import NAME, Action, Statement, names_in, statement_fault
from esb.endpoints.sql.place import Account, Place, database_fault
from esb.endpoints.sql.sink import SqlSink
from esb.endpoints.sql.source import Selecting, SqlPoller
from esb.errors import DefinitionError
from esb.specs import Duration, EndpointSpec, Secret, Spec, World

_Column = Annotated[str, Field(min_length=1, max_length=128)]
_LIMITED = re.compile(r"\b(limit|fetch\s+(first|next)|top)\b", re.IGNORECASE)
_ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)


class RisingColumn(Spec):
    """A column that rises: rows behind the last one seen are new."""

    column: _Column = Field(description="Its name in what the select gives.")
    start: str = Field(min_length=1, description="Where the first round begins: 0, 2026-01-01T00:00:00Z.")
    overlap: Duration = Field(
        0.0, description="So much is read again (numbers count by seconds): rows that were committed late are taken."
    )


class SqlEndpoint(EndpointSpec):
    """Takes rows from a database, or writes messages into one."""

    type: Literal["sql"]
    url: str = Field(description="The database: postgresql://host/database, or another by its asyncio driver.")
    user: str = Field("", max_length=255, description="Who signs in.")
    password: Secret | None = Field(None, description="The password.")
    tls: Tls | None = Field(None, description="PostgreSQL: an encrypted connection, to a server that is verified.")
    timeout: Duration = Field(
        30.0, gt=0, description="Longest time for connecting, for the statements, for the commit."
    )
    select: Statement | None = Field(None, description="Gives the rows to take; with :cursor, or with a mark.")
    cursor: RisingColumn | None = Field(None, description="The column that says which rows are new.")
    mark: Statement | None = Field(
        None, description="Runs for each row taken, with its columns: UPDATE outbox SET sent = true WHERE id = :id"
    )
    key: _Column | tuple[_Column, ...] = Field(
        (), description="Columns that a row is known by; changed content is new."
    )
    body: str = Field("", description="The column that is the document; default: the row is.")
    rows: int = Field(500, ge=1, le=10_000, description="Rows that are made durable together.")
    poll: Duration = Field(10.0, gt=0, description="The pause between two rounds.")
    write: tuple[Action, ...] = Field((), description="What is written for a message, all in one transaction.")
    ledger: str = Field(
        "",
        pattern=f"({NAME})|(^$)",
        description="A table there with the primary key `id` (text); deliveries leave their keys there.",
    )

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if fault := database_fault(url):
            raise ValueError(fault)
        return url

    @model_validator(mode="after")
    def _one_side(self) -> SqlEndpoint:
        if (self.select is None) == (not self.write):
            raise ValueError("write select to take rows, or write to deliver messages")
        if self.cursor is not None and self.cursor.overlap > self.duplicates / 2:
            raise ValueError("rows are recognised for the time of duplicates; make it longer than twice the overlap")
        if self.select is not None:
            self._check_select(self.select)
        elif not self.ledger and self.effect is None and any(action.upsert is None for action in self.write):
            raise ValueError(
                "a repeat would write twice: name a ledger table, write upserts only, or effect: { never_repeat: true }"
            )
        return self

    def _check_select(self, select: str) -> None:
        if (self.cursor is None) == (self.mark is None):
            raise ValueError("select needs either cursor (with :cursor in it) or mark")
        if fault := statement_fault(select, frozenset({"cursor"} if self.cursor else ())):
            raise ValueError(fault)
        if self.cursor is not None and _LIMITED.search(select):
            raise ValueError("no LIMIT here: rows that share a value with the last one would be lost; rows does it")
        if self.cursor is not None and not _ORDERED.search(select):
            raise ValueError(f"the rows must rise: add ORDER BY {self.cursor.column}")
        if self.mark is not None and (fault := statement_fault(self.mark, names_in(self.mark))):
            raise ValueError(fault)
        if self.mark is not None and not names_in(self.mark):
            raise ValueError("mark names no column of the row; write WHERE id = :id")

    @property
    def receives(self) -> bool:  # type: ignore[override]
        """Whether this one takes rows."""
        return self.select is not None

    @property
    def delivers(self) -> bool:  # type: ignore[override]
        """Whether this one writes."""
        return bool(self.write)

    def source(self, name: str, world: World) -> SqlPoller:
        """Return the poller. Raises DefinitionError if a secret is missing, or there is no select or driver."""
        if self.select is None:
            raise DefinitionError(f"endpoint {name} takes nothing: write a select")
        cursor = self.cursor
        selecting = Selecting(
            select=self.select,
            key=(self.key,) if isinstance(self.key, str) else self.key,
            body=self.body,
            mark=self.mark or "",
            column=cursor.column if cursor else "",
            start=cursor.start if cursor else "",
            overlap=cursor.overlap if cursor else 0.0,
            batch=self.rows,
            timeout=self.timeout,
        )
        items = Items(name, world, 1 if self.ordered else self.concurrency, self.partner)
        rounds = Rounds(name, world, self.poll)
        return SqlPoller(selecting, self._place(world, 2), items, rounds)

    def sink(self, name: str, world: World) -> SqlSink:
        """Return the writer. Raises DefinitionError if a secret or driver is missing, or there is nothing to write."""
        if not self.write:
            raise DefinitionError(f"endpoint {name} delivers nothing: say under write what is written")
        return SqlSink(self._place(world, self.concurrency), self.write, self.ledger, self.timeout)

    def _place(self, world: World, pool: int) -> Place:
        def password() -> str | None:
            return None if self.password is None else world.secret(self.password)

        password()
        tls = self.tls.context(world) if self.tls is not None else None
        return Place(Account(self.url, self.user, password, tls, self.timeout, pool))
