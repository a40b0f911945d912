"""Fields of a mapping: what a key of the new document is made of, read from YAML and compiled to closures.

A field is a plain value (the value rule: a path, an expression, text, itself) or an object with one of

    value: $.order.number              a value, where modifiers are needed
    set: {key: field, …}               an object
    lookup: {table: …, key: …}         what a table says
    each: $.lines                      a list: for each member, `set`, `value` or `lookup` beside it

and modifiers: `default`, `optional`, `as`, `from_format`, `to_format`, `when`. Under `each`, `$` and `item` are the
member, `index` counts from 1, and `root` is the whole document.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, model_validator
from pydantic_core import PydanticCustomError

from esb.errors import DefinitionError
from esb.specs import Spec, TableName
from esb.transforms.casts import CastName, compile_cast
from esb.transforms.scoped import ScopedCondition, ScopedValue, known_names, under_each

_KINDS = ("value", "set", "lookup")


class LookupSpec(Spec):
    """Asks a table of the project."""

    table: TableName = Field(description="The table: its name under transforms/tables/.")
    key: ScopedValue = Field(description="The key; of several key columns a list, or an object of columns.")
    reverse: bool = Field(False, description="Look for the key that has this value.")
    column: str = Field("", description="The column wanted, where the table has several.")
    missing: Literal["fail", "keep", "default"] = Field(
        "fail", description="When the table has no answer: fail, keep the key itself, or take the default."
    )
    default: ScopedValue | None = Field(None, description="What to take with missing: default.")

    @model_validator(mode="after")
    def _default_is_used(self) -> Self:
        if (self.missing == "default") != ("default" in self.model_fields_set):
            hint = "write both missing: default and default: VALUE, or neither"
            raise PydanticCustomError("default", "'default' and 'missing: default' belong together", {"help": hint})
        return self


class FieldSpec(Spec):
    """One key of the new document."""

    scalar: ClassVar[str | None] = "value"
    value: ScopedValue | None = Field(None, description="A path, an expression, text, or the value itself.")
    each: ScopedValue | None = Field(None, description="A list; set, value or lookup are done for each member.")
    set: dict[str, FieldSpec] | None = Field(None, description="An object: its keys and their fields.")
    lookup: LookupSpec | None = Field(None, description="What a table says.")
    default: ScopedValue | None = Field(None, description="Taken when the value is missing or null.")
    optional: bool = Field(False, description="Leave the key out when the value is missing or null.")
    cast: CastName | None = Field(None, alias="as", description="What the value must be; it fails if it cannot be.")
    from_format: str = Field("", description="How it is written: a strptime pattern, 1.234,56, N2 (implied), Y/N.")
    to_format: str = Field("", description="How a date is written: a strftime pattern; default ISO 8601.")
    when: ScopedCondition | None = Field(None, description="Leave the key out when this does not hold.")

    @model_validator(mode="wrap")
    @classmethod
    def _names_of_members(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not (isinstance(given, dict) and "each" in given):
            return handler(given)
        outside = known_names()
        with under_each():
            made = handler(given)
        for value in (made.each, made.default):
            wrong = [name for name in value.names if name not in outside] if value is not None else []
            if wrong:
                raise PydanticCustomError(
                    "field", "{name} is not known outside of each", {"name": repr(wrong[0]), "help": "write body or $"}
                )
        return made

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [kind for kind in _KINDS if kind in self.model_fields_set]
        if len(kinds) != 1:
            beside = " beside each" if self.each is not None else ""
            found = f"not {' and '.join(kinds)}" if kinds else "and there is none"
            hint = 'write value: "…" for a plain value with modifiers, or set: for an object'
            raise PydanticCustomError(
                "field", "a field needs one of value, set, lookup{beside}, {found}",
                {"beside": beside, "found": found, "help": hint},
            )  # fmt: skip
        if self.default is not None and self.optional:
            hint = "a default makes it never missing: drop one of the two"
            raise PydanticCustomError("field", "a field has either a default or is optional", {"help": hint})
        return self

    @model_validator(mode="after")
    def _formats_fit(self) -> Self:
        if self.cast is None and (self.from_format or self.to_format):
            raise PydanticCustomError("field", "from_format and to_format need `as`", {"help": "write as: date"})
        if self.cast is not None and self.set is not None and self.each is None:
            raise PydanticCustomError("field", "an object cannot be cast", {"help": "cast the fields inside of it"})
        if self.cast is not None:
            try:
                compile_cast(self.cast, self.from_format, self.to_format)
            except DefinitionError as error:
                raise PydanticCustomError("field", "{problem}", {"problem": str(error), "help": ""}) from None
        return self
