"""Checks of endpoints: each side is opened, looked at, and closed; nothing is taken and nothing is sent."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import Struct

from esb.app.world import LiveWorld
from esb.endpoints.http_in import HttpIn
from esb.errors import EndpointError, EsbError
from esb.routes import Project
from esb.routes.graph import Thing, graph_of

PATIENCE = 30.0
"""Seconds that one side of an endpoint may take."""


class Looked(Struct, frozen=True):
    """What a check of one side (`in` or `out`) found, or what is wrong, in one line."""

    endpoint: str
    side: str
    ok: bool
    text: str


def used_sides(project: Project, name: str) -> list[str]:
    """Return which sides of an endpoint routes use, `in` and `out`; of one that nothing uses, those that it has."""
    spec, edges = project.endpoints[name], graph_of(project).edges
    here = Thing("endpoint", name)
    used = ["in"] * any(edge.source == here for edge in edges) + ["out"] * any(edge.target == here for edge in edges)
    return used or ["in"] * spec.receives + ["out"] * spec.delivers


async def look(project: Project, name: str, world: LiveWorld) -> list[Looked]:
    """Check the sides of an endpoint that are in use: nobody wants a probe in a folder that we never write to."""
    sides = {"in": _source, "out": _sink}
    replies = isinstance(project.endpoints[name], HttpIn)  # its way out is the answer to who asked
    found = []
    for side in used_sides(project, name):
        if side == "out" and replies:
            continue
        check = sides[side]
        try:
            async with asyncio.timeout(PATIENCE):
                text, ok = await check(project, name, world), True
        except (EsbError, OSError) as error:
            text, ok = str(error) or f"no answer within {PATIENCE:g} seconds", False
        found.append(Looked(name, side, ok, " ".join(world.redacted(text).split())))
    return found


async def _source(project: Project, name: str, world: LiveWorld) -> str:
    source: Any = project.endpoints[name].source(name, world)
    text: str = await source.check()
    return text


async def _sink(project: Project, name: str, world: LiveWorld) -> str:
    sink = project.endpoints[name].sink(name, world)
    try:
        return await sink.check()
    finally:
        await sink.close()


def failures(found: list[Looked]) -> EndpointError:
    """Return the error that tells what was found wrong."""
    return EndpointError("; ".join(f"{one.endpoint}: {one.text}" for one in found if not one.ok))
