import re
from decimal import Decimal
from typing import Annotated, Literal, get_args

import pytest
from pydantic import Field, ValidationError
from pydantic_core import core_schema

from esb.reading import read
from esb.routes.diagnose import findings_of
from esb.routes.explanations import Problem, explain
from esb.routes.nearest import listed, meant, nearest
from esb.routes.walk import Spot
from esb.specs import Duration, Spec


class Inner(Spec):
    scalar = "name"
    name: str
    size: int = Field(1, ge=1)


class Outer(Spec):
    inner: Inner | list[str] | None = None
    ratio: Annotated[Decimal, Field(le=1)] = Decimal(1)
    wait: Duration = 1.0
    mode: Literal["fast", "safe"] = "safe"
    words: dict[str, Inner] = {}


def said(text):
    document = read("a.yaml", text.encode())
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(document.data)
    return [str(finding) for finding in findings_of(caught.value, document, Outer, "thing")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inner: { name: a, size: 0 }", ['a.yaml:1:25: error[E207]: "size" must be at least 1, not 0']),
        ("ratio: 2", ['a.yaml:1:8: error[E207]: "ratio" must be at most 1, not 2']),
        ("ratio: many", ['a.yaml:1:8: error[E205]: "ratio" must be a number, not text']),
        ("ratio:", ['a.yaml:1:1: error[E205]: "ratio" is empty; it must be a number']),
        ("mode: fats", ['a.yaml:1:7: error[E206]: "mode" cannot be "fats"; did you mean "fast"?']),
        ("words: { a: { nmae: x } }", ['a.yaml:1:15: error[E203]: unknown key "nmae" in "a"; did you mean "name"?']),
        ("words: { a: { } }", ['a.yaml:1:10: error[E204]: "a" needs the key "name"; add "name:"']),
        ("words: { a: [x] }", ['a.yaml:1:13: error[E205]: "a" must be text, not a list']),
        ("words: [a]", ['a.yaml:1:8: error[E205]: "words" must be keys with values, not a list']),
    ],
)
def test_an_error_is_said_in_the_words_of_the_file(text, expected):
    assert said(text) == expected


OWN_WORDS = {"value_error", "assertion_error"}
"""What a spec raised itself is in the words of a person already."""


@pytest.mark.parametrize("kind", sorted({*get_args(core_schema.ErrorType)} - OWN_WORDS))
def test_no_error_type_of_the_validation_library_shows_its_own_words(kind):
    document = read("a.yaml", b"key: value")
    text = "Input should be a valid `dict`"
    problem = Problem(
        kind, {}, "value", text, Spot(("key",), ()), Spot((), ()), document, document.find(["key"]), "thing"
    )

    findings = list(explain(problem))

    assert findings
    for finding in findings:
        assert not re.search(r"Input should|pydantic|`|NoneType|\bdict\b|\bstr\b", finding.text)
        assert finding.code.startswith("E")


def test_the_nearest_name_is_the_one_that_was_meant():
    assert nearest("retries", ["retry", "timeout"]) == "retry"
    assert nearest("idempotencyKey", ["idempotency_key", "x"]) == "idempotency_key"
    assert nearest("erp_rset", ["erp-rest", "erp"]) == "erp-rest"
    assert nearest("folder", ["ordered", "retry"]) == ""
    assert meant("zzz", ["retry"]) == ""


def test_long_lists_are_cut():
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
