"""Content-Based Router: the first branch whose condition holds is taken; afterwards the message goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from esb.errors import ValidationError
from esb.expressions import scope_of
from esb.message import Message, Note
from esb.ports import Asking, Outputs, Step
from esb.specs import Condition, Entry, Resources, Spec, StepSpec
from esb.steps.nested import then
from esb.steps.to import Endpoints, Sending, To

if TYPE_CHECKING:
    from esb.specs import AnyStep

Taken: TypeAlias = Callable[[Outputs], Outputs]


class Branch(Spec):
    """One way: `when` and its condition, or `otherwise`; behind it `to` or `steps`."""

    when: Condition | None = Field(None, description="Take this branch if it holds and none above did.")
    otherwise: None = Field(None, description="Take this branch if none above did; written without a value.")
    to: Endpoints | None = Field(None, description="Send it there: the short form of steps with one `to`.")
    steps: list[AnyStep] | None = Field(None, min_length=1, description="What to do in this branch.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.when is None) != self.last:
            hint = 'write - when: "{{ condition }}" or, as the last branch, - otherwise:'
            raise PydanticCustomError("branch", "a branch has either 'when' or 'otherwise'", {"help": hint})
        if (self.to is None) == (self.steps is None):
            hint = "write to: ENDPOINT beside it, or steps: with a list"
            raise PydanticCustomError("branch", "a branch has either 'to' or 'steps'", {"help": hint})
        return self

    @property
    def last(self) -> bool:
        """Whether this is the branch for whatever no other took."""
        return "otherwise" in self.model_fields_set

    def flow(self) -> Sequence[Entry]:
        """Return the steps of the branch, the short form written out."""
        return self.steps if self.steps is not None else [Sending.model_validate({"to": To(endpoints=self.to)})]


class Choose(StepSpec):
    """Takes the first branch whose condition holds; the message then goes on behind the choice."""

    verb: ClassVar[str] = "choose"
    scalar: ClassVar[str | None] = "of"
    of: list[Branch] = Field(min_length=1, description="The branches from top to bottom; the last is `otherwise`.")

    @model_validator(mode="after")
    def _otherwise_is_last(self) -> Self:
        if any(branch.last for branch in self.of[:-1]):
            hint = "move `otherwise` to the end; it takes whatever no other branch took"
            raise PydanticCustomError("unreachable", "branches behind 'otherwise' are never taken", {"help": hint})
        return self

    @property
    def complete(self) -> bool:
        """Whether there is an `otherwise`; without one a message that no branch takes fails."""
        return self.of[-1].last

    def branches(self) -> tuple[tuple[str, Sequence[Entry]], ...]:
        """Return each branch: `when-1`, `when-2` … `otherwise`, and its steps."""
        names = ("otherwise" if branch.last else f"when-{number}" for number, branch in enumerate(self.of, 1))
        return tuple((name, branch.flow()) for name, branch in zip(names, self.of, strict=True))

    def build(self, resources: Resources) -> Step:
        """Return the router. The step raises ValidationError if no branch takes the message."""
        path = resources.path
        ways: list[tuple[Any, Step, Taken]] = []
        for branch, (name, steps) in zip(self.of, self.branches(), strict=True):
            ways.append((branch.when, resources.flow(name, steps), _noting(Note(path, f"took {name}"))))
        table = tuple(ways)

        def step(message: Message) -> Outputs | Asking:
            body, scope = message.body, scope_of(message)
            for condition, flow, noted in table:
                if condition is None or condition(body, scope):
                    return then(flow(message), noted)
            raise ValidationError("no branch matched and there is no 'otherwise'; add one that says what to do")

        return step

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        count = len(self.of)
        return f"takes the first of {count} branches that matches" if count > 1 else "takes the branch if it matches"


def _noting(note: Note) -> Taken:
    return lambda outputs: (note, *outputs)
