"""Spec: the base of all that a person writes: frozen, closed, with a short form where one key says it all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator


class Spec(BaseModel):
    """The base of every spec: frozen, closed; `scalar` names the field that a bare value stands for."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", coerce_numbers_to_str=True, arbitrary_types_allowed=True, populate_by_name=True
    )
    scalar: ClassVar[str | None] = None

    @model_validator(mode="before")
    @classmethod
    def _from_scalar(cls, given: Any) -> Any:
        if cls.scalar is not None and not isinstance(given, dict | cls):
            return {cls.scalar: given}
        return given


def rebuild(models: Sequence[type[BaseModel]], **names: Any) -> None:
    """Tell specs what the forward names mean (`AnyStep`, `AnyFormat`); call it once the tables are known."""
    for model in models:
        model.model_rebuild(force=True, _types_namespace=names)
