"""queue: takes messages from a queue at a foreign broker, and publishes to one."""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from esb.endpoints.queue.account import Account, broker_fault
from esb.endpoints.queue.sink import QueueSink, Target
from esb.endpoints.queue.source import QueueSource, Taking
from esb.errors import DefinitionError
from esb.specs import Duration, EndpointSpec, Secret, Size, Value, World

_THREADS = 4
_NAME = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=255)]


class QueueEndpoint(EndpointSpec):
    """Takes messages from a queue at a foreign broker, or publishes to one."""

    delivers: ClassVar[bool] = True
    type: Literal["queue"]
    url: str = Field(description="The broker: amqps://host/vhost, amqp://, rediss://host/0, redis://.")
    user: str = Field("", max_length=255, description="Who signs in.")
    password: Secret | None = Field(None, description="The password.")
    authority: Secret | None = Field(None, description="Certificates (PEM) of the only authorities to trust.")
    timeout: Duration = Field(30.0, gt=0, description="Longest time for connecting, and for each confirm.")
    queue: _NAME = Field("", description="The queue that is taken from, or published to.")
    exchange: _NAME = Field("", description="The exchange that is published to, instead of a queue.")
    routing_key: Value | None = Field(None, description="The routing key; default: the name of the queue.")
    headers: dict[_NAME, Value] = Field(default_factory=dict, description="Headers of published messages.")
    content_type: str = Field("", description="Media type of published messages; default: that of the format.")
    prefetch: int = Field(100, ge=1, le=5000, description="So many messages are lent to us at once.")
    unnamed: Literal["content", "each"] = Field(
        "content", description="Messages without a message id: equal content is one delivery, or each is new."
    )
    refused: Literal["keep", "reject"] = Field(
        "keep", description="What can never be taken: kept in the state folder, or rejected to the broker's own ways."
    )
    hidden: Duration = Field(
        300.0, ge=5, description="Redis: how long messages of a worker that died stay hidden from the others."
    )
    max_size: Size = Field(10_000_000, gt=0, description="Larger messages can never be taken.")

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str) -> str:
        if fault := broker_fault(url):
            raise ValueError(fault)
        return url

    @model_validator(mode="after")
    def _some_place(self) -> QueueEndpoint:
        if bool(self.queue) == bool(self.exchange):
            raise ValueError("write the queue, or (to publish) the exchange and its routing_key")
        if self.exchange and self.routing_key is None:
            raise ValueError('an exchange needs a routing_key; for one that ignores it write ""')
        if self.exchange and self.url.startswith("redis"):
            raise ValueError("a Redis has no exchanges; write queue")
        return self

    @property
    def receives(self) -> bool:  # type: ignore[override]
        """Whether this one can be taken from: an exchange cannot."""
        return bool(self.queue)

    def source(self, name: str, world: World) -> QueueSource:
        """Return the consumer. Raises DefinitionError if a secret is missing or no queue is named."""
        if not self.queue:
            raise DefinitionError(f"endpoint {name} takes from nowhere: write the queue instead of the exchange")
        taking = Taking(
            name=name,
            queue=self.queue,
            prefetch=self.prefetch,
            together=1 if self.ordered else self.concurrency,
            unnamed=self.unnamed,
            refused=self.refused,
            max_bytes=self.max_size,
            partner=self.partner,
        )
        return QueueSource(taking, self._account(world), world)

    def sink(self, name: str, world: World) -> QueueSink:
        """Return the publisher. Raises DefinitionError if a secret is missing."""
        target = Target(
            queue=self.queue,
            exchange=self.exchange,
            routing_key=self.routing_key,
            headers=self.headers,
            content_type=self.content_type,
            threads=1 if self.ordered else min(_THREADS, self.concurrency),
        )
        return QueueSink(target, self._account(world))

    def _account(self, world: World) -> Account:
        def read(reference: Secret | None) -> str | None:
            return None if reference is None else world.secret(reference)

        password, authority = partial(read, self.password), partial(read, self.authority)
        password()
        authority()
        return Account(self.url, self.user, password, authority, self.timeout, self.hidden)
