"""References: texts that name something else of the project; lint checks them, editors complete them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import Field


@dataclass(frozen=True, slots=True)
class Reference:
    """Marks a field whose text names something of the project: endpoint, transform, contract, route, table …"""

    kind: str


def _reference(kind: str) -> Any:
    return Annotated[str, Field(min_length=1, json_schema_extra={"x-esb-reference": kind}), Reference(kind)]


if TYPE_CHECKING:
    EndpointName: TypeAlias = str
    TransformName: TypeAlias = str
    ContractName: TypeAlias = str
    RouteName: TypeAlias = str
    TableName: TypeAlias = str
    PolicyName: TypeAlias = str
    PartnerName: TypeAlias = str
else:
    EndpointName = _reference("endpoint")
    TransformName = _reference("transform")
    ContractName = _reference("contract")
    RouteName = _reference("route")
    TableName = _reference("table")
    PolicyName = _reference("policy")
    PartnerName = _reference("partner")

_EVENT = r"^[a-z][a-z0-9_-]*(\.[a-z0-9_*#-]+)*$"
EventName = Annotated[str, Field(pattern=_EVENT, json_schema_extra={"x-esb-reference": "event"}), Reference("event")]
StepId = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$", description="Names the step everywhere.")]
