"""Specs compile what is written in them, and say where a slip stands."""

from typing import Any

import pytest
from pydantic import ValidationError

import esb.specs
from esb.specs import Condition, EndpointSpec, PathText, Reference, Secret, Spec, Value


class Part(Spec):
    value: Value = None
    when: Condition = None
    path: PathText = None
    secret: Secret = None


def refused(**given: Any) -> dict[str, Any]:
    with pytest.raises(ValidationError) as error:
        Part(**given)
    (only,) = error.value.errors()
    return only


def test_a_condition_is_a_path_that_selects_an_expression_or_a_truth_value():
    scope = {"body": {"n": 2}}

    assert Part(when="$.n").when({"n": 2}, scope)
    assert not Part(when="$.m").when({"n": 2}, scope)
    assert Part(when="{{ body.n > 1 }}").when({"n": 2}, scope)
    assert not Part(when=False).when({}, scope)


@pytest.mark.parametrize(
    ("given", "offset"), [({"value": "$.a..b c"}, 6), ({"path": "$.a["}, 4), ({"when": "{{ bdy.n }}"}, 3)]
)
def test_a_slip_says_where_in_the_text_it_stands(given: dict[str, Any], offset: int):
    assert refused(**given)["ctx"]["offset"] == offset


@pytest.mark.parametrize("given", [{"when": 3}, {"path": 3}, {"when": ["$.n"]}])
def test_what_cannot_be_one_says_what_to_write(given: dict[str, Any]):
    assert "$" in refused(**given)["ctx"]["help"]


@pytest.mark.parametrize("text", ["hunter2", "secret://env/../x", "secret://vault/x", 5])
def test_a_secret_is_a_reference_and_the_error_does_not_repeat_what_was_written(text: Any):
    problem = refused(secret=text)

    assert str(text) not in problem["msg"]
    assert "secret://env/NAME" in problem["ctx"]["help"]


def test_a_partner_is_a_reference_as_other_names_are():
    marks = EndpointSpec.model_fields["partner"].metadata

    assert Reference("partner") in marks


def test_everything_that_is_offered_exists():
    assert [name for name in esb.specs.__all__ if not hasattr(esb.specs, name)] == []
