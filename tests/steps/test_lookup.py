from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError as SpecError

from esb.errors import ValidationError

UNITS = {"EA": "piece", "CS": "case"}


class Units:
    def get(self, key: Any) -> Any:
        return UNITS.get(key)

    def reverse(self, value: Any) -> Any:
        return next((key for key, known in UNITS.items() if known == value), None)


def lookup(bench: Any, body: Any, **more: Any) -> Any:
    bench.tables = {"units": Units()}
    return bench.body({"lookup": {"table": "units", "key": "$.uom", "into": "$.unit", **more}}, bench.message(body))


def test_the_answer_goes_into_the_body(bench: Any):
    assert lookup(bench, {"uom": "EA"}) == {"uom": "EA", "unit": "piece"}


def test_tables_are_read_backwards_too(bench: Any):
    assert lookup(bench, {"uom": "case"}, reverse="true") == {"uom": "case", "unit": "CS"}


def test_a_key_that_the_table_does_not_know_is_an_error(bench: Any):
    with pytest.raises(ValidationError, match="the table units does not know 'XX'"):
        lookup(bench, {"uom": "XX"})


@pytest.mark.parametrize("key", [{"a": 1}, ["EA"]])
def test_what_is_no_key_is_an_error(bench: Any, key: Any):
    with pytest.raises(ValidationError, match="is no key"):
        lookup(bench, {"uom": key}, missing="keep")


def test_missing_keep_puts_the_key_itself(bench: Any):
    assert lookup(bench, {"uom": "XX"}, missing="keep") == {"uom": "XX", "unit": "XX"}


def test_missing_default_puts_the_default(bench: Any):
    assert lookup(bench, {"uom": "XX"}, missing="default", default="{{ body.uom ~ '?' }}")["unit"] == "XX?"


def test_null_is_a_default_like_any_other(bench: Any):
    assert lookup(bench, {"uom": "XX"}, missing="default", default=None) == {"uom": "XX", "unit": None}


@pytest.mark.parametrize("more", [{"default": "x"}, {"missing": "default"}, {"missing": "keep", "default": "x"}])
def test_default_and_missing_default_belong_together(bench: Any, more: dict[str, str]):
    with pytest.raises(SpecError, match="belong together"):
        bench.spec({"lookup": {"table": "units", "key": "$.uom", "into": "$.unit", **more}})
