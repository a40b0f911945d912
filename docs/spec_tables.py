"""Tables of what a person may write, made from the specs: one row a key, nested keys with dots."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from inspect import get_annotations
from typing import Annotated, Any, ForwardRef, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticUndefined

from esb import specs
from esb.formats.edi.overlay import Change, Overlay
from esb.formats.flat.spec import FlatRecords
from esb.policies import FailurePolicy, Retry, Rule, spell
from esb.routes.definition import ProjectSpec, RouteSpec, SettingsSpec
from esb.routes.partner import PartnerSpec
from esb.routes.parts import ENDPOINTS, FORMATS, TRANSFORMS
from esb.specs import EndpointSpec, Entry, FormatSpec, Reference
from esb.steps import STEPS

_PATTERNS = {r"^\$": "path", "^secret://(env|file|exec)/": "secret"}
_KINDS = {"Duration": "duration", "Size": "size", "Rate": "rate"}
_PLAIN = {str: "text", int: "whole number", float: "number", Decimal: "number", bool: "true or false"}
_FLAT: Mapping[str, type[BaseModel]] = {
    "route": RouteSpec,
    "project": ProjectSpec,
    "partner": PartnerSpec,
    "endpoint": EndpointSpec,
    "policy": FailurePolicy,
    "rule": Rule,
    "retry": Retry,
    "settings": SettingsSpec,
    "flat": FlatRecords,
    "overlay": Overlay,
    "change": Change,
}
_OWN_TABLE = (Change, Entry, FormatSpec, FailurePolicy, Rule, Retry, SettingsSpec)
"""Specs that have a table of their own: where they are nested they are named, not listed again."""


def spec_table(name: str) -> str:
    """Return the table of a spec: `step.split`, `endpoint.file`, `format.csv`, `transform.mapping`, `route` …"""
    kind, _, which = name.partition(".")
    tables: Mapping[str, Mapping[str, type[BaseModel]]] = {
        "step": {spec.verb: spec for spec in STEPS},
        "endpoint": ENDPOINTS,
        "format": FORMATS,
        "transform": TRANSFORMS,
    }
    model = tables[kind][which] if which else _FLAT[kind]
    shared = set(EndpointSpec.model_fields) if kind == "endpoint" and which else set()
    skipped = {key for key in shared if not _overridden(model, key)} | {"type"}
    rows = list(_rows(model, "", (), skipped))
    lines = ["| key | value | default | meaning |", "|---|---|---|---|", *rows]
    short = getattr(model, "scalar", None)
    if short is not None and kind == "step":
        lines.append(f"\nA bare value stands for `{_alias(model, short)}`.")
    return "\n".join(lines)


def _overridden(model: type[BaseModel], key: str) -> bool:
    return any(key in get_annotations(base) for base in model.__mro__ if base in _below(model))


def _below(model: type[BaseModel]) -> Sequence[type]:
    """Return the model and its bases up to the one that all endpoints share."""
    line = list(model.__mro__)
    return line[: line.index(EndpointSpec)] if EndpointSpec in line else line


def _alias(model: type[BaseModel], name: str) -> str:
    return model.model_fields[name].alias or name


def _rows(model: type[BaseModel], prefix: str, seen: tuple[type, ...], skipped: set[str]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if name in skipped:
            continue
        key = f"{prefix}{field.alias or name}"
        kind = words(field.annotation, tuple(field.metadata))
        text = (field.description or "").replace("|", "\\|")
        yield f"| `{key}` | {kind} | {_default(field, kind)} | {text} |"
        inner, mark = _nested(field.annotation)
        if inner is not None and inner not in (*seen, model) and not issubclass(inner, _OWN_TABLE):
            yield from _rows(inner, f"{key}{mark}.", (*seen, model), set())


def _nested(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """Return the one spec inside of a type, and what its keys stand behind: `[]` of a list, `.NAME` of a mapping."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _nested(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        found = [_nested(part) for part in get_args(annotation)]
        models = [pair for pair in found if pair[0] is not None]
        return models[0] if len(models) == 1 else (None, "")
    if origin in (list, tuple):
        return _nested(get_args(annotation)[0])[0], "[]"
    if origin is dict:
        return _nested(get_args(annotation)[1])[0], ".NAME"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    return None, ""


def words(annotation: Any, metadata: tuple[Any, ...] = ()) -> str:
    """Return what kind of value a person writes."""
    for mark in metadata:
        if isinstance(mark, Reference):
            return f"name of {'an' if mark.kind[0] in 'aeiou' else 'a'} {mark.kind}"
        if isinstance(mark, WithJsonSchema) and mark.json_schema is not None:
            return _by_schema(mark.json_schema)
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return words(inside[0], tuple(inside[1:]))
    if origin in (Union, types.UnionType):
        return _either([part for part in inside if part is not type(None)])
    if origin is Literal:
        return ", ".join(f"`{_shown(value)}`" for value in inside)
    if origin in (list, tuple):
        return f"list of {words(inside[0])}"
    if origin is dict:
        return "names, each with keys" if _nested(annotation)[0] else f"names, each with a {words(inside[1])}"
    if annotation is type(None):
        return "nothing"
    if annotation is Any or isinstance(annotation, ForwardRef):
        return "format" if annotation is not Any else "keys"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _spec_words(annotation)
    return _PLAIN.get(annotation, "text" if annotation is None else str(annotation))


def _spec_words(model: type[BaseModel]) -> str:
    own = {FailurePolicy: "policy", Rule: "rule", Retry: "retry", SettingsSpec: "settings"}
    return own.get(model, "keys")


def _either(parts: Sequence[Any]) -> str:
    models = [part for part in (_bare(part) for part in parts) if isinstance(part, type)]
    if models and all(issubclass(model, Entry) for model in models):
        return "step"
    if models and all(issubclass(model, FormatSpec) for model in models):
        return "format"
    return " or ".join(dict.fromkeys(words(part) for part in parts))


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _by_schema(schema: Mapping[str, Any]) -> str:
    if schema.get("x-esb-value"):
        return "condition" if schema["type"] == ["string", "boolean"] else "value"
    pattern = schema.get("pattern", "")
    for name, kind in _KINDS.items():
        for mark in get_args(getattr(specs, name))[1:]:
            if isinstance(mark, WithJsonSchema) and mark.json_schema and mark.json_schema.get("pattern") == pattern:
                return kind
    return _PATTERNS.get(pattern, "text")


def _default(field: FieldInfo, kind: str) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None or value in ("", (), [], {}) or isinstance(value, BaseModel):
        return ""
    if kind == "duration":
        return f"`{spell(value)}`" if value else "`0s`"
    if kind == "size":
        return f"`{_size(value)}`"
    return f"`{_shown(value)}`"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(str, value))}]"
    return '"' + value + '"' if isinstance(value, str) and not value[:1].isalnum() else str(value)


def _size(value: int) -> str:
    for unit, size in (("GiB", 2**30), ("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if value % size == 0:
            return f"{value // size}{unit}"
    return f"{value}B"
