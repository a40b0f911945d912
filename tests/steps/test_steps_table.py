from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from esb.specs import StepSpec
from esb.steps import ENTRIES, STEP, STEPS

VERBS = {
    "transform": "x12-850-to-order",
    "validate": "order@1",
    "set": {"headers": {"kind": "order"}},
    "choose": [{"otherwise": None, "to": "erp"}],
    "filter": {"keep_if": "$.qty", "reason": "nothing ordered"},
    "split": {"each": "$.lines"},
    "enrich": {"ask": "erp", "get": "/customers/7", "into": "$.customer"},
    "deduplicate": {"key": "$.number", "keep": "30d"},
    "lookup": {"table": "units", "key": "$.uom", "into": "$.unit"},
    "wire_tap": "audit",
    "hold": {"queue": "ops", "reason": "look at it"},
    "to": "erp",
    "publish": "order.accepted",
    "call": "notify",
    "log": "got here",
    "guard": {"steps": [{"to": "erp"}]},
}


def test_every_step_of_the_table_has_a_verb_of_its_own():
    assert [spec.verb for spec in STEPS] == list(VERBS) == list(ENTRIES)


@pytest.mark.parametrize("verb", VERBS)
def test_every_step_is_read_in_its_place_and_says_what_it_does(bench: Any, verb: str):
    entry = TypeAdapter(STEP).validate_python({"id": "here", "description": "why", verb: VERBS[verb]})

    assert (entry.verb, entry.name) == (verb, "here")
    assert isinstance(entry.spec, StepSpec)
    assert entry.spec.sentence()
    assert all(isinstance(address, str) for address in entry.spec.destinations())


@pytest.mark.parametrize("verb", VERBS)
def test_every_key_is_described_for_people(verb: str):
    spec = next(spec for spec in STEPS if spec.verb == verb)

    assert (spec.__doc__ or "").splitlines()[0].endswith(".")
    assert all(field.description for field in spec.model_fields.values())
    assert spec.scalar is None or spec.scalar in spec.model_fields


@pytest.mark.parametrize("verb", VERBS)
def test_every_step_is_closed(verb: str):
    written = VERBS[verb] if isinstance(VERBS[verb], dict) else {}

    with pytest.raises(ValidationError):
        TypeAdapter(STEP).validate_python({verb: {**written, "kolour": "red"}})


def test_the_editor_schema_holds_every_verb():
    schema = TypeAdapter(STEP).json_schema(mode="validation")

    assert len(schema["oneOf"]) == len(STEPS)


def test_a_step_without_a_verb_or_with_two_is_refused():
    for written in ({"id": "x"}, {"to": "erp", "log": "x"}):
        with pytest.raises(ValidationError):
            TypeAdapter(STEP).validate_python(written)


def test_only_hold_waits():
    assert [spec.verb for spec in STEPS if spec.waits] == ["hold"]
    assert get_args(STEP)
