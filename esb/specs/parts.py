"""Parts: formats, transforms, endpoints and policies, each a spec and what it builds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias

from pydantic import Field

from esb.ports import Clock, Format, Log, Sink, Source, Transform
from esb.specs.references import PartnerName, PolicyName
from esb.specs.secrets import SecretRef
from esb.specs.spec import Spec
from esb.specs.steps import Resources
from esb.specs.units import Duration, Rate
from esb.specs.values import Value

if TYPE_CHECKING:
    AnyFormat: TypeAlias = "FormatSpec"


class World(Protocol):
    """What an endpoint may use when it goes live."""

    clock: Clock
    log: Log
    project: Path
    state: Path

    def secret(self, reference: SecretRef) -> str:
        """Return the value. Raises DefinitionError naming the reference, never the value."""
        ...

    async def lease(self, name: str, ttl: float) -> bool:
        """Return whether this machine has a lease of the store for `ttl` seconds from now; no time gives it back.

        Processes with one state folder are one machine here, and have to tell each other apart by themselves.
        """
        ...

    async def remember(self, name: str, value: bytes) -> None:
        """Keep a small value in the store, in place of what was there under its name; durable when this returns."""
        ...

    async def recall(self, name: str) -> bytes | None:
        """Return what was remembered last, by whatever machine."""
        ...

    async def under_way(self, message_id: str) -> bool:
        """Return whether something of a message is still on its way; what waits for a person is not."""
        ...


class FormatSpec(Spec):
    """Bytes <-> document. `type` is the discriminator; a bare name stands for `{type: name}`."""

    scalar: ClassVar[str | None] = "type"
    type: str

    def build(self, files: Mapping[str, bytes]) -> Format:
        """Return the live format; `files` are the project's definition files by path (`schemas/…`)."""
        raise TypeError(f"{type(self).__name__} does not build a format")


class TransformSpec(Spec):
    """Document -> document, in a file of its own under transforms/."""

    type: str
    description: str = ""

    def build(self, name: str, resources: Resources, files: Mapping[str, bytes]) -> Transform:
        """Return the live transform; `files` are the project's definition files by path (`transforms/…`)."""
        raise TypeError(f"{type(self).__name__} does not build a transform")


class Effect(Spec):
    """What to do when nobody knows whether a delivery was applied."""

    idempotency_key: Value | None = Field(None, description="The receiver drops repeats by this key.")
    probe: Any = Field(None, description="How to read back whether it happened.")
    never_repeat: Literal[True] | None = Field(None, description="Unknown outcomes wait for a person.")


class Batching(Spec):
    """When documents that wait for each other leave as one interchange."""

    every: Duration = Field(description="How long the first of them waits at most, e.g. 15m.")
    max: int = Field(500, ge=1, le=100_000, description="So many leave at once, however short the first has waited.")


class EndpointSpec(Spec):
    """Where a partner or system is reached: one file under endpoints/."""

    receives: ClassVar[bool] = False
    delivers: ClassVar[bool] = False
    type: str
    description: str = Field("", description="What this endpoint is, for people.")
    partner: PartnerName = Field("", description="The partner that this endpoint belongs to.")
    owner: str = Field("", description="Who must act when it fails.")
    format: AnyFormat | None = Field(None, description="How bytes become documents and back.")
    retry: PolicyName | None = Field(None, description="The named policy for failed deliveries.")
    limit: Rate | None = Field(None, description="At most so many calls, e.g. 50/s.")
    concurrency: int = Field(16, ge=1, le=1000, description="Calls under way at once.")
    ordered: bool = Field(False, description="One delivery at a time, in order.")
    effect: Effect | None = Field(None, description="What to do when an outcome is unknown.")
    batch: Batching | None = Field(
        None, description="Documents of one type leave together, as one interchange (x12, edifact)."
    )
    duplicates: Duration = Field(7 * 86400.0, description="How long one key is one delivery.")

    def source(self, name: str, world: World) -> Source:
        """Return the intake side."""
        raise TypeError(f"{self.type} endpoints receive nothing")

    def sink(self, name: str, world: World) -> Sink:
        """Return the delivery side."""
        raise TypeError(f"{self.type} endpoints deliver nothing")


class PolicySpec(Spec):
    """What to do about failures, per class."""

    def build(self) -> Callable[..., Any]:
        """Return the pure policy (plan.Policy)."""
        raise TypeError(f"{type(self).__name__} does not build a policy")
