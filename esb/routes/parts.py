"""Parts: the tables of all rooms, introduced to each other: an endpoint's `format` is any of the formats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Union

from pydantic import Discriminator, Tag

from esb.endpoints import ENDPOINTS
from esb.formats import FORMATS as ALL_FORMATS
from esb.specs import EndpointSpec, FormatSpec, rebuild
from esb.transforms import TRANSFORMS

__all__ = ["ENDPOINTS", "FORMAT", "FORMATS", "TRANSFORMS"]


FORMATS: Final[dict[str, type[FormatSpec]]] = {spec.model_fields["type"].default: spec for spec in ALL_FORMATS}
"""Every format by what `type:` calls it."""


def _type_of(given: Any) -> str | None:
    """Return the type that a format names; a bare name is the type itself."""
    if isinstance(given, FormatSpec):
        return given.type
    found = given.get("type") if isinstance(given, dict) else given
    return found if isinstance(found, str) else None


FORMAT: Final[Any] = Annotated[
    Union[tuple(Annotated[spec, Tag(name)] for name, spec in FORMATS.items())],  # noqa: UP007
    Discriminator(_type_of),
]
"""Any format: its name, or keys with its type."""


def _imported(spec: type[EndpointSpec]) -> Iterator[type[EndpointSpec]]:
    yield spec
    for below in spec.__subclasses__():
        yield from _imported(below)


# A type that is imported later inherits `format` as it is known from here on; `http_in` has formats of its own.
rebuild([*_imported(EndpointSpec), ENDPOINTS["http_in"]], AnyFormat=FORMAT)
