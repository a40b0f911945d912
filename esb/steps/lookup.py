"""Cross-reference: a key of the message is looked up in a table of the project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from esb.errors import ValidationError
from esb.expressions import scope_of
from esb.message import Message
from esb.ports import Step
from esb.specs import Resources, StepSpec, TableName, Value
from esb.steps.places import Place


class Lookup(StepSpec):
    """Looks a key up in a table and puts what it finds into the body."""

    verb: ClassVar[str] = "lookup"
    table: TableName = Field(description="The table: its name under transforms/tables/.")
    key: Value = Field(description="What to look up, e.g. $.order.warehouse.")
    into: Place = Field(description="Where in the body the answer goes.")
    reverse: bool = Field(False, description="Look for the key that has this value.")
    missing: Literal["fail", "keep", "default"] = Field(
        "fail", description="When the table has no answer: fail, put the key itself (keep), or the default."
    )
    default: Value | None = Field(None, description="What goes into the body with missing: default.")

    @model_validator(mode="after")
    def _default_is_used(self) -> Self:
        check_default(self, self.missing)
        return self

    def build(self, resources: Resources) -> Step:
        """Return the step. It raises ValidationError if the table has no answer and `missing` is fail."""
        name, table = self.table, resources.table(self.table)
        find = table.reverse if self.reverse else table.get
        key_of, put, missing = self.key, self.into.put, self._missing()

        def step(message: Message) -> Sequence[Message]:
            scope = scope_of(message)
            key = key_of(message.body, scope)
            if isinstance(key, dict | list):
                raise ValidationError(f"{name}: a {type(key).__name__} is no key; name one text or number in it")
            found = find(key)
            if found is None:
                found = missing(key, message.body, scope)
            return (message.with_body(put(message.body, found)),)

        return step

    def _missing(self) -> Callable[[Any, Any, Any], Any]:
        name, default = self.table, self.default
        if self.missing == "keep":
            return lambda key, root, scope: key
        if self.missing == "default":
            return lambda key, root, scope: None if default is None else default(root, scope)

        def fail(key: Any, root: Any, scope: Any) -> Any:
            raise ValidationError(f"the table {name} does not know {key!r:.100}; add it, or say what `missing` means")

        return fail

    def sentence(self) -> str:
        """Return what the step does, in one sentence."""
        way = " backwards" if self.reverse else ""
        return f"looks {self.key.source} up{way} in the table {self.table} and puts the answer into {self.into.source}"


def check_default(spec: StepSpec, missing: str) -> None:
    """Refuse a spec in which `default` stands without `missing: default`, or the other way round."""
    if (missing == "default") != ("default" in spec.model_fields_set):
        hint = "write both missing: default and default: VALUE, or neither"
        raise PydanticCustomError("default", "'default' and 'missing: default' belong together", {"help": hint})
