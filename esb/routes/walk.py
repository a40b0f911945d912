"""Walk: from a validation error's loc to the place in the file and the models that stand there."""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, Tag

Alternative: TypeAlias = tuple[str, Any]
"""A type that may stand in a place, and its tag if it is told apart by one."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a loc leads: the parts that stand in the file, the types that may stand there, and the union passed last.

    `union` is the loc (as far as the file has it) of the last union without tags, whose members each report errors.
    """

    loc: tuple[str | int, ...]
    kinds: tuple[Alternative, ...]
    union: tuple[str | int, ...] | None = None

    def models(self) -> list[type[BaseModel]]:
        """Return the models among the types."""
        return [kind for _, kind in self.kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]

    def keys(self) -> list[str]:
        """Return the keys that may be written here, those of the model itself before those that it shares."""
        keys = [(name not in model.__annotations__, key) for model in self.models() for name, key in _named(model)]
        return list(dict.fromkeys(key for _, key in sorted(keys, key=lambda pair: pair[0])))

    def tags(self) -> list[str]:
        """Return the tags that tell the types apart."""
        return [tag for tag, _ in self.kinds if tag]


def keys_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the fields of a model by the key that a person writes."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _named(model: type[BaseModel]) -> list[tuple[str, str]]:
    return [(name, field.alias or name) for name, field in model.model_fields.items()]


def walk(model: Any, loc: Sequence[str | int]) -> Spot:
    """Follow a loc through the types, dropping what pydantic adds to it: tags and names of union members."""
    spot = Spot((), tuple(_alternatives(model)))
    for part in loc:
        spot = _step(spot, part)
    return spot


def _step(spot: Spot, part: str | int) -> Spot:
    tagged = tuple(("", kind) for tag, kind in spot.kinds if tag and tag == part)
    if tagged:
        return Spot(spot.loc, tagged, spot.union)
    inner = [found for _, kind in spot.kinds for found in _inside(kind, part)]
    if inner:
        return Spot((*spot.loc, part), tuple(inner), spot.union)
    if isinstance(part, int):
        return Spot((*spot.loc, part), (), spot.union)
    named = tuple(pair for pair in spot.kinds if getattr(pair[1], "__name__", "") == part)
    if named or _is_member(part, spot):
        return Spot(spot.loc, named, spot.loc)
    return Spot((*spot.loc, part), (), spot.union)


def _is_member(part: str | int, spot: Spot) -> bool:
    """Whether a part is pydantic's name of a union member: `str`, `function-before[…]`, `list[…]`."""
    return len(spot.kinds) > 1 and (not str(part).isidentifier() or part in {"str", "int", "bool", "float", "decimal"})


def _inside(kind: Any, part: str | int) -> list[Alternative]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = keys_of(kind).get(str(part)) or kind.model_fields.get(str(part))
        return [] if field is None else list(_alternatives(field.annotation))
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {list, tuple, Sequence} or getattr(origin, "__name__", "") == "Sequence":
        return list(_alternatives(arguments[0])) if isinstance(part, int) and arguments else []
    if len(arguments) == 2 and isinstance(origin, type) and hasattr(origin, "keys"):
        return list(_alternatives(arguments[1]))
    return []


def _alternatives(kind: Any, tag: str = "") -> list[Alternative]:
    origin = get_origin(kind)
    if origin is Annotated:
        held, *extras = get_args(kind)
        tags = [extra.tag for extra in extras if isinstance(extra, Tag)]
        return _alternatives(held, tags[0] if tags else tag)
    if origin is Union or origin is types.UnionType:
        return [
            found for member in get_args(kind) for found in _alternatives(member, tag) if found[1] is not type(None)
        ]
    return [(tag, kind)]
