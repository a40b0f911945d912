"""Specs: what a person writes in YAML. Frozen, closed, without a connection; `build` returns the live thing.

Scalar types carry their own reading and their own error; `Reference` types are checked across files by lint and
completed by the editor schema. A part is one spec and one `build`; its room lists it in one table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol, TypeAlias, Union

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, PlainValidator, Tag, create_model
from pydantic import model_validator as _model_validator
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError

from esb.errors import ExpressionSyntaxError
from esb.expressions import Expression, Path, compile_path, compile_predicate, compile_value
from esb.message import BusinessKey, Message
from esb.ports import Clock, Contract, Format, Log, Sink, Source, Step, Transform


@dataclass(frozen=True, slots=True)
class Reference:
    """Marks a field whose text names something of the project: endpoint, transform, contract, route, table …"""

    kind: str


def _reference(kind: str) -> Any:
    return Annotated[
        str, Field(min_length=1, json_schema_extra={"x-esb-reference": kind}), Reference(kind)
    ]  # fmt: skip


if TYPE_CHECKING:
    EndpointName: TypeAlias = str
    TransformName: TypeAlias = str
    ContractName: TypeAlias = str
    RouteName: TypeAlias = str
    TableName: TypeAlias = str
    PolicyName: TypeAlias = str
else:
    EndpointName = _reference("endpoint")
    TransformName = _reference("transform")
    ContractName = _reference("contract")
    RouteName = _reference("route")
    TableName = _reference("table")
    PolicyName = _reference("policy")

_EVENT = r"^[a-z][a-z0-9_-]*(\.[a-z0-9_*#-]+)*$"
EventName = Annotated[str, Field(pattern=_EVENT, json_schema_extra={"x-esb-reference": "event"}), Reference("event")]
StepId = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$", description="Names the step everywhere.")]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def read_duration(text: Any) -> float:
    """Return seconds; durations carry a unit: `250ms`, `30s`, `5m`, `1h30m`, `7d`."""
    found = list(_DURATION.finditer(text)) if isinstance(text, str) else []
    if not found or "".join(part.group(0) for part in found) != text:
        raise PydanticCustomError(
            "duration",
            "{value} is not a duration",
            {"value": repr(text), "help": "write a number with a unit: 30s, 5m, 1h30m, 7d"},
        )
    return float(sum(Decimal(part.group(1)) * Decimal(str(_UNITS[part.group(2)])) for part in found))


def read_size(text: Any) -> int:
    """Return bytes; sizes carry a unit: `64KB` (1000), `10MiB` (1024)."""
    match = re.fullmatch(r"(\d+)\s?([KMG]i?B|B)", text) if isinstance(text, str) else None
    if match is None:
        raise PydanticCustomError(
            "size",
            "{value} is not a size",
            {"value": repr(text), "help": "write a number with a unit: 256KB, 10MB, 1GiB"},
        )
    return int(match.group(1)) * _SIZES[match.group(2)]


def read_rate(text: Any) -> tuple[float, float]:
    """Return (calls, seconds); rates are written `50/s`, `600/m`, `1000/h`."""
    match = re.fullmatch(r"(\d+)/(s|m|h|d)", text) if isinstance(text, str) else None
    if match is None or match.group(1) == "0":
        raise PydanticCustomError(
            "rate", "{value} is not a rate", {"value": repr(text), "help": "write calls per unit: 50/s, 600/m"}
        )
    return float(match.group(1)), _UNITS[match.group(2)]


def _compiled(compile_text: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a validator that reports where in the string a path or expression does not parse."""

    def validate(source: Any) -> Any:
        try:
            return compile_text(source)
        except ExpressionSyntaxError as error:
            context = {"offset": error.offset, "length": error.length, "help": error.help, "code": error.code}
            raise PydanticCustomError("expression", "{problem}", {"problem": error.text, **context}) from error

    return validate


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition: true if its path selects something or its expression is true. Called with (root, scope)."""

    source: Any
    test: Callable[[Any, Mapping[str, Any]], bool]

    def __call__(self, root: Any, scope: Mapping[str, Any]) -> bool:
        return self.test(root, scope)


def _predicate(source: Any) -> Predicate:
    if not isinstance(source, str | bool):
        raise ExpressionSyntaxError(
            "a condition is a path or an expression", help='write "$.path" or "{{ expression }}"'
        )
    return Predicate(source, compile_predicate(source))


def _text(source: Any) -> Any:
    if not isinstance(source, str):
        raise PydanticCustomError(
            "path", "{value} is not a path", {"value": repr(source), "help": 'paths begin with "$"'}
        )
    return compile_path(source)


_ANY = {"type": ["string", "number", "boolean", "object", "array", "null"]}
if TYPE_CHECKING:
    Duration: TypeAlias = float
    Size: TypeAlias = int
    Rate: TypeAlias = tuple[float, float]
    Value: TypeAlias = Expression
    Condition: TypeAlias = Predicate
    PathText: TypeAlias = Path
else:
    Duration = Annotated[
        float,
        BeforeValidator(read_duration),
        WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d))+$", "examples": ["30s", "5m", "7d"]}),
    ]
    Size = Annotated[
        int,
        BeforeValidator(read_size),
        WithJsonSchema({"type": "string", "pattern": r"^\d+\s?([KMG]i?B|B)$", "examples": ["10MB"]}),
    ]
    Rate = Annotated[
        tuple[float, float],
        BeforeValidator(read_rate),
        WithJsonSchema({"type": "string", "pattern": r"^\d+/(s|m|h|d)$", "examples": ["50/s"]}),
    ]
    Value = Annotated[Any, PlainValidator(_compiled(compile_value)), WithJsonSchema({**_ANY, "x-esb-value": True})]
    Condition = Annotated[
        Any, PlainValidator(_compiled(_predicate)), WithJsonSchema({"type": ["string", "boolean"], "x-esb-value": True})
    ]
    PathText = Annotated[Any, PlainValidator(_compiled(_text)), WithJsonSchema({"type": "string", "pattern": r"^\$"})]


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A reference to a secret (`secret://env/NAME`, `secret://file/NAME`); the value is read when it is used."""

    source: str

    def __repr__(self) -> str:
        return self.source


