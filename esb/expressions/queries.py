"""The parts of a JSONPath query as values (RFC 9535): segments, selectors and filter expressions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Name:
    """Selects the member of an object with this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """Selects one element of a list; negative counts from its end."""

    index: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Selects elements of a list as `start:end:step` does in Python; step 0 selects nothing."""

    start: int | None
    end: int | None
    step: int | None


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Selects all children."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Selects the children for which the condition holds."""

    condition: Logical


@dataclass(frozen=True, slots=True)
class Segment:
    """Selectors for the children of a node or, `descend`, of the node and of everything below it."""

    selectors: tuple[Selector, ...]
    descend: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query: absolute (`$`) or relative to the node under test (`@`)."""

    segments: tuple[Segment, ...]
    relative: bool = False

    @property
    def singular(self) -> bool:
        """Whether the query can select one node only."""
        return all(
            not segment.descend and len(segment.selectors) == 1 and isinstance(segment.selectors[0], Name | Index)
            for segment in self.segments
        )


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the query."""

    value: str | int | Decimal | bool | None


@dataclass(frozen=True, slots=True)
class Call:
    """A function applied to its arguments."""

    name: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values compared; operators `== != < <= > >=`."""

    left: Comparable
    operator: str
    right: Comparable


@dataclass(frozen=True, slots=True)
class Exists:
    """Holds if the query selects something."""

    query: Query


@dataclass(frozen=True, slots=True)
class Not:
    """Holds if the operand does not."""

    operand: Logical


@dataclass(frozen=True, slots=True)
class And:
    """Holds if all operands do."""

    operands: tuple[Logical, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Holds if one operand does."""

    operands: tuple[Logical, ...]


Selector: TypeAlias = Name | Index | Slice | Wildcard | Filter
Comparable: TypeAlias = Literal | Query | Call
Logical: TypeAlias = Comparison | Exists | Call | Not | And | Or
Argument: TypeAlias = Literal | Query | Call | Comparison | Exists | Not | And | Or


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and gives: kinds `value`, `nodes` and `logical` (RFC 9535 §2.4.1)."""

    parameters: tuple[str, ...]
    result: str


FUNCTIONS: dict[str, Signature] = {
    "length": Signature(("value",), "value"),
    "count": Signature(("nodes",), "value"),
    "match": Signature(("value", "value"), "logical"),
    "search": Signature(("value", "value"), "logical"),
    "value": Signature(("nodes",), "value"),
}
