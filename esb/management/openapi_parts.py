"""The parts of an OpenAPI document that are the same for every project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from esb.endpoints.http_in.auth import Auth
from esb.endpoints.http_in.parameters import Parameter

_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_TEXT = {"type": "string"}

SCHEMAS: Mapping[str, Any] = {
    "Accepted": {
        "type": "object",
        "required": ["id", "status_url"],
        "properties": {
            "id": _ID,
            "status_url": _TEXT,
            "documents": {"type": "integer", "description": "How many documents it held, if not one."},
            "bad": {"type": "integer", "description": "How many of them could not be read."},
        },
    },
    "AcceptedEvents": {
        "anyOf": [
            {"$ref": "#/components/schemas/Accepted"},
            {
                "type": "object",
                "required": ["events"],
                "properties": {
                    "events": {
                        "type": "array",
                        "items": {
                            "allOf": [{"$ref": "#/components/schemas/Accepted"}],
                            "properties": {"repeated": {"type": "boolean"}},
                        },
                    }
                },
            },
        ]
    },
    "Waiting": {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": _ID,
            "state": {"enum": ["waiting", "held"]},
            "result_url": _TEXT,
            "status_url": _TEXT,
        },
    },
    "CloudEvent": {
        "type": "object",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1},
            "source": {"type": "string", "minLength": 1, "format": "uri-reference"},
            "type": {"type": "string", "minLength": 1},
            "subject": _TEXT,
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": _TEXT,
            "data": {},
            "data_base64": {"type": "string", "contentEncoding": "base64"},
        },
    },
    "Problem": {
        "type": "object",
        "description": "RFC 9457",
        "required": ["type", "title", "status"],
        "properties": {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "code": _TEXT,
            "detail": _TEXT,
            "errors": {"type": "array", "items": {"type": "object"}},
        },
    },
}


def _text(summary: str, *more: str) -> dict[str, Any]:
    content = {"text/plain": {"schema": _TEXT}}
    responses = {status: {"description": summary, "content": content} for status in ("200", *more)}
    return {"get": {"tags": ["esb"], "summary": summary, "responses": responses}}


_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}

_MANAGEMENT: Mapping[str, Any] = {
    "/v1/messages/{identity}": {
        "get": {
            "tags": ["esb"],
            "summary": "What became of a message",
            "description": "It is told to whoever sent it, with the proof that its endpoint asks for.",
            "operationId": "esb_message",
            "parameters": [{"name": "identity", "in": "path", "required": True, "schema": _ID}],
            "responses": {
                "200": {
                    "description": "Its state, its destinations and its history.",
                    "content": {"application/json": {"schema": {"type": "object", "required": ["id", "state"]}}},
                },
                "404": {"description": "No message of yours has this id.", "content": _PROBLEM},
                "503": {"description": "The store is out of reach.", "content": _PROBLEM},
            },
        }
    },
    "/livez": _text("Whether the process turns"),
    "/readyz": _text("Whether traffic may come", "503"),
}


def management(senders: Sequence[str], anybody: bool) -> dict[str, Any]:
    """Return the paths that are there for every project; `senders`: the proofs, by name, that messages came with.

    `anybody`: some came without, and whoever knows their ids may look at them.
    """
    path = "/v1/messages/{identity}"
    proofs: list[dict[str, list[str]]] = [{name: []} for name in senders]
    security = [*proofs, {}] if anybody else proofs
    operation = {**_MANAGEMENT[path]["get"], **({"security": security} if senders else {})}
    return {**_MANAGEMENT, path: {"get": operation}}


def parameter(name: str, spec: Parameter | None, place: str) -> dict[str, Any]:
    """Return a parameter of the path or the query; it is text."""
    found = spec or Parameter()
    schema: dict[str, Any] = {"type": "string", "maxLength": 500}
    if place == "path":
        schema["minLength"] = 1
    if found.pattern:
        schema["pattern"] = f"^(?:{found.pattern})$"
    described = {"description": found.description} if found.description else {}
    return {"name": name, "in": place, "required": place == "path" or found.required, **described, "schema": schema}


def header_parameter(name: str, required: bool) -> dict[str, Any]:
    """Return a header that may hold the sender's key."""
    schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]([ -~]*[!#-~])?$"}
    text = "A key of your own: the same key again is the same message."
    return {"name": name, "in": "header", "required": required, "description": text, "schema": schema}


def security_scheme(auth: Auth) -> dict[str, Any] | None:
    """Return how senders prove who they are; nothing if they need not."""
    if auth.open:
        return None
    if auth.bearer or auth.jwt:
        return {"type": "http", "scheme": "bearer", **({"bearerFormat": "JWT"} if auth.jwt else {})}
    if auth.basic:
        return {"type": "http", "scheme": "basic"}
    signed = "The signature of the raw body, as the sender's own documentation has it." if auth.preset else "A key."
    names = {"webhook-signature": "webhook-signature", "stripe-signature": "Stripe-Signature"}
    written = auth.hmac.header if auth.hmac else auth.api_key.header if auth.api_key else ""
    return {
        "type": "apiKey",
        "in": "header",
        "name": written or names.get(auth.header, auth.header),
        "description": signed,
    }
