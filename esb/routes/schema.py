"""Schema: JSON Schema (2020-12) for editors: completion, hovers and squiggles while one types."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema

from esb.policies import POLICIES
from esb.routes.definition import ProjectSpec, RouteSpec
from esb.routes.partner import PartnerSpec
from esb.routes.parts import ENDPOINTS, TRANSFORMS
from esb.routes.project import Project
from esb.routes.rules.view import View
from esb.specs import Spec

KINDS = ("route", "endpoint", "transform", "project", "partner")
"""The kinds of files that have a schema."""

FOLDER = ".esb"
"""Where `esb schema --write` puts them, below the project."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEPTH = {"route": 1, "endpoint": 1, "transform": 1, "project": 0, "partner": 2, "test": 2}


def schema_of(kind: str, project: Project | None = None) -> dict[str, Any]:
    """Return the schema of one kind of file; with a project, its names complete and unknown ones are marked."""
    return schema_of_model(_model(kind), kind, project)


def schema_of_model(model: Any, kind: str, project: Project | None = None) -> dict[str, Any]:
    """Return the schema of the files that a model (or a union of models) reads."""
    adapter: TypeAdapter[Any] = TypeAdapter(model)
    made = adapter.json_schema(schema_generator=_Generator)
    schema = {"$schema": _DIALECT, "title": f"esb {kind}", **{key: made[key] for key in made if key != "title"}}
    slim = _slim(schema)
    if project is not None:
        _complete(slim, _names(project))
    return dict(slim, title=schema["title"])


def file_of(kind: str) -> str:
    """Return where the schema of a kind is written, below the project."""
    return f"{FOLDER}/schema-{kind}.json"


def modeline(kind: str) -> str:
    """Return the comment that tells editors which schema a file of this kind has."""
    return f"# yaml-language-server: $schema={'../' * _DEPTH[kind]}{file_of(kind)}"


class _Generator(GenerateJsonSchema):
    """Adds the short form of specs that have one: a bare value for the field that it stands for."""

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """Return the schema of a spec, or of the value that stands for it."""
        whole = super().model_schema(schema)
        model = schema["cls"]
        if "const" in whole.get("properties", {}).get("type", {}):
            whole["required"] = ["type", *(key for key in whole.get("required", ()) if key != "type")]
        scalar = model.scalar if issubclass(model, Spec) else None
        if scalar is None:
            return whole
        field = model.model_fields[scalar]
        bare = whole.get("properties", {}).get(field.alias or scalar)
        if bare is None:
            return whole
        described = {"description": whole["description"]} if "description" in whole else {}
        return {**described, "anyOf": [bare, whole]}


def _model(kind: str) -> Any:
    plain: Mapping[str, type[BaseModel]] = {"route": RouteSpec, "project": ProjectSpec, "partner": PartnerSpec}
    if kind in plain:
        return plain[kind]
    table: Mapping[str, Any] = ENDPOINTS if kind == "endpoint" else TRANSFORMS
    return Annotated[reduce(or_, table.values()), Field(discriminator="type")]


def _slim(schema: Any) -> Any:
    """Return a schema without what only fills hovers: titles made from names, and `null` for a key left out."""
    if isinstance(schema, list):
        return [_slim(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    forms = schema.get("anyOf")
    if isinstance(forms, list) and {"type": "null"} in forms and schema.get("default", 0) is None:
        rest = [form for form in forms if form != {"type": "null"}]
        kept = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
        schema = {**rest[0], **kept} if len(rest) == 1 else {**kept, "anyOf": rest}
    return {key: _slim(value) for key, value in schema.items() if not (key == "title" and isinstance(value, str))}


def _names(project: Project) -> dict[str, list[str]]:
    names = {kind: sorted(places) for kind, places in project.places.items()}
    names["policy"] = sorted({*POLICIES, *project.spec.policies})
    names["event"] = sorted({named.name for _, named in View(project).used if named.kind == "event"})
    return names


def _complete(schema: Any, names: Mapping[str, list[str]]) -> None:
    """Write the names of the project into every place that refers to them; events may be new, so they are examples."""
    if isinstance(schema, dict):
        kind = str(schema.get("x-esb-reference", ""))
        if kind == "event" and names["event"]:
            schema["examples"] = names["event"]
        elif names.get(kind):
            schema["enum"] = names[kind]
        for value in schema.values():
            _complete(value, names)
    elif isinstance(schema, list):
        for value in schema:
            _complete(value, names)
