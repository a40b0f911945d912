"""OpenAPI 3.1 of what a project takes in by HTTP: made from its endpoints, routes and contracts, never by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from esb import __version__
from esb.endpoints.http_in import HttpIn
from esb.endpoints.http_in.negotiation import media_type
from esb.endpoints.http_in.parameters import names_of
from esb.endpoints.http_in.rules import BODILESS
from esb.management.openapi_parts import SCHEMAS, header_parameter, management, parameter, security_scheme
from esb.management.openapi_schemas import Contracts
from esb.routes import Project
from esb.routes.definition import RouteSpec

Document = dict[str, Any]

_PROBLEMS: Mapping[int, str] = {
    400: "It cannot be read, or a parameter or key is wrong; the errors say where.",
    401: "The key, password, token or signature is not right.",
    405: "Another method.",
    408: "It did not arrive in time.",
    409: "The same request is still under way.",
    413: "It is too large.",
    414: "The address is too long.",
    415: "Another media type, character set or encoding.",
    422: "It breaks its contract, or its key was used for another body.",
    429: "Too many requests.",
    431: "Its headers are too large.",
    503: "Nothing can be taken now; nothing was kept.",
}
_RETRYING = frozenset({409, 429, 503})


def openapi(project: Project) -> Document:
    """Return the description of a project's HTTP interface."""
    contracts, schemes = Contracts(project.files, project.places["contract"]), dict[str, Document]()
    paths: dict[str, Document] = {}
    anybody = False
    for name, route in _routes(project):
        endpoint = _Endpoint(project, name, route, contracts)
        for path, operations in endpoint.paths():
            paths.setdefault(path, {}).update(operations)
        schemes |= endpoint.schemes()
        anybody |= not endpoint.schemes()
    title = project.spec.name or "esb"
    described = {"description": project.spec.description} if project.spec.description else {}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__, **described},
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "paths": {**dict(sorted(paths.items())), **management(sorted(schemes), anybody)},
        "components": {
            "schemas": {**SCHEMAS, **contracts.components},
            **({"securitySchemes": schemes} if schemes else {}),
        },
    }


def _routes(project: Project) -> Iterator[tuple[str, RouteSpec]]:
    """Give each http_in endpoint that feeds a route, with that route."""
    for _, route in sorted(project.routes.items()):
        name = route.from_.endpoint if route.from_ is not None else None
        if name is not None and isinstance(project.endpoints.get(name), HttpIn):
            yield name, route