def _secret(text: Any) -> SecretRef:
    if not isinstance(text, str) or not re.fullmatch(r"secret://(env|file)/[A-Za-z0-9_./-]+", text) or ".." in text:
        raise PydanticCustomError(
            "secret",
            "a secret is written in the file",
            {"help": "refer to it: secret://env/NAME or secret://file/NAME"},
        )
    return SecretRef(text)


if TYPE_CHECKING:
    Secret: TypeAlias = SecretRef
else:
    Secret = Annotated[
        Any, PlainValidator(_secret), WithJsonSchema({"type": "string", "pattern": "^secret://(env|file)/"})
    ]


class Spec(BaseModel):
    """The base of every spec: frozen, closed; `scalar` names the field that a bare value stands for."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", coerce_numbers_to_str=True, arbitrary_types_allowed=True, populate_by_name=True
    )
    scalar: ClassVar[str | None] = None

    @_model_validator(mode="before")
    @classmethod
    def _from_scalar(cls, given: Any) -> Any:
        if cls.scalar is not None and not isinstance(given, dict | cls):
            return {cls.scalar: given}
        return given


class Table(Protocol):
    """A lookup table (cross-reference) of the project."""

    def get(self, key: Any) -> Any: ...
    def reverse(self, value: Any) -> Any: ...


class Resources(Protocol):
    """What a step may use while it is built. `path` is the step's own path; nothing here is a connection."""

    route: str
    path: str

    def flow(self, name: str, steps: Sequence[Any]) -> Step:
        """Return the steps of a branch as one step; they get the path `<path>/<name>/<id>`."""
        ...

    def call(self, route: str) -> Step: ...
    def transform(self, name: str) -> Transform: ...
    def contract(self, name: str) -> Contract: ...
    def table(self, name: str) -> Table: ...
    def outgoing(self, endpoint: str) -> Callable[[Message], Message]:
        """Return what makes a message ready for an endpoint: its body rendered in the endpoint's format."""
        ...

    def keys(self, message: Message) -> tuple[BusinessKey, ...]: ...


