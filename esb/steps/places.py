"""Places: paths that a step writes to, which must name exactly one node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from esb.expressions import Path
from esb.specs import PathText


def _one(path: Path) -> Path:
    if not path.singular:
        hint = "write a path of names and indexes only, such as $.customer.name or $.lines[0]"
        raise PydanticCustomError(
            "place", "{path} can select many nodes, a value goes to one", {"path": path.source, "help": hint}
        )
    return path


if TYPE_CHECKING:
    Place: TypeAlias = Path
else:
    Place = Annotated[PathText, AfterValidator(_one)]
