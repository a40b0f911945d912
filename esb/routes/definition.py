"""The files that a person writes around the parts: a route, `esb.yaml`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from esb.policies import STANDARD, FailurePolicy
from esb.specs import Duration, EndpointName, EventName, PolicyName, Size, Spec, Value
from esb.steps import STEP

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
"""Names of files and of what esb.yaml declares: they become queue names, metric labels and parts of ids."""


def _policy_form(given: Any) -> str:
    return "rules" if isinstance(given, dict | FailurePolicy) else "name"


OnError = Annotated[
    Annotated[PolicyName, Tag("name")] | Annotated[FailurePolicy, Tag("rules")], Discriminator(_policy_form)
]
"""A named policy, or rules per failure class written in place."""


def _as_text(given: Any) -> Any:
    """Let `997` stand unquoted: what looks like a number is a name here."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


AcknowledgmentKind = Annotated[
    Literal["997", "999", "CONTRL"],
    BeforeValidator(_as_text, json_schema_input_type=Literal["997", "999", "CONTRL", 997, 999]),
]


class Acknowledge(Spec):
    """The acknowledgment that the sender gets for an interchange."""

    scalar = "kind"
    kind: AcknowledgmentKind = Field(description="The acknowledgment that the format makes, e.g. 997.")
    to: EndpointName | None = Field(None, description="Where it goes; default: `acknowledge_to` of the partner.")


class From(Spec):
    """Where a route's messages come from: an endpoint, or events that other routes publish."""

    endpoint: EndpointName | None = Field(None, description="The endpoint that this route reads; one route each.")
    event: EventName | None = Field(None, description="The events to subscribe to: order.accepted, order.*, order.#")
    each: str | None = Field(
        None,
        min_length=1,
        description="The unit that becomes one message: transaction (X12), message (EDIFACT), row (CSV), or a path.",
    )
    acknowledge: Acknowledge | None = Field(None, description="Acknowledge interchanges to their sender: 997.")
    release: Literal["set", "interchange"] = Field(
        "set", description="When documents leave: each as it is read, or all when the whole delivery is valid."
    )

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.endpoint is None) == (self.event is None):
            hint = "write endpoint: NAME for what comes from outside, or event: TOPIC for what other routes publish"
            raise PydanticCustomError("origin", "a route comes from either an endpoint or an event", {"help": hint})
        given = self.model_fields_set & {"each", "acknowledge", "release"}
        if self.event is not None and given:
            hint = f"remove {' and '.join(sorted(given))}: an event is one document already"
            raise PydanticCustomError("origin", "events are not cut, acknowledged or held back", {"help": hint})
        return self


class Key(Spec):
    """A business key: what people search for."""

    scalar = "value"
    value: Value = Field(description="Where it stands: $.order.number. A message without it has no such key.")
    scope: Literal["partner", "house"] = Field(
        "partner", description="Whose number it is: PO 10045 of two partners are two; `house`: we give it out."
    )


class RouteSpec(Spec):
    """A route: from one endpoint or event, through steps, to endpoints and events."""

    model_config = ConfigDict(populate_by_name=False, title="esb route")
    description: str = Field("", description="What this route is for, in one sentence.")
    owner: str = Field("", description="Who must act when one of its messages fails.")
    from_: From | None = Field(
        None, alias="from", description="Where messages come from; without it other routes `call` this one."
    )
    key: dict[Name, Key] = Field(
        default_factory=dict, description="Business keys by kind: what people search for, e.g. order: $.order.number"
    )
    order_by: Value | None = Field(None, description="Messages with the same value keep their order to the end.")
    steps: list[STEP] = Field(min_length=1, description="What happens, from top to bottom.")
    on_error: OnError | None = Field(
        None, description="What to do when a step fails: a named policy, or rules by class."
    )

    @model_validator(mode="after")
    def _an_entrance_for_what_needs_one(self) -> Self:
        if self.from_ is None and self.order_by is not None:
            hint = "write it in the routes that call this one, or give this route a `from`"
            raise PydanticCustomError("origin", "'order_by' needs messages of its own", {"help": hint})
        return self


class Defaults(Spec):
    """What holds where a route or endpoint says nothing."""

    on_error: PolicyName = Field(STANDARD, description="The policy of routes without `on_error`.")
    retry: PolicyName = Field(STANDARD, description="The policy of endpoints without `retry`.")
    owner: str = Field("", description="Who must act where no owner is named.")


class SettingsSpec(Spec):
    """How the process runs; flags and ESB_… variables win over what is written here."""

    channel: str = Field("", description="amqp://… ; without it the embedded channel in `state`.")
    store: str = Field("", description="postgresql://… or sqlite:… ; without it SQLite in `state`.")
    state: str = Field("var", description="Where this process keeps its files, below the project.")
    listen: str = Field("127.0.0.1:8080", description="host:port of the one HTTP listener.")
    roles: list[Literal["intake", "router", "delivery", "recorder"]] = Field([], description="Default: all roles.")
    endpoints: list[str] = Field(
        [], description="Which endpoints this process serves: erp-*, or !erp-* for all but these; default: all."
    )
    workers: int = Field(1, ge=1, le=256, description="Processes.")
    prefetch: int = Field(200, ge=1, le=10_000, description="Messages lent to one consumer at once.")
    drain: Duration = Field(20.0, description="How long a stopping process may finish its work: 20s.")
    history: Duration = Field(90 * 86400.0, description="How long finished messages can be found: 90d, at least 15d.")
    claim: Size = Field(
        256 * 1024, le=15_000_000, description="Larger bodies wait in the store and travel as a claim: 256KiB."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: console on a terminal, else JSON."
    )
    log_file: str = Field(
        "", description="Log here instead of stderr; of several workers each adds its number: esb-2.log."
    )
    log_size: Size = Field(50_000_000, description="Start a new log file at this size: 50MB.")
    log_keep: int = Field(5, ge=0, le=1000, description="Old log files that are kept.")


class ProjectSpec(Spec):
    """The project's esb.yaml: named policies, defaults and settings."""

    model_config = ConfigDict(title="esb.yaml")
    name: str = Field("", description="The name of this project, for people.")
    description: str = Field("", description="What this project does.")
    policies: dict[Name, FailurePolicy] = Field(
        default_factory=dict, description="Named policies: what to do about failures, by class."
    )
    defaults: Defaults = Field(default_factory=Defaults, description="What holds where nothing else is said.")
    settings: SettingsSpec = Field(default_factory=SettingsSpec, description="How the process runs.")
