"""Specs: what a person writes in YAML. Frozen, closed, without a connection; `build` returns the live thing.

Scalar types carry their own reading and their own error; `Reference` types are checked across files by lint and
completed by the editor schema. A part is one spec and one `build`; its room lists it in one table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esb.specs.parts import Batching, Effect, EndpointSpec, FormatSpec, PolicySpec, TransformSpec, World
from esb.specs.references import (
    ContractName,
    EndpointName,
    EventName,
    PartnerName,
    PolicyName,
    Reference,
    RouteName,
    StepId,
    TableName,
    TransformName,
)
from esb.specs.secrets import Secret, SecretRef
from esb.specs.spec import Spec, rebuild
from esb.specs.steps import Entry, Interchanges, Resources, StepSpec, Table, step_union
from esb.specs.units import Duration, Rate, Size, read_duration, read_rate, read_size
from esb.specs.values import (
    CONDITION_SCHEMA,
    VALUE_SCHEMA,
    Condition,
    PathText,
    Predicate,
    Value,
    compiled,
    predicate,
)

if TYPE_CHECKING:
    from esb.specs.parts import AnyFormat as AnyFormat
    from esb.specs.steps import AnyStep as AnyStep

__all__ = [
    "CONDITION_SCHEMA",
    "VALUE_SCHEMA",
    "Batching",
    "Condition",
    "ContractName",
    "Duration",
    "Effect",
    "EndpointName",
    "EndpointSpec",
    "Entry",
    "EventName",
    "FormatSpec",
    "Interchanges",
    "PartnerName",
    "PathText",
    "PolicyName",
    "PolicySpec",
    "Predicate",
    "Rate",
    "Reference",
    "Resources",
    "RouteName",
    "Secret",
    "SecretRef",
    "Size",
    "Spec",
    "StepId",
    "StepSpec",
    "Table",
    "TableName",
    "TransformName",
    "TransformSpec",
    "Value",
    "World",
    "compiled",
    "predicate",
    "read_duration",
    "read_rate",
    "read_size",
    "rebuild",
    "step_union",
]
