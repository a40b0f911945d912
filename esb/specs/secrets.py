"""Secrets: a definition refers to them and never holds one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import PlainValidator
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A reference to a secret (`secret://env/NAME`, `…file/NAME`, `…exec/NAME`); the value is read when it is used."""

    source: str

    def __repr__(self) -> str:
        return self.source


_REFERENCE = re.compile(r"secret://(?:(?:env|file)/[A-Za-z0-9_./-]+|exec/[A-Za-z0-9_][A-Za-z0-9_./-]*)")
"""What is asked of a program must not look like an option of it."""


def _secret(text: Any) -> SecretRef:
    if (
        not isinstance(text, str)
        or not re.fullmatch(r"secret://(env|file|exec)/[A-Za-z0-9_][A-Za-z0-9_./-]*", text)
        or ".." in text
    ):
        raise PydanticCustomError(
            "secret",
            "a secret is written in the file",
            {"help": "refer to it: secret://env/NAME, secret://file/NAME or secret://exec/NAME"},
        )
    return SecretRef(text)


def references_of(value: Any) -> list[SecretRef]:
    """Return every reference in a definition, wherever it stands."""
    if isinstance(value, SecretRef):
        return [value]
    if isinstance(value, dict):
        return [found for item in value.values() for found in references_of(item)]
    if isinstance(value, list | tuple):
        return [found for item in value for found in references_of(item)]
    fields = getattr(type(value), "model_fields", {})
    return [found for name in fields for found in references_of(getattr(value, name))]


if TYPE_CHECKING:
    Secret: TypeAlias = SecretRef
else:
    Secret = Annotated[
        Any, PlainValidator(_secret), WithJsonSchema({"type": "string", "pattern": "^secret://(env|file|exec)/"})
    ]
