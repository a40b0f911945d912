"""Units: durations, sizes and rates, which are written with their unit so that nobody has to guess it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import BeforeValidator
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def read_duration(text: Any) -> float:
    """Return seconds; durations carry a unit: `250ms`, `30s`, `5m`, `1h30m`, `7d`."""
    found = list(_DURATION.finditer(text)) if isinstance(text, str) else []
    if not found or "".join(part.group(0) for part in found) != text:
        raise PydanticCustomError(
            "duration",
            "{value} is not a duration",
            {"value": repr(text), "help": "write a number with a unit: 30s, 5m, 1h30m, 7d"},
        )
    return float(sum(Decimal(part.group(1)) * Decimal(str(_UNITS[part.group(2)])) for part in found))


def read_size(text: Any) -> int:
    """Return bytes; sizes carry a unit: `64KB` (1000), `10MiB` (1024)."""
    match = re.fullmatch(r"(\d+)\s?([KMG]i?B|B)", text) if isinstance(text, str) else None
    if match is None:
        raise PydanticCustomError(
            "size",
            "{value} is not a size",
            {"value": repr(text), "help": "write a number with a unit: 256KB, 10MB, 1GiB"},
        )
    return int(match.group(1)) * _SIZES[match.group(2)]


def read_rate(text: Any) -> tuple[float, float]:
    """Return (calls, seconds); rates are written `50/s`, `600/m`, `1000/h`."""
    match = re.fullmatch(r"(\d+)/(s|m|h|d)", text) if isinstance(text, str) else None
    if match is None or match.group(1) == "0":
        raise PydanticCustomError(
            "rate", "{value} is not a rate", {"value": repr(text), "help": "write calls per unit: 50/s, 600/m"}
        )
    return float(match.group(1)), _UNITS[match.group(2)]


if TYPE_CHECKING:
    Duration: TypeAlias = float
    Size: TypeAlias = int
    Rate: TypeAlias = tuple[float, float]
else:
    Duration = Annotated[
        float,
        BeforeValidator(read_duration),
        WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d))+$", "examples": ["30s", "5m", "7d"]}),
    ]
    Size = Annotated[
        int,
        BeforeValidator(read_size),
        WithJsonSchema({"type": "string", "pattern": r"^\d+\s?([KMG]i?B|B)$", "examples": ["10MB"]}),
    ]
    Rate = Annotated[
        tuple[float, float],
        BeforeValidator(read_rate),
        WithJsonSchema({"type": "string", "pattern": r"^\d+/(s|m|h|d)$", "examples": ["50/s"]}),
    ]
