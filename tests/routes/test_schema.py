import json
from pathlib import Path

import jsonschema_rs
import pytest

from esb.reading import read
from esb.routes import load
from esb.routes.schema import KINDS, file_of, modeline, schema_of
from esb.routes.starting import starter
from esb.steps import ENTRIES

ROOT = Path(__file__).parents[2]
STARTER = starter("hub")
PROJECT = load(STARTER)


def kind_of(name):
    folder = name.split("/")[0]
    return {"routes": "route", "endpoints": "endpoint", "transforms": "transform", "esb.yaml": "project"}.get(folder)


def definitions():
    for folder in ("routes", "endpoints", "transforms"):
        yield from ((str(path.relative_to(ROOT)), path.read_bytes()) for path in (ROOT / folder).glob("*.yaml"))
    yield from ((name, raw) for name, raw in STARTER.items() if kind_of(name) and name.endswith(".yaml"))


def faults(schema, data):
    validator = jsonschema_rs.Draft202012Validator(schema)
    return [error.message for error in validator.iter_errors(json.loads(json.dumps(data, default=float)))]


@pytest.mark.parametrize("kind", KINDS)
def test_every_schema_is_one_of_2020_12_and_describes_itself(kind):
    schema = schema_of(kind)

    jsonschema_rs.Draft202012Validator(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == f"esb {kind}"


@pytest.mark.parametrize(("name", "raw"), [pytest.param(*pair, id=pair[0]) for pair in definitions()])
def test_what_the_bus_takes_the_editor_takes(name, raw):
    assert faults(schema_of(kind_of(name)), read(name, raw).data) == []


@pytest.mark.parametrize(
    "route",
    [
        {"steps": [{"too": "erp"}]},
        {"steps": [{"to": "erp", "publish": "x.y"}]},
        {"steps": [{"deduplicate": {"key": "$.a", "keep": 30}}]},
        {"steps": [{"to": "erp"}], "form": {}},
        {"from": {"endpoint": "x"}},
        {"steps": []},
    ],
)
def test_what_the_bus_refuses_the_editor_marks(route):
    assert faults(schema_of("route"), route)


def test_short_forms_of_steps_are_taken():
    short = {"steps": [{"to": "erp"}, {"to": ["a", "b"]}, {"transform": "x"}, {"on": 1}][:3], "on_error": "patient"}

    assert faults(schema_of("route"), short) == []
    assert faults(schema_of("endpoint"), {"type": "file", "directory": "in", "format": "json"}) == []


def test_every_key_that_a_person_writes_has_a_hover():
    nameless = [
        f"{name}.{key}"
        for name, part in schema_of("route")["$defs"].items()
        for form in part.get("anyOf", [part])
        for key, field in form.get("properties", {}).items()
        if "description" not in field and "$ref" not in field
    ]

    assert [name for name in nameless if name.partition(".")[2] not in ENTRIES] == []


def test_with_a_project_its_names_complete_and_others_are_marked():
    schema = schema_of("route", PROJECT)
    text = json.dumps(schema)

    assert faults(schema, {"steps": [{"to": "warehouse"}, {"transform": "order"}, {"validate": "order@1"}]}) == []
    assert faults(schema, {"steps": [{"to": "warehous"}]})
    assert faults(schema, {"steps": [{"publish": "order.new"}]}) == []
    assert '"enum": ["inbox", "warehouse"]' in text
    assert '"enum": ["patient", "quick", "standard", "warehouse"]' in text
    assert '"examples": ["order.accepted"]' in text


def test_editors_find_the_schema_from_the_file():
    assert file_of("route") == ".esb/schema-route.json"
    assert modeline("route") == "# yaml-language-server: $schema=../.esb/schema-route.json"
    assert modeline("project") == "# yaml-language-server: $schema=.esb/schema-project.json"
    assert STARTER["routes/orders.yaml"].decode().split("\n")[0] == modeline("route")