class StepSpec(Spec):
    """One pattern. `verb` is its YAML key; `waits` = the message is absorbed and a new one goes on behind it."""

    verb: ClassVar[str]
    waits: ClassVar[bool] = False
    ends: ClassVar[bool] = False

    def build(self, resources: Resources) -> Step:
        """Return the live step: pure, with everything compiled that can be."""
        raise TypeError(f"{type(self).__name__} does not build a step")

    def sentence(self) -> str:
        """Return what the step does, in one sentence, for `esb show`."""
        return (type(self).__doc__ or self.verb).splitlines()[0]

    def destinations(self) -> tuple[str, ...]:
        """Return the addresses that the step itself sends to (`delivery/erp`, `event/order.accepted`)."""
        return ()

    def branches(self) -> tuple[tuple[str, Sequence[Entry]], ...]:
        """Return the flows inside the step: each by the name it has in step paths, and its steps."""
        return ()


class Entry(Spec):
    """A step in its place: its id (default: the verb), a description, and one verb."""

    verb: ClassVar[str] = ""
    id: StepId | None = Field(None, description="Names the step in traces, tests and metrics; default: the verb.")
    description: str = Field("", description="Why this step is here.")

    @property
    def spec(self) -> StepSpec:
        """Return what stands under the verb."""
        found: StepSpec = self.verb_
        return found

    @property
    def name(self) -> str:
        """Return the id, given or derived from the verb."""
        return self.id or self.verb

    if TYPE_CHECKING:
        verb_: Any


if TYPE_CHECKING:
    AnyStep: TypeAlias = Entry
    AnyFormat: TypeAlias = "FormatSpec"


class World(Protocol):
    """What an endpoint may use when it goes live."""

    clock: Clock
    log: Log
    project: FilePath
    state: FilePath

    def secret(self, reference: SecretRef) -> str:
        """Return the value. Raises DefinitionError naming the reference, never the value."""
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


class EndpointSpec(Spec):
    """Where a partner or system is reached: one file under endpoints/."""

    receives: ClassVar[bool] = False
    delivers: ClassVar[bool] = False
    type: str
    description: str = Field("", description="What this endpoint is, for people.")
    partner: str = Field("", description="The partner that this endpoint belongs to.")
    owner: str = Field("", description="Who must act when it fails.")
    format: AnyFormat | None = Field(None, description="How bytes become documents and back.")
    retry: PolicyName | None = Field(None, description="The named policy for failed deliveries.")
    limit: Rate | None = Field(None, description="At most so many calls, e.g. 50/s.")
    concurrency: int = Field(16, ge=1, le=1000, description="Calls under way at once.")
    ordered: bool = Field(False, description="One delivery at a time, in order.")
    effect: Effect | None = Field(None, description="What to do when an outcome is unknown.")
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


def step_union(specs: Sequence[type[StepSpec]]) -> tuple[Any, dict[str, type[Entry]]]:
    """Return the type of any step, told apart by its verb, and the entry model of each verb."""
    entries: dict[str, type[Entry]] = {}
    for spec in specs:
        entry = create_model(
            f"{spec.__name__}Entry",
            __base__=Entry,
            __doc__=spec.__doc__,
            verb_=(spec, Field(alias=spec.verb)),
        )
        entry.verb = spec.verb
        entries[spec.verb] = entry

    def verb_of(given: Any) -> str | None:
        if isinstance(given, Entry):
            return given.verb
        keys = given if isinstance(given, dict) else ()
        return next((key for key in keys if key in entries), None)

    union = Annotated[
        Union[tuple(Annotated[entry, Tag(verb)] for verb, entry in entries.items())],  # noqa: UP007
        Discriminator(verb_of, custom_error_type="verb", custom_error_message="a step needs one verb"),
    ]
    return union, entries


def rebuild(models: Sequence[type[BaseModel]], **names: Any) -> None:
    """Tell specs what the forward names mean (`AnyStep`, `AnyFormat`); call it once the tables are known."""
    for model in models:
        model.model_rebuild(force=True, _types_namespace=names)
