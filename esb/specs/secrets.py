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
    """A reference to a secret (`secret://env/NAME`, `secret://file/NAME`); the value is read when it is used."""

    source: str

    def __repr__(self) -> str:
        return self.source


def _secret(text: Any) -> SecretRef:
    if not isinstance(text, str) or not re.fullmatch(r"secret://(env|file)/[A-Za-z0-9_./-]+", text) or ".." in text:
        raise PydanticCustomError(
            "secret",
            "a secret is written in the file",
            {"help": "refer to it: secret://env/NAME or secret://file/NAME"},
        )
    return SecretRef(text)


if TYPE_CHECKING:
    Secret: TypeAlias = SecretRef
else:
    Secret = Annotated[
        Any, PlainValidator(_secret), WithJsonSchema({"type": "string", "pattern": "^secret://(env|file)/"})
    ]
