"""Replying: the last document of a route goes back to the endpoint it came from, if its callers wait for it there."""

from __future__ import annotations

from collections.abc import Sequence

from esb.envelope import encode_document
from esb.message import Claim, Message, Output, Send
from esb.pipeline import Named
from esb.routes.definition import RouteSpec
from esb.routes.project import Project

STEP = "@reply"
"""The path of the step; no step that a person writes can have it."""


def replies(project: Project, endpoint: str | None) -> bool:
    """Return whether an endpoint answers with what its route makes."""
    spec = project.endpoints.get(endpoint or "")
    return bool(spec is not None and getattr(spec, "replies", False))


def reply_steps(project: Project, spec: RouteSpec) -> tuple[Named, ...]:
    """Return what stands behind the last step of a route: nothing, or the reply."""
    endpoint = spec.from_.endpoint if spec.from_ is not None else None
    if endpoint is None or not replies(project, endpoint):
        return ()
    address = f"delivery/{endpoint}"

    def step(message: Message) -> Sequence[Output]:
        return (Send(address, _ready(message), STEP),)

    return ((STEP, step),)


def _ready(message: Message) -> Message:
    """Return a message whose body is bytes: a document is JSON, which can be written otherwise for who asks so."""
    body = message.body
    if isinstance(body, bytes | Claim):
        return message
    if isinstance(body, str) and message.format != "json":
        return message.with_body(body.encode())
    return message.with_body(encode_document(body), "json")
