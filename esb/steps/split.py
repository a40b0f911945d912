"""Splitter: one message in, one out for each item of a list in its body; with steps of its own, the whole goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from msgspec.structs import replace
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from esb.errors import TooLargeError, ValidationError
from esb.message import End, Message, Output
from esb.ports import Asking, Outputs, Step
from esb.specs import Entry, PathText, Resources, Spec, StepSpec
from esb.steps.nested import at_once, outputs_of
from esb.steps.places import Place

if TYPE_CHECKING:
    from esb.specs import AnyStep

MOST_PARTS: Final = 100_000
"""A body with more is cut while it is read (`each` of the route's `from`), where memory stays constant."""
PART_NUMBER: Final = "part-number"
PART_COUNT: Final = "part-count"


class Join(Spec):
    """What becomes of the parts behind their steps."""

    into: Place = Field(description="Where in the whole body the list of the parts' bodies goes, e.g. $.lines.")


class Split(StepSpec):
    """Cuts a list in the body into parts, each with an id, a number and a count of its own."""

    verb: ClassVar[str] = "split"
    each: PathText = Field(description="What becomes a part: a path to a list or to many nodes, e.g. $.orders.")
    steps: list[AnyStep] | None = Field(
        None,
        min_length=1,
        description="What each part goes through; then the whole goes on. Default: all that follows.",
    )
    join: Join | None = Field(None, description="Collect the bodies of the parts behind `steps` in the whole body.")

    @model_validator(mode="after")
    def _join_needs_steps(self) -> Self:
        if self.join is not None and self.steps is None:
            hint = "write what each part goes through under steps:"
            raise PydanticCustomError("join", "'join' has nothing to join without 'steps'", {"help": hint})
        return self

    def branches(self) -> tuple[tuple[str, Sequence[Entry]], ...]:
        """Return the steps that each part goes through, if it has its own."""
        return () if self.steps is None else (("each", self.steps),)

    def build(self, resources: Resources) -> Step:
        """Return the splitter. The step raises TooLargeError for more than 100,000 parts."""
        cut = _cutter(self.each, resources)
        if self.steps is None:
            return _apart(cut, resources.path)
        return _within(cut, resources.flow("each", self.steps), self.join)

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        what = f"splits the body at {self.each.source}"
        if self.steps is None:
            return f"{what}; everything that follows happens to each part"
        joined = "" if self.join is None else f", and collects their bodies in {self.join.into.source}"
        return f"{what}, runs its own steps for each part{joined}; then the whole goes on"


def _apart(cut: Callable[[Message], Sequence[Message]], path: str) -> Step:
    def step(message: Message) -> Outputs:
        return cut(message) or (End("filtered", "nothing to split", path, message),)

    return step


def _within(cut: Callable[[Message], Sequence[Message]], flow: Step, join: Join | None) -> Step:
    def run(message: Message) -> Asking:
        bodies: list[Any] = []
        out: list[Output] = []
        for part in cut(message):
            for item in (yield from outputs_of(flow, part)):
                if isinstance(item, Message):
                    bodies.append(item.body)
                else:
                    out.append(item)
        out.append(message if join is None else message.with_body(join.into.put(message.body, bodies)))
        return out

    return lambda message: at_once(run(message))


def _cutter(each: Any, resources: Resources) -> Callable[[Message], Sequence[Message]]:
    path, keys, find = resources.path, resources.keys, each.get

    def cut(message: Message) -> Sequence[Message]:
        items = find(message.body)
        if not isinstance(items, list):
            raise ValidationError(f"{each.source} is not a list; name one with `each`")
        count = len(items)
        if count > MOST_PARTS:
            hint = "cut it while it is read: `each` under the route's `from`"
            raise TooLargeError(f"{each.source} has {count} parts, the limit is {MOST_PARTS}; {hint}")
        correlation = message.correlation_id or message.id
        headers = {**message.headers, PART_COUNT: str(count)}
        parts = []
        for number, item in enumerate(items, 1):
            part = replace(
                message.part(path, number, item),
                headers={**headers, PART_NUMBER: str(number)},
                correlation_id=correlation,
            )
            parts.append(replace(part, keys=keys(part)))
        return parts

    return cut
