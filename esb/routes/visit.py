"""Visit: what stands in a validated definition, each with its loc: references, expressions, steps and their paths."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from esb.reading import Loc
from esb.specs import Entry, Reference, StepSpec


@dataclass(frozen=True, slots=True)
class Named:
    """A name in a definition that stands for something else of the project."""

    kind: str
    name: str
    loc: tuple[str | int, ...]
    holder: BaseModel


@dataclass(frozen=True, slots=True)
class Visit:
    """A step in its place. `after` are the steps above it in the same flow, `holders` the steps it stands in."""

    entry: Entry
    path: str
    loc: tuple[str | int, ...]
    after: tuple[Entry, ...]
    holders: tuple[Entry, ...]

    @property
    def spec(self) -> StepSpec:
        """What stands under the verb."""
        return self.entry.spec


def steps_of(steps: Sequence[Entry], loc: Loc = ("steps",)) -> Iterator[Visit]:
    """Return every step, those of branches behind the step that holds them."""
    locs = {id(entry): (*loc, number) for number, entry in enumerate(steps)}
    yield from _flow(steps, "", locs, ())


def _flow(
    steps: Sequence[Entry], prefix: str, locs: Mapping[int, tuple[str | int, ...]], holders: tuple[Entry, ...]
) -> Iterator[Visit]:
    for number, entry in enumerate(steps):
        above = tuple(steps[:number])
        path = f"{prefix}{entry.name}"
        loc = locs.get(id(entry), ())
        yield Visit(entry, path, loc, above, holders)
        inner = {id(child): where for where, child in nested(entry.spec, (*loc, entry.verb))}
        for name, branch in entry.spec.branches():
            short = {id(child): _short_form(entry, branch, (*loc, entry.verb)) for child in branch}
            yield from _flow(branch, f"{path}/{name}/", {**short, **inner}, (*holders, entry))


def _short_form(entry: Entry, branch: Sequence[Entry], loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Return where a branch without steps of its own stands: `to` beside `when`."""
    for number, (_, steps) in enumerate(entry.spec.branches()):
        if [child.name for child in steps] == [child.name for child in branch] and steps[0].spec == branch[0].spec:
            return (*loc, number)
    return loc


def nested(value: Any, loc: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Entry]]:
    """Return the steps that stand directly in a value, not those inside these steps."""
    if isinstance(value, Entry):
        yield loc, value
    elif isinstance(value, BaseModel):
        for name, key in _keys(type(value)):
            yield from nested(getattr(value, name), (*loc, key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from nested(item, (*loc, number))


def references(spec: BaseModel, loc: tuple[str | int, ...] = ()) -> Iterator[Named]:
    """Return every name in a definition that stands for something else of the project."""
    for name, key in _keys(type(spec)):
        value = getattr(spec, name)
        if value is None:
            continue
        field = type(spec).model_fields[name]
        kind = next((extra.kind for extra in field.metadata if isinstance(extra, Reference)), "")
        yield from _names(value, field.annotation, kind, (*loc, key), spec)


def _names(value: Any, kind: Any, named: str, loc: tuple[str | int, ...], holder: BaseModel) -> Iterator[Named]:
    if isinstance(value, BaseModel):
        yield from references(value, loc)
    elif isinstance(value, str):
        found = named or _reference(kind)
        if found and value:
            yield Named(found, value, loc, holder)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _names(item, kind, named, (*loc, number), holder)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _names(item, kind, named, (*loc, key), holder)


def _reference(kind: Any) -> str:
    """Return the kind of a reference marked anywhere in a type: in an optional, a list, a union with rules."""
    try:
        return _marked(kind)
    except TypeError:  # an annotation that cannot be hashed marks nothing
        return ""


@lru_cache(maxsize=4096)
def _marked(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is Annotated:
        held, *extras = get_args(kind)
        return next((extra.kind for extra in extras if isinstance(extra, Reference)), "") or _marked(held)
    if origin in {Union, types.UnionType, list, tuple, dict}:
        return next((found for member in get_args(kind) if (found := _marked(member))), "")
    return ""


def sources(value: Any, loc: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Return every path, expression and condition in a definition: whatever remembers the `source` it came from."""
    if isinstance(value, BaseModel):
        for name, key in _keys(type(value)):
            yield from sources(getattr(value, name), (*loc, key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from sources(item, (*loc, number))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from sources(item, (*loc, key))
    elif hasattr(value, "source"):
        yield loc, value


@lru_cache(maxsize=512)
def _keys(model: type[BaseModel]) -> tuple[tuple[str, str], ...]:
    return tuple((name, field.alias or name) for name, field in model.model_fields.items())
