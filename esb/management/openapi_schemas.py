"""Contracts inside an OpenAPI document: each a component, with its references led to the components of the others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from esb.contracts import read_schema

_DROPPED = frozenset({"$schema", "$id"})
"""They would give a schema another address than the one that it has in the document."""
_LITERAL = frozenset({"const", "enum", "default", "examples", "example"})
"""Words whose values are documents, where a key `$ref` is a key like any other."""


class Contracts:
    """The components that were asked for so far, and those that they refer to."""

    def __init__(self, files: Mapping[str, bytes], places: Mapping[str, str]) -> None:
        self._files, self._places = files, places
        self.components: dict[str, Any] = {}

    def schema(self, contract: str) -> dict[str, Any]:
        """Return a reference to a contract's component; one that is no JSON Schema says nothing of its documents."""
        file = self._places.get(contract, "")
        if not file.endswith(".json"):
            return {}
        return {"$ref": f"#/components/schemas/{self._component(file)}"}

    def _component(self, file: str) -> str:
        name = re.sub(r"[^A-Za-z0-9._-]", "_", file.removeprefix("schemas/").removesuffix(".json"))
        if name not in self.components:
            self.components[name] = {}  # a schema may refer to itself, by way of others
            self.components[name] = self._led(read_schema(file, self._files[file]), file, name)
        return name

    def _led(self, schema: Any, file: str, name: str) -> Any:
        if isinstance(schema, list):
            return [self._led(each, file, name) for each in schema]
        if not isinstance(schema, dict):
            return schema
        found: dict[str, Any] = {}
        for key, value in schema.items():
            if key in _DROPPED:
                continue
            if key == "$ref" and isinstance(value, str):
                found[key] = self._reference(value, file, name)
            else:
                found[key] = value if key in _LITERAL else self._led(value, file, name)
        return found

    def _reference(self, reference: str, file: str, name: str) -> str:
        place, _, pointer = reference.partition("#")
        if place:
            folder = file.rpartition("/")[0]
            other = f"{folder}/{unquote(place).removeprefix('./')}"
            if other not in self._files:
                other = f"schemas/{unquote(place).rpartition('/')[2]}"
            if other not in self._files:
                return reference
            name = self._component(other)
        return f"#/components/schemas/{name}{pointer}"