class _Endpoint:
    """One endpoint and the route that it feeds."""

    def __init__(self, project: Project, name: str, route: RouteSpec, contracts: Contracts) -> None:
        spec = project.endpoints[name]
        assert isinstance(spec, HttpIn)
        self._spec, self._name, self._route, self._contracts = spec, name, route, contracts

    def schemes(self) -> dict[str, Document]:
        """Return how senders prove who they are, by name."""
        scheme = security_scheme(self._spec.auth)
        return {self._name: scheme} if scheme else {}

    def paths(self) -> Iterator[tuple[str, Document]]:
        """Give the endpoint's paths and their operations."""
        spec = self._spec
        yield spec.address(self._name), {method.lower(): self._operation(method) for method in spec.methods}
        if spec.reply is not None:
            yield f"/in/{self._name}/results/{{message_id}}", {"get": self._result()}

    def _operation(self, method: str) -> Document:
        spec = self._spec
        found: Document = {"operationId": _identifier(f"{self._name}_{method.lower()}"), "tags": [self._name]}
        if self._route.description:
            found["summary"] = self._route.description
        if spec.description:
            found["description"] = spec.description
        parameters = self._parameters()
        if parameters:
            found["parameters"] = parameters
        if method not in BODILESS:
            found["requestBody"] = {"required": True, "content": self._content()}
        found["responses"] = self._responses()
        if self.schemes():
            found["security"] = [{self._name: []}]
        return found

    def _parameters(self) -> list[Document]:
        in_path = names_of(self._spec.path)
        found = [parameter(name, self._spec.parameters.get(name), "path") for name in in_path]
        found += [parameter(name, each, "query") for name, each in self._spec.parameters.items() if name not in in_path]
        places = self._spec.auth.identity if self._spec.key is None else self._spec.key
        if self._spec.cloudevents:
            return found  # an event says itself what it is known by
        headers = [place for place in places if not place.startswith("$")]
        alone = self._spec.without_key == "refuse" and len(places) == 1
        return [*found, *(header_parameter(name, alone) for name in headers)]

    def _content(self) -> Document:
        """Return the media types of the body; what a contract or the route's first check says of documents."""
        spec, kind = self._spec, self._spec.kind
        given = [media_type(kind)] if spec.content_types is None else [*spec.content_types]
        names = [name for name in given if not name.startswith("+")] or [media_type(kind)]
        schema = self._schema(spec.contract or self._checked())
        if kind != "json":
            return {name: {"schema": {"type": "string"}} for name in names}
        if getattr(spec.format, "lines", False):
            return {"application/x-ndjson": {"schema": {"type": "string", "description": "One document a line."}}}
        if self._route.from_ is not None and self._route.from_.each is not None:
            several = {"type": "array", "items": schema, "minItems": 1} if self._route.from_.each == "$[*]" else {}
            return {name: {"schema": several} for name in names}
        content: Document = {name: {"schema": schema} for name in names}
        if spec.cloudevents:
            event = {"$ref": "#/components/schemas/CloudEvent"}
            content = {"application/cloudevents+json": {"schema": event}}
            content["application/cloudevents-batch+json"] = {"schema": {"type": "array", "items": event, "minItems": 1}}
        return content

    def _checked(self) -> str:
        """Return the contract that the route checks first, before anything changed the body."""
        first = self._route.steps[0]
        contract = getattr(first.spec, "contract", "") if first.verb == "validate" else ""
        return contract if isinstance(contract, str) else ""

    def _schema(self, contract: str) -> Document:
        return self._contracts.schema(contract) if contract else {}

    def _responses(self) -> Document:
        spec = self._spec
        problems = dict(_PROBLEMS)
        if spec.auth.open:
            del problems[401]
        found: Document = {}
        if spec.reply is None:
            schema = "AcceptedEvents" if spec.cloudevents else "Accepted"
            found["202"] = _answer("It is durable.", {"application/json": _ref(schema)}, location=True)
        else:
            problems |= {406: "No format of the answer is acceptable.", 504: "No answer in time; it comes at Location."}
            found |= self._replies()
        return {**found, **{str(status): _problem(status, text) for status, text in sorted(problems.items())}}

    def _replies(self) -> Document:
        spec = self._spec
        assert spec.reply is not None
        kinds = [media_type(each.type) for each in spec.answers] or ["application/json"]
        json = self._schema(spec.reply.contract or "")
        content = {kind: json if kind == "application/json" else {} for kind in kinds}
        return {
            "200": _answer("What the route made.", content),
            "202": _answer("It waits, and can be had at Location.", {"application/json": _ref("Waiting")}, True),
            "204": {"description": "It ended without an answer."},
            "2XX": _answer("What the route made, with a status of its own.", {kind: {} for kind in kinds}),
        }

    def _result(self) -> Document:
        statuses = [400, 404, 406, 422, 429, 503, *([] if self._spec.auth.open else [401])]
        unacceptable = "No format of the answer is acceptable."
        texts = {**_PROBLEMS, 404: "There is no such result.", 406: unacceptable}
        pattern = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
        return {
            "operationId": _identifier(f"{self._name}_result"),
            "tags": [self._name],
            "summary": "The answer to an earlier request",
            "parameters": [{"name": "message_id", "in": "path", "required": True, "schema": pattern}],
            "responses": {
                **self._replies(),
                **{str(status): _problem(status, texts[status]) for status in sorted(statuses)},
            },
            **({"security": [{self._name: []}]} if self.schemes() else {}),
        }


def _identifier(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", text)


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(text: str, content: Mapping[str, Document], location: bool = False) -> Document:
    headers = {"Location": {"description": "Where it can be looked at.", "schema": {"type": "string"}}}
    return {
        "description": text,
        **({"headers": headers} if location else {}),
        "content": {kind: {"schema": schema} for kind, schema in content.items()},
    }


def _problem(status: int, text: str) -> Document:
    found = _answer(text, {"application/problem+json": _ref("Problem")})
    if status in _RETRYING:
        after = {"description": "Seconds.", "schema": {"type": "string", "pattern": "^[0-9]+$"}}
        found["headers"] = {"Retry-After": after}
    found["description"] = f"{HTTPStatus(status).phrase}. {text}"
    return found
