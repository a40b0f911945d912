from __future__ import annotations

from typing import Any

import pytest

from esb.contracts import compile_contract
from esb.edge import Finding
from esb.errors import ValidationError
from esb.message import Note


def test_a_body_that_keeps_the_contract_goes_on(bench: Any):
    bench.contracts = {"order@1": lambda body: ()}
    order = bench.message({})

    assert bench.outputs({"validate": "order@1"}, order) == [order]


def test_all_findings_stand_in_the_error_with_their_places(bench: Any):
    findings = [Finding("required", "number is missing", where="$.order"), Finding("type", "not a number", line=3)]
    bench.contracts = {"order@1": lambda body: findings}

    with pytest.raises(ValidationError) as refused:
        bench.outputs({"validate": "order@1"}, bench.message({}))

    assert str(refused.value) == "the body breaks order@1: $.order: number is missing; line 3: not a number"


def test_the_place_of_a_fault_is_said_once(bench: Any):
    schema = b'{"properties": {"lines": {"items": {"required": ["sku"]}}}}'
    bench.contracts = {"order@1": compile_contract("order@1.json", schema, "json-schema")}

    with pytest.raises(ValidationError) as refused:
        bench.outputs({"validate": "order@1"}, bench.message({"lines": [{}]}))

    assert str(refused.value) == "the body breaks order@1: lines[0]: sku is missing"


def test_more_than_twenty_findings_are_counted(bench: Any):
    bench.contracts = {"order@1": lambda body: [Finding("type", f"wrong {n}") for n in range(23)]}

    with pytest.raises(ValidationError, match=r"wrong 19; and 3 more$"):
        bench.outputs({"validate": "order@1"}, bench.message({}))


def test_warnings_alone_are_noted_and_the_message_goes_on(bench: Any):
    bench.contracts = {"order@1": lambda body: [Finding("old", "a deprecated field", severity="warning")]}
    order = bench.message({})

    outputs = bench.outputs({"validate": "order@1"}, order)

    assert outputs == [Note("validate", "order@1: a deprecated field", "warning"), order]
