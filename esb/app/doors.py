"""Doors: what an endpoint that listens for HTTP is introduced to when it is mounted."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from esb.app.answering import StoredReplies
from esb.endpoints.http_in import HttpIn, HttpSource
from esb.envelope import encode_document
from esb.management.openapi import openapi
from esb.plan import Plan
from esb.ports import Intake, Sink
from esb.routes import Project
from esb.routes.library import Library
from esb.routes.parts import FORMATS
from esb.specs import World


def doors(source: Any, intake: Intake, name: str, at: tuple[Project, Plan], replies: StoredReplies) -> list[BaseRoute]:
    """Return the HTTP routes of a source that has any. Raises DefinitionError."""
    project, plan = at
    reader = plan.intakes[name].reader
    if not isinstance(source, HttpSource):
        mounted: list[BaseRoute] = source.routes(intake, reader)
        return mounted
    spec = source.spec
    contract = Library(project).contract(spec.contract) if spec.contract else None
    formats = spec.answers or [FORMATS["json"](type="json")]
    answers = tuple(each.build(project.files) for each in formats)
    return source.routes(intake, reader, contract, replies, answers)


def description(project: Project) -> Route:
    """Return the route of /openapi.json; it is written once, for a release does not change."""
    text = encode_document(openapi(project))

    async def answer(request: Request) -> Response:
        return Response(text, media_type="application/json")

    return Route("/openapi.json", answer, methods=["GET"])


def sink(project: Project, name: str, world: World, replies: StoredReplies) -> Sink:
    """Return the delivery side of an endpoint; one that replies keeps what is delivered to it."""
    spec = project.endpoints[name]
    return spec.reply_sink(replies) if replies_to(project, name) else spec.sink(name, world)  # type: ignore[attr-defined]


def replies_to(project: Project, name: str) -> bool:
    """Return whether what is delivered to an endpoint is a reply, which belongs where its caller waits."""
    spec = project.endpoints.get(name)
    return isinstance(spec, HttpIn) and spec.replies
