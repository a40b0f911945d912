import json
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from esb.envelope import encode_document
from esb.management.openapi import openapi
from esb.routes import load, read_files

PROJECT = Path(__file__).parents[2]
ROUTE = "from: {{ endpoint: {0} }}\nsteps:\n  - validate: order@1\n  - to: out\n"
ORDER = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://house.example/order",
    "type": "object",
    "required": ["lines"],
    "properties": {
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "ship_to": {"$ref": "address@1.json#/$defs/place"},
        "again": {"$ref": "order@1.json"},
        "literal": {"const": {"$ref": "not a reference"}},
    },
    "$defs": {"line": {"type": "object", "properties": {"qty": {"type": "number", "multipleOf": 0.01}}}},
}
ADDRESS = {"$defs": {"place": {"type": "object", "required": ["zip"]}}}


def described(endpoints, routes=None, **files):
    """Return the description of a project with these endpoints, each feeding a route that validates orders."""
    found = {
        "endpoints/out.yaml": b"type: file\ndirectory: out\n",
        "schemas/order@1.json": json.dumps(ORDER).encode(),
        "schemas/address@1.json": json.dumps(ADDRESS).encode(),
        "schemas/answer@1.json": b'{"type": "object", "required": ["price"]}',
    }
    for name, text in endpoints.items():
        found[f"endpoints/{name}.yaml"] = f"type: http_in\n{text}".encode()
        found[f"routes/{name}.yaml"] = (routes or {}).get(name, ROUTE.format(name)).encode()
    project = load(found | files)
    assert not project.findings, project.findings
    document = json.loads(encode_document(openapi(project)))
    validate(document)
    return document


def body_schema(document, path, kind="application/json"):
    return document["paths"][path]["post"]["requestBody"]["content"][kind]["schema"]


def test_the_project_of_the_house_is_described_and_valid():
    document = json.loads(encode_document(openapi(load(read_files(PROJECT)))))

    validate(document)
    assert "/in/shop" in document["paths"]
    assert document["paths"]["/in/shop"]["post"]["security"] == [{"shop": []}]


def test_an_order_is_what_the_first_check_of_its_route_says_and_references_lead_to_components():
    document = described({"shop": "auth: none\n"})
    schemas = document["components"]["schemas"]

    assert body_schema(document, "/in/shop") == {"$ref": "#/components/schemas/order_1"}
    order = schemas["order_1"]
    assert order["properties"]["lines"]["items"] == {"$ref": "#/components/schemas/order_1/$defs/line"}
    assert order["properties"]["ship_to"] == {"$ref": "#/components/schemas/address_1/$defs/place"}
    assert order["properties"]["again"] == {"$ref": "#/components/schemas/order_1"}
    assert order["properties"]["literal"] == {"const": {"$ref": "not a reference"}}
    assert "$id" not in order
    assert "address_1" in schemas


@pytest.mark.parametrize(
    ("auth", "scheme"),
    [
        ("{ bearer: { tokens: [secret://env/A] } }", {"type": "http", "scheme": "bearer"}),
        ("{ basic: { users: { a: secret://env/A } } }", {"type": "http", "scheme": "basic"}),
        ("{ api_key: { header: X-Key, keys: [secret://env/A] } }", {"type": "apiKey", "in": "header", "name": "X-Key"}),
        ("{ github: secret://env/A }", {"type": "apiKey", "in": "header", "name": "x-hub-signature-256"}),
        ("{ stripe: secret://env/A }", {"type": "apiKey", "in": "header", "name": "Stripe-Signature"}),
        (
            "{ jwt: { issuer: i, audience: a, jwks: https://id.example/jwks } }",
            {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        ),
    ],
)
def test_every_way_to_prove_who_one_is_is_a_security_scheme(auth, scheme):
    document = described({"shop": f"auth: {auth}\n"})

    found = document["components"]["securitySchemes"]["shop"]
    assert {name: found[name] for name in scheme} == scheme
    assert "401" in document["paths"]["/in/shop"]["post"]["responses"]


def test_without_authentication_there_is_no_scheme_and_no_401():
    document = described({"shop": "auth: none\n"})

    assert "securitySchemes" not in document["components"]
    assert "401" not in document["paths"]["/in/shop"]["post"]["responses"]


def test_what_became_of_a_message_is_read_with_the_proofs_that_messages_come_with():
    key = "auth: { bearer: { tokens: [secret://env/A] } }\n"
    path = "/v1/messages/{identity}"
    found = [
        described(endpoints)["paths"][path]["get"].get("security")
        for endpoints in ({"a": key, "b": key}, {"a": key, "c": "auth: none\n"}, {"c": "auth: none\n"})
    ]

    assert found == [[{"a": []}, {"b": []}], [{"a": []}, {}], None]


def test_a_rest_endpoint_shows_its_path_parameters_methods_and_replies():
    document = described(
        {
            "quotes": """\
auth: none
path: /quotes/{sku}
methods: [GET, PUT]
parameters: { sku: { description: The article, pattern: "[0-9]{5}" }, at: { required: true } }
contract: order@1
reply: { mode: sync, contract: answer@1 }
answers: [json, xml]
"""
        }
    )
    path = document["paths"]["/api/quotes/{sku}"]
    parameters = {each["name"]: each for each in path["get"]["parameters"]}
    ok = path["get"]["responses"]["200"]["content"]

    assert set(path) == {"get", "put"}
    assert "requestBody" not in path["get"]
    assert parameters["sku"]["schema"]["pattern"] == "^(?:[0-9]{5})$"
    assert (parameters["at"]["in"], parameters["at"]["required"]) == ("query", True)
    assert set(ok) == {"application/json", "application/xml"}
    assert ok["application/json"]["schema"] == {"$ref": "#/components/schemas/answer_1"}
    assert {"202", "204", "406", "504"} <= set(path["put"]["responses"])
    assert "/in/quotes/results/{message_id}" in document["paths"]


def test_batches_events_lines_and_other_formats_say_what_they_take():
    routes = {"items": "from: { endpoint: items, each: '$[*]' }\nsteps:\n  - validate: order@1\n  - to: out\n"}
    document = described(
        {
            "items": "auth: none\n",
            "events": "auth: none\ncloudevents: true\n",
            "lines": "auth: none\nformat: { type: json, lines: true }\n",
            "table": "auth: none\nformat: csv\n",
        },
        routes,
    )

    assert body_schema(document, "/in/items")["items"] == {"$ref": "#/components/schemas/order_1"}
    assert body_schema(document, "/in/events", "application/cloudevents-batch+json")["type"] == "array"
    assert body_schema(document, "/in/lines", "application/x-ndjson")["type"] == "string"
    assert body_schema(document, "/in/table", "text/csv") == {"type": "string"}


def test_two_endpoints_of_one_path_are_operations_of_it():
    document = described(
        {
            "one": "auth: none\npath: /stock/{sku}\nmethods: GET\nreply: sync\n",
            "two": "auth: none\npath: /stock/{sku}\nmethods: PUT\n",
        }
    )

    assert set(document["paths"]["/api/stock/{sku}"]) == {"get", "put"}
