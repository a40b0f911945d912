"""Steps: what a person writes for one pattern, the entry it stands in, and what it may use to be built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, TypeAlias, Union

from pydantic import Discriminator, Field, Tag, create_model

from esb.calendar import Calendar
from esb.edge import Draft
from esb.message import BusinessKey, Document, Message
from esb.ports import Contract, Step, Transform
from esb.specs.references import StepId
from esb.specs.spec import Spec


class Table(Protocol):
    """A lookup table (cross-reference) of the project."""

    def get(self, key: Any) -> Any: ...
    def reverse(self, value: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Interchanges:
    """How an endpoint gets documents: as interchanges with control numbers of their own.

    `draft` writes all but the numbers, dated by a moment where the document is not. `within`: seconds in which the
    partner has to acknowledge, of working time where there is a `calendar`; 0 = nobody waits. `batched`: documents
    wait for others of their kind first.
    """

    draft: Callable[[Document, datetime], Draft]
    format: str
    within: float = 0.0
    batched: bool = False
    calendar: Calendar | None = None


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

    def interchanges(self, endpoint: str) -> Interchanges | None:
        """Return how an endpoint gets interchanges; None = its format has no control numbers, `outgoing` does all."""
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

    union: Any = Annotated[
        Union[tuple(Annotated[entry, Tag(verb)] for verb, entry in entries.items())],  # noqa: UP007
        Discriminator(verb_of, custom_error_type="verb", custom_error_message="a step needs one verb"),
    ]
    return union, entries
