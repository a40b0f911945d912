"""Mapping: a new document, key by key, with values that keep their types."""

from __future__ import annotations

from collections.abc import Mapping as Files
from typing import Any, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from esb.errors import ExpressionError
from esb.expressions import Path, scope_of
from esb.expressions.operators import kind_of
from esb.message import Message
from esb.ports import Transform
from esb.specs import PathText, Resources, TransformSpec
from esb.transforms.building import compile_fields
from esb.transforms.fields import FieldSpec


class Mapping(TransformSpec):
    """Makes a document from the fields that `set` names."""

    type: Literal["mapping"] = "mapping"
    start: Literal["empty", "copy"] = Field(
        "empty", description="Begin with nothing, or with a copy of the body whose keys are then replaced."
    )
    remove: list[PathText] = Field([], description="With start: copy, what is left out: paths of one node each.")
    set: dict[str, FieldSpec] = Field(min_length=1, description="The keys of the new document and their fields.")
    format: str = Field("json", description="What the new document is, for those who look at the message's format.")

    @field_validator("remove", mode="after")
    @classmethod
    def _one_node(cls, paths: list[Path]) -> list[Path]:
        for path in paths:
            if not path.singular or not path.keys:
                hint = "write a path of names and indexes only, such as $.customer.name"
                raise PydanticCustomError("place", "{path} does not name one node", {"path": path.source, "help": hint})
        return paths

    def build(self, name: str, resources: Resources, files: Files[str, bytes]) -> Transform:
        """Return the mapping. Raises DefinitionError for a table that cannot be read."""
        build, format_ = compile_fields(self.set, resources), self.format
        if self.start == "empty":
            return lambda message: (build(message.body, scope_of(message)), format_)
        removed = tuple(self.remove)

        def transform(message: Message) -> tuple[Any, str]:
            body = message.body
            if type(body) is not dict:
                raise ExpressionError(f"{name}: start: copy needs an object, the body is {kind_of(body)}")
            made = build(body, scope_of(message))
            for path in removed:
                body = path.remove(body)
            return {**body, **made}, format_

        return transform
